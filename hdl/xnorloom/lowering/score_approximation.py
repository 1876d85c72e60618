"""Integer scales of given ratios: those that keep the order of all scores, and approximations."""

import numpy as np
import numpy.typing as npt

from .scale_search import Counts
from .score_table import ScoreTable

__all__ = ["in_order", "nearest"]

# Candidate scales of an approximation, decisions that it evaluates (a few seconds), and values of
# the largest scale that it starts from.
_TRIES, _WORK, _LEADS = 16, 60_000_000, 4096


def in_order(table: ScoreTable, slopes: npt.NDArray[np.float64],
             limit: int) -> tuple[Counts, Counts] | None:
    """Return the first scales of up to 1, 2, 4 … that keep the order of all scores, if any do."""
    middle, centre = _centres(table, slopes)
    for lead in 2**np.arange(limit.bit_length()):
        scales = np.rint(lead * (slopes / (slopes.max() or 1))).astype(np.int64)
        offsets = np.rint(lead * centre).astype(np.int64) - scales * middle
        if table.ordered(scales, offsets):
            return scales, offsets - offsets.min()
    return None


def _centres(table: ScoreTable, slopes: npt.NDArray[np.float64],
             ) -> tuple[Counts, npt.NDArray[np.float64]]:
    """Return a middle count of each class, and its score in units of the largest slope."""
    largest = slopes.max() or 1
    middle = table.ranges.sum(1) // 2
    centre = table.values[middle, np.arange(len(slopes))].astype(np.float64) / 2
    # Distances beyond the largest possible difference of scores are equivalent.
    order = centre.argsort(kind="stable")
    apart = np.minimum(np.diff(centre[order]), 2 * largest * len(table.values)) / largest
    centre[order] = np.concatenate([[0], np.cumsum(apart)])
    return middle, centre


def nearest(table: ScoreTable, slopes: npt.NDArray[np.float64],
            limit: int) -> tuple[Counts, Counts]:
    """Approximate the ratios of the slopes by integer scales of up to ``limit``."""
    largest = slopes.max()
    middle, centre = _centres(table, slopes)
    leads = np.arange(max(1, limit - _LEADS), limit + 1)[:, None]
    rows = np.maximum(np.rint(leads * (slopes / largest)), slopes > 0)
    error = abs(rows / leads - slopes / largest).max(1)
    tries = max(1, min(_TRIES, _WORK // 4 // max(1, table.work)))
    best: tuple[int, Counts, Counts] | None = None
    # Of equal ratios, the largest scales have the finest offsets, the smallest the fewest bits.
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


def _settle(table: ScoreTable, scales: Counts, offsets: Counts, work: int) -> Counts:
    """Adjust one offset at a time as long as that reduces the changed decisions."""
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
