"""Messages in a stream of bytes: their ends, the stuffing, the CRC."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.wiring import In, Out

from ..protocol import END, ESCAPE, FLIP
from .uart import RECEIVED

__all__ = ["PART", "PIECE", "Deframer", "Framer"]

# What comes in: a byte of a message, or its end, and then whether it was whole.
PIECE = data.StructLayout({"data": 8, "end": 1, "good": 1})
# What goes out: a byte of a message, and whether it is the last.
PART = data.StructLayout({"data": 8, "last": 1})


def _crc(m: Module, restart):
    """A CRC that starts anew in the cycle after ``restart``, at no cost in cells."""
    m.submodules.crc = ResetInserter(restart)(crc := CRC16_IBM_3740().create())
    return crc


class Deframer(wiring.Component):
    """Finds messages in bytes: takes out the stuffing and checks the CRC.

    Each byte of a message comes out as it comes in, the two of its CRC too, in the same cycle; so
    ``latency`` is 0. At its end it is ``good`` if its CRC is right and no byte was bad. An end that
    follows on another comes out too.

    Members
    -------
    i : In(stream.Signature(RECEIVED, always_ready=True))
    o : Out(stream.Signature(PIECE, always_ready=True))
    """

    latency = 0
    interval = 1

    def __init__(self):
        super().__init__({"i": In(stream.Signature(RECEIVED, always_ready=True)),
                          "o": Out(stream.Signature(PIECE, always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        bad, escaped, restart = Signal(), Signal(), Signal()
        byte, piece = self.i.payload.data, self.o.payload
        crc = _crc(m, restart)
        m.d.comb += [
            piece.data.eq(byte ^ Mux(escaped, FLIP, 0)),
            piece.end.eq((byte == END) & ~self.i.payload.bad),
            piece.good.eq(crc.match_detected & ~bad & ~escaped),
            self.o.valid.eq(self.i.valid & ((byte != ESCAPE) | escaped)),
            restart.eq(self.o.valid & piece.end),
            crc.data.eq(piece.data),
            crc.valid.eq(self.o.valid),
        ]
        with m.If(self.i.valid):
            m.d.sync += [escaped.eq((byte == ESCAPE) & ~escaped),
                         bad.eq((bad | self.i.payload.bad) & ~piece.end)]
        return m


class Framer(wiring.Component):
    """Makes messages of bytes: adds the CRC, the stuffing and the end.

    A byte comes out in the cycle after it came in, two bytes of CRC and the end follow the last;
    ``interval`` is 2 cycles a byte, and one more for a byte that is stuffed.

    Members
    -------
    i : In(stream.Signature(PART))
    o : Out(stream.Signature(8))
    """

    latency = 1
    interval = 2

    def __init__(self):
        super().__init__({"i": In(stream.Signature(PART)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        byte = Signal(8)
        end, escaped, restart = Signal(), Signal(), Signal()
        special = ((byte == END) | (byte == ESCAPE)) & ~end & ~escaped
        crc = _crc(m, restart)
        m.d.comb += [self.o.payload.eq(Mux(special, ESCAPE, byte ^ Mux(escaped, FLIP, 0))),
                     crc.data.eq(byte)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [escaped.eq(special), self.o.valid.eq(special)]
            # The CRC takes in its own first byte, too, which leaves the second in its place.
            m.d.comb += [crc.valid.eq(~special), restart.eq(end)]
        with m.If(~self.o.valid):
            m.d.sync += end.eq(0)
            with m.FSM():
                with m.State("message"):
                    m.d.comb += self.i.ready.eq(1)
                    m.d.sync += [byte.eq(self.i.payload.data), self.o.valid.eq(self.i.valid)]
                    with m.If(self.i.valid & self.i.payload.last):
                        m.next = "high"
                for state, after in (("high", "low"), ("low", "end")):
                    with m.State(state):
                        m.d.sync += [byte.eq(crc.crc[8:]), self.o.valid.eq(1)]
                        m.next = after
                with m.State("end"):
                    m.d.sync += [byte.eq(END), end.eq(1), self.o.valid.eq(1)]
                    m.next = "message"
        return m
