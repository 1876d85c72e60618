"""Buffers of streams: register slice and queue."""

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer

__all__ = ["Fifo", "RegisterSlice"]


class RegisterSlice(wiring.Component):
    """Register slice: buffer of two words, without a combinational path between its sides.

    ``latency`` is 1; ``interval`` is 1.

    Parameters
    ----------
    shape : ShapeLike
        Shape of the payload.

    Members
    -------
    i : In(stream.Signature(shape))
        Input stream.
    o : Out(stream.Signature(shape))
        Output stream.
    """

    latency = 1
    interval = 1

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return ``words``."""
        return words

    def elaborate(self, platform):
        m = Module()
        word, spare = (Signal.like(self.i.payload, name=name, reset_less=True)
                       for name in ("word", "spare"))
        spare_valid = Signal()
        m.d.comb += [self.i.ready.eq(~spare_valid), self.o.payload.eq(word)]
        with m.If(~self.o.valid | self.o.ready):
            with m.If(spare_valid):
                m.d.sync += word.eq(spare)
            with m.Else():
                m.d.sync += word.eq(self.i.payload)
            m.d.sync += [self.o.valid.eq(spare_valid | self.i.valid), spare_valid.eq(0)]
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.eq(self.i.payload), spare_valid.eq(1)]
        return m


class Fifo(wiring.Component):
    """First-in, first-out queue in registers, for few and narrow words.

    ``latency`` is 1; ``interval`` is 1. There is no combinational path between its sides.

    Parameters
    ----------
    shape : ShapeLike
        Shape of the payload.
    depth : int
        Words in the queue.

    Members
    -------
    i : In(stream.Signature(shape))
        Input stream; ready while the queue is not full.
    o : Out(stream.Signature(shape))
        Output stream.
    """

    latency = 1
    interval = 1

    def __init__(self, shape, depth: int):
        self._depth = integer("Fifo depth", depth, 1)
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    @property
    def depth(self) -> int:
        return self._depth

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return ``words``."""
        return words

    def elaborate(self, platform):
        m = Module()
        # The oldest word is the first item; a word that leaves moves the others by one.
        items = [Signal.like(self.i.payload, name=f"item{index}", reset_less=True)
                 for index in range(self._depth)]
        used = Signal(self._depth)
        put, get = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~used[-1]), put.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(used[0]), get.eq(self.o.valid & self.o.ready),
            self.o.payload.eq(items[0]),
        ]
        with m.If(put & ~get):
            m.d.sync += used.eq(Cat(1, used))
        with m.Elif(get & ~put):
            m.d.sync += used.eq(used[1:])
        for index, item in enumerate(items):
            # The place of a word that is put is the first that is free after the move.
            after = used[index + 1] if index + 1 < self._depth else 0
            with m.If(get & after):
                m.d.sync += item.eq(items[min(index + 1, self._depth - 1)])
            with m.Elif(get | ~used[index]):
                m.d.sync += item.eq(self.i.payload)
        return m
