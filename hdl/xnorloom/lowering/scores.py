"""The scores of the last layer as integers that choose the same class for every input."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..support.arguments import integer
from .scale_search import Counts, Pair, Search, smallest
from .score_table import Decisions

__all__ = ["ScoreFold", "fold_scores"]

# Scales of more bits would need multipliers that no small FPGA has. Offsets of a graph end there.
_MOST_BITS, _FARTHEST = 24, 2**40
# An approximation tries this many of the most promising scales, and looks at about this many counts
# in all before it takes the best so far: a few seconds.
_TRIES, _WORK, _LEADS = 16, 60_000_000, 4096
# With more decisions than this only scales that keep the order of all scores are tried.
_MOST_WORK = 40_000_000


@dataclass(frozen=True, eq=False)
class ScoreFold:
    """Class ``c`` scores ``scales[c] * count + offsets[c]``; the first of the largest is chosen.

    Parameters
    ----------
    scales, offsets : int64 array, shape (classes,)
        None is negative; the least offset is 0.
    changed : int
        Decisions between two classes that differ from those of the source, among ``total``.
    total : int
        All pairs of two classes and of counts that some input gives them at once.
    """

    scales: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    changed: int
    total: int

    @property
    def exact(self) -> bool:
        """Whether every decision is that of the source."""
        return self.changed == 0

    @property
    def bits(self) -> int:
        """Bits of the largest scale."""
        return int(self.scales.max(initial=0)).bit_length()


def fold_scores(values: npt.ArrayLike, weights: npt.ArrayLike, ranges: npt.ArrayLike, *,
                planes: int = 1, codes: npt.ArrayLike | None = None,
                bits: int | None = None) -> ScoreFold:
    """Find the smallest integer scales that decide as ``values`` wherever two classes meet.

    Of classes ``c < e`` that have counts p and q, c wins if ``values[p, c] >= values[q, e]``. Only
    pairs of counts matter that some input gives both classes at once.

    Parameters
    ----------
    values : float array, shape (N + 1, classes)
        The score of each class for each count, never falling within the range of the class. N is
        the number of synapses times ``2**planes - 1``. What lies outside is ignored.
    weights : array of 0 and 1, shape (classes, synapses)
        1 stands for +1, 0 for -1.
    ranges : int array, shape (classes, 2)
        The smallest and the largest count of each class.
    planes : int
        Bits of an element of the input of the layer.
    codes : int array, shape (synapses, 2)
        The smallest and the largest value of each element of that input, which takes all values
        between; ``None`` stands for 0 and ``2**planes - 1``.
    bits : int
        Scales of at most so many bits, exact if there are any, else the best that are found:
        those that change the fewest decisions.

    Raises
    ------
    TypeError, ValueError
        If the arguments do not fit each other.
    SourceError
        If a score is not finite or falls, or if ``bits`` is ``None`` and no scales of up to 24 bits
        (fewer for many classes of very many counts) are exact.
    """
    table = Decisions(values, weights, ranges, planes, codes)
    bits = None if bits is None else integer("score bits", bits, 1, _MOST_BITS)
    table.check()
    slopes = table.slopes()
    # Neighbouring classes are apart by no more than what a count can add.
    limit = min(2**(bits or _MOST_BITS) - 1, _FARTHEST // max(1, 2 * table.values.size))
    pairs: list[Pair] = []
    if table.work > _MOST_WORK:
        search = Search(_in_order(table, slopes, limit), False)
    else:
        pairs = [table.pair(c, e) for c, e in table.meetings.tolist()]
        search = smallest(pairs, slopes, limit)
    if search.found is None and bits is None:
        raise SourceError(f"{_conflict(table, pairs, search, limit)}; --score-bits takes the best "
                          f"of few bits")
    scales, offsets = search.found or _nearest(table, slopes, limit)
    # That the order of all is kept was seen by itself, and needs no look at each decision.
    changed = 0 if search.found and not pairs else table.changed(table.meetings, scales, offsets)
    if search.found and changed:
        raise AssertionError(f"{changed} decisions differ though the scales fit every pair")
    return ScoreFold(scales, offsets, changed, table.total())


def _in_order(table: Decisions, slopes: npt.NDArray[np.float64],
              limit: int) -> tuple[Counts, Counts] | None:
    """The first of scales up to 1, 2, 4 … that keep the order of all scores, if one does."""
    middle, centre = _centres(table, slopes)
    for lead in 2**np.arange(limit.bit_length()):
        scales = np.rint(lead * (slopes / (slopes.max() or 1))).astype(np.int64)
        offsets = np.rint(lead * centre).astype(np.int64) - scales * middle
        if table.ordered(scales, offsets):
            return scales, offsets - offsets.min()
    return None


def _centres(table: Decisions, slopes: npt.NDArray[np.float64],
             ) -> tuple[Counts, npt.NDArray[np.float64]]:
    """A count of each class, and its score in units of the largest slope."""
    largest = slopes.max() or 1
    middle = table.ranges.sum(1) // 2
    centre = table.values[middle, np.arange(len(slopes))].astype(np.float64) / 2
    # No count makes up for a distance of more than all counts.
    order = centre.argsort(kind="stable")
    apart = np.minimum(np.diff(centre[order]), 2 * largest * len(table.values)) / largest
    centre[order] = np.concatenate([[0], np.cumsum(apart)])
    return middle, centre


def _nearest(table: Decisions, slopes: npt.NDArray[np.float64],
             limit: int) -> tuple[Counts, Counts]:
    """Scales up to ``limit`` of the same ratios as the slopes, as far as integers can be."""
    largest = slopes.max()
    middle, centre = _centres(table, slopes)
    leads = np.arange(max(1, limit - _LEADS), limit + 1)[:, None]
    rows = np.maximum(np.rint(leads * (slopes / largest)), slopes > 0)
    error = abs(rows / leads - slopes / largest).max(1)
    tries = max(1, min(_TRIES, _WORK // 4 // max(1, table.work)))
    best: tuple[int, Counts, Counts] | None = None
    # The largest scales of equal ratios have the finest offsets, the smallest need the least.
    signed = leads[:, 0] if tries == _TRIES else -leads[:, 0]
    for k in np.lexsort((signed, error))[:tries]:
        scales = rows[k].astype(np.int64)
        offsets = np.rint(leads[k] * centre).astype(np.int64) - scales * middle
        changed = table.changed(table.meetings, scales, offsets)
        if best is None or changed < best[0]:
            best = changed, scales, offsets
    assert best is not None
    offsets = _settle(table, best[1], best[2], tries * table.work)
    return best[1], offsets - offsets.min()


def _settle(table: Decisions, scales: Counts, offsets: Counts, work: int) -> Counts:
    """Move one offset at a time while that changes fewer decisions."""
    def changed(c: int, trial: Counts) -> int:
        nonlocal work
        mine = table.meetings[(table.meetings == c).any(1)]
        work += table.work_of(mine)
        return table.changed(mine, scales, trial)

    step = int(scales.max())
    while step and work < _WORK:
        moved = False
        for c in range(len(scales)):
            if work >= _WORK:
                break
            now = changed(c, offsets)
            for by in (step, -step):
                trial = offsets.copy()
                trial[c] += by
                if (then := changed(c, trial)) < now:
                    offsets, now, moved = trial, then, True
                    break
        if not moved:
            step //= 2
    return offsets


def _conflict(table: Decisions, pairs: list[Pair], search: Search, limit: int) -> str:
    """Why no scales are exact: the two classes that leave the ratio of theirs the least room."""
    def room(pair: Pair) -> float:
        ratio = pair.ratio()
        return ratio.high / ratio.low if ratio.low else np.inf

    limits = (f"found no integer scales of up to {limit.bit_length()} bits that keep the order of "
              f"the scores of all classes within the search's limits")
    if not pairs:
        return (f"{limits}: {len(table.meetings)} pairs of classes of up to {len(table.values)} "
                f"counts are too many")
    worst = min(pairs, key=room)
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


def _plateau(table: Decisions, c: int, counts: list[int]) -> str | None:
    """What is to say of a class whose score stays the same at one of ``counts`` and rises elsewhere
    by more than rounding makes of a straight line.
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
