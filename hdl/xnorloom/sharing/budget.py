"""Budget of the search for shared counts, in steps, so that equal layers give equal programs."""

from collections.abc import Callable

from ..support.arguments import integer

__all__ = ["Budget"]


class Budget:
    """Steps that a search may take.

    A step is a row inserted into the tree or a count that sums share: about a millisecond.

    Parameters
    ----------
    steps : int
        Most steps.
    progress : callable or None
        Called after each step with the number of steps taken, and of those expected in all.

    Attributes
    ----------
    taken : int
        Steps taken.
    exhausted : bool
        True if a step was refused.
    """

    def __init__(self, steps: int, progress: Callable[[int, int], object] | None = None):
        self._steps, self._progress = integer("Budget steps", steps, 0), progress
        self._expected = self._steps
        self.taken, self.exhausted = 0, False

    def expect(self, steps: int) -> None:
        """Say how many steps the search is likely to take."""
        self._expected = min(self._steps, steps)

    def take(self) -> bool:
        """Take a step; return false if there is none left."""
        if self.taken == self._steps:
            self.exhausted = True
            return False
        self.taken += 1
        if self._progress is not None:
            self._progress(self.taken, max(self.taken, self._expected))
        return True
