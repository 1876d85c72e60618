"""Integer thresholds of a layer, from the table of its responses."""

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Conv, Dense, Pool
from .input_levels import InputLevels
from .pooling import pooled_by_and
from .preactivation import TOLERANCE, Preactivation
from .segment import Segment

__all__ = ["LayerReport", "Probe", "find_thresholds"]

# Table elements evaluated at once, a few MiB, which caches hold.
_CHUNK = 1 << 18


@dataclass(frozen=True)
class LayerReport:
    """Counts of the neurons of a layer by how they were lowered.

    Attributes
    ----------
    name, source : str
        Name of the layer in the graph and in the source.
    neurons : int
        Number of neurons.
    inverted : int
        Neurons that fired for small sums; their weights were inverted.
    constant : int
        Neurons that fire always or never.
    near_ties : int
        Neurons of which 1e-5 of one synapse's contribution would change a decision.
    uncertain : int
        Neurons of which the source's own rounding of sums could change a decision, or that of a
        function which libraries compute differently, such as Sigmoid.
    """

    name: str
    source: str
    neurons: int
    inverted: int
    constant: int
    near_ties: int
    uncertain: int


@dataclass(frozen=True, eq=False)
class Probe:
    """Tensor of the source that shows the activations of a layer.

    Neuron ``j`` has the values ``tensor.reshape(B, -1)[:, order[j]]``: ``middle[j] + half`` where
    it fires, and ``middle[j] - half`` where it does not.
    """

    layer: str
    tensor: str
    order: npt.NDArray[np.int64]
    middle: npt.NDArray[np.float64]
    half: float


def find_thresholds(name: str, linear: Preactivation,
                    segment: Segment) -> tuple[Dense | Conv, InputLevels, LayerReport, Probe]:
    """Tabulate the segment between a linear layer and the next, and find its thresholds.

    Returns
    -------
    Dense or Conv, InputLevels, LayerReport, Probe
        The layer of the graph, the levels of its output, its report, and its activations in the
        source.

    Raises
    ------
    SourceError
        If a neuron's response is not finite, has more than two values, switches more than once, or
        has two values whose distance differs from that of other neurons.
    """
    levels = _find_levels(linear, segment)
    fires, falls = _decide(linear, segment, levels)
    classes, neurons = linear.classes, linear.neurons
    constant = (fires == 0) | (fires == linear.tops + 1)
    by_class = (classes, neurons)
    opposed = (falls.reshape(by_class).any(axis=0)
               & (~falls & ~constant).reshape(by_class).any(axis=0))
    if opposed.any():
        raise SourceError(f"the response of layer {linear.name} must switch at most once as the "
                          f"sum rises, but that of neuron {int(np.argmax(opposed))} switches up "
                          f"and down at the border of its map")
    # A neuron fires for its largest counts; where it fires for the smallest, invert the weights.
    inverted = falls.reshape(by_class).any(axis=0)
    falls = np.tile(inverted, classes)
    weights = linear.weights ^ inverted.astype(np.uint8).reshape(
        -1, *[1] * (linear.weights.ndim - 1))
    thresholds = linear.tops + 1 - fires
    if linear.conv is None:
        layer = Dense(name, weights, thresholds, linear.present)
    else:
        least = (pooled_by_and(linear, segment, levels.middle[:neurons])
                 if segment.pool != (1, 1) else None)
        layer = replace(linear.conv, name=name, weights=weights, pool=Pool(segment.pool, least),
                        thresholds=thresholds.reshape(by_class) if classes > 1 else thresholds)
    always = (constant & (fires > 0)).reshape(by_class).all(axis=0)
    never = (constant & (fires == 0)).reshape(by_class).all(axis=0)
    # Counts next to the switch, and at the ends.
    first = np.where(falls, fires, linear.tops + 1 - fires)
    edges = np.stack([linear.ranges[:, 0], first - 1, first, linear.ranges[:, 1]])
    near = _could_change(linear, segment, levels, edges, "near")
    slack = _could_change(linear, segment, levels, edges, "slack")
    deviation = _deviation(linear, segment, edges)
    uncertain = slack | (deviation > TOLERANCE * levels.half)
    error = levels.error + float(deviation[~uncertain].max(initial=0))
    # Each position of a map has the levels of its channel.
    positions = len(segment.order) // neurons
    middle = np.tile(levels.middle[:neurons], positions)
    outputs = InputLevels(1, levels.half, middle, np.ones(len(middle), np.int8),
                          np.tile(always.astype(np.int64), positions),
                          np.tile((~never).astype(np.int64), positions), error, linear.dtype)
    report = LayerReport(name, linear.name, neurons, int(inverted.sum()),
                         int((always | never).sum()),
                         int(near.reshape(by_class).any(axis=0).sum()),
                         int(uncertain.reshape(by_class).any(axis=0).sum()))
    probe = Probe(name, segment.tensor, segment.shown_order, middle, levels.half)
    return layer, outputs, report, probe


@dataclass(frozen=True, eq=False)
class _Levels:
    """The two values of each neuron, ``middle - half`` and ``middle + half``; constants have one.

    ``low`` and ``high`` are the values that the source rounds them to, off by at most ``error``.
    Arrays list the neurons once for each border class, as those of the preactivation.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    half: float
    middle: npt.NDArray[np.float64]
    error: float


def _find_levels(linear: Preactivation, segment: Segment) -> _Levels:
    # A response that switches at most once has all its values at its ends.
    ends = segment.evaluate(linear.sums(linear.ranges.T)).astype(np.float64)
    if not np.isfinite(ends).all():
        _refuse(linear, segment, int(np.argwhere(~np.isfinite(ends))[0][1]), 0)
    ends = ends.reshape(-1, linear.neurons)
    low, high = ends.min(axis=0), ends.max(axis=0)
    spread = high - low
    constant = spread <= TOLERANCE * max(spread.max(), np.abs(ends).max())
    middle = (low + high) / 2
    if constant.all():
        half, common = 1.0, 0.0
    else:
        half = float(np.median(spread[~constant])) / 2
        common = float(np.median(middle[~constant]))
    other = np.flatnonzero(~constant & (np.abs(spread / 2 - half) > TOLERANCE * half))
    if other.size:
        _refuse(linear, segment, int(other[0]), half)
    # The value of a constant neuron is taken for the level on the same side.
    upper = np.where(middle > common, 1.0, -1.0)
    middle = np.where(constant, middle - half * upper, middle)
    middle = np.where(np.abs(middle - common) <= TOLERANCE * half, common, middle)
    nominal = middle + half * np.where(constant, np.stack([upper, upper]), [[-1.0], [1.0]])
    error = np.abs(np.stack([low, high]) - nominal).max()
    low, high, middle = (np.tile(array, linear.classes) for array in (low, high, middle))
    return _Levels(low, high, half, middle, float(error))


def _decide(linear: Preactivation, segment: Segment,
            levels: _Levels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Count for how many counts each neuron fires, and find those that fire for small counts only.

    A count outside a neuron's range is replaced by the nearest inside it.
    """
    neurons = len(linear.tops)
    fires, switches = np.zeros(neurons, np.int64), np.zeros(neurons, np.int64)
    first = before = None
    rows = max(1, _CHUNK // neurons)
    for start in range(0, linear.count_max + 1, rows):
        counts = np.arange(start, min(start + rows, linear.count_max + 1))[:, np.newaxis]
        values = segment.evaluate(linear.sums(np.clip(counts, *linear.ranges.T)))
        bits = values > levels.middle
        known = np.abs(values - np.where(bits, levels.high, levels.low)) <= TOLERANCE * levels.half
        if not known.all():
            _refuse(linear, segment, int(np.argwhere(~known)[0][1]), levels.half)
        fires += (bits & (counts <= linear.tops)).sum(axis=0)
        switches += (bits[1:] != bits[:-1]).sum(axis=0)
        if before is not None:
            switches += bits[0] != before
        first, before = bits[0] if first is None else first, bits[-1]
    if (switches > 1).any():
        _refuse(linear, segment, int(np.argmax(switches > 1)), levels.half)
    assert first is not None and before is not None
    return fires, first & ~before


def _could_change(linear: Preactivation, segment: Segment, levels: _Levels,
                  counts: npt.NDArray[np.int64], shift: str) -> npt.NDArray[np.bool_]:
    """Find the neurons whose response at any of their ``counts`` changes if the sum is shifted."""
    counts = np.clip(counts, *linear.ranges.T)
    here = segment.evaluate(linear.sums(counts))
    changed = np.zeros(len(linear.ranges), bool)
    for moved in (f"-{shift}", f"+{shift}"):
        difference = np.abs(segment.evaluate(linear.sums(counts, moved)) - here)
        changed |= ~(difference <= TOLERANCE * levels.half).all(axis=0)
    return changed


def _deviation(linear: Preactivation, segment: Segment,
               counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Bound the difference of each neuron's responses between libraries at its ``counts``."""
    if not segment.deviates:
        return np.zeros(len(linear.ranges))
    sums = linear.sums(np.clip(counts, *linear.ranges.T))
    here = segment.evaluate(sums).astype(np.float64)
    return np.max([np.abs(segment.evaluate(sums, sign).astype(np.float64) - here)
                   for sign in (-1, 1)], axis=(0, 1))


def _refuse(linear: Preactivation, segment: Segment, neuron: int, half: float) -> NoReturn:
    """Raise an error that explains a neuron's response, from the whole of it.

    ``neuron`` may be that of any border class.
    """
    counts = np.arange(linear.ranges[neuron, 0], linear.ranges[neuron, 1] + 1)
    rows = max(1, _CHUNK // len(linear.ranges))
    values = np.concatenate([
        segment.evaluate(linear.sums(counts[start:start + rows, np.newaxis]))[:, neuron]
        for start in range(0, len(counts), rows)]).astype(np.float64)
    listed, neuron = neuron, neuron % linear.neurons
    if not np.isfinite(values).all():
        place = int(np.argmin(np.isfinite(values)))
        raise SourceError(f"the response of layer {linear.name} must be finite, but that of neuron "
                          f"{neuron} is {values[place]} {_at(linear, int(counts[place]), listed)}")
    # Removes the sign of zeros.
    found = np.unique(values + 0.0)
    found = found[np.append(True, np.diff(found) > TOLERANCE * half)]
    text = ", ".join(f"{value:.6g}" for value in found[:3])
    start = f"the response of layer {linear.name} must have two values, the same for all neurons"
    if len(found) > 3:
        raise SourceError(f"{start}, but neuron {neuron} has {text} and more: a sign is missing "
                          f"between it and the next layer")
    if len(found) == 3:
        place = int(np.argmin(np.abs(values - found[1])))
        raise SourceError(f"{start}, but neuron {neuron} has three, {text}: {found[1]:.6g} "
                          f"{_at(linear, int(counts[place]), listed)}")
    switches = np.count_nonzero(np.diff(values > found.mean()))
    if switches > 1:
        raise SourceError(f"the response of layer {linear.name} must switch at most once as the "
                          f"sum rises, but that of neuron {neuron} switches {switches} times")
    raise SourceError(f"{start}, but neuron {neuron} has {text}, and others have values that are "
                      f"{2 * half:.6g} apart")


def _at(linear: Preactivation, count: int, listed: int) -> str:
    total = float(linear.sums(np.array([[count]]))[0, listed])
    return f"where its count is {count}, its sum {total:.6g}"
