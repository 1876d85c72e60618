"""Search for the smallest integer scales and offsets that reproduce the decisions of a table.

For two classes, the table is a set of points of counts ``(p, q)`` where the first wins, and a set
where it loses. Only the corners of their convex hulls matter, and they are few, since the points
are lattice points near a line. For given scales, the offsets are a system of difference
constraints.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ClassPair", "Counts", "SearchResult", "search_scales"]

Counts = npt.NDArray[np.int64]

# Above any sum of products of scales and counts; twice it is still a 64-bit integer.
_FAR = 2**60
# Elements of the matrices of all rows of scales, some megabytes; with fewer rows, each class other
# than the reference class tries three scales.
_FEW = 400_000
# Leads examined and tried at once.
_BATCH, _PART = 2**15, 128
# Leads tried before steps grow, for few classes; more classes take more work per lead.
_PATIENCE, _FEW_CLASSES = 8192, 10
# Budget of a search in microseconds, and their estimated cost: per numpy call, and elements per
# microsecond. The time is estimated, not measured, so that results are the same everywhere.
_BUDGET, _CALL, _ELEMENTS = 6_000_000, 20, 200


class ClassPair:
    """Points where class ``first`` wins over class ``second``, and points where it loses.

    With scales ``a`` and ``b`` and a difference ``D`` of the offsets, the first wins if
    ``a * p + D >= b * q``.

    Parameters
    ----------
    first, second : int
        Classes.
    wins, losses : pair of int arrays
        Counts p and q of the points, p strictly rising.
    """

    def __init__(self, first: int, second: int, wins: tuple[Counts, Counts],
                 losses: tuple[Counts, Counts]):
        self.first, self.second = first, second
        self.wins = _corners(*wins)
        p, q = _corners(-losses[0][::-1], -losses[1][::-1])
        self.losses = -p, -q

    def least(self, a: Counts, b: Counts) -> Counts:
        """Compute the least ``D`` with which the first wins where it must, for arrays of scales."""
        p, q = self.wins
        return (b[:, None] * q - a[:, None] * p).max(1, initial=-_FAR)

    def most(self, a: Counts, b: Counts) -> Counts:
        """Compute the largest ``D`` with which the first loses where it must."""
        p, q = self.losses
        return (b[:, None] * q - a[:, None] * p).min(1, initial=_FAR + 1) - 1

    def ratio(self) -> "Ratio":
        """Compute the open interval that ``b / a`` must lie in; empty if ``low >= high``."""
        dp = self.wins[0][:, None] - self.losses[0]
        dq = self.wins[1][:, None] - self.losses[1]
        # A win and a loss require b * dq < a * dp. As the table rises with both counts, dp is
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
    """Open interval of a ratio of two scales, with the wins and losses that bound it."""

    low: float
    high: float
    wins: tuple[tuple[int, int], ...]
    losses: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SearchResult:
    """Scales and offsets that a search found; if none, ``proven`` is True if there are none."""

    found: tuple[Counts, Counts] | None
    proven: bool


class _Work:
    """Remaining budget of a search."""

    def __init__(self):
        self.left = _BUDGET

    def spend(self, calls: int, elements: int) -> bool:
        """Account for work; returns True if some budget is left."""
        self.left -= _CALL * calls + elements // _ELEMENTS
        return self.left > 0


def _corners(x: Counts, y: Counts) -> tuple[Counts, Counts]:
    """Return the points where ``b * y - a * x`` can be largest for some ``a, b >= 0``; x rises."""
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


def limits(pairs: Sequence[ClassPair], classes: int) -> npt.NDArray[np.float64]:
    """Compute the bound ``limits[c, e]`` of ``scale[e] / scale[c]`` from all chains of pairs.

    If an element of the diagonal is below 1, there are no scales.
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


def offsets_for(pairs: Sequence[ClassPair], rows: Counts) -> tuple[Counts, Counts] | None:
    """Return the first row of scales that has offsets, and its offsets of smallest spread, least 0.
    """
    classes = rows.shape[1]
    path = np.full((len(rows), classes, classes), _FAR)
    path[:, range(classes), range(classes)] = 0
    for pair in pairs:
        a, b = rows[:, pair.first], rows[:, pair.second]
        path[:, pair.first, pair.second] = -pair.least(a, b)
        path[:, pair.second, pair.first] = pair.most(a, b)
    # path[:, c, e] bounds offset[e] - offset[c]; the shortest paths are the tightest bounds, and
    # those from a node at distance 0 of every class are the solution of smallest spread.
    for k in range(classes):
        path = np.minimum(path, path[:, :, k, None] + path[:, None, k])
    fitting = np.flatnonzero((path.diagonal(0, 1, 2) >= 0).all(1))
    if not len(fitting):
        return None
    nearest = path[fitting[0]].min(0)
    return rows[fitting[0]], nearest - nearest.min()


def search_scales(pairs: Sequence[ClassPair], slopes: npt.NDArray[np.float64],
             limit: int) -> SearchResult:
    """Find the smallest scales up to ``limit`` that have offsets.

    All ones are tried first. Then the class of the largest slope gets 1, 2, 3 …, and each other
    class the integers that the ratios allow, at most the three nearest to the slopes. After many
    failures the steps grow, so that the result need not be the smallest, and after some seconds of
    work the search gives up.

    Parameters
    ----------
    pairs : sequence of ClassPair
        All pairs of classes.
    slopes : float array
        Approximate scales in any unit, none negative.
    limit : int
        Largest scale.
    """
    found = offsets_for(pairs, np.ones((1, len(slopes)), np.int64))
    if found is not None:
        return SearchResult(found, True)
    reference = int(slopes.argmax())
    bounds = limits(pairs, len(slopes))
    if (bounds.diagonal() < 1 - 1e-9).any():
        return SearchResult(None, True)
    # Widened on both sides for the rounding of the division; the pairs decide exactly.
    low, high = 1 / bounds[:, reference] * (1 - 1e-12), bounds[reference] * (1 + 1e-12)
    middle = np.clip(slopes / max(slopes[reference], np.finfo(float).tiny), low, high)
    low[reference] = high[reference] = middle[reference] = 1
    work = _Work()
    # Work of the hulls of the pairs.
    work.spend(15 * len(pairs), 0)
    for leads in _leads(low, high, limit, work):
        rows = _candidates(pairs, leads, low, middle, high, limit, work)
        if len(rows) and work.spend(len(pairs), len(rows) * len(slopes)**3) \
                and (found := offsets_for(pairs, rows)) is not None:
            return SearchResult(found, True)
    return SearchResult(None, False)


def _leads(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64],
           limit: int, work: _Work) -> Iterator[Counts]:
    """Yield scales of the reference class that leave every other class an integer, in blocks."""
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


def _candidates(pairs: Sequence[ClassPair], leads: Counts, low: npt.NDArray[np.float64],
                middle: npt.NDArray[np.float64], high: npt.NDArray[np.float64],
                limit: int, work: _Work) -> Counts:
    """Find scales near ``lead * middle`` that each pair allows, in the order of the leads."""
    rows = np.empty((len(leads), 0), np.int64)
    few = _FEW // len(middle)**2
    by_second: list[list[ClassPair]] = [[] for _ in middle]
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
