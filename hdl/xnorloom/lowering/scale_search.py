"""The smallest integer scales and offsets that decide between classes as a table says.

For two classes the table is a set of points of counts ``(p, q)`` where the first wins and a set
where it loses. Only corners of the hulls matter of either, and there are few: lattice points near
a line. What scales allow offsets is then a question of differences between the offsets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Pair", "Search", "smallest"]

Counts = npt.NDArray[np.int64]

# Above any sum of products of scales and counts, and twice it is still a 64-bit integer.
_FAR = 2**60
# Every class beside the reference class tries three scales while the rows of scales are few: the
# matrices of so many rows, with an element for every two classes, take some megabytes.
_FEW = 400_000
# Leads looked at and tried at once.
_BATCH, _PART = 2**15, 128
# Leads tried before steps are taken, for few classes; a lead of many classes is more work.
_PATIENCE, _FEW_CLASSES = 8192, 10
# A search ends after about so many microseconds of work, which are reckoned, not measured, so that
# it ends the same everywhere: an operation on small arrays takes some, an element a little.
_BUDGET, _CALL, _ELEMENTS = 6_000_000, 20, 200


class Pair:
    """The points where class ``first`` wins over class ``second``, and those where it loses.

    With scales ``a`` and ``b`` of the two and a difference ``D`` of their offsets, winning is
    ``a * p + D >= b * q``.

    Parameters
    ----------
    first, second : int
        The classes.
    wins, losses : pair of int arrays
        The counts p and q of the points, p rising strictly.
    """

    def __init__(self, first: int, second: int, wins: tuple[Counts, Counts],
                 losses: tuple[Counts, Counts]):
        self.first, self.second = first, second
        self.wins = _corners(*wins)
        p, q = _corners(-losses[0][::-1], -losses[1][::-1])
        self.losses = -p, -q

    def least(self, a: Counts, b: Counts) -> Counts:
        """The least ``D`` that lets the first win where it must, for arrays of scales."""
        p, q = self.wins
        return (b[:, None] * q - a[:, None] * p).max(1, initial=-_FAR)

    def most(self, a: Counts, b: Counts) -> Counts:
        """The largest ``D`` that lets the first lose where it must."""
        p, q = self.losses
        return (b[:, None] * q - a[:, None] * p).min(1, initial=_FAR + 1) - 1

    def ratio(self) -> "Ratio":
        """Between what ``b / a`` must lie, both ends excluded; empty if ``low >= high``."""
        dp = self.wins[0][:, None] - self.losses[0]
        dq = self.wins[1][:, None] - self.losses[1]
        # A win and a loss ask for b * dq < a * dp. Where the table rises with both counts, dp is
        # positive wherever dq is not negative.
        low, high = np.zeros(dp.shape), np.full(dp.shape, np.inf)
        np.divide(dp, dq, out=low, where=(dq < 0) & (dp < 0))
        np.divide(dp, dq, out=high, where=dq > 0)
        if not low.size:
            return Ratio(0.0, np.inf, (), ())
        i, j = np.unravel_index(low.argmax(), low.shape)
        k, m = np.unravel_index(high.argmin(), high.shape)
        return Ratio(float(low[i, j]), float(high[k, m]),
                     ((int(self.wins[0][i]), int(self.wins[1][i])),
                      (int(self.wins[0][k]), int(self.wins[1][k]))),
                     ((int(self.losses[0][j]), int(self.losses[1][j])),
                      (int(self.losses[0][m]), int(self.losses[1][m]))))


@dataclass(frozen=True)
class Ratio:
    """The open interval of a ratio of two scales; the wins and losses that make its ends."""

    low: float
    high: float
    wins: tuple[tuple[int, int], ...]
    losses: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Search:
    """What a search found: scales and offsets; if none, whether it is proven that there are none.
    """

    found: tuple[Counts, Counts] | None
    proven: bool


class _Work:
    """What is left to a search."""

    def __init__(self):
        self.left = _BUDGET

    def spend(self, calls: int, elements: int) -> bool:
        """Account for work, and tell whether some is left."""
        self.left -= _CALL * calls + elements // _ELEMENTS
        return self.left > 0


def _corners(x: Counts, y: Counts) -> tuple[Counts, Counts]:
    """The points that ``b * y - a * x`` can be largest at, for some ``a, b >= 0``; x rises."""
    if not len(x):
        return x, y
    record = np.maximum.accumulate(y)
    keep = np.concatenate([[True], y[1:] > record[:-1]])
    x, y = x[keep], y[keep]
    corners, spans = {0, len(x) - 1}, [(0, len(x) - 1)]
    while spans:
        i, j = spans.pop()
        if j - i < 2:
            continue
        inner = slice(i + 1, j)
        height = (x[j] - x[i]) * (y[inner] - y[i]) - (y[j] - y[i]) * (x[inner] - x[i])
        best = int(height.argmax())
        if height[best] > 0:
            corners.add(i + 1 + best)
            spans += [(i, i + 1 + best), (i + 1 + best, j)]
    chosen = sorted(corners)
    return x[chosen], y[chosen]


def limits(pairs: Sequence[Pair], classes: int) -> npt.NDArray[np.float64]:
    """``limits[c, e]`` is what ``scale[e] / scale[c]`` must stay below, from all chains of pairs.

    There are no scales if one on the diagonal is below 1.
    """
    high = np.full((classes, classes), np.inf)
    np.fill_diagonal(high, 1)
    for pair in pairs:
        ratio = pair.ratio()
        high[pair.first, pair.second] = ratio.high
        high[pair.second, pair.first] = 1 / ratio.low if ratio.low else np.inf
        if ratio.low >= ratio.high:
            high[pair.first, pair.first] = 0.5
    for k in range(classes):
        high = np.minimum(high, high[:, k, None] * high[k])
    return high


def offsets_for(pairs: Sequence[Pair], rows: Counts) -> tuple[Counts, Counts] | None:
    """The first row of scales that offsets go with, and those of the smallest spread, least 0."""
    classes = rows.shape[1]
    path = np.full((len(rows), classes, classes), _FAR)
    path[:, range(classes), range(classes)] = 0
    for pair in pairs:
        a, b = rows[:, pair.first], rows[:, pair.second]
        path[:, pair.first, pair.second] = -pair.least(a, b)
        path[:, pair.second, pair.first] = pair.most(a, b)
    # path[:, c, e] bounds offset[e] - offset[c]; the shortest paths are the closest bounds, and
    # those from a source 0 away from every class have the smallest spread of all solutions.
    for k in range(classes):
        path = np.minimum(path, path[:, :, k, None] + path[:, None, k])
    fitting = np.flatnonzero((path.diagonal(0, 1, 2) >= 0).all(1))
    if not len(fitting):
        return None
    nearest = path[fitting[0]].min(0)
    return rows[fitting[0]], nearest - nearest.min()


def smallest(pairs: Sequence[Pair], slopes: npt.NDArray[np.float64],
             limit: int) -> Search:
    """The smallest scales up to ``limit`` that have offsets, and these.

    All ones come first. Then the class of the largest slope gets 1, 2, 3 …, and each other class
    the integers that the ratios leave it, at most the three nearest to the slopes. After many
    values in vain it goes on in larger and larger steps, and what it finds is not the smallest;
    and it ends in vain after some seconds of work.

    Parameters
    ----------
    slopes : float array
        About the scales that are looked for, in any unit, none negative.
    """
    found = offsets_for(pairs, np.ones((1, len(slopes)), np.int64))
    if found is not None:
        return Search(found, True)
    reference = int(slopes.argmax())
    bounds = limits(pairs, len(slopes))
    if (bounds.diagonal() < 1 - 1e-9).any():
        return Search(None, True)
    # A hair more on both sides, as the division was rounded; the pairs themselves then decide.
    low, high = 1 / bounds[:, reference] * (1 - 1e-12), bounds[reference] * (1 + 1e-12)
    middle = np.clip(slopes / max(slopes[reference], np.finfo(float).tiny), low, high)
    low[reference] = high[reference] = middle[reference] = 1
    work = _Work()
    # As much as the hulls of the pairs took.
    work.spend(15 * len(pairs), 0)
    for leads in _leads(low, high, limit, work):
        rows = _candidates(pairs, leads, low, middle, high, limit, work)
        if len(rows) and work.spend(len(pairs), len(rows) * len(slopes)**3) \
                and (found := offsets_for(pairs, rows)) is not None:
            return Search(found, True)
    return Search(None, False)


def _leads(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64],
           limit: int, work: _Work) -> Iterator[Counts]:
    """The scales of the reference class, few at a time, that leave all others an integer."""
    narrowest = (high - low).argsort()
    patience = _PATIENCE * _FEW_CLASSES**2 // max(_FEW_CLASSES, len(low))**2
    tried, start, batch = 0, 1, _PART
    while start <= limit:
        if tried < patience:
            leads = np.arange(start, min(start + batch, limit + 1))
            batch = min(2 * batch, _BATCH)
        else:
            step = max(1, start // _PART)
            leads = np.arange(start, min(start + _PART * step, limit + 1), step)
        start = int(leads[-1]) + 1
        if not work.spend(len(low), 2 * len(leads) * len(low)):
            return
        for c in narrowest:
            leads = leads[np.ceil(leads * low[c]) <= np.floor(leads * high[c])]
        tried += len(leads)
        for part in np.split(leads, range(_PART, len(leads), _PART)):
            if work.left > 0:
                yield part


def _candidates(pairs: Sequence[Pair], leads: Counts, low: npt.NDArray[np.float64],
                middle: npt.NDArray[np.float64], high: npt.NDArray[np.float64],
                limit: int, work: _Work) -> Counts:
    """Scales about ``lead * middle`` that every pair alone allows, in the order of the leads."""
    rows = np.empty((len(leads), 0), np.int64)
    few = _FEW // len(middle)**2
    by_second: list[list[Pair]] = [[] for _ in middle]
    for pair in pairs:
        by_second[pair.second].append(pair)
    for c in range(len(middle)):
        if not work.spend(2, 10 * len(rows)):
            return rows[:0]
        first, last = np.ceil(leads * low[c]), np.minimum(np.floor(leads * high[c]), limit)
        wanted = np.clip(np.rint(leads * middle[c]), first, last).astype(np.int64)
        sides = np.array([0, -1, 1] if len(rows) <= few else [0])
        value = wanted[:, None] + sides
        index, side = np.nonzero((value >= first[:, None]) & (value <= last[:, None]))
        leads, rows = leads[index], np.column_stack([rows[index], value[index, side]])
        for pair in by_second[c]:
            if len(rows):
                corners = len(pair.wins[0]) + len(pair.losses[0])
                work.spend(1, len(rows) * corners)
                a, b = rows[:, pair.first], rows[:, c]
                fits = pair.least(a, b) <= pair.most(a, b)
                leads, rows = leads[fits], rows[fits]
    return rows
