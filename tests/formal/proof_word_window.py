# amaranth: UnusedElaboratable=no
"""Proof of the word window: no deadlock, and each operand is the word of its tap, in order."""

import numpy as np
import pytest
from amaranth.hdl import Array, C, Cat, Mux, Signal, signed

from xnorloom.gateware import word_window
from xnorloom.graph import Conv, Map, Pool, Window
from xnorloom.schedule import Fold, LayerPlan

NONE = (0, 0, 0, 0)


def plan(map, kernel, *, stride=(1, 1), padding=NONE, pad=None, pool=(1, 1), neurons=1):
    weights = np.zeros((neurons, *kernel, 1), int)
    layer = Conv("conv", weights, np.zeros(neurons, int), Window(kernel, stride, (1, 1), padding,
                                                                 pad), Pool(pool))
    return LayerPlan(layer, Fold(1, 1, "lut"), map=Map(*map, 1))


SHAPES = {
    "valid": plan((4, 2), (2, 1), neurons=2),
    "a row, padding": plan((1, 4), (1, 3), padding=(0, 1, 0, 1), pad=1),
    "pool, last row unused": plan((5, 1), (2, 1), pool=(2, 1)),
    "stride, skips": plan((3, 3), (2, 2), stride=(2, 2), padding=(1, 0, 0, 0)),
}


class Definition:
    """Output words of a frame of one-bit pixels.

    Attributes
    ----------
    counts : dict of str to array
        Counts of the nest, for each word.
    places : array
        Pixel of each word; undefined outside the map.
    outside : bool array
        True for words outside the map.
    needed, freed : arrays
        Pixels that must be there when the word is read, and those before all that are needed.
    """

    def __init__(self, plan):
        layer, map, window = plan.layer, plan.map, plan.layer.window
        before = window.padding[:2]
        self.sizes = {"row": plan.output.rows, "column": plan.output.columns, "fold": layer.neurons,
                      "pool_row": layer.pool_size[0], "pool_column": layer.pool_size[1],
                      "kernel_row": window.kernel[0], "kernel_column": window.kernel[1]}
        sizes = list(self.sizes.values())
        self.counts = dict(zip(self.sizes, np.indices(sizes).reshape(len(sizes), -1)))
        places, last = [], []
        for axis, name in enumerate(("row", "column")):
            outputs, pool = self.counts[name], layer.pool_size[axis]
            stride, kernel = window.stride[axis], window.kernel[axis]
            places.append((outputs * pool + self.counts[f"pool_{name}"]) * stride - before[axis]
                          + self.counts[f"kernel_{name}"])
            reach = ((outputs + 1) * pool - 1) * stride - before[axis] + kernel - 1
            last.append(np.minimum(reach, map[axis] - 1))
        (y, x), columns = places, map.columns
        self.outside = (y < 0) | (y >= map.rows) | (x < 0) | (x >= columns)
        self.places = y * columns + x
        self.needed = last[0] * columns + last[1] + 1
        base = self.counts["row"] * layer.pool_size[0] * window.stride[0] - before[0]
        self.freed = base.clip(0, map.rows) * columns


def at(values, index):
    """Element of a table of integers."""
    return Array([C(int(value), 8 if min(values) >= 0 else signed(8)) for value in values])[index]


def window(plan):
    def contract(h):
        m, i, o, frame, ring = h.m, h.dut.i, h.dut.o, plan.map.pixels, plan.ring.words
        words = Definition(plan)
        total = len(words.places)
        took, gave = i.valid & i.ready, o.valid & o.ready
        bits = o.payload.bits if plan.layer.window.skips else o.payload
        h.held(o)

        # Place of the output in the frame, and words received since the begin of that frame.
        sent, there = Signal(range(total)), Signal(signed(8))
        sent_last = sent == total - 1
        m.d.sync += there.eq(there + took - Mux(gave & sent_last, frame, 0))
        with m.If(gave):
            m.d.sync += sent.eq(Mux(sent_last, 0, sent + 1))
        # The latest words; those that are freed while the last word of a row waits are among them.
        depth = ring + frame
        history, filled = Signal(depth), Signal(range(depth + 1))
        with m.If(took):
            m.d.sync += [history.eq(Cat(i.payload, history)), filled.eq(filled + (filled < depth))]

        # Each word is that of its tap.
        age = Signal(signed(8))
        m.d.comb += age.eq(there - 1 - at(words.places, sent))
        outside = at(words.outside, sent)
        h.check(~o.valid | outside | ((age >= 0) & (age < filled)))
        h.check(~o.valid | outside | (bits == history.bit_select(age[:len(filled)], 1)))
        if plan.layer.window.skips:
            h.check(~o.valid | (o.payload.skip == outside))
        else:
            h.check(~o.valid | ~outside | (bits == (plan.layer.window.pad or 0)))

        # The next word that is read; words received less those before it that are free.
        turned = o.valid & sent_last
        read, have = Signal(range(total)), Signal(signed(8))
        m.d.comb += [read.eq(Mux(turned, 0, sent + o.valid)),
                     have.eq(there - Mux(turned, frame, 0))]
        ready = have >= at(words.needed, read)
        h.check(have <= ring + at(words.freed, read))
        h.check(ready | i.ready)
        h.progress(h.dut.latency, o.ready & ready, gave)

        h.helper(sent < total)
        h.helper((filled == depth) | (filled >= have))
        h.helper(h.peek("ahead") == have - at(words.needed, read))
        h.helper(h.peek("held") == have - at(words.freed, read) - ring)
        # An output begins when the one before it had all that it needs.
        steps = plan.pixel_cycles
        before = np.roll(words.needed, 1) - np.where(np.arange(total), 0, frame)
        h.helper(have >= at(before, read))
        h.helper((have >= at(words.needed, read)) | at(np.arange(total) % steps == 0, read))
        for name, size in words.sizes.items():
            count = at(words.counts[name], read)
            if size > 1:
                h.helper(h.peek(name) == count)
            if size > 2:
                h.helper(h.peek(f"{name}_last") == (count == size - 1))
        position = h.peek("position")
        h.helper((h.peek("address") - position - at(words.places, read) + have)[:len(position)]
                 == 0)
        for word in range(ring):
            for place in range(ring):
                h.helper((position != place) | (filled <= word)
                         | (h.word("memory", (place - 1 - word) % ring) == history[word]))
    return contract


@pytest.mark.parametrize("plan", SHAPES.values(), ids=SHAPES)
def test_window(prove, plan):
    prove(word_window.WordWindow(plan), window(plan))


@pytest.mark.parametrize("change, name", [
    (("self.i.ready.eq(held[-1])", "self.i.ready.eq(1)"), "valid"),
    (("step.eq(go & ~ahead[-1])", "step.eq(go)"), "valid"),
    (("init=-plan.ring.words", "init=-1"), "valid"),
    (("delay(m, value, 1, go, name=name)", "delay(m, value, 1, 1, name=name)"), "a row, padding"),
], ids=["always ready", "read at once", "room for one word", "flags move in a stall"])
def test_window_broken(prove, change, name):
    dut = prove.copy(word_window, change).WordWindow(SHAPES[name])
    prove.refute(dut, window(SHAPES[name]))
