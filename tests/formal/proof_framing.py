# amaranth: UnusedElaboratable=no
"""Proof of framing: what is sent and understood, byte by byte, after any other bytes.

The model is written from docs/protocol.md: stuffing, ends, and the CRC of the
standard library.
"""

import binascii
from functools import reduce
from operator import xor

import pytest
from amaranth.hdl import C, Cat, Mux, Signal, Value

from xnorloom_boards.link.gateware import framing

END, ESCAPE, FLIP, INIT = 0xa5, 0x5a, 0x20, 0xffff


def step(crc, byte):
    """CRC-16/IBM-3740 of one more byte, a sum of those of its bits."""
    state = Value.cast(crc)[:16] ^ Cat(C(0, 8), byte)
    return reduce(xor, (Mux(state[bit], binascii.crc_hqx(bytes(1), 1 << bit), 0)
                        for bit in range(16)))[:16]


def is_special(byte):
    return (byte == END) | (byte == ESCAPE)


NONE, DATA, HIGH, LOW, LAST = range(5)


def sender(h):
    """Each byte of a message leaves stuffed, then the CRC, then an end; the next may follow."""
    m, i, o = h.m, h.dut.i, h.dut.o
    h.held(o)
    phase, half, final = Signal(3), Signal(), Signal()
    crc, byte = Signal(16, init=INIT), Signal(8)
    took, gave = i.valid & i.ready, o.valid & o.ready
    wanted = Mux(phase == DATA, byte, Mux(phase == HIGH, crc[8:], crc[:8]))
    stuffed = is_special(wanted) & (phase != LAST)
    h.check(~i.ready | (phase == NONE))
    h.check(~o.valid | (phase != NONE))
    h.check(~o.valid | (o.payload == Mux(phase == LAST, END, Mux(
        half, wanted ^ FLIP, Mux(stuffed, ESCAPE, wanted)))))
    h.progress(3, o.ready & (i.valid | (phase != NONE)), took | gave)
    with m.If(took):
        m.d.sync += [phase.eq(DATA), byte.eq(i.payload.data), final.eq(i.payload.last),
                     crc.eq(step(crc, i.payload.data))]
    with m.If(gave):
        m.d.sync += half.eq(stuffed & ~half)
        with m.If(half | ~stuffed):
            with m.Switch(phase):
                with m.Case(DATA):
                    m.d.sync += phase.eq(Mux(final, HIGH, NONE))
                with m.Case(LAST):
                    m.d.sync += [phase.eq(NONE), crc.eq(INIT)]
                with m.Default():
                    m.d.sync += phase.eq(phase + 1)

    h.helper(phase <= LAST)
    # The byte is there: fresh for a cycle, then at the output.
    fresh = h.peek("fresh")
    there = fresh | o.valid
    h.helper(~(fresh & o.valid))
    h.helper((phase != DATA) | there)
    h.helper(h.peek("escaped") == half)
    h.helper(o.valid | ~half)
    h.helper(h.peek("end") == (fresh & (phase == LAST)))
    h.helper(h.peek("stuffed") == (o.valid & stuffed & ~half))
    h.helper(~there | (phase == LAST) | (h.peek("byte") == wanted))
    h.helper(~there | (phase != LAST) | (h.peek("byte") == END))
    sent = Signal(3)
    m.d.comb += sent.eq(Mux(phase == LAST, NONE, Mux(phase == DATA, Mux(final, HIGH, NONE),
                                                     phase + 1)))
    state = Mux(there, sent, phase)
    for name, value in (("message", NONE), ("high", HIGH), ("low", LOW), ("end", LAST)):
        h.helper((state == value) == h.state("fsm_state", name))
    register = h.peek("crc.crc_reg")
    done = ~fresh & ((phase == NONE) | (phase == DATA) | ((phase == HIGH) & ~o.valid))
    h.helper(~done | (register == crc))
    h.helper(~fresh | (phase != DATA) | (step(register, byte) == crc))
    h.helper(~fresh | (phase != HIGH) | (register == crc))
    h.helper(fresh | ~o.valid | (phase != HIGH) | (register[8:] == crc[:8]))
    h.helper((phase != LOW) | o.valid | (register[8:] == crc[:8]))
    h.helper(fresh | ~o.valid | (phase != LAST) | (register == INIT))


def test_framer(prove):
    prove(framing.Framer(), sender, depth=4)


@pytest.mark.parametrize("change, skip", [
    (("((byte == END) | (byte == ESCAPE)) & ~end", "(byte == END) & ~end"), 2),
    (('("high", "low"), ("low", "end")', '("high", "low"), ("low", "message")'), 8),
], ids=["escape not stuffed", "no end"])
def test_framer_broken(prove, change, skip):
    prove.refute(prove.copy(framing, change).Framer(), sender, skip=skip)


def receiver(h):
    """Each byte of a message is unstuffed; an end is good if the CRC of all bytes is 0.

    Bytes arrive in any order, damaged or not, and each end starts afresh.
    """
    m, piece = h.m, h.dut.o.payload
    # The byte of a cycle ago.
    valid, byte, bad = Signal(), Signal(8), Signal()
    m.d.sync += [valid.eq(h.dut.i.valid), byte.eq(h.dut.i.payload.data),
                 bad.eq(h.dut.i.payload.bad)]
    escaped, damaged, crc = Signal(), Signal(), Signal(16, init=INIT)
    is_end = (byte == END) & ~bad
    value = byte ^ Mux(escaped, FLIP, 0)
    h.check(h.dut.o.valid == (valid & ((byte != ESCAPE) | escaped)))
    h.check(~h.dut.o.valid | (piece.data == value))
    h.check(~h.dut.o.valid | (piece.end == is_end))
    ended, undamaged = Signal(), Signal()
    m.d.sync += [ended.eq(h.dut.o.valid & is_end), undamaged.eq((crc == 0) & ~damaged & ~escaped)]
    h.check(~ended | (h.dut.good == undamaged))
    with m.If(valid):
        m.d.sync += [escaped.eq((byte == ESCAPE) & ~escaped), damaged.eq(damaged | bad)]
        with m.If(is_end):
            m.d.sync += [damaged.eq(0), crc.eq(INIT)]
        with m.Elif(h.dut.o.valid):
            m.d.sync += crc.eq(step(crc, value))

    h.helper(~valid | (h.peek("byte") == byte) & (h.peek("damaged") == bad))
    h.helper(~valid | (h.peek("is_end") == is_end) & (h.peek("is_escape") == (byte == ESCAPE)))
    h.helper(h.peek("arrived") == valid)
    h.helper((h.peek("escaped") == escaped) & (h.peek("bad") == damaged))
    h.helper(h.peek("crc.crc_reg") == crc)


def test_deframer(prove):
    prove(framing.Deframer(), receiver)


def test_crc_of_all_is_zero_iff_the_last_two_bytes_are_the_crc():
    # The CRC is linear: the CRC of x, continued over two bytes y, is that of x ^ y over zeros.
    for crc in range(1, 1 << 16):
        assert binascii.crc_hqx(crc.to_bytes(2, "big"), crc) == 0
        assert binascii.crc_hqx(bytes(2), crc) != 0
    assert all(binascii.crc_hqx(bytes([byte]), INIT) for byte in range(256))


@pytest.mark.parametrize("change, skip", [
    (("(bad | damaged) & ~is_end", "bad | damaged"), 6),
    (("(received.data == END) & ~received.bad", "received.data == END"), 2),
    (("escaped.eq(is_escape & ~escaped)", "escaped.eq(is_escape)"), 4),
    (("crc.match_detected & ~bad & ~escaped", "crc.match_detected & ~bad"), 6),
], ids=["bad for ever", "bad end", "two escapes", "end after an escape"])
def test_deframer_broken(prove, change, skip):
    prove.refute(prove.copy(framing, change).Deframer(), receiver, skip=skip)
