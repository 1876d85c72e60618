"""What the commands say and to whom: text for people, JSON for programs, progress on the side."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

__all__ = ["Console", "timed", "write"]


class Console:
    """The two output streams of a command; what goes to a closed one is lost.

    Parameters
    ----------
    json : bool
        Whether a program reads: then standard output carries one JSON value and nothing else, and
        what would be said to a person there goes to standard error.
    """

    def __init__(self, *, json: bool):
        self._json = json

    def say(self, text: str = "") -> None:
        """Tell a person something."""
        write(sys.stderr if self._json else sys.stdout, text)

    def warn(self, text: str) -> None:
        """Tell a person, on standard error, what may be wrong though the command goes on."""
        write(sys.stderr, f"xnorloom: warning: {text}")

    def note(self, text: str) -> None:
        """Tell a person at a terminal what the program is busy with."""
        if _is_terminal(sys.stderr):
            write(sys.stderr, text)

    def result(self, values: object, text: str | None = None) -> None:
        """Give the result: ``values`` to a program, ``text`` to a person."""
        if self._json:
            write(sys.stdout, json.dumps(values, indent=2))
        elif text is not None:
            self.say(text)

    @contextlib.contextmanager
    def progress(self, what: str, total: int, unit: str, *,
                 always: bool = False) -> Iterator[Callable[[int, int], None]]:
        """Show a bar on standard error while the context lasts; give a function that moves it.

        The function takes how much is done, and of how much, which may differ from ``total``.
        Where standard error is no terminal, there is a bar only if ``always``.
        """
        from tqdm import tqdm

        terminal = _is_terminal(sys.stderr)
        # A log file has no use for ten lines a second.
        pace = 0.1 if terminal else 10
        with tqdm(total=total, desc=what, unit=unit, file=sys.stderr, mininterval=pace,
                  disable=sys.stderr is None or not (always or terminal)) as bar:

            def update(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield update


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def write(stream: TextIO | None, text: str) -> None:
    """Write a line to ``stream`` at once; Python has ``None`` where the descriptor is closed."""
    if stream is None:
        return
    # A name in a model may hold characters that the terminal's encoding lacks.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def timed(tell: Callable[[str], object], *, before: str = "",
          after: str = "") -> Callable[[str], None]:
    """A function that tells the steps of what begins now, with the time since, from any thread.

    It calls ``tell`` with a line: minutes and seconds, ``before``, the step, ``after``.
    """
    start, lock = time.monotonic(), threading.Lock()

    def step(text: str) -> None:
        passed = int(time.monotonic() - start)
        with lock:
            tell(f"{passed // 60:3}:{passed % 60:02}  {before}{text}{after}")

    return step
