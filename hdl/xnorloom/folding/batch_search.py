"""Search for schedules that process one frame at a time, or several that share weights."""

from collections.abc import Callable, Sequence
from functools import cache

from .search import Candidate, Search

__all__ = ["BatchSearch"]

# Part by which more frames at once must shorten the interval per frame, or save cells.
_PAYS = 0.98


class BatchSearch:
    """Search over the number of frames at once, or of outputs of the first convolution.

    Intervals are cycles per frame.

    Parameters
    ----------
    search_of : callable
        Makes the :class:`~xnorloom.folding.search.Search` for a number of vectors at once.
    vectors : sequence of int
        Numbers to try, ascending from 1; see :func:`~xnorloom.folding.at_once.tried`.

    Attributes
    ----------
    of : callable
        ``search_of``, with a cache.
    vectors : sequence of int
        Numbers that are tried.
    """

    def __init__(self, search_of: Callable[[int], Search], vectors: Sequence[int]):
        self.of, self.vectors = cache(search_of), vectors
        self.device = search_of(1).device

    def interval(self, candidate: Candidate) -> float:
        """Return the cycles per frame of ``candidate``."""
        search = self.of(candidate.folds[0].vectors)
        return search.interval(candidate) / search.frames

    def best(self, interval: float) -> Candidate | None:
        """Return the candidate with the fewest cells and at most ``interval`` cycles per frame."""
        best = None
        for search in map(self.of, self.vectors):
            found = search.best(int(interval * search.frames))
            if found is not None and (best is None or found.cells < _PAYS * best.cells):
                best = found
        return best

    def holds(self, interval: int | None) -> bool:
        """True if any schedule fits, in at most ``interval`` cycles per frame."""
        if interval is None:
            return self.of(1).holds(None)
        return any(search.holds(interval * search.frames)
                   for search in map(self.of, self.vectors))

    def least(self, most: float | None = None) -> Candidate | None:
        """Return the candidate with the fewest cycles per frame; ``None`` if none has ``most``."""
        best = self.of(1).least(None if most is None else int(most))
        if best is None and most is None:
            return None
        for search in map(self.of, self.vectors[1:]):
            limit = most if best is None else _PAYS * self.interval(best)
            assert limit is not None
            best = search.least(int(limit * search.frames)) or best
        return best

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Return one line with the reason why nothing fits, and what would ``instead``."""
        search = self.of(1)
        if interval is not None and search.shortest > interval:
            # Outputs side by side take fewer cycles.
            search = min(map(self.of, self.vectors),
                         key=lambda search: max(interval, search.shortest / search.frames))
        return search.refusal(interval, instead)
