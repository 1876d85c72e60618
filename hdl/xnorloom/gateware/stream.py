"""Stream helpers: a register slice and a change of width."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer

__all__ = ["RegisterSlice", "WidthChange"]


class RegisterSlice(wiring.Component):
    """A register slice: two words deep, no combinational path between its sides.

    ``latency`` 1, ``interval`` 1.

    Parameters
    ----------
    shape : ShapeLike
        Payload.

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))
    """

    latency = 1
    interval = 1

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def model(self, words: np.ndarray) -> np.ndarray:
        """The words themselves."""
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


class WidthChange(wiring.Component):
    """Frames of bits in words of another width, of which one divides the other.

    A frame of ``bits`` bits enters as ``ceil(bits / in_width)`` words and leaves as
    ``ceil(bits / out_width)``, the first bit in bit 0 of the first word; bits beyond the last are
    not kept. ``latency`` is 1 cycle from the input word that completes an output word to that
    output word; ``interval`` is the larger of the two numbers of words.

    Parameters
    ----------
    bits : int
        Bits in a frame.
    in_width, out_width : int
        Bits in a word.

    Members
    -------
    i : In(stream.Signature(in_width))
    o : Out(stream.Signature(out_width))
    """

    latency = 1

    def __init__(self, bits: int, in_width: int, out_width: int):
        self._bits = integer("Width change bits", bits, 1)
        self._in_width = integer("Width change in_width", in_width, 1)
        self._out_width = integer("Width change out_width", out_width, 1)
        if in_width % out_width and out_width % in_width:
            raise ValueError(f"Width change needs one width to divide the other, not {in_width!r} "
                             f"and {out_width!r}")
        super().__init__({"i": In(stream.Signature(in_width)),
                          "o": Out(stream.Signature(out_width))})

    @property
    def interval(self) -> int:
        return -(-self._bits // min(self._in_width, self._out_width))

    def model(self, words: np.ndarray) -> np.ndarray:
        """Output words of whole frames, both as arrays of bits of the shape (words, width)."""
        words = np.asarray(words)
        frames = words.reshape(-1, -(-self._bits // self._in_width) * self._in_width)
        padded = np.zeros((len(frames), -(-self._bits // self._out_width) * self._out_width),
                          words.dtype)
        padded[:, :self._bits] = frames[:, :self._bits]
        return padded.reshape(-1, self._out_width)

    def elaborate(self, platform):
        return self._widen() if self._out_width > self._in_width else self._narrow()

    def _widen(self):
        m = Module()
        words = -(-self._bits // self._in_width)
        ratio = self._out_width // self._in_width
        data = Signal(self._out_width)
        place = Signal(range(ratio))
        word = Signal(range(words))
        last = word == words - 1
        kept = self._bits - (words - 1) * self._in_width
        value = Mux(last, self.i.payload[:kept], self.i.payload)
        m.d.comb += [self.o.payload.eq(data), self.i.ready.eq(~self.o.valid | self.o.ready)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            with m.If(place == 0):
                m.d.sync += data.eq(value)
            with m.Else():
                m.d.sync += data.word_select(place, self._in_width).eq(value)
            m.d.sync += [place.eq(place + 1), word.eq(word + 1)]
            with m.If(last | (place == ratio - 1)):
                m.d.sync += [self.o.valid.eq(1), place.eq(0)]
            with m.If(last):
                m.d.sync += word.eq(0)
        return m

    def _narrow(self):
        m = Module()
        words = -(-self._bits // self._in_width)
        ratio = self._in_width // self._out_width
        kept = self._bits - (words - 1) * self._in_width
        data = Signal(self._in_width)
        left = Signal(range(ratio + 1))
        word = Signal(range(words))
        m.d.comb += [
            self.o.payload.eq(data[:self._out_width]),
            self.o.valid.eq(left != 0),
            self.i.ready.eq((left == 0) | ((left == 1) & self.o.ready)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [data.eq(data >> self._out_width), left.eq(left - 1)]
        with m.If(self.i.valid & self.i.ready):
            with m.If(word == words - 1):
                m.d.sync += [data.eq(self.i.payload[:kept]), word.eq(0),
                             left.eq(-(-kept // self._out_width))]
            with m.Else():
                m.d.sync += [data.eq(self.i.payload), word.eq(word + 1), left.eq(ratio)]
        return m
