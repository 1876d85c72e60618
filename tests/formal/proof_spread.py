# amaranth: UnusedElaboratable=no
"""Proof of line buffer and shift window: no deadlock, and each word has the pixels of its taps."""

from dataclasses import dataclass

import numpy as np
import pytest
from amaranth.hdl import Array, C, Mux, Signal, signed

from xnorloom.gateware import spread
from xnorloom.graph import Conv, Map, Window
from xnorloom.schedule import Fold, LayerPlan


def plan(map, kernel, *, stride=(1, 1), dilation=(1, 1), vectors=1, bits=1, whole=False):
    """Plan of a convolution of one channel whose words have a row of the kernel, or all of it."""
    layer = Conv("conv", np.zeros((1, *kernel, 1), int), np.zeros(1, int),
                 Window(kernel, stride, dilation))
    simd = kernel[0] * kernel[1] if whole else kernel[1]
    return LayerPlan(layer, Fold(1, simd, "lut", vectors=vectors), planes=bits, map=Map(*map, 1),
                     in_pixels=vectors * stride[1] if vectors > 1 else 1)


@dataclass
class Word:
    """Output word: the input word after which it leaves, and the source of each bit.

    Input words are counted from the begin of the axis. A source is an input word and a bit of it,
    or ``None`` for a bit that is undefined.
    """

    last: int
    sources: list[tuple[int, int] | None]


def lines(plan):
    """Output words of a frame, and its input words, from the definition of the line buffer."""
    map, window, pixels = plan.map, plan.layer.window, plan.in_pixels
    inner = -(-map.columns // pixels) * plan.planes
    words = []
    for output in range(plan.layer.positions(map)[0]):
        rows = [output * window.stride[0] + tap * window.dilation[0]
                for tap in range(window.kernel[0])]
        words += [Word(rows[-1] * inner + place, [(row * inner + place, pixel)
                                                  for pixel in range(pixels) for row in rows])
                  for place in range(inner)]
    return words, map.rows * inner


def columns(plan):
    """Output words of a row of pixels, and its input words, from that of the shift window."""
    window, outputs = plan.layer.window, plan.layer.positions(plan.map)[1]
    high = window.kernel[0] if plan.ring.view.rows else 1
    inputs = -(-plan.map.columns // plan.in_pixels)
    words = []
    for first in range(0, outputs, plan.vectors):
        taps = [(output, output * window.stride[1] + tap * window.dilation[1])
                for output in range(first, first + plan.vectors)
                for tap in range(window.kernel[1])]
        for plane in range(plan.planes):
            sources, last = [], min(taps[-1][1] // plan.in_pixels, inputs) * plan.planes + plane
            for output, column in taps:
                word, pixel = divmod(column, plan.in_pixels)
                sources += [(word * plan.planes + plane, pixel * high + row)
                            if output < outputs else None for row in range(high)]
            words.append(Word(last, sources))
    return words, inputs * plan.planes


def at(values, index):
    """Element of a table of integers."""
    return Array([C(int(value), signed(8)) for value in values])[index]


class Axis:
    """Contract of a component that sends words along an axis, one axis after the other.

    Attributes
    ----------
    sent, there : Signal
        Place of the output word, and input words received since the begin of its axis.
    history, filled : list of Signal, Signal
        The latest input words, the last one first, and how many there are.
    """

    def __init__(self, h, words, axis, depth):
        m, i, o = h.m, h.dut.i, h.dut.o
        took, gave = i.valid & i.ready, o.valid & o.ready
        # A word that no input completes leaves a cycle after the word before it.
        needed = [min(word.last + 1, axis) for word in words]
        drains = words[-1].last == axis
        h.held(o)

        self.sent, self.there = Signal(range(len(words))), Signal(signed(8))
        last = self.sent == len(words) - 1
        m.d.sync += self.there.eq(self.there + took - Mux(gave & last, axis, 0))
        with m.If(gave):
            m.d.sync += self.sent.eq(Mux(last, 0, self.sent + 1))
        self.history = [Signal(len(i.payload), name=f"history{age}") for age in range(depth)]
        self.filled = Signal(range(depth + 1))
        with m.If(took):
            m.d.sync += self.filled.eq(self.filled + (self.filled < depth))
            m.d.sync += [old.eq(new) for old, new
                         in zip(self.history, [i.payload, *self.history])]

        # No deadlock: what is needed is there one cycle later at the output, and while nothing
        # waits there, words are taken.
        ready = self.there >= at(needed, self.sent)
        h.check(i.ready == (~o.valid | o.ready))
        h.check(~o.valid | ready)
        if drains:
            h.progress(2, o.ready & ready, gave)
            h.check(o.valid | ~ready | last)
        else:
            h.check(o.valid | ~ready)

        # Each bit is that of its tap.
        for place, word in enumerate(words):
            for bit, source in enumerate(word.sources):
                if source is not None:
                    age = Signal(signed(8), name=f"age{place}_{bit}")
                    m.d.comb += age.eq(self.there - 1 - source[0])
                    here = o.valid & (self.sent == place)
                    h.check(~here | (age >= 0) & (age < self.filled))
                    h.check(~here | (o.payload[bit] == Array(self.history)[age.as_unsigned()]
                                     .bit_select(source[1], 1)))
        h.helper(self.sent < len(words))
        h.helper(self.filled <= depth)
        h.helper((self.filled == depth) | (self.filled >= self.there))
        # Words received beyond those of the output word: none, or one that came with a drain.
        before = np.roll(needed, 1) - np.where(np.arange(len(words)), 0, axis)
        h.helper(self.there >= at(before, self.sent))
        h.helper(self.there <= at(needed, self.sent) + (o.valid & last & drains))


def counters(h, there, axis, inner):
    """Invariants of the counters: words of a position, and positions. Returns words of the axis."""
    total = Signal(range(axis), name="total")
    h.m.d.comb += total.eq((there + axis) % axis)
    for name, size, value in (("place", inner, total % inner),
                              ("position", axis // inner, total // inner)):
        if size > 1:
            h.helper(h.peek(name) == value)
        if size > 2:
            h.helper(h.peek(f"{name}_last") == (value == size - 1))
    return total


LINES = {
    "rows": plan((4, 1), (2, 1), whole=True),
    "three rows": plan((3, 2), (3, 1), whole=True),
    "stride": plan((5, 2), (2, 1), stride=(2, 1), whole=True),
    "dilation": plan((4, 2), (2, 1), dilation=(2, 1), whole=True),
    "bit planes": plan((3, 1), (2, 1), bits=2, whole=True),
    "several outputs": plan((3, 3), (2, 2), vectors=2, whole=True),
    "one row": plan((2, 2), (1, 2), whole=True),
}


def line_buffer(plan):
    words, axis = lines(plan)
    inner, before = axis // plan.map.rows, plan.layer.window.extent[0] - 1

    def contract(h):
        axes = Axis(h, words, axis, (before + 1) * inner)
        width, place = len(h.dut.i.payload), counters(h, axes.there, axis, inner) % inner

        def kept(condition, rows, age):
            """Words of the rows before: those received ``age`` words ago and more."""
            for line in range(before):
                here = age + line * inner
                h.helper(~condition | (axes.filled <= here)
                         | (rows.word_select(line, width) == axes.history[here]))

        if before and inner == 1:
            kept(C(1), h.peek("lines"), 0)
        elif before:
            stepped = h.peek("stepped_1")
            h.helper(~h.dut.o.valid | stepped)
            h.helper(~stepped | (axes.filled > 0) & (h.peek("word") == axes.history[0]))
            h.helper(~stepped | (h.peek("written_1") == (place + inner - 1) % inner))
            kept(stepped, h.peek("old"), inner)
            for address in range(inner):
                rows, age = h.word("memory", address), (place + inner - 1 - address) % inner
                for words_ago in range(1, inner):
                    kept(age == words_ago, rows, words_ago)
                # The last word is written in the next step.
                kept((age == 0) & ~stepped, rows, 0)
                kept((age == 0) & stepped, rows, inner)
    return contract


@pytest.mark.parametrize("plan", LINES.values(), ids=LINES)
def test_line_buffer(prove, plan):
    prove(spread.LineBuffer(plan), line_buffer(plan))


SHIFTS = {
    "columns": plan((1, 4), (1, 2)),
    "stride": plan((2, 5), (1, 2), stride=(1, 2)),
    "dilation": plan((1, 4), (1, 2), dilation=(1, 2)),
    "bit planes": plan((1, 3), (1, 2), bits=2),
    "whole kernel": plan((3, 3), (2, 2), whole=True),
    "several outputs": plan((1, 4), (1, 3), vectors=2),
    # The last word has an output that does not exist, and ends after the row.
    "drain": plan((1, 4), (1, 2), vectors=2),
    "drain, stride": plan((1, 10), (1, 4), stride=(1, 2), vectors=3),
}


def shift_window(plan):
    words, axis = columns(plan)

    def contract(h):
        depth = axis + 1
        axes = Axis(h, words, axis, depth)
        total = counters(h, axes.there, axis, plan.planes)
        register, width = h.peek("words"), len(h.dut.i.payload)

        def shifted(condition, number, ago=0):
            """The register has ``number`` words of those received, the last one ``ago`` steps."""
            for age in range(min(number, len(register) // width - ago)):
                h.helper(~condition | (axes.filled <= age)
                         | (register.word_select(age + ago, width) == axes.history[age]))

        if words[-1].last < axis:
            shifted(C(1), depth)
            return
        drained = h.dut.o.valid & (axes.sent == len(words) - 1)
        waits = (axes.there == axis) & ~drained
        h.helper(h.peek("drain") == waits)
        shifted(waits, axis)
        shifted(drained & (axes.there == axis), axis, ago=1)
        shifted(drained & (axes.there > axis), depth)
        for number in range(1, axis):
            shifted(total == number, number)
    return contract


@pytest.mark.parametrize("plan", SHIFTS.values(), ids=SHIFTS)
def test_shift_window(prove, plan):
    prove(spread.ShiftWindow(plan), shift_window(plan))


@pytest.mark.parametrize("change, name", [
    (("word.eq(self.i.payload)", "word.eq(self.o.payload)"), "stride"),
    (("name=\"written\")", "name=\"written\") + 1"), "stride"),
    (("self.i.ready.eq(go)", "self.i.ready.eq(1)"), "rows"),
    (("leave = taken &", "leave = step & ~place &"), "stride"),
], ids=["another word", "written elsewhere", "always ready", "words left out"])
def test_line_buffer_broken(prove, change, name):
    dut = prove.copy(spread, change).LineBuffer(LINES[name])
    prove.refute(dut, line_buffer(LINES[name]))


@pytest.mark.parametrize("change", [
    ("step.eq(taken | go & drain)", "step.eq(taken)"),
    ("leave = leave | drain", "pass"),
    ("drain.eq(taken & end)", "drain.eq(end)"),
    ("self._before - word) *", "self._before - word + 1) *"),
], ids=["no step for the drain", "no drain", "drained early", "older words"])
def test_shift_window_broken(prove, change):
    dut = prove.copy(spread, change).ShiftWindow(SHIFTS["drain"])
    prove.refute(dut, shift_window(SHIFTS["drain"]))
