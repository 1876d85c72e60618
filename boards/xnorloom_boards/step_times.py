"""Times of the steps of a build, which several threads report."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

__all__ = ["StepTimes"]


class StepTimes:
    """Passes lines of progress on, and measures the time from each to the next.

    A step ends with the next one of its thread. A step of the thread that made this object ends
    those of all threads, whose work it waits for.

    Parameters
    ----------
    progress : callable or None
        Called with each line.
    """

    def __init__(self, progress: Callable[[str], object] | None = None):
        self._progress, self._lock = progress, threading.Lock()
        self._start, self._main = time.monotonic(), threading.get_ident()
        self._date = datetime.now(UTC)
        self._steps: list[dict[str, Any]] = []
        # Step in progress of each thread.
        self._open: dict[int, dict[str, Any]] = {}

    def __call__(self, text: str) -> None:
        thread = threading.get_ident()
        with self._lock:
            now = self._end(None if thread == self._main else thread)
            step = {"step": text, "started": round(now, 3), "seconds": 0.0}
            self._steps.append(step)
            self._open[thread] = step
        if self._progress is not None:
            self._progress(text)

    def _end(self, thread: int | None) -> float:
        """End the step of ``thread``, or all steps; return the time."""
        now = time.monotonic() - self._start
        for key in [key for key in self._open if thread in (None, key)]:
            step = self._open.pop(key)
            step["seconds"] = round(now - step["started"], 3)
        return now

    def values(self) -> dict[str, Any]:
        """End all steps; return ``date``, ``seconds`` so far, and ``steps`` as they started.

        The date is that of the start, in UTC.
        """
        with self._lock:
            return {"date": f"{self._date:%Y-%m-%dT%H:%M:%SZ}",
                    "seconds": round(self._end(None), 3), "steps": [dict(s) for s in self._steps]}
