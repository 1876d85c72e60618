"""Search for schedules that process one frame at a time, or several that share weights."""

import itertools
from collections.abc import Callable
from functools import cache

from .search import Candidate, Search

__all__ = ["BatchSearch"]

# Part by which more frames at once must shorten the interval per frame, or save cells.
_PAYS = 0.98


class BatchSearch:
    """Search over the number of frames at once; intervals are cycles per frame.

    Parameters
    ----------
    search_of : callable
        Makes the :class:`~xnorloom.folding.search.Search` for a number of frames at once.
    most : int
        Most frames at once. Tried are 1, 2, 3, 4, 6, 8, 12 and so on, and ``most``.

    Attributes
    ----------
    of : callable
        ``search_of``, with a cache.
    vectors : list of int
        Numbers of frames that are tried.
    """

    def __init__(self, search_of: Callable[[int], Search], most: int):
        self.of = cache(search_of)
        steps = itertools.chain((1,), *((2 << bit, 3 << bit) for bit in range(most.bit_length())))
        self.vectors = sorted({most, *(vectors for vectors in steps if vectors < most)})
        self.device = search_of(1).device

    def interval(self, candidate: Candidate) -> float:
        """Return the cycles per frame of ``candidate``."""
        vectors = candidate.folds[0].vectors
        return self.of(vectors).interval(candidate) / vectors

    def best(self, interval: float) -> Candidate | None:
        """Return the candidate with the fewest cells and at most ``interval`` cycles per frame."""
        best = None
        for vectors in self.vectors:
            found = self.of(vectors).best(int(interval * vectors))
            if found is not None and (best is None or found.cells < _PAYS * best.cells):
                best = found
        return best

    def holds(self, interval: int | None) -> bool:
        """True if any schedule fits, in at most ``interval`` cycles per frame."""
        if interval is None:
            return self.of(1).holds(None)
        return any(self.of(vectors).holds(interval * vectors)
                   for vectors in self.vectors)

    def least(self, most: float | None = None) -> Candidate | None:
        """Return the candidate with the fewest cycles per frame; ``None`` if none has ``most``."""
        best = self.of(1).least(None if most is None else int(most))
        if best is None and most is None:
            return None
        for vectors in self.vectors[1:]:
            limit = most if best is None else _PAYS * self.interval(best)
            assert limit is not None
            best = self.of(vectors).least(int(limit * vectors)) or best
        return best

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Return one line with the reason why nothing fits, and what would ``instead``."""
        return self.of(1).refusal(interval, instead)
