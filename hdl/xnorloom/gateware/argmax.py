"""Argmax: the class of a frame is the first index of the largest score."""

import math

import numpy as np
from amaranth.hdl import C, Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..packing import label_width
from ..support.arguments import integer
from .primitives import delay

__all__ = ["Argmax", "result_layout"]


def result_layout(classes: int, shape) -> data.StructLayout:
    """Return the layout of a result with scores: ``label``, and ``scores`` of all classes."""
    return data.StructLayout({"label": unsigned(label_width(classes)),
                              "scores": data.ArrayLayout(shape, classes)})


class Argmax(wiring.Component):
    """Index of the largest score of a frame, the first if there are several.

    Scores arrive ``lanes`` per word. A tree of comparators, registered at each level, finds the
    largest score of a word, which is then compared with that of the previous words. ``latency``,
    from the last word of a frame to its class, is ``ceil(log2(lanes)) + 1``; ``interval`` is
    ``ceil(classes / lanes)``.

    Parameters
    ----------
    classes : int
        Scores per frame.
    lanes : int
        Scores per word.
    shape : ShapeLike
        Shape of a score, signed or unsigned.
    scores : bool
        True to send the scores with the class.

    Members
    -------
    i : In(stream.Signature(data.ArrayLayout(shape, lanes)))
        Scores in the order of the classes. In the last word of a frame, those after the last class
        are ignored.
    o : Out(stream.Signature(unsigned(bits))) or Out(stream.Signature(result_layout(…)))
        Class of ``bits = max(1, ceil(log2(classes)))`` bits, or class and scores.
    """

    def __init__(self, classes: int, *, lanes: int, shape, scores: bool = False):
        classes, lanes = integer("Argmax classes", classes, 1), integer("Argmax lanes", lanes, 1)
        if lanes > classes:
            raise ValueError(f"Argmax lanes must be at most its {classes} classes, not {lanes!r}")
        self._classes, self._lanes, self._shape, self._scores = classes, lanes, shape, scores
        result = result_layout(classes, shape)
        super().__init__({
            "i": In(stream.Signature(data.ArrayLayout(shape, lanes))),
            "o": Out(stream.Signature(result if scores else result["label"].shape)),
        })

    @property
    def latency(self) -> int:
        return math.ceil(math.log2(self._lanes)) + 1

    @property
    def interval(self) -> int:
        return -(-self._classes // self._lanes)

    def model(self, scores: np.ndarray) -> np.ndarray:
        """Return the classes of scores of shape (frames, classes)."""
        return np.argmax(scores, axis=-1)

    def elaborate(self, platform):
        m = Module()
        words = self.interval
        spare = words * self._lanes - self._classes
        go = Signal()
        m.d.comb += [go.eq(~self.o.valid | self.o.ready), self.i.ready.eq(go)]

        # Cycle 0: candidates, each with score, lane, and a flag that is high if the class exists.
        word = Signal(range(words))
        last = word == words - 1
        with m.If(self.i.valid & go):
            m.d.sync += word.eq(Mux(last, 0, word + 1))
        candidates = []
        for lane in range(self._lanes):
            exists = ~last if lane >= self._lanes - spare else C(1, 1)
            candidates.append((self.i.payload[lane], C(lane, range(self._lanes)), exists))
        flags = [self.i.valid, last, word]

        def register(value, name, reset=False):
            return delay(m, value, 1, go, name=name, reset=reset)

        # Cycles 1 to ceil(log2(lanes)): the better candidate of each pair, the first of equals.
        level = 0
        while len(candidates) > 1:
            level += 1
            winners = []
            for pair in range(0, len(candidates), 2):
                first, *second = candidates[pair:pair + 2]
                if second:
                    (score, lane, exists), (score2, lane2, exists2) = first, second[0]
                    # If the second exists, so does the first.
                    better = Signal(name=f"better{level}_{pair}")
                    m.d.comb += better.eq(exists2 & (score2 > score))
                    first = (Mux(better, score2, score), Mux(better, lane2, lane), exists)
                winners.append(tuple(register(value, f"{name}{level}_{pair}") for value, name
                                     in zip(first, ("score", "lane", "exists"))))
            candidates = winners
            flags = [register(value, f"{name}{level}", True) for value, name
                     in zip(flags, ("valid", "last", "word"))]

        # Last cycle: comparison with the best of the previous words, and the output register.
        (score, lane, _), (valid, last, word) = candidates[0], flags
        # The best score is stored as its complement: the sum of another score and the complement
        # carries iff that score is larger, without inverters before the carry chain. An inverted
        # sign bit makes signed scores unsigned.
        shape = Shape.cast(self._shape)
        sign = C(1 << shape.width >> 1 if shape.signed else 0, shape.width)
        score = score.as_unsigned() ^ sign
        complement = Signal(shape.width, reset_less=True)
        larger = (score + complement)[-1]
        best_label = Signal(range(self._classes), reset_less=True)
        label = Signal(range(self._classes))
        better = (word == 0) | larger
        m.d.comb += label.eq(Mux(better, word * self._lanes + lane, best_label))
        with m.If(go):
            m.d.sync += self.o.valid.eq(valid & last)
            with m.If(valid):
                m.d.sync += best_label.eq(label)
                with m.If(better):
                    m.d.sync += complement.eq(~score)
        payload = self.o.payload
        if self._scores:
            payload = self.o.payload.label
            passed = data.View(self.i.payload.shape(), delay(m, self.i.payload, level, go,
                                                             name="scores"))
            for index in range(self._classes):
                with m.If(go & valid & (word == index // self._lanes)):
                    m.d.sync += self.o.payload.scores[index].eq(passed[index % self._lanes])
        with m.If(go & valid & last):
            m.d.sync += payload.eq(label)
        return m
