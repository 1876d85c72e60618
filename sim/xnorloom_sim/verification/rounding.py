"""Differences that follow from the rounding of the source model alone.

A source that adds numbers such as 0.1 rounds its sums, and the order of its additions decides
between scores that are equal in the integer graph. Each layer of the graph is evaluated on the
source's own activations, so that one difference by rounding excuses nothing after it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Graph, Score
from xnorloom.lowering.doubt import NeuronDoubts, ScoreDoubts, neuron_doubts, score_doubts
from xnorloom.lowering.lower import Lowered

from ..golden import Golden, layer_counts
from ..golden_maps import at_outputs, pooled
from .compare import Found

__all__ = ["Rounding"]


@dataclass(frozen=True, eq=False)
class Rounding:
    """Decisions of a source model that its own rounding may change.

    A difference is one by rounding if

    - a neuron that the import counts as uncertain has a count next to its switch, within the
      rounding of its sum; or
    - the scores of two classes are within the rounding of their sums of each other; or
    - two classes tie in the integer graph, their sums are exact, and operations after the sums
      round their scores differently.

    Parameters
    ----------
    lowered : Lowered
        The lowered source model.
    """

    lowered: Lowered

    @cached_property
    def _neurons(self) -> list[NeuronDoubts]:
        lowered = self.lowered
        return [neuron_doubts(linear, segment, layer, probe)
                for (linear, segment), layer, probe
                in zip(lowered.linears, lowered.graph.layers, lowered.probes)
                if not isinstance(layer, Score)]

    @cached_property
    def _scores(self) -> ScoreDoubts:
        layer = self.lowered.graph.layers[-1]
        assert isinstance(layer, Score)
        return score_doubts(*self.lowered.linears[-1], layer, self.lowered.boundary)

    def follow(self, graph: Graph, elements: npt.NDArray[np.unsignedinteger], found: Found,
               scores: npt.NDArray[np.floating]
               ) -> tuple[Golden, list[npt.NDArray[np.bool_]]]:
        """Evaluate ``graph``, layer by layer, on the activations that the source found.

        Parameters
        ----------
        graph : Graph
            That of the lowered model, or one of the same sizes.
        elements : integers of shape (B, inputs)
            Encoded frames.
        found : Found
            Results of the source for these frames.
        scores : float array, shape (B, classes)
            Scores of the source.

        Returns
        -------
        Golden, list of bool arrays
            See :data:`~.compare.Follow`.
        """
        activations, excused = [], []
        lost = np.zeros((len(elements), 1), bool)
        for index, layer in enumerate(graph.layers):
            counts = layer_counts(graph, index, elements)
            if not isinstance(layer, Score):
                bits, doubtful = _decide(graph, index, counts, self._neurons[index])
                activations.append(bits)
                excused.append(doubtful | lost)
                elements = found.activations[index]
                if found.valid is not None:
                    # After an activation that is neither 0 nor 1 nothing can be evaluated.
                    lost = lost | (doubtful & ~found.valid[index]).any(axis=1, keepdims=True)
                continue
            integers = counts * layer.scales + layer.offsets
            classes = np.argmax(integers, axis=1).astype(np.int64)
            chosen = self._may_choose(counts, integers, classes, found.classes, scores)
            excused.append(chosen[:, np.newaxis] | lost)
            return Golden(classes, integers, tuple(activations)), excused
        raise AssertionError("a graph ends in a score layer")

    def _may_choose(self, counts: npt.NDArray[np.int64], integers: npt.NDArray[np.int64],
                    expected: npt.NDArray[np.int64], found: npt.NDArray[np.int64],
                    scores: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        frames, doubts = np.arange(len(counts)), self._scores
        near = doubts.may_choose(counts, found, expected)
        rounded = ~(doubts.exact[found] & doubts.exact[expected])
        tie = integers[frames, found] == integers[frames, expected]
        # Equal scores of the source are no rounding: the first class must win.
        unequal = scores[frames, found] != scores[frames, expected]
        return near & (rounded | (tie & unequal))


def _decide(graph: Graph, index: int, counts: npt.NDArray[np.int64], doubts: NeuronDoubts
            ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return the activations of a layer for its counts, and those that rounding may change.

    Both have the shape ``(B, size of the layer's map)``.
    """
    layer, map = graph.layers[index], graph.maps[index]
    assert not isinstance(layer, Score)
    if not isinstance(layer, Conv):
        return (counts >= layer.thresholds).astype(np.uint8), doubts.hold(counts)
    fires = counts >= at_outputs(layer, map, layer.thresholds)
    doubtful = NeuronDoubts(at_outputs(layer, map, doubts.low),
                            at_outputs(layer, map, doubts.high)).hold(counts)
    bits = pooled(layer, fires).reshape(len(counts), -1).astype(np.uint8)
    # Pooling hides a change where another output of the area decides.
    least, most = (pooled(layer, some).reshape(len(counts), -1)
                   for some in (fires & ~doubtful, fires | doubtful))
    return bits, least != most
