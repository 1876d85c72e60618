# amaranth: UnusedElaboratable=no
"""Proof of the word splitter: the parts of each wide word, in order, without those left over."""

import pytest
from amaranth.hdl import C, Mux, Signal

from xnorloom.gateware import word_splitter

# Width of a part, parts of a wide word, parts of a group.
SHAPES = {
    "one word": (2, 2, 2), "left over": (1, 2, 5), "less than a word": (1, 3, 2),
    "no parts": (2, 1, 3), "whole words": (1, 3, 6),
}


def splitter(width, parts, group):
    def contract(h):
        i, o = h.dut.i, h.dut.o
        sent = Signal(range(group))
        with h.m.If(o.valid & o.ready):
            h.m.d.sync += sent.eq(Mux(sent == group - 1, 0, sent + 1))
        h.check(o.valid == i.valid)
        for place in range(group):
            here, end = sent == place, place == group - 1 or place % parts == parts - 1
            start = place % parts * width
            h.check(~here | (o.payload == i.payload[start:start + width]))
            h.check(~here | (i.ready == (o.ready & end)))
            h.check(~here | ~o.valid | (h.dut.last == C(place == group - 1, 1)))

        h.helper(sent < group)
        h.helper(h.peek("part") == sent % parts)
        if h.dut.words > 1:
            h.helper(h.peek("word") == sent // parts)
        if h.dut.words > 2:
            h.helper(h.peek("word_last") == (sent // parts == h.dut.words - 1))
    return contract


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_splitter(prove, shape):
    width, parts, group = shape
    prove(word_splitter.WordSplitter(width, parts=parts, group=group), splitter(*shape))


@pytest.mark.parametrize("change", [
    ("self.i.ready.eq(self.o.ready & end)", "self.i.ready.eq(self.o.ready)"),
    ("end.eq(self.last | (part == self._parts - 1))", "end.eq(part == self._parts - 1)"),
    ("(self._group - 1) % self._parts", "self._parts - 1"),
    ("with m.If(give):", "with m.If(self.o.ready):"),
], ids=["words at once", "parts left over sent", "last part of a word", "parts without a word"])
def test_splitter_broken(prove, change):
    width, parts, group = SHAPES["left over"]
    dut = prove.copy(word_splitter, change).WordSplitter(width, parts=parts, group=group)
    prove.refute(dut, splitter(width, parts, group))
