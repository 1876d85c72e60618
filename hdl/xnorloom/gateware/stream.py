"""Register slice for streams."""

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RegisterSlice"]


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
