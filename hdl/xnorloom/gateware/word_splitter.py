"""Word splitter: a stream of wide words becomes a stream of their parts."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .primitives import count

__all__ = ["WordSplitter"]


class WordSplitter(wiring.Component):
    """Sends wide words part by part, the low bits first, without a register for the data.

    The parts form groups of ``group``, such as the words of a frame. Each group starts a new wide
    word; parts of the last wide word of a group that are left over are dropped. A wide word is
    transferred together with its last part that is sent.

    ``latency`` is 0. ``interval``, the number of cycles per group, is ``group``.

    Parameters
    ----------
    width : int
        Bits per part, at least 1.
    parts : int
        Parts of a wide word, at least 1.
    group : int
        Parts of a group, at least 1.

    Members
    -------
    i : In(stream.Signature(parts * width))
        Wide words.
    o : Out(stream.Signature(width))
        Parts.
    last : Out(1)
        While ``o`` is valid, true for the last part of a group.
    """

    latency = 0

    def __init__(self, width: int, *, parts: int, group: int):
        self._width = integer("Word splitter width", width, 1)
        self._parts = integer("Word splitter parts", parts, 1)
        self._group = integer("Word splitter group", group, 1)
        super().__init__({"i": In(stream.Signature(parts * width)),
                          "o": Out(stream.Signature(width)), "last": Out(1)})

    @property
    def width(self) -> int:
        return self._width

    @property
    def parts(self) -> int:
        return self._parts

    @property
    def group(self) -> int:
        return self._group

    @property
    def words(self) -> int:
        """Wide words of a group."""
        return -(-self._group // self._parts)

    @property
    def interval(self) -> int:
        return self._group

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the parts of wide words, both as rows of bits."""
        groups = words.reshape(-1, self.words * self._parts, self._width)
        return groups[:, :self._group].reshape(-1, self._width)

    def elaborate(self, platform):
        m = Module()
        part, end = Signal(range(self._parts)), Signal()
        give = self.o.valid & self.o.ready
        _, last_word = count(m, self.words, give & end, name="word")
        m.d.comb += [
            self.last.eq(last_word & (part == (self._group - 1) % self._parts)),
            end.eq(self.last | (part == self._parts - 1)),
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(self.i.payload.word_select(part, self._width)),
            self.i.ready.eq(self.o.ready & end),
        ]
        with m.If(give):
            m.d.sync += part.eq(Mux(end, 0, part + 1))
        return m
