"""Framing of messages in a stream of bytes: end, stuffing, CRC."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.wiring import In, Out

from ..protocol import END, ESCAPE, FLIP
from .uart import RECEIVED

__all__ = ["PART", "PIECE", "Deframer", "Framer"]

# Received: a byte of a message, or its end and if the message was undamaged.
PIECE = data.StructLayout({"data": 8, "end": 1, "good": 1})
# To be sent: a byte of a message, and if it is the last one.
PART = data.StructLayout({"data": 8, "last": 1})


def _crc(m: Module, restart):
    """CRC that restarts in the cycle after ``restart``, at no cost in cells."""
    m.submodules.crc = ResetInserter(restart)(crc := CRC16_IBM_3740().create())
    return crc


class Deframer(wiring.Component):
    """Splits a stream of bytes into messages, removes the stuffing and checks the CRC.

    Each byte of a message, including the two of its CRC, leaves in the cycle in which it arrives,
    so ``latency`` is 0. The end of a message is ``good`` if the CRC is right and no byte was bad.
    Each of several ends in a row is an end.

    Members
    -------
    i : In(stream.Signature(RECEIVED, always_ready=True))
        Bytes from the line.
    o : Out(stream.Signature(PIECE, always_ready=True))
        Bytes and ends of messages.
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
    """Adds CRC, stuffing and end to messages.

    ``latency`` is one cycle. Two bytes of CRC and the end follow the last byte. ``interval`` is two
    cycles per byte, three for a byte that is stuffed.

    Members
    -------
    i : In(stream.Signature(PART))
        Bytes of messages.
    o : Out(stream.Signature(8))
        Bytes for the line.
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
            # The CRC also processes its own first byte, which shifts the second to its place.
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
