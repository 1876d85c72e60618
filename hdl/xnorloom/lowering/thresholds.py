"""From the table of a layer's responses to integer thresholds, or to the reason why not."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Dense
from .input_levels import Elements
from .preactivation import TOLERANCE, Stage
from .segment import Section

__all__ = ["LayerReport", "Tap", "binarize"]

# Elements of the part of a table that is worked on at once: a few MiB, which caches hold.
_CHUNK = 1 << 18


@dataclass(frozen=True)
class LayerReport:
    """What became of the neurons of a layer.

    ``inverted`` fired for small sums, so their weights were inverted; ``constant`` fire always or
    never; for ``near_ties`` 1e-5 of one synapse's contribution would change a decision; for
    ``uncertain`` the source's own rounding of sums could.
    """

    name: str
    source: str
    neurons: int
    inverted: int
    constant: int
    near_ties: int
    uncertain: int


@dataclass(frozen=True, eq=False)
class Tap:
    """Where a run of the source shows the activations of a layer: neuron ``j`` has the values
    ``tensor.reshape(B, -1)[:, order[j]]``, ``middle[j] + half`` where it fires and ``middle[j] -
    half`` where it does not."""

    layer: str
    tensor: str
    order: npt.NDArray[np.int64]
    middle: npt.NDArray[np.float64]
    half: float


def binarize(name: str, stage: Stage,
             behind: Section) -> tuple[Dense, Elements, LayerReport, Tap]:
    """Tabulate what is behind a linear layer, up to the next.

    Returns the layer of the graph, what it puts out, a report, and where the source shows it.

    Raises
    ------
    SourceError
        If a neuron's response is not finite, has more than two values, switches more than once,
        or differs in size from that of others.
    """
    levels = _find_levels(stage, behind)
    fires, falls = _decide(stage, behind, levels)
    constant = (fires == 0) | (fires == stage.count_max + 1)
    # Those that fire are the largest counts, or become so by inverting the weights.
    weights = stage.weights ^ falls[:, np.newaxis].astype(np.uint8)
    layer = Dense(name, weights, stage.count_max + 1 - fires)
    least = (constant & (fires > 0)).astype(np.int64)
    largest = np.where(constant, least, 1)
    elements = Elements(1, levels.half, levels.middle, np.ones(len(fires), np.int8), least, largest,
                        levels.error, stage.dtype)
    # The last counts before and the first after the switch, and those at the ends.
    first = np.where(falls, fires, stage.count_max + 1 - fires)
    edges = np.stack([stage.ranges[:, 0], first - 1, first, stage.ranges[:, 1]])
    near = _could_change(stage, behind, levels, edges, "near")
    slack = _could_change(stage, behind, levels, edges, "slack")
    report = LayerReport(name, stage.name, len(fires), int(falls.sum()), int(constant.sum()),
                         int(near.sum()), int(slack.sum()))
    tap = Tap(name, behind.tensor, behind.order, levels.middle, levels.half)
    return layer, elements, report, tap


@dataclass(frozen=True, eq=False)
class _Levels:
    """The two values of each neuron: ``middle - half`` and ``middle + half``, of which a constant
    one has one, and ``low`` and ``high`` as the source rounds them, off by at most ``error``."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    half: float
    middle: npt.NDArray[np.float64]
    error: float


def _find_levels(stage: Stage, behind: Section) -> _Levels:
    # A response that switches once has all its values at its ends.
    ends = behind.evaluate(stage.sums(stage.ranges.T)).astype(np.float64)
    if not np.isfinite(ends).all():
        _refuse(stage, behind, int(np.argwhere(~np.isfinite(ends))[0][1]), 0)
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
        _refuse(stage, behind, int(other[0]), half)
    # The one value of a constant neuron is taken for the level that is on the same side.
    upper = np.where(middle > common, 1.0, -1.0)
    middle = np.where(constant, middle - half * upper, middle)
    middle = np.where(np.abs(middle - common) <= TOLERANCE * half, common, middle)
    nominal = middle + half * np.where(constant, np.stack([upper, upper]), [[-1.0], [1.0]])
    error = np.abs(np.stack([low, high]) - nominal).max()
    return _Levels(low, high, half, middle, float(error))


def _decide(stage: Stage, behind: Section,
            levels: _Levels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """For how many counts each neuron fires, and whether for the small ones but not the large.

    A count beyond what a neuron reaches counts as the nearest that it does.
    """
    neurons = len(stage.ranges)
    fires, switches = np.zeros(neurons, np.int64), np.zeros(neurons, np.int64)
    first = before = None
    rows = max(1, _CHUNK // neurons)
    for start in range(0, stage.count_max + 1, rows):
        counts = np.arange(start, min(start + rows, stage.count_max + 1))
        values = behind.evaluate(stage.sums(np.clip(counts[:, np.newaxis], *stage.ranges.T)))
        bits = values > levels.middle
        known = np.abs(values - np.where(bits, levels.high, levels.low)) <= TOLERANCE * levels.half
        if not known.all():
            _refuse(stage, behind, int(np.argwhere(~known)[0][1]), levels.half)
        fires += bits.sum(axis=0)
        switches += (bits[1:] != bits[:-1]).sum(axis=0)
        if before is not None:
            switches += bits[0] != before
        first, before = bits[0] if first is None else first, bits[-1]
    if (switches > 1).any():
        _refuse(stage, behind, int(np.argmax(switches > 1)), levels.half)
    assert first is not None and before is not None
    return fires, first & ~before


def _could_change(stage: Stage, behind: Section, levels: _Levels, counts: npt.NDArray[np.int64],
                  shift: str) -> npt.NDArray[np.bool_]:
    """Whether moving a neuron's sum changes its response at any of its ``counts``."""
    counts = np.clip(counts, *stage.ranges.T)
    here = behind.evaluate(stage.sums(counts))
    changed = np.zeros(len(stage.ranges), bool)
    for moved in (f"-{shift}", f"+{shift}"):
        difference = np.abs(behind.evaluate(stage.sums(counts, moved)) - here)
        changed |= ~(difference <= TOLERANCE * levels.half).all(axis=0)
    return changed


def _refuse(stage: Stage, behind: Section, neuron: int, half: float) -> NoReturn:
    """Say what is wrong with the response of a neuron, from all of it."""
    counts = np.arange(stage.ranges[neuron, 0], stage.ranges[neuron, 1] + 1)
    rows = max(1, _CHUNK // len(stage.ranges))
    values = np.concatenate([
        behind.evaluate(stage.sums(counts[start:start + rows, np.newaxis]))[:, neuron]
        for start in range(0, len(counts), rows)]).astype(np.float64)
    if not np.isfinite(values).all():
        place = int(np.argmin(np.isfinite(values)))
        raise SourceError(f"the response of layer {stage.name} must be finite, but that of neuron "
                          f"{neuron} is {values[place]} {_at(stage, int(counts[place]), neuron)}")
    # Zero may have a sign, which is not worth telling.
    found = np.unique(values + 0.0)
    found = found[np.append(True, np.diff(found) > TOLERANCE * half)]
    text = ", ".join(f"{value:.6g}" for value in found[:3])
    start = f"the response of layer {stage.name} must have two values, the same for all neurons"
    if len(found) > 3:
        raise SourceError(f"{start}, but neuron {neuron} has {text} and more: a sign is missing "
                          f"between it and the next layer")
    if len(found) == 3:
        place = int(np.argmin(np.abs(values - found[1])))
        raise SourceError(f"{start}, but neuron {neuron} has three, {text}: {found[1]:.6g} "
                          f"{_at(stage, int(counts[place]), neuron)}")
    switches = np.count_nonzero(np.diff(values > found.mean()))
    if switches > 1:
        raise SourceError(f"the response of layer {stage.name} must switch at most once as the sum "
                          f"rises, but that of neuron {neuron} switches {switches} times")
    raise SourceError(f"{start}, but neuron {neuron} has {text}, and others have values that are "
                      f"{2 * half:.6g} apart")


def _at(stage: Stage, count: int, neuron: int) -> str:
    total = float(stage.sums(np.array([[count]]))[0, neuron])
    return f"where its count is {count}, its sum {total:.6g}"
