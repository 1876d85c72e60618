"""Progress bar of the weights that are sent to a board."""

import contextlib
from collections.abc import Callable

from .console import Console

__all__ = ["WeightsBar"]


class WeightsBar:
    """Progress bar of the weights that are sent to boards with SPRAM.

    It appears with the first message and closes after the last.
    """

    def __init__(self, console: Console):
        self._console, self._stack = console, contextlib.ExitStack()
        self._bar: Callable[[int, int], None] | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._stack.enter_context(
                self._console.progress("weights", total, " messages"))
        self._bar(done, total)
        if done == total:
            self.close()

    def close(self) -> None:
        """Close the bar, if there is one."""
        self._stack.close()
        self._bar = None
