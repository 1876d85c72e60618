"""Decoder of messages into commands for the link."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from ..protocol import FRAME, HELLO, LOAD, LOAD_BYTES
from .framing import PIECE

__all__ = ["Parser"]

_BAD_CRC, _BAD_LENGTH, _BAD_KIND, _OVERFLOW, _UNLOADED = 1, 2, 3, 4, 5


class _Place(enum.Enum):
    """Next byte of a message; ``DONE`` after the last one, ``LONG`` after further ones."""

    KIND, SEQUENCE, PAYLOAD, HIGH, LOW, DONE, LONG = range(7)


class Parser(wiring.Component):
    """Decodes messages into commands: start a frame, send a hello, or report an error.

    A command lasts one cycle, and does not wait. ``latency``, from the end of a message to its
    command, is one cycle.

    Parameters
    ----------
    size : int
        Bytes of a frame.
    loads : bool
        True if there are messages with weights.

    Members
    -------
    i : In(stream.Signature(PIECE, always_ready=True))
        Bytes and ends of messages.
    address : Out(range(size))
        Address of a payload byte in the frame buffer, which is larger for longer weight messages.
    write : Out(1)
        High if the byte is to be written there.
    full : In(1)
        High if the byte would overwrite one that is still to be read.
    busy : In(1)
        High while a frame is in work.
    sequence : Out(8)
        Sequence number of the last message.
    start : Out(1)
        Start the frame, or the weights, in the buffer.
    hello : Out(1)
        Send a hello reply.
    error : Out(3)
        Send an error of this number, unless it is 0.
    load : Out(1)
        With ``start``: high for weights; only with ``loads``.
    loaded : In(1)
        High if frames are accepted; only with ``loads``.
    """

    latency = 1

    def __init__(self, size: int, loads: bool = False):
        self._size, self._loads = size, loads
        longest = max(size, LOAD_BYTES) if loads else size
        super().__init__({
            "i": In(stream.Signature(PIECE, always_ready=True)),
            "address": Out(range(longest)), "write": Out(1), "full": In(1), "busy": In(1),
            "sequence": Out(8), "start": Out(1), "hello": Out(1), "error": Out(3),
            **({"load": Out(1), "loaded": In(1)} if loads else {})})

    def elaborate(self, platform):
        m = Module()
        piece = self.i.payload
        place, after = Signal(_Place), Signal(_Place)
        frame, hello, late = Signal(), Signal(), Signal()
        framed, size = frame, self._size
        if self._loads:
            framed, size = frame | self.load, Mux(self.load, LOAD_BYTES, self._size)
        with m.Switch(place):
            with m.Case(_Place.KIND):
                m.d.comb += after.eq(_Place.SEQUENCE)
                m.d.sync += [late.eq(0), self.address.eq(0), frame.eq(piece.data == FRAME),
                             hello.eq(piece.data == HELLO)]
                if self._loads:
                    m.d.sync += self.load.eq(piece.data == LOAD)
            with m.Case(_Place.SEQUENCE):
                m.d.comb += after.eq(Mux(framed, _Place.PAYLOAD, _Place.HIGH))
                m.d.sync += self.sequence.eq(piece.data)
            with m.Case(_Place.PAYLOAD):
                last = self.address == size - 1
                m.d.comb += after.eq(Mux(last, _Place.HIGH, _Place.PAYLOAD))
                with m.If(self.i.valid):
                    m.d.comb += self.write.eq(~late & ~self.full & ~piece.end)
                    m.d.sync += [self.address.eq(self.address + 1), late.eq(late | self.full)]
            with m.Case(_Place.HIGH):
                m.d.comb += after.eq(_Place.LOW)
            with m.Case(_Place.LOW):
                m.d.comb += after.eq(_Place.DONE)
            with m.Default():
                m.d.comb += after.eq(_Place.LONG)

        with m.If(self.i.valid & piece.end):
            m.d.sync += place.eq(_Place.KIND)
        with m.Elif(self.i.valid):
            m.d.sync += place.eq(after)

        m.d.sync += [self.start.eq(0), self.hello.eq(0), self.error.eq(0)]
        with m.If(self.i.valid & piece.end & (place != _Place.KIND)):
            with m.If(~piece.good):
                m.d.sync += self.error.eq(_BAD_CRC)
            with m.Elif(~framed & ~hello):
                m.d.sync += self.error.eq(_BAD_KIND)
            with m.Elif(place != _Place.DONE):
                m.d.sync += self.error.eq(_BAD_LENGTH)
            with m.Elif(hello):
                m.d.sync += self.hello.eq(1)
            with m.Elif(late | self.busy):
                m.d.sync += self.error.eq(_OVERFLOW)
            if self._loads:
                with m.Elif(frame & ~self.loaded):
                    m.d.sync += self.error.eq(_UNLOADED)
            with m.Else():
                m.d.sync += self.start.eq(1)
        return m
