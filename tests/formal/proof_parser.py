# amaranth: UnusedElaboratable=no
"""Proof of the parser: the command of every message, after any other bytes.

The model counts the bytes since the last end, and looks at the message only when it ends, as
docs/protocol.md has it.
"""

import pytest
from amaranth.hdl import Mux, Signal, Value

from xnorloom_boards.link.gateware import parser

HELLO, FRAME, LOAD = 1, 2, 3
BAD_CRC, BAD_LENGTH, BAD_KIND, OVERFLOW, UNLOADED = 1, 2, 3, 4, 5
SIZE, LOAD_SIZE = 2, 3
KIND, SEQUENCE, PAYLOAD, HIGH, LOW, DONE, LONG = range(7)


def contract(loads):
    def check(h):
        m, dut, piece = h.m, h.dut, h.dut.i.payload
        longest = LOAD_SIZE + 5
        count, kind, sequence = Signal(range(longest + 1)), Signal(8), Signal(8)
        late = Signal()
        byte, end = dut.i.valid & ~piece.end, dut.i.valid & piece.end
        framed = (kind == FRAME) | ((kind == LOAD) if loads else 0)
        size = Mux(kind == LOAD, LOAD_SIZE, SIZE) if loads else SIZE
        payload = framed & (count >= 2) & (count < 2 + size)
        with m.If(end):
            m.d.sync += count.eq(0)
        with m.Elif(byte):
            m.d.sync += [count.eq(Mux(count == longest, longest, count + 1)),
                         late.eq((late & (count > 0)) | (payload & dut.full))]
            with m.If(count == 0):
                m.d.sync += kind.eq(piece.data)
            with m.If(count == 1):
                m.d.sync += sequence.eq(piece.data)
        # The payload goes into the buffer while it arrives.
        h.check(dut.write == (byte & payload & ~dut.full & ~late))
        h.check(~dut.write | (dut.address == count - 2))

        # A cycle after the end the message is judged, as it was before the next byte.
        ended, counted, was, delayed = Signal(), Signal.like(count), Signal(8), Signal()
        m.d.sync += [ended.eq(end & (count > 0)), counted.eq(count), was.eq(kind),
                     delayed.eq(late)]
        was_framed = (was == FRAME) | ((was == LOAD) if loads else 0)
        was_size = Mux(was == LOAD, LOAD_SIZE, SIZE) if loads else SIZE
        error, hello, start = Signal(3), Signal(), Signal()
        m.d.sync += [error.eq(0), hello.eq(0), start.eq(0)]
        with m.If(ended):
            with m.If(~dut.good):
                m.d.sync += error.eq(BAD_CRC)
            with m.Elif(~was_framed & (was != HELLO)):
                m.d.sync += error.eq(BAD_KIND)
            with m.Elif(counted != Mux(was_framed, was_size, 0) + 4):
                m.d.sync += error.eq(BAD_LENGTH)
            with m.Elif(was == HELLO):
                m.d.sync += hello.eq(1)
            with m.Elif(delayed | dut.busy):
                m.d.sync += error.eq(OVERFLOW)
            with m.Elif((was == FRAME) & ~dut.loaded if loads else 0):
                m.d.sync += error.eq(UNLOADED)
            with m.Else():
                m.d.sync += start.eq(1)
        h.check((dut.error == error) & (dut.hello == hello) & (dut.start == start))
        h.check(~(hello | start) | (dut.sequence == sequence))
        # The command of a message comes before the second byte of the next.
        h.helper(~ended | (count == 0))
        h.helper(~(hello | start) | (count <= 1))
        if loads:
            commanded = Signal(8)
            m.d.sync += commanded.eq(was)
            h.check(~start | (dut.load == (commanded == LOAD)))
            h.helper(~start | (dut.load == (commanded == LOAD)))

        h.helper(count <= longest)
        tail = Mux(framed, count - size, count)
        place = Mux(payload, PAYLOAD, Mux(tail == 2, HIGH, Mux(tail == 3, LOW, Mux(
            tail == 4, DONE, LONG))))
        h.helper(Value.cast(h.peek("place")) == Mux(count == 0, KIND, Mux(count == 1, SEQUENCE,
                                                                         place)))
        h.helper((count < 2) | (dut.sequence == sequence))
        h.helper(~((ended & (counted > 1)) | start | hello) | (dut.sequence == sequence))
        h.helper(h.peek("ended") == ended)
        whole = h.peek("whole")
        h.helper(~ended | (whole == (counted == Mux(was_framed, was_size, 0) + 4)))
        h.helper(~(ended & whole) | (h.peek("late") == delayed))
        h.helper(~ended | (h.peek("hello") == (was == HELLO)))
        h.helper(~ended | (h.peek("frame") == (was == FRAME)))
        h.helper(~payload | (h.peek("last") == (count == 1 + size)))
        h.helper((count == 0) | (h.peek("hello") == (kind == HELLO)))
        h.helper((count == 0) | (h.peek("frame") == (kind == FRAME)))
        h.helper((count == 0) | (h.peek("late") == late))
        h.helper((count != 1) | (dut.address == 0) & ~late)
        h.helper(~payload | (dut.address == count - 2))
        if loads:
            h.helper((count == 0) | (h.peek("weights") == (kind == LOAD)))
            h.helper(~ended | (h.peek("weights") == (was == LOAD)))
    return check


def make(module, loads):
    return module.Parser(SIZE, loads)


@pytest.mark.parametrize("loads", [False, True], ids=["frames", "weights too"])
def test_parser(prove, loads):
    prove(make(prove.copy(parser, LOAD_BYTES=LOAD_SIZE), loads), contract(loads))


@pytest.mark.parametrize("change", [
    ("m.d.sync += place.eq(_Place.KIND)", "m.d.sync += place.eq(_Place.SEQUENCE)"),
    ("[late.eq(0), ", "["),
    ("whole.eq(place == _Place.DONE)", "whole.eq(place == _Place.LONG)"),
    ("= late | self.busy, ", "= late, "),
    ("self.address == size - 2", "self.address == size - 1"),
], ids=["no kind after an end", "late for ever", "length", "overflow",
        "last byte"])
def test_broken(prove, change):
    prove.refute(make(prove.copy(parser, change, LOAD_BYTES=LOAD_SIZE), True), contract(True))
