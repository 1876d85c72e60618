"""Framing of messages in a stream of bytes: end, stuffing, CRC."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.wiring import In, Out

from ..protocol import END, ESCAPE, FLIP
from .uart import RECEIVED

__all__ = ["PART", "PIECE", "Deframer", "Framer"]

# Received: a byte of a message, or its end.
PIECE = data.StructLayout({"data": 8, "end": 1})
# To be sent: a byte of a message, and if it is the last one.
PART = data.StructLayout({"data": 8, "last": 1})


def _crc(m: Module, restart):
    """CRC that restarts in the cycle after ``restart``, at no cost in cells."""
    m.submodules.crc = ResetInserter(restart)(crc := CRC16_IBM_3740().create())
    return crc


class Deframer(wiring.Component):
    """Splits a stream of bytes into messages, removes the stuffing and checks the CRC.

    Each byte of a message, including the two of its CRC, and each end leave after ``latency``, one
    cycle. Each of several ends in a row is an end.

    Members
    -------
    i : In(stream.Signature(RECEIVED, always_ready=True))
        Bytes from the line.
    o : Out(stream.Signature(PIECE, always_ready=True))
        Bytes and ends of messages.
    good : Out(1)
        In the cycle after an end: high if the CRC of the message is right and no byte was bad.
    """

    latency = 1
    interval = 1

    def __init__(self):
        super().__init__({"i": In(stream.Signature(RECEIVED, always_ready=True)),
                          "o": Out(stream.Signature(PIECE, always_ready=True)),
                          "good": Out(1)})

    def elaborate(self, platform):
        m = Module()
        arrived, byte = Signal(), Signal(8, reset_less=True)
        is_end, is_escape, damaged = Signal(), Signal(), Signal()
        bad, escaped, restart = Signal(), Signal(), Signal()
        received, piece = self.i.payload, self.o.payload
        crc = _crc(m, restart)

        # Cycle 0: what the byte is.
        m.d.sync += [
            arrived.eq(self.i.valid), byte.eq(received.data), damaged.eq(received.bad),
            is_end.eq((received.data == END) & ~received.bad),
            is_escape.eq(received.data == ESCAPE),
        ]

        # Cycle 1: stuffing, and the CRC of the bytes before.
        m.d.comb += [
            piece.data.eq(byte ^ Mux(escaped, FLIP, 0)),
            piece.end.eq(is_end),
            self.o.valid.eq(arrived & (~is_escape | escaped)),
            restart.eq(arrived & is_end),
            crc.data.eq(piece.data),
            crc.valid.eq(self.o.valid),
        ]
        with m.If(arrived):
            m.d.sync += [escaped.eq(is_escape & ~escaped), bad.eq((bad | damaged) & ~is_end)]

        # Cycle 2: the comparison of the CRC.
        m.d.sync += self.good.eq(crc.match_detected & ~bad & ~escaped)
        return m


class Framer(wiring.Component):
    """Adds CRC, stuffing and end to messages.

    ``latency`` is two cycles. Two bytes of CRC and the end follow the last byte. ``interval`` is
    three cycles per byte, four for a byte that is stuffed.

    Members
    -------
    i : In(stream.Signature(PART))
        Bytes of messages.
    o : Out(stream.Signature(8))
        Bytes for the line.
    """

    latency = 2
    interval = 3

    def __init__(self):
        super().__init__({"i": In(stream.Signature(PART)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        byte = Signal(8)
        end, fresh, stuffed, escaped, restart = (Signal(), Signal(), Signal(), Signal(),
                                                 Signal())
        crc = _crc(m, restart)

        # Cycle 0: the next byte.
        with m.If(~fresh & ~self.o.valid):
            with m.FSM():
                with m.State("message"):
                    m.d.comb += self.i.ready.eq(1)
                    m.d.sync += [byte.eq(self.i.payload.data), fresh.eq(self.i.valid)]
                    with m.If(self.i.valid & self.i.payload.last):
                        m.next = "high"
                for state, after in (("high", "low"), ("low", "end")):
                    with m.State(state):
                        m.d.sync += [byte.eq(crc.crc[8:]), fresh.eq(1)]
                        m.next = after
                with m.State("end"):
                    m.d.sync += [byte.eq(END), end.eq(1), fresh.eq(1)]
                    m.next = "message"

        # Cycle 1: its CRC, and if it is stuffed. The CRC also processes its own first byte, which
        # shifts the second to its place.
        m.d.comb += [crc.data.eq(byte), crc.valid.eq(fresh), restart.eq(fresh & end)]
        with m.If(fresh):
            m.d.sync += [fresh.eq(0), self.o.valid.eq(1), end.eq(0),
                         stuffed.eq(((byte == END) | (byte == ESCAPE)) & ~end)]

        # Next cycles: the byte, perhaps after an escape.
        m.d.comb += self.o.payload.eq(Mux(stuffed, ESCAPE, byte ^ Mux(escaped, FLIP, 0)))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [stuffed.eq(0), escaped.eq(stuffed), self.o.valid.eq(stuffed)]
        return m
