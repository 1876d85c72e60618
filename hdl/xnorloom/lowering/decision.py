"""Two classes from the single output of a source, by its own decision point.

Binary classifiers often have one output: a logit, which is decided at 0, the Sigmoid of it, decided
at 0.5, or the result of the decision itself. The decision point follows from the function between
the last layer and the output: its two values, or its limits for sums of any size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Score
from ..support.text import quoted
from .preactivation import Preactivation
from .probe_sums import probe_sums
from .score_order import reason
from .scores import IntegerScores
from .segment import Segment

__all__ = ["Decision", "two_classes"]

# Deviation of a probability's limits from 0 and 1, for one that is quantized to 8 bits.
_NEAR = 0.02


@dataclass(frozen=True, eq=False)
class Decision:
    """Score layer of two classes that decides as the source.

    The two classes have the same weights, with opposite signs, and scales of 1.

    Attributes
    ----------
    layer : Score
        Score layer with the classes 0 and 1.
    scores : IntegerScores
        Its scales and offsets.
    boundary : float
        Class 1 is chosen where the source's output is above it; where it is equal, class 0.
    notes : tuple of str
        Remarks for the user.
    """

    layer: Score
    scores: IntegerScores
    boundary: float
    notes: tuple[str, ...]


def two_classes(linear: Preactivation, segment: Segment) -> Decision:
    """Find the counts of the last layer's only neuron for which the source chooses class 1.

    Raises
    ------
    SourceError
        If the output has no known decision point, is not finite, or crosses it more than once as
        the sum rises.
    """
    boundary, output = _boundary(linear, segment), quoted(segment.tensor)
    low, high = linear.ranges[0]
    counts = np.arange(low, high + 1)[:, np.newaxis]
    sums = linear.sums(counts)
    values = segment.evaluate(sums)[:, 0].astype(np.float64)
    if not np.isfinite(values).all():
        place = int(np.argmin(np.isfinite(values)))
        raise SourceError(f"the output {output} must be finite, but is {values[place]} "
                          f"where layer {quoted(linear.name)} has the count {low + place}")
    wins = values > boundary
    switches = np.count_nonzero(wins[1:] != wins[:-1])
    if switches > 1:
        raise SourceError(f"the output {output} must cross its decision point, "
                          f"{boundary:g}, at most once as the sum of layer "
                          f"{quoted(linear.name)} rises, but crosses it {switches} times")
    weights, count_max = linear.weights[0], linear.count_max
    # Class 1 is chosen if its count is at least this.
    first = low + int(np.count_nonzero(~wins))
    if wins[0] and not wins[-1]:
        weights = weights ^ 1
        first = count_max - low - int(np.count_nonzero(wins)) + 1
    # The count of class 0 is count_max less that of class 1, and class 0 wins a tie.
    apart = 2 * first - 1 - count_max
    offsets = np.array([max(apart, 0), max(-apart, 0)])
    present = None if linear.present is None else np.repeat(linear.present, 2, axis=0)
    layer = Score("score", np.stack([weights ^ 1, weights]), offsets, present=present)
    notes = [f"one output, {output}: class 1 where it is above {boundary:g}, else class 0"]
    moved = [segment.evaluate(linear.sums(counts, shift)) for shift in ("-slack", "+slack")]
    moved += [segment.evaluate(sums, sign) for sign in (-1, 1)]
    if any(((values[:, 0] > boundary) != wins).any() for values in moved):
        notes.append(f"the output {output} comes so near to {boundary:g} that the class "
                     f"may depend on the rounding of the source")
    scores = IntegerScores(layer.scales, layer.offsets, 0, len(values))
    return Decision(layer, scores, boundary, tuple(notes))


def _boundary(linear: Preactivation, segment: Segment) -> float:
    """Find the decision point of the output from its values for sums of any size."""
    values = _finite_values(segment, probe_sums(linear))
    found = np.unique(values)
    low, high = found[0], found[-1]
    if len(found) == 2:
        return float((low + high) / 2)
    if np.allclose([low, high], [0, 1], rtol=0, atol=_NEAR):
        return 0.5
    if low < 0 < high:
        return 0.0
    if low == high:
        found_text = f"is {low:g} for every input"
    else:
        found_text = f"has values from {low:.6g} to {high:.6g}"
    raise SourceError(f"the network has one output, {quoted(segment.tensor)}, whose decision point "
                      f"must be known: 0 for a logit, 0.5 after Sigmoid, or a comparison; but it "
                      f"{found_text}{reason(linear, segment)}")


def _finite_values(segment: Segment, sums: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    values = segment.evaluate(sums)[:, 0].astype(np.float64)
    if np.isnan(values).all():
        raise SourceError(f"the output {quoted(segment.tensor)} must be a number, not NaN")
    # Removes the sign of zeros.
    return values[~np.isnan(values)] + 0.0
