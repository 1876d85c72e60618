"""Search for schedules that process one frame at a time, or several that share weights."""

from collections.abc import Callable
from functools import cache

from .search import Candidate, Search

__all__ = ["BatchSearch"]

# Frames at once that are tried. Each has accumulators of its own, and a part of a chip is left
# for them as long as weights are read from few memories.
_MOST_VECTORS = 8
# Part by which more frames at once must shorten the interval per frame, or save cells.
_PAYS = 0.98


class BatchSearch:
    """Search over the number of frames at once; intervals are cycles per frame.

    Parameters
    ----------
    search_of : callable
        Makes the :class:`~xnorloom.folding.search.Search` for a number of frames at once.
    """

    def __init__(self, search_of: Callable[[int], Search]):
        self._search = cache(search_of)
        self.device = search_of(1).device

    def interval(self, candidate: Candidate) -> float:
        """Return the cycles per frame of ``candidate``."""
        vectors = candidate.folds[0].vectors
        return self._search(vectors).interval(candidate) / vectors

    def best(self, interval: float) -> Candidate | None:
        """Return the candidate with the fewest cells and at most ``interval`` cycles per frame."""
        best = None
        for vectors in range(1, _MOST_VECTORS + 1):
            found = self._search(vectors).best(int(interval * vectors))
            if found is not None and (best is None or found.cells < _PAYS * best.cells):
                best = found
        return best

    def holds(self, interval: int | None) -> bool:
        """True if any schedule fits, in at most ``interval`` cycles per frame."""
        return (self._search(1).holds(None) if interval is None else
                self.best(interval) is not None)

    def least(self) -> Candidate | None:
        """Return the candidate with the fewest cycles per frame, ``None`` if nothing fits."""
        best = self._search(1).least()
        if best is None:
            return None
        for vectors in range(2, _MOST_VECTORS + 1):
            most = int(_PAYS * self.interval(best) * vectors)
            best = self._search(vectors).least(most) or best
        return best

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Return one line with the reason why nothing fits, and what would ``instead``."""
        return self._search(1).refusal(interval, instead)
