# amaranth: UnusedElaboratable=no
"""Proof of the reader: the words of each frame in the buffer, in order, once.

The buffer is a constant of any bytes; it answers two cycles after a fetch.
"""

import pytest
from amaranth.hdl import Mux, Signal

from xnorloom_boards.link.gateware import reader
from xnorloom_boards.link.protocol import LOAD_VERSION, Hello, LoadedLayer

LOAD_SIZE = 4


def hello(width, words, loads=False):
    layers = {"version": LOAD_VERSION, "layers": (LoadedLayer(0, 1, 1),)} if loads else {}
    return Hello(bytes(8), width, words, 1, 1, **layers)


HELLOS = {
    "words share bytes": hello(3, 3), "word is a byte": hello(8, 2),
    "word has bytes": hello(12, 2), "weights": hello(3, 3, loads=True),
}


def pick(index, values):
    chosen = values[0]
    for place, value in enumerate(values):
        chosen = Mux(index == place, value, chosen)
    return chosen


def contract(hello):
    width, size = hello.input_width, hello.frame_bytes
    longest = max(size, LOAD_SIZE) if hello.layers else size

    def check(h):
        m, dut, o = h.m, h.dut, h.dut.o
        buffer = [h.constant(8, f"byte{index}") for index in range(longest)]
        fetched = Signal(8)
        # Garbage until the byte is there.
        with m.If(dut.fetch):
            m.d.sync += fetched.eq(pick(dut.address, buffer))
        late, fresh = Signal(8), Signal()
        m.d.sync += [late.eq(fetched), fresh.eq(dut.fetch)]
        m.d.comb += dut.data.eq(Mux(fresh, h.free(8, "garbage"), late))

        # Place in the frame of the next word, and if a frame, or weights, are read.
        together = max(1, 8 // width)
        words = [buffer[index // together].word_select(index % together, width) if width < 8 else
                 pick_word(buffer, index, width) for index in range(hello.words)]
        busy, loading, place = Signal(), Signal(), Signal(range(max(len(words), longest) + 1))
        h.assume(~(dut.start & busy))
        h.check(dut.busy == busy)
        gave = o.valid & o.ready
        count, done = len(words), gave
        h.held(o)
        h.check(~o.valid | (busy & ~loading))
        h.check(~o.valid | (o.payload == pick(place, words)))
        if hello.layers:
            weights = dut.load_bytes
            h.held(weights)
            h.check(~weights.valid | (busy & loading))
            h.check(~weights.valid | (weights.payload == pick(place, buffer[:LOAD_SIZE])))
            done = gave | (weights.valid & weights.ready)
            count = Mux(loading, LOAD_SIZE, count)
            with m.If(dut.start):
                m.d.sync += loading.eq(dut.load)
            h.check(dut.loading == loading)
            taking = Mux(loading, weights.ready, o.ready)
        else:
            taking = o.ready
        with m.If(dut.start):
            m.d.sync += [busy.eq(1), place.eq(0)]
        with m.If(done):
            m.d.sync += place.eq(place + 1)
            with m.If(place == count - 1):
                m.d.sync += busy.eq(0)
        bytes_a_word = -(-width // 8)
        h.progress(3 * bytes_a_word + 1, busy & taking, done)

        # Steps of a byte: fetch, a cycle of waiting, then it is there until it is used.
        fetching, part = h.peek("fetching"), h.peek("part")
        there = part | o.valid
        if hello.layers:
            h.helper(~(there & weights.valid) & ~(there & loading))
            there |= weights.valid
        h.helper(~(part & o.valid))
        h.helper(~busy | (place < count))
        h.helper(busy | ~(fetching | there))
        h.helper(~(fetching & there))
        h.helper(fresh == fetching)
        h.helper(~fetching | (fetched == pick(dut.address, buffer)))
        h.helper(~there | ((late == fetched) & (fetched == pick(dut.address, buffer))))
        at = place
        if width < 8:
            at = Mux(loading, place, place // together)
            h.helper(~busy | loading | (h.peek("place") == place % together))
            h.helper((busy & ~loading) | (h.peek("place") == 0))
            h.helper(~part)
        elif bytes_a_word > 1:
            parts = h.peek("place")
            at = place * bytes_a_word + parts
            h.helper(parts < bytes_a_word)
            h.helper(busy | (parts == 0))
            h.helper(~there | (part == (parts != bytes_a_word - 1)))
            first = pick(place * bytes_a_word, buffer)
            h.helper(~busy | (parts == 0) | (h.peek("before") == first))
        h.helper(~busy | (dut.address == at))
        last = Mux(loading, LOAD_SIZE, size) - 1
        h.helper(~(fetching | there) | (h.peek("last") == (dut.address == last)))
    return check


def pick_word(buffer, index, width):
    size = -(-width // 8)
    return sum(byte << 8 * place for place, byte
               in enumerate(buffer[index * size:][:size]))[:width]


@pytest.mark.parametrize("name", HELLOS)
def test_reader(prove, name):
    copy = prove.copy(reader, LOAD_BYTES=LOAD_SIZE)
    prove(copy.Reader(HELLOS[name]), contract(HELLOS[name]), depth=8)


@pytest.mark.parametrize("name, change", [
    ("words share bytes", ("| (last & (place == rest - 1))", "")),
    ("word has bytes", ("before.eq(Cat(before, self.data)[8:])", "before.eq(before)")),
    ("word is a byte", ("self.busy & ~fetching & ~fetched", "self.busy & ~fetching")),
    ("weights", ("with m.If(fetching & self.loading):", "with m.If(0):")),
], ids=["last byte", "first byte of a word", "fetch too early", "weights as frames"])
def test_broken(prove, name, change):
    copy = prove.copy(reader, change, LOAD_BYTES=LOAD_SIZE)
    prove.refute(copy.Reader(HELLOS[name]), contract(HELLOS[name]), depth=30)
