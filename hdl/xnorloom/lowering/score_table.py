"""Table of a source's scores, and its decisions between classes."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..support.arguments import integer, integers
from .scale_search import ClassPair, Counts

__all__ = ["ScoreTable"]

# Overhead of a pair of classes, in decisions.
_OF_PAIR = 4000
# Most scores that are sorted.
_SORTED = 2**22
# Counts evaluated at once.
_BLOCK = 2**15


class ScoreTable:
    """Scores of the source by count, and decisions: the winner of two classes that meet.

    Parameters are those of :func:`~.scores.integer_scores`.
    """

    def __init__(self, values: npt.ArrayLike, weights: npt.ArrayLike, ranges: npt.ArrayLike,
                 planes: int, codes: npt.ArrayLike | None,
                 present: npt.ArrayLike | None = None):
        self.values = np.asarray(values)
        self.weights = integers("weights of the scores", weights).astype(np.uint8)
        self.ranges = integers("ranges of the scores", ranges).astype(np.int64)
        top = 2**integer("planes", planes, 1, 8) - 1
        if self.weights.ndim != 2 or (self.weights > 1).any():
            raise ValueError("weights of the scores must be 0 or 1, of shape (classes, synapses)")
        classes, synapses = self.weights.shape
        mask = np.ones(self.weights.shape) if present is None else np.asarray(present)
        if mask.shape != self.weights.shape:
            raise ValueError(f"present of the scores must have the shape {self.weights.shape} of "
                             f"their weights, not {mask.shape}")
        mask = mask.astype(np.float64)
        rows = int(mask.sum(axis=1).max()) * top + 1
        if self.values.shape != (rows, classes):
            raise ValueError(f"values of the scores must have shape "
                             f"({rows}, {classes}), not {self.values.shape}")
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
        # A synapse counts its input where the weight is 1, else the complement to the top.
        base = np.where(self.weights == 1, least, np.subtract(top, largest)) * mask
        self.base = base.sum(1).astype(np.int64)
        signs = (2.0 * self.weights - 1) * mask
        # Spans of synapses that two classes have, whose weights are alike, or apart; and spans of
        # those that only the first, or only the second has.
        both, product = (mask * self.spans) @ mask.T, (signs * self.spans) @ signs.T
        self.alike = ((both + product) / 2).astype(np.int64)
        self.apart = ((both - product) / 2).astype(np.int64)
        own = (mask @ self.spans).astype(np.int64)
        self.only_first = own[:, None] - (self.alike + self.apart)
        self.only_second = self.only_first.T
        self.step = np.where((self.only_first == 0) & (self.only_second == 0), 2, 1)
        self.meetings = np.stack(np.triu_indices(classes, 1), axis=1)
        self.work = self.work_of(self.meetings)
        self._order: tuple[Counts, Counts] | None = None
        self._columns = np.ascontiguousarray(self.values.T)

    def check(self) -> None:
        """Raise ``SourceError`` if a score is not finite, or falls as its count rises."""
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
        """Compute half of what one count adds to the score of each class."""
        low, high = self.ranges.T
        classes = np.arange(len(low))
        # The difference of halves cannot overflow.
        ends = self.values[np.stack([low, high]), classes].astype(np.float64) / 2
        return (ends[1] - ends[0]) / np.maximum(high - low, 1)

    def work_of(self, pairs: Counts) -> int:
        """Estimate the work of evaluating all decisions of ``pairs`` of classes, in decisions."""
        low, high = self.ranges.T
        return int((high - low)[pairs[:, 0]].sum()) + _OF_PAIR * len(pairs)

    def total(self) -> int:
        """Count the decisions."""
        # The number depends only on the distance of two classes and their ranges above their bases.
        c, e = self.meetings.T
        rows = np.column_stack([self.apart[c, e], self.alike[c, e], self.only_first[c, e],
                                self.only_second[c, e], *(self.ranges - self.base[:, None])[c].T,
                                *(self.ranges - self.base[:, None])[e].T])
        _, index, times = np.unique(rows, axis=0, return_index=True, return_counts=True)
        total = 0
        for i, number in zip(index, times, strict=True):
            for part in self._parts():
                low, high, met = self._reach(c[i, None, None], e[i, None, None], part)
                counts = (high - low) // self.step[c[i], e[i]] + 1
                total += int(number) * int(counts[met].sum())
        return total

    def reach(self, c: int, e: int) -> tuple[Counts, Counts, Counts]:
        """Find the counts p of c that meet counts q of e, with the least and the largest such q.

        Every second count between these two meets p, or every one if either class has a synapse
        that the other lacks.
        """
        p = np.arange(self.ranges[c, 0], self.ranges[c, 1] + 1)
        low, high, met = (row[0] for row in self._reach(np.array([[c]]), np.array([[e]]), p))
        return p[met], low[met], high[met]

    def _reach(self, c: Counts, e: Counts,
               p: Counts) -> tuple[Counts, Counts, npt.NDArray[np.bool_]]:
        """For pairs of classes in columns, find the least and the largest q, and if p meets any."""
        apart, alike, first = self.apart[c, e], self.alike[c, e], self.only_first[c, e]
        # Above their bases, both counts rise by u in 0 … alike where the weights are alike; where
        # they are not, c counts v and e counts apart - v. Synapses that only one of them has add to
        # its count alone. All u and v occur, since each input takes all values between its ends;
        # without such synapses p + q and p - q determine them.
        floor, ceiling = self.ranges[c, 0], self.ranges[c, 1]
        own, base = p - self.base[c], self.base[e]
        least = np.maximum(np.maximum(apart - own, own - apart - first), 0)
        most = (apart + self.only_second[c, e] + np.minimum(alike, own)
                - np.maximum(own - alike - first, 0))
        low = np.maximum(least, self.ranges[e, 0] - base)
        high = np.minimum(most, self.ranges[e, 1] - base)
        odd = self.step[c, e] - 1
        low += (low ^ own ^ apart) & odd
        high -= (high ^ own ^ apart) & odd
        return low + base, high + base, (low <= high) & (p >= floor) & (p <= ceiling)

    def _last(self, c: int, e: int, p: Counts) -> Counts:
        """Find the largest count of e with at most the score of p, or one below the range of e."""
        low, high = self.ranges[e]
        column = self._columns[e, low:high + 1]
        return np.searchsorted(column, self._columns[c, p], side="right") + (low - 1)

    def pair(self, c: int, e: int) -> ClassPair:
        """Find the points that scales must separate: for each p the last q beaten and the next."""
        p, low, high = self.reach(c, e)
        last = np.minimum(self._last(c, e, p), high)
        step = self.step[c, e]
        last -= (last - low) % step
        wins, after = last >= low, np.maximum(last + step, low)
        losses = after <= high
        return ClassPair(c, e, (p[wins], last[wins]), (p[losses], after[losses]))

    def ordered(self, scales: Counts, offsets: Counts) -> bool:
        """True if all scores, also of counts that never meet, are in the order of the source.

        If there are too many to sort: True if no decision differs.
        """
        if self.values.size > _SORTED:
            return not any(self._changed(pair, scales, offsets, part)
                           for pair in np.split(self.meetings, len(self.meetings))
                           for part in self._parts())
        if self._order is None:
            counts = [np.arange(low, high + 1) for low, high in self.ranges]
            classes = np.repeat(np.arange(len(counts)), [len(part) for part in counts])
            counts = np.concatenate(counts)
            # The first class of equal scores is the best.
            order = np.lexsort((counts, -classes, self.values[counts, classes]))
            self._order = counts[order], classes[order]
        counts, classes = self._order
        scores = scales[classes] * counts + offsets[classes]
        rises = np.diff(scores)
        return bool(((rises > 0) | (rises == 0) & (np.diff(classes) <= 0)).all())

    def changed(self, pairs: Counts, scales: Counts, offsets: Counts) -> int:
        """Count the decisions of ``pairs`` that differ, from the number of wins of each p."""
        rows = max(1, _BLOCK // len(self.values))
        return sum(self._changed(pairs[start:start + rows], scales, offsets, part)
                   for start in range(0, len(pairs), rows) for part in self._parts())

    def _parts(self) -> Iterator[Counts]:
        """Yield the counts in blocks whose temporary arrays fit a cache."""
        counts = np.arange(len(self.values))
        yield from np.split(counts, range(_BLOCK, len(counts), _BLOCK))

    def _changed(self, pairs: Counts, scales: Counts, offsets: Counts, p: Counts) -> int:
        c, e = pairs.T[:, :, None]
        low, high, met = self._reach(c, e, p)
        wins = np.stack([self._last(first, second, p) for first, second in pairs.tolist()])
        step = self.step[c, e]
        wins = np.maximum((np.minimum(wins, high) - low) // step + 1, 0)
        points = scales[c] * p + (offsets[c] - offsets[e])
        # A class of scale 0 scores the same at all counts.
        last = np.where(scales[e], points // np.maximum(scales[e], 1),
                        np.where(points >= 0, high, low - 1))
        then = np.maximum((np.minimum(last, high) - low) // step + 1, 0)
        return int(abs(then - wins)[met].sum())
