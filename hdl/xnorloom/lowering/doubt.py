"""Decisions of a source that the rounding of its own sums may change."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import graph
from .preactivation import TOLERANCE, Preactivation
from .segment import Segment
from .thresholds import Probe

__all__ = ["NeuronDoubts", "ScoreDoubts", "neuron_doubts", "score_doubts"]

_SHIFTS = ("-slack", "+slack", "-near", "+near")


@dataclass(frozen=True, eq=False)
class NeuronDoubts:
    """Counts of a layer at which the source's rounding may make a neuron fire or not.

    Neuron ``j`` is in doubt at the counts ``low[j]`` to ``high[j]``, both inclusive and as the
    layer of the graph counts; where ``low[j] > high[j]``, at none. The shape is that of the
    thresholds: a convolution with border classes has bounds for each class.
    """

    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]

    def hold(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Find the neurons in doubt at ``counts``, shape ``(B, neurons)``."""
        return (counts >= self.low) & (counts <= self.high)


@dataclass(frozen=True, eq=False)
class ScoreDoubts:
    """Bounds of the source's scores with its rounding.

    Attributes
    ----------
    low, high : float64 arrays, shape (N + 1, classes)
        Smallest and largest score of each class for each count of the graph's score layer.
    exact : bool array, shape (classes,)
        True if the source computes the sum of the class exactly, and all libraries the operations
        after it alike, so that only these round.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]

    def may_choose(self, counts: npt.NDArray[np.int64], found: npt.NDArray[np.int64],
                   expected: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Find the frames with ``counts``, shape ``(B, classes)``, that rounding may decide.

        In these, either of the classes ``found`` and ``expected`` may have the larger score.
        """
        frames = np.arange(len(counts))
        one, other = counts[frames, found], counts[frames, expected]
        return ((self.high[one, found] >= self.low[other, expected])
                & (self.high[other, expected] >= self.low[one, found]))


def neuron_doubts(linear: Preactivation, segment: Segment,
                  layer: graph.Dense | graph.Conv, probe: Probe) -> NeuronDoubts:
    """Find the counts, next to the switch of each neuron, that the source's rounding may decide.

    Parameters
    ----------
    linear, segment
        The layer in the source, and the steps after it.
    layer, probe
        The layer in the graph, and its values in the source; see
        :func:`~.thresholds.find_thresholds`.
    """
    most, thresholds = linear.tops, layer.thresholds.reshape(-1)
    falls = (layer.weights != linear.weights).reshape(linear.neurons, -1).any(axis=1)
    falls = np.tile(falls, linear.classes)
    # Smallest count above the switch, as the source counts.
    first = np.where(falls, most + 1 - thresholds, thresholds)
    edges = np.stack([linear.ranges[:, 0], first - 1, first, linear.ranges[:, 1]])
    edges = np.clip(edges, *linear.ranges.T)
    here = segment.evaluate(linear.sums(edges)).astype(np.float64)
    changed = np.zeros(edges.shape, bool)
    for shift in _SHIFTS[:2]:
        for deviation in _deviations(segment):
            moved = segment.evaluate(linear.sums(edges, shift), deviation).astype(np.float64)
            changed |= ~(np.abs(moved - here) <= TOLERANCE * probe.half)
    # A deviation of more than the step of a count reaches further counts.
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.nan_to_num(np.floor(linear.slack / (2 * linear.unit)),
                              posinf=linear.count_max)
    reach = np.minimum(reach, most).astype(np.int64)
    low = np.where(changed, edges - reach, most + 1).min(axis=0)
    high = np.where(changed, edges + reach, -1).max(axis=0)
    low, high = np.where(falls, most - high, low), np.where(falls, most - low, high)
    none = ~changed.any(axis=0)
    low, high = np.where(none, 1, low), np.where(none, 0, high)
    return NeuronDoubts(low.reshape(layer.thresholds.shape), high.reshape(layer.thresholds.shape))


def score_doubts(linear: Preactivation, segment: Segment, layer: graph.Score,
                 boundary: float | None = None) -> ScoreDoubts:
    """Tabulate the bounds of the scores of a source.

    Parameters
    ----------
    linear, segment
        The last layer in the source, and the steps after it.
    layer : Score
        The layer in the graph.
    boundary : float or None
        For a source with one output for two classes, the score of class 0; that of class 1 is the
        output. None for a source with an output for each class.
    """
    order = np.argsort(segment.order)
    counts = np.arange(linear.count_max + 1)[:, np.newaxis]
    low = high = None
    for shift in ("", *_SHIFTS):
        for deviation in _deviations(segment):
            table = segment.evaluate(linear.sums(counts, shift), deviation)[:, order]
            table = table.astype(np.float64)
            low = table if low is None else np.minimum(low, table)
            high = table if high is None else np.maximum(high, table)
    assert low is not None and high is not None
    weights, exact = linear.weights[order], (linear.slack[order] == 0) & (not segment.deviates)
    falls = (layer.weights[-len(weights):] != weights).any(axis=1)
    mirrored = replace(linear, tops=linear.tops[order]).mirrored
    low, high = mirrored(low, falls), mirrored(high, falls)
    if boundary is not None:
        low, high = (np.hstack([np.full_like(bound, boundary), bound]) for bound in (low, high))
        exact = np.append(True, exact)
    return ScoreDoubts(low, high, exact)


def _deviations(segment: Segment) -> tuple[int, ...]:
    """Deviations to evaluate a segment with; see :meth:`~.segment.Segment.evaluate`."""
    return (-1, 0, 1) if segment.deviates else (0,)
