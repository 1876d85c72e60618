"""The scores of the last layer as integers that choose the same class for every input."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from .checks import integer, integers
from .errors import SourceError
from .separation import Counts, Pair, smallest

__all__ = ["ScoreFold", "fold_scores"]

# Scales of more bits would need multipliers that no small FPGA has. Offsets of a graph end there.
_MOST_BITS, _FARTHEST = 24, 2**40
# An approximation tries this many of the most promising scales, and looks at about this many counts
# in all before it takes the best so far: a few seconds.
_TRIES, _WORK, _LEADS = 16, 60_000_000, 4096


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
    table = _Table(values, weights, ranges, planes, codes)
    bits = None if bits is None else integer("score bits", bits, 1, _MOST_BITS)
    table.check()
    pairs = [table.pair(c, e) for c, e in table.meetings]
    slopes = table.slopes()
    # Neighbouring classes are apart by no more than what a count can add.
    limit = min(2**(bits or _MOST_BITS) - 1, _FARTHEST // max(1, 2 * table.values.size))
    found = smallest(pairs, slopes, limit)
    exact = found is not None
    if found is None:
        if bits is None:
            raise SourceError(_conflict(pairs, limit))
        found = _nearest(table, slopes, limit)
    scales, offsets = found
    changed = sum(table.changed(c, e, scales, offsets) for c, e in table.meetings)
    if exact and changed:
        raise AssertionError(f"{changed} decisions differ though the scales fit every pair")
    total = sum(table.met(c, e) for c, e in table.meetings)
    return ScoreFold(scales, offsets, changed, total)


class _Table:
    """The decisions of the source: what two classes can count at once, and which of them wins."""

    def __init__(self, values: npt.ArrayLike, weights: npt.ArrayLike, ranges: npt.ArrayLike,
                 planes: int, codes: npt.ArrayLike | None):
        self.values = np.asarray(values)
        self.weights = integers("weights of the scores", weights).astype(np.uint8)
        self.ranges = integers("ranges of the scores", ranges).astype(np.int64)
        top = 2**integer("planes", planes, 1, 8) - 1
        if self.weights.ndim != 2 or (self.weights > 1).any():
            raise ValueError("weights of the scores must be 0 or 1, of shape (classes, synapses)")
        classes, synapses = self.weights.shape
        if self.values.shape != (synapses * top + 1, classes):
            raise ValueError(f"values of the scores must have shape "
                             f"({synapses * top + 1}, {classes}), not {self.values.shape}")
        low, high = self.ranges.T if self.ranges.shape == (classes, 2) else ([1], [0])
        if not np.less_equal(0, low).all() or not np.less_equal(low, high).all() \
                or not np.less(high, len(self.values)).all():
            raise ValueError(f"ranges of the scores must be {classes} pairs of counts, the smaller "
                             f"first, in 0 to {len(self.values) - 1}")
        spread = np.broadcast_to([0, top], (synapses, 2)) if codes is None \
            else integers("codes of the elements", codes).astype(np.int64)
        least, largest = spread.T if spread.shape == (synapses, 2) else ([1], [0])
        if not np.less_equal(0, least).all() or not np.less_equal(least, largest).all() \
                or not np.less_equal(largest, top).all():
            raise ValueError(f"codes of the elements must be {synapses} pairs of values, the "
                             f"smaller first, in 0 to {top}")
        self.spans = np.subtract(largest, least)
        # An element counts with its value where the weight is 1, else with what is left to the top.
        self.base = np.where(self.weights == 1, least, np.subtract(top, largest)).sum(1)
        self.meetings = tuple(combinations(range(classes), 2))
        self._wins: dict[tuple[int, int], npt.NDArray[np.int32]] = {}

    def check(self) -> None:
        """Refuse scores that are not finite or that fall."""
        for c, (low, high) in enumerate(self.ranges):
            column = self.values[low:high + 1, c]
            wrong = np.flatnonzero(~np.isfinite(column))
            if len(wrong):
                raise SourceError(f"score of class {c} must be finite, not {column[wrong[0]]} at "
                                  f"count {low + wrong[0]}")
            falls = np.flatnonzero(column[1:] < column[:-1])
            if len(falls):
                k = falls[0]
                raise SourceError(f"score of class {c} must only rise or only fall as its count "
                                  f"rises, but turns: it is {column[k]} at count {low + k} and "
                                  f"{column[k + 1]} at {low + k + 1}")

    def slopes(self) -> npt.NDArray[np.float64]:
        """How much a count adds to the score of each class, in the source's unit."""
        low, high = self.ranges.T
        classes = np.arange(len(low))
        ends = self.values.astype(np.float64)[np.stack([low, high]), classes] / 2
        return (ends[1] - ends[0]) / np.maximum(high - low, 1)

    def reach(self, c: int, e: int) -> tuple[Counts, Counts, Counts]:
        """The counts p of c that meet counts q of e, with the least and the largest such q.

        Between these, every second count meets p.
        """
        apart = int(self.spans[self.weights[c] != self.weights[e]].sum())
        alike = int(self.spans.sum()) - apart
        # Above their bases both counts rise by u in 0 … alike where the weights are alike; where
        # they are not, c counts v and e counts apart - v. All u and v occur, since each element
        # takes all values between its ends, and p + q and p - q give them.
        p = np.arange(self.ranges[c, 0], self.ranges[c, 1] + 1)
        own = p - self.base[c]
        floor, ceiling = self.ranges[e] - self.base[e]
        low = np.maximum(abs(own - apart), floor)
        high = np.minimum(np.minimum(own + apart, apart + 2 * alike - own), ceiling)
        low += (low ^ own ^ apart) & 1
        high -= (high ^ own ^ apart) & 1
        met = low <= high
        return p[met], low[met] + self.base[e], high[met] + self.base[e]

    def _last(self, c: int, e: int, p: Counts) -> Counts:
        """The largest count of e that scores no more than count p of c, or one below its range."""
        low, high = self.ranges[e]
        column = self.values[low:high + 1, e]
        return np.searchsorted(column, self.values[p, c], side="right") + low - 1

    def pair(self, c: int, e: int) -> Pair:
        """The points that scales must separate: for each p the last q that c wins, and the next."""
        p, low, high = self.reach(c, e)
        last = np.minimum(self._last(c, e, p), high)
        last -= (last ^ low) & 1
        wins, after = last >= low, np.maximum(last + 2, low)
        losses = after <= high
        return Pair(c, e, (p[wins], last[wins]), (p[losses], after[losses]))

    def met(self, c: int, e: int) -> int:
        """How many decisions there are between two classes."""
        _, low, high = self.reach(c, e)
        return int(((high - low) // 2 + 1).sum())

    def changed(self, c: int, e: int, scales: Counts, offsets: Counts) -> int:
        """How many decisions of two classes differ, from counting the wins of each p alone."""
        p, low, high = self.reach(c, e)
        if (c, e) not in self._wins:
            wins = (np.minimum(self._last(c, e, p), high) - low) // 2 + 1
            self._wins[c, e] = np.maximum(wins, 0).astype(np.int32)
        points = scales[c] * p + (offsets[c] - offsets[e])
        last = points // scales[e] if scales[e] else np.where(points >= 0, high, low - 1)
        wins = np.maximum((np.minimum(last, high) - low) // 2 + 1, 0)
        return int(abs(wins - self._wins[c, e]).sum())


def _nearest(table: _Table, slopes: npt.NDArray[np.float64],
             limit: int) -> tuple[Counts, Counts]:
    """Scales up to ``limit`` of the same ratios as the slopes, as far as integers can be."""
    largest = slopes.max()
    middle = table.ranges.sum(1) // 2
    centre = table.values.astype(np.float64)[middle, np.arange(len(slopes))] / 2
    # No count makes up for a distance of more than all counts.
    order = centre.argsort(kind="stable")
    apart = np.minimum(np.diff(centre[order]), 2 * largest * len(table.values)) / largest
    centre[order] = np.concatenate([[0], np.cumsum(apart)])
    leads = np.arange(max(1, limit - _LEADS), limit + 1)[:, None]
    rows = np.maximum(np.rint(leads * (slopes / largest)), slopes > 0)
    error = abs(rows / leads - slopes / largest).max(1)
    work = max(1, sum(high - low + 1 for low, high in table.ranges) * len(slopes) // 2)
    best: tuple[int, Counts, Counts] | None = None
    for k in error.argsort(kind="stable")[:max(1, min(_TRIES, _WORK // 4 // work))]:
        scales = rows[k].astype(np.int64)
        offsets = np.rint(leads[k] * centre).astype(np.int64) - scales * middle
        changed = sum(table.changed(c, e, scales, offsets) for c, e in table.meetings)
        if best is None or changed < best[0]:
            best = changed, scales, offsets
    assert best is not None
    offsets = _settle(table, best[1], best[2])
    return best[1], offsets - offsets.min()


def _settle(table: _Table, scales: Counts, offsets: Counts) -> Counts:
    """Move one offset at a time while that changes fewer decisions."""
    work = 0

    def changed(c: int, trial: Counts) -> int:
        nonlocal work
        mine = [pair for pair in table.meetings if c in pair]
        work += sum(table.ranges[a, 1] - table.ranges[a, 0] + 1 for a, _ in mine)
        return sum(table.changed(*pair, scales, trial) for pair in mine)

    step = int(scales.max())
    while step and work < _WORK:
        moved = False
        for c in range(len(scales)):
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


def _conflict(pairs: list[Pair], limit: int) -> str:
    """Why no scales are exact: the two classes that leave the ratio of theirs the least room."""
    def room(pair: Pair) -> float:
        ratio = pair.ratio()
        return ratio.high / ratio.low if ratio.low else np.inf

    worst = min(pairs, key=room)
    ratio = worst.ratio()
    name = f"classes {worst.first} and {worst.second}"
    advice = "--score-bits takes the best of few bits"
    found = f"no integer scales keep the order of the scores of {name}"
    if ratio.low < ratio.high:
        found = (f"no integer scales of up to {limit.bit_length()} bits keep the order of the "
                 f"scores of all classes, {name} being the closest")
    return (f"{found}: counts {_listed(ratio.wins)} must win, {_listed(ratio.losses)} must lose; "
            f"{advice}")


def _listed(points: tuple[tuple[int, int], ...]) -> str:
    return " and ".join(f"{p}:{q}" for p, q in dict.fromkeys(points))
