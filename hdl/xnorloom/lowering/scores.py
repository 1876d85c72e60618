"""Integer scores of the last layer, which choose the same class for every input."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Score
from ..support.arguments import integer
from ..support.text import clipped
from .input_levels import InputLevels
from .preactivation import Preactivation
from .scale_search import ClassPair, SearchResult, search_scales
from .score_approximation import in_order, nearest
from .score_order import reason
from .score_table import ScoreTable
from .segment import Segment

__all__ = ["IntegerScores", "integer_scores", "lower_scores"]

# Bits of scales, more of which would need multipliers that small FPGAs lack; bound of offsets.
_MOST_BITS, _FARTHEST = 24, 2**40
# With more decisions than this, only scales that keep the order of all scores are tried.
_MOST_WORK = 40_000_000


@dataclass(frozen=True, eq=False)
class IntegerScores:
    """Scores ``scales[c] * count + offsets[c]``; the first class of the largest score is chosen.

    Parameters
    ----------
    scales, offsets : int64 array, shape (classes,)
        Never negative; the least offset is 0.
    changed : int
        Decisions between two classes that differ from those of the source.
    total : int
        All decisions: pairs of classes, with each pair of counts that some input gives them.
    """

    scales: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    changed: int
    total: int

    @property
    def exact(self) -> bool:
        """True if every decision is that of the source."""
        return self.changed == 0

    @property
    def bits(self) -> int:
        """Number of bits of the largest scale."""
        return int(self.scales.max(initial=0)).bit_length()


def lower_scores(linear: Preactivation, segment: Segment, inputs: InputLevels,
                 bits: int | None) -> tuple[Score, IntegerScores]:
    """Lower the last linear layer and the segment after it to a score layer.

    Classes are in the order of the source's output. A score that falls as its count rises gets
    inverted weights.

    Raises
    ------
    SourceError
        If a score is not finite, or for the reasons given at :func:`integer_scores`.
    """
    if segment.deviates:
        raise SourceError(f"the scores must be the same in all libraries, but those of "
                          f"{clipped(segment.tensor)} are computed with a Sigmoid or Tanh: leave "
                          f"off what follows the last layer, {linear.name}")
    classes = np.argsort(segment.order)
    counts = np.arange(linear.count_max + 1)[:, np.newaxis]
    values = np.ascontiguousarray(segment.evaluate(linear.sums(counts))[:, classes], np.float64)
    weights, ranges = linear.weights[classes].copy(), linear.ranges[classes].copy()
    present = None if linear.present is None else linear.present[classes]
    tops, falls = linear.tops[classes], np.zeros(len(classes), np.bool_)
    for number, (low, high) in enumerate(ranges):
        reached = values[low:high + 1, number]
        if not np.isfinite(reached).all():
            raise SourceError(f"the score of class {number} must be finite, but is "
                              f"{reached[~np.isfinite(reached)][0]} where layer {linear.name} has "
                              f"the count {low + int(np.argmin(np.isfinite(reached)))}")
        if reached[-1] < reached[0]:
            falls[number] = True
            weights[number] ^= 1
            ranges[number] = tops[number] - high, tops[number] - low
    values = replace(linear, tops=tops).mirrored(values, falls)
    codes = np.stack([inputs.least, inputs.largest], axis=1)
    try:
        scores = integer_scores(values, weights, ranges, planes=inputs.planes, codes=codes,
                                bits=bits, present=present)
    except SourceError as error:
        if not (text := reason(linear, segment)):
            raise
        raise SourceError(f"no integer scores decide as the network does{text}") from error
    return Score("score", weights, scores.offsets, scores.scales, present), scores


def integer_scores(values: npt.ArrayLike, weights: npt.ArrayLike, ranges: npt.ArrayLike, *,
                   planes: int = 1, codes: npt.ArrayLike | None = None,
                   bits: int | None = None,
                   present: npt.ArrayLike | None = None) -> IntegerScores:
    """Find the smallest integer scales that decide as ``values`` wherever two classes meet.

    Class ``c`` with count p wins over a later class ``e`` with count q if
    ``values[p, c] >= values[q, e]``. Only pairs of counts matter that some input gives the two
    classes at once.

    Parameters
    ----------
    values : float array, shape (N + 1, classes)
        Score of each class for each count, non-decreasing within the range of the class and
        ignored outside. N is the number of synapses of the class that has the most, times
        ``2**planes - 1``.
    weights : array of 0 and 1, shape (classes, synapses)
        1 stands for +1, 0 for -1.
    ranges : int array, shape (classes, 2)
        Smallest and largest count of each class.
    planes : int
        Bits of an input of the layer.
    codes : int array, shape (synapses, 2), or None
        Smallest and largest value of each input, which takes all values between them; ``None``
        stands for 0 and ``2**planes - 1``.
    bits : int or None
        Most bits of a scale. If no such scales are exact, the result is an approximation with the
        fewest changed decisions that were found.
    present : array of bool, shape (classes, synapses), or None
        Synapses that exist; ``None`` for all.

    Raises
    ------
    TypeError, ValueError
        If the arguments are inconsistent.
    SourceError
        If a score is not finite or falls, or if ``bits`` is ``None`` and no scales of up to 24 bits
        (fewer for many classes of very many counts) are exact.
    """
    table = ScoreTable(values, weights, ranges, planes, codes, present)
    bits = None if bits is None else integer("score bits", bits, 1, _MOST_BITS)
    table.check()
    slopes = table.slopes()
    # Neighbouring classes are apart by no more than one count can add.
    limit = min(2**(bits or _MOST_BITS) - 1, _FARTHEST // max(1, 2 * table.values.size))
    pairs: list[ClassPair] = []
    search: SearchResult | None = None
    if table.work > _MOST_WORK:
        found = in_order(table, slopes, limit)
    else:
        pairs = [table.pair(c, e) for c, e in table.meetings.tolist()]
        search = search_scales(pairs, slopes, limit)
        found = search.found
    if found is None and bits is None:
        raise SourceError(f"{_conflict(table, pairs, search, limit)}; --score-bits takes the best "
                          f"of few bits")
    scales, offsets = found or nearest(table, slopes, limit)
    # Without a search, the order of all scores was checked, so that no decision can change.
    changed = 0 if found and search is None else table.changed(table.meetings, scales, offsets)
    if found and changed:
        raise AssertionError(f"{changed} decisions differ though the scales fit every pair")
    return IntegerScores(scales, offsets, changed, table.total())


def _conflict(table: ScoreTable, pairs: list[ClassPair], search: SearchResult | None,
              limit: int) -> str:
    """Explain why no scales are exact, by the two classes whose ratio is the most constrained.

    ``search`` is ``None`` if the pairs were too many for one.
    """
    def span(pair: ClassPair) -> float:
        ratio = pair.ratio()
        return ratio.high / ratio.low if ratio.low else np.inf

    limits = (f"found no integer scales of up to {limit.bit_length()} bits that keep the order of "
              f"the scores of all classes within the search's limits")
    if search is None:
        return (f"{limits}: {len(table.meetings)} pairs of classes of up to {len(table.values)} "
                f"counts are too many")
    worst = min(pairs, key=span)
    ratio = worst.ratio()
    found = f"no integer scales keep the order of the scores of classes {worst.first} and " \
            f"{worst.second}"
    if ratio.low < ratio.high:
        found = "no integer scales keep the order of the scores of all classes" if search.proven \
            else limits
        found += f", classes {worst.first} and {worst.second} being the closest"
    elif plateau := _plateau(table, worst.first, [p for p, _ in ratio.wins + ratio.losses]) \
            or _plateau(table, worst.second, [q for _, q in ratio.wins + ratio.losses]):
        found = f"{plateau}, which no integer scale follows beside class " \
                f"{worst.second if f'class {worst.first} ' in plateau else worst.first}"
    return f"{found}: counts {_listed(ratio.wins)} must win, {_listed(ratio.losses)} must lose"


def _plateau(table: ScoreTable, c: int, counts: list[int]) -> str | None:
    """Describe a class whose score is constant around one of ``counts`` but rises elsewhere.

    Returns None if rounding of a straight line explains the plateau.
    """
    low, high = table.ranges[c]
    column = table.values[low:high + 1, c].astype(np.float64)
    rises = np.diff(column)
    rounding = 4 * np.spacing(abs(table.values[[low, high], c]).max())
    if not (rises > 0).any() or np.median(rises[rises > 0]) <= rounding:
        return None
    for count in counts:
        first, last = low + np.flatnonzero(column == column[count - low])[[0, -1]]
        if first < last:
            return (f"score of class {c} must rise or fall evenly, but has a plateau: it is "
                    f"{table.values[first, c]} at all counts {first} to {last}")
    return None


def _listed(points: tuple[tuple[int, int], ...]) -> str:
    return " and ".join(f"{p}:{q}" for p, q in dict.fromkeys(points))
