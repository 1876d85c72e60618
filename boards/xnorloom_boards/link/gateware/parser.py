"""Decoder of messages into commands for the link."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
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
    command, is two cycles.

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
    good : In(1)
        In the cycle after an end: high if the message was undamaged.
    address : Out(range(size))
        Address of a payload byte in the frame buffer, which is larger for longer weight messages.
    write : Out(1)
        High if the byte is to be written there.
    full : In(1)
        High if the byte would overwrite one that is still to be read.
    busy : In(1)
        High while a frame is in work; it counts in the cycle after the end of a message.
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
        High if frames are accepted, in the cycle after the end; only with ``loads``.
    """

    latency = 2

    def __init__(self, size: int, loads: bool = False):
        self._size, self._loads = size, loads
        longest = max(size, LOAD_BYTES) if loads else size
        super().__init__({
            "i": In(stream.Signature(PIECE, always_ready=True)),
            "good": In(1), "address": Out(range(longest)), "write": Out(1),
            "full": In(1), "busy": In(1), "sequence": Out(8), "start": Out(1),
            "hello": Out(1), "error": Out(3),
            **({"load": Out(1), "loaded": In(1)} if loads else {})})

    def elaborate(self, platform):
        m = Module()
        piece = self.i.payload
        place, after = Signal(_Place), Signal(_Place)
        frame, hello, weights, late = Signal(), Signal(), Signal(), Signal()
        last, ended, whole = Signal(), Signal(), Signal()
        framed, size = frame, self._size
        if self._loads:
            framed, size = frame | weights, Mux(weights, LOAD_BYTES, self._size)

        # Cycle 0: bytes of messages, and their ends.
        with m.Switch(place):
            with m.Case(_Place.KIND):
                m.d.comb += after.eq(_Place.SEQUENCE)
                m.d.sync += [late.eq(0), self.address.eq(0), frame.eq(piece.data == FRAME),
                             hello.eq(piece.data == HELLO)]
                if self._loads:
                    m.d.sync += weights.eq(piece.data == LOAD)
            with m.Case(_Place.SEQUENCE):
                m.d.comb += after.eq(Mux(framed, _Place.PAYLOAD, _Place.HIGH))
                m.d.sync += [self.sequence.eq(piece.data), last.eq(size == 1)]
            with m.Case(_Place.PAYLOAD):
                m.d.comb += after.eq(Mux(last, _Place.HIGH, _Place.PAYLOAD))
                with m.If(self.i.valid):
                    m.d.comb += self.write.eq(~late & ~self.full & ~piece.end)
                    # The next byte is the last one: known one byte ahead, so that no comparison is
                    # on the path to the next place.
                    m.d.sync += [self.address.eq(self.address + 1), late.eq(late | self.full),
                                 last.eq(self.address == size - 2)]
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
        m.d.sync += [ended.eq(self.i.valid & piece.end & (place != _Place.KIND)),
                     whole.eq(place == _Place.DONE)]

        # Cycle 1: the command of a message that has ended; the next one changes nothing yet. Gates
        # instead of conditions: those would become resets, which are a long wire each.
        known, wanted = Signal(), Signal()
        m.d.comb += [known.eq(ended & self.good & (framed | hello)),
                     wanted.eq(known & whole & ~hello)]
        blocked, refused = late | self.busy, C(0, 1)
        if self._loads:
            refused = frame & ~self.loaded
            m.d.sync += self.load.eq(weights)
        errors = {
            _BAD_CRC: ended & ~self.good,
            _BAD_KIND: ended & self.good & ~(framed | hello),
            _BAD_LENGTH: known & ~whole,
            _OVERFLOW: wanted & blocked,
            _UNLOADED: wanted & ~blocked & refused,
        }
        m.d.sync += [
            self.hello.eq(known & whole & hello), self.start.eq(wanted & ~blocked & ~refused),
            *(self.error[bit].eq(Cat(found for error, found in errors.items() if error >> bit & 1)
                                 .any()) for bit in range(len(self.error))),
        ]
        return m
