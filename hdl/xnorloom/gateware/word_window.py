"""Word window: ring of operand words before a convolution."""

from functools import cached_property

import numpy as np
from amaranth.hdl import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Conv
from ..schedule import LayerPlan
from . import primitives
from .operands import Operands, operand_shape
from .primitives import count, delay
from .window_edges import Edges
from .window_steps import Steps, steps, table

__all__ = ["WordWindow"]


class WordWindow(wiring.Component):
    """Ring that receives the pixels of a map and sends the operands of a convolution word by word.

    Frames arrive pixel after pixel, row after row; each pixel has ``planes`` bit planes of
    ``pixel_words`` words, the most significant first. For each output after pooling, row after row,
    the window sends ``pixel_cycles`` words: for each neuron fold, each output of the pooled area,
    each plane and each tap of the kernel, the words of the group of the fold.

    The first word of an output is read in the cycle after the transfer of the last word that it
    needs, but not before the last word of the previous output has been read. ``latency``, from that
    transfer to the first word at the output, is 2 cycles; the other words follow back to back.
    ``interval`` is ``max(cycles, pixels * planes * pixel_words)`` cycles per frame. The map is that
    of :mod:`xnorloom.schedule.view`: of the input, or of words of several taps, and of several
    outputs side by side, which count as one here. There is no combinational path from ``o`` to
    ``i``.

    Parameters
    ----------
    plan : LayerPlan
        The convolution under its fold.

    Members
    -------
    i : In(stream.Signature(operand_width))
        Words of pixels. Bits after the last channel of a pixel are ignored.
    o : Out(stream.Signature(operand_shape(plan)))
        Operand words, 0 after the last channel. They are plain, or in a structure of ``bits``,
        ``skip`` if padding contributes nothing, and ``level`` if there are several. While ``skip``
        is high, ``bits`` are undefined. ``level`` is that of the output before pooling.
    """

    latency = 2

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Word window plan must be a LayerPlan, not {plan!r}")
        if not isinstance(plan.layer, Conv):
            raise TypeError(f"Word window needs a layer that is a Conv, not {plan.layer!r}")
        self._plan, self._pixel = plan, plan.planes * plan.ring.pixel_words
        super().__init__({"i": In(stream.Signature(plan.operand_width)),
                          "o": Out(stream.Signature(operand_shape(plan)))})

    @property
    def interval(self) -> int:
        return max(self._plan.cycles, self._plan.ring.view.map.pixels * self._pixel)

    @cached_property
    def _edges(self) -> Edges:
        return Edges(self._plan)

    def model(self, words: np.ndarray) -> Operands:
        """Return the output words of the input words of whole frames.

        Input words are an array of bits of shape (words, operand_width). Undefined bits are 0.
        """
        plan, map, window = self._plan, self._plan.ring.view.map, self._plan.ring.view.window
        pool, stride, (top, left, _, _) = plan.ring.pool, window.stride, window.padding
        width, groups = plan.operand_width, plan.ring.pixel_words // plan.tap_words
        frames = np.reshape(words, (-1, *map[:2], plan.planes, plan.ring.pixel_words, width))
        sizes = (*plan.output_words, groups, plan.neuron_folds // groups, *pool, plan.planes,
                 *window.kernel, plan.tap_words)
        y, x, group, _, pool_y, pool_x, plane, kernel_y, kernel_x, word = np.indices(
            sizes, sparse=True)
        y, x, word = y * pool[0] + pool_y, x * pool[1] + pool_x, group * plan.tap_words + word
        row = y * stride[0] - top + kernel_y * window.dilation[0]
        column = x * stride[1] - left + kernel_x * window.dilation[1]
        outside = (row < 0) | (row >= map.rows) | (column < 0) | (column >= map.columns)
        inside = frames[:, row.clip(0, map.rows - 1), column.clip(0, map.columns - 1), plane, word]
        inside = inside * (word[..., None] * width + np.arange(width) < map.channels)
        bits = np.where(outside[..., None], self._edges.pads[plane, word], inside)
        bits = np.broadcast_to(bits, (len(frames), *sizes, width)).reshape(-1, width)
        skip, level = (np.broadcast_to(values, (len(frames), *sizes)).reshape(-1)
                       for values in (outside & window.skips, plan.ring.level_of[y, x]))
        return Operands(bits.astype(np.uint8), skip, level)

    def elaborate(self, platform):
        m = Module()
        plan, edges = self._plan, self._edges
        m.submodules.memory = memory = primitives.ram(plan.operand_width, plan.ring.words)
        wrote, go, step = Signal(), Signal(), Signal()
        m.d.comb += [wrote.eq(self.i.valid & self.i.ready), go.eq(~self.o.valid | self.o.ready)]

        # Cycle 0: write. The address wraps, so frames have no place of their own.
        write, position = memory.write_port(), Signal(range(plan.ring.words))
        m.d.comb += [write.addr.eq(position), write.en.eq(wrote), write.data.eq(self.i.payload)]
        with m.If(wrote):
            m.d.sync += position.eq(position + 1)
        gap = plan.ring.pixel_words * plan.operand_width - plan.ring.view.map.channels
        if gap:
            _, last = count(m, plan.ring.pixel_words, wrote, name="pixel_word")
            with m.If(last):
                m.d.comb += write.data[plan.operand_width - gap:].eq(0)

        # Cycle 1: read.
        at = steps(m, plan, step, edges.seen)
        ahead, held = self._balances(m, at, wrote)
        m.d.comb += [self.i.ready.eq(held[-1]), step.eq(go & ~ahead[-1])]
        word = primitives.read(m, memory, at.address, go)
        with m.If(go):
            m.d.sync += self.o.valid.eq(step)

        # Cycle 2: output. What belongs to the word moves through registers like that of the RAM.
        def beside(value: Value, name: str) -> Value:
            return delay(m, value, 1, go, name=name)

        payload = self.o.payload if isinstance(self.o.payload, data.View) else None
        bits = self.o.payload if payload is None else payload.bits
        m.d.comb += bits.eq(word)
        if len(plan.levels) > 1:
            m.d.comb += payload.level.eq(beside(edges.level(m, at.index), "level"))
        if plan.ring.view.window.skips:
            m.d.comb += payload.skip.eq(beside(edges.is_outside(m, at.index), "skip"))
        elif edges.any:
            pad = beside(edges.pad(m, at.index), "pad")
            with m.If(beside(edges.is_outside(m, at.index), "outside")):
                m.d.comb += bits.eq(pad)
        return m

    def _balances(self, m: Module, at: Steps, wrote: Value) -> tuple[Signal, Signal]:
        """Return the words written less those that the output needs, and less those that fit."""
        plan, reach = self._plan, self._plan.ring.reach
        map = plan.ring.view.map
        frame, bases = map.pixels * self._pixel, reach.bases * map.columns * self._pixel
        needed = reach.needed.reshape(plan.output_words) * self._pixel
        row, column = at.index["row"], at.index["column"]

        across, down = np.diff(needed[0]), needed[1:, 0] - needed[:-1, -1]
        around = frame + needed[0, 0] - needed[-1, -1]
        least = -max(needed[0, 0], around, *across, *down)
        most = plan.ring.words + (bases - needed[:, 0]).max()
        ahead = Signal(range(least, most + 1), init=-int(needed[0, 0]))
        _add(m, ahead, wrote, at.output, Mux(
            at.last_column,
            Mux(at.last_row, -int(around) % (1 << len(ahead)), _less(m, ahead, down, row, "down")),
            _less(m, ahead, across, column, "across")))

        freed = np.diff(bases, append=frame)
        least = min(0, (needed[:, -1] - bases - freed).min()) - plan.ring.words
        held = Signal(range(least, 1), init=-plan.ring.words)
        _add(m, held, wrote, at.output & at.last_column, Mux(
            at.last_row, -int(freed[-1]) % (1 << len(held)),
            _less(m, held, freed[:-1], row, "freed")))
        return ahead, held


def _less(m: Module, balance: Signal, words: np.ndarray, index: Value, name: str) -> Value:
    """Return what takes ``words[index]`` from a balance."""
    if not len(words):
        return C(0)
    return table(m, -words % (1 << len(balance)), index, name=name)


def _add(m: Module, balance: Signal, wrote: Value, done: Value, change: Value):
    """Add one word to a balance if it is written, and ``change`` if an output is done."""
    size = len(balance)
    # The carry is the word, so that one adder does both.
    change = Mux(done, change, 0)[:size]
    m.d.sync += balance.eq((Cat(1, balance) + Cat(wrote, change))[1:size + 1])
