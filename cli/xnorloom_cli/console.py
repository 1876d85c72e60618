"""Output of the commands: text for people, JSON for programs, progress bars."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from xnorloom.support.text import printable

__all__ = ["Console", "timed", "write"]

# Seconds between two lines of progress in a log file.
_PERIOD = 10
# Seconds after which work is worth a bar.
_PATIENCE = 1


class Console:
    """Standard output and standard error of a command. Text for a closed stream is dropped.

    Parameters
    ----------
    json : bool
        True if a program reads standard output. It then carries one JSON value only, and text for
        people goes to standard error.
    """

    def __init__(self, *, json: bool):
        self._json = json
        self._noticed: set[str] = set()

    def say(self, text: str = "") -> None:
        """Print text for people."""
        write(sys.stderr if self._json else sys.stdout, text)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        write(sys.stderr, f"xnorloom: warning: {text}")

    def note(self, text: str) -> None:
        """Print the current activity on standard error, if that is a terminal."""
        if _is_terminal(sys.stderr):
            write(sys.stderr, text)

    @contextlib.contextmanager
    def steps(self, *, silence: float | None = None) -> Iterator[Callable[[str], None]]:
        """Report the steps of a long task on standard error, in a log file, too.

        The context gives a thread-safe function that prints a line with the time so far. After
        ``silence`` seconds without a step, by default 30 at a terminal and 300 elsewhere, a line
        says that the last step still runs.
        """
        if silence is None:
            silence = 30 if _is_terminal(sys.stderr) else 300
        step = timed(lambda line: write(sys.stderr, line), after=" ...")
        last, news, left = [""], threading.Event(), threading.Event()

        def watch() -> None:
            while not left.is_set():
                if not news.wait(silence) and not left.is_set() and last[0]:
                    step(f"still {last[0]}")
                news.clear()

        def report(text: str) -> None:
            last[0] = text
            news.set()
            step(text)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield report
        finally:
            left.set()
            news.set()
            watcher.join()

    def result(self, values: object, text: str | None = None) -> None:
        """Print the result: ``values`` for programs or ``text`` for people."""
        if self._json:
            write(sys.stdout, json.dumps(values, indent=2))
        elif text is not None:
            self.say(text)

    @contextlib.contextmanager
    def progress(self, what: str, total: int, unit: str, *,
                 always: bool = False) -> Iterator[Callable[[int, int], None]]:
        """Show a progress bar on standard error inside the context.

        The context gives a function that takes the amount done and the total, which may differ
        from ``total``. If standard error is no terminal, the bar is shown only if ``always``.
        """
        from tqdm.auto import tqdm

        terminal = _is_terminal(sys.stderr)
        period = 0.1 if terminal else _PERIOD
        with tqdm(total=total, desc=printable(what), unit=unit, file=sys.stderr, mininterval=period,
                  disable=sys.stderr is None or not (always or terminal)) as bar:

            def update(done: int, total: int) -> None:
                if bar.total != total:
                    bar.reset(total)
                bar.update(done - bar.n)

            yield update

    @contextlib.contextmanager
    def activity(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Show work of the library on standard error if it lasts; see :class:`~.activity.Watcher`.

        A terminal shows a bar after a second, a log gets a line every ten seconds.
        """
        from tqdm.auto import tqdm

        if _is_terminal(sys.stderr):
            with tqdm(desc=printable(what), file=sys.stderr, delay=_PATIENCE) as bar:

                def update(done: int, total: int) -> None:
                    bar.total = total
                    bar.update(done - bar.n)

                yield update
            return
        start = time.monotonic()
        told = [start + _PATIENCE - _PERIOD]

        def tell(done: int, total: int) -> None:
            now = time.monotonic()
            if now - told[0] >= _PERIOD:
                told[0] = now
                write(sys.stderr, f"{what}: {100 * done // max(1, total)} %")

        yield tell
        if told[0] > start:
            write(sys.stderr, f"{what}: done in {time.monotonic() - start:.0f} s")

    def notice(self, text: str) -> None:
        """Print a warning once."""
        if text not in self._noticed:
            self._noticed.add(text)
            self.warn(text)

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show ``what`` and the time that passes inside the context, on a terminal.

        For work whose length is unknown. In a log the text stands once, without the time.
        """
        from tqdm.auto import tqdm

        if not _is_terminal(sys.stderr):
            self.say(f"{what} ...")
            yield
            return
        ended = threading.Event()
        with tqdm(desc=printable(what), bar_format="{desc} ... {elapsed}", file=sys.stderr) as bar:

            def tick() -> None:
                while not ended.wait(1):
                    bar.refresh()

            thread = threading.Thread(target=tick, daemon=True)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def write(stream: TextIO | None, text: str) -> None:
    """Write lines to ``stream`` and flush it; Python has ``None`` for a closed descriptor.

    Whatever ``text`` holds, no control characters but line breaks and tabs reach the stream.
    """
    if stream is None:
        return
    text = "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
    # Names in a model may contain characters that the terminal's encoding lacks.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def timed(report: Callable[[str], object], *, before: str = "",
          after: str = "") -> Callable[[str], None]:
    """Make a thread-safe function that reports a step with the time since this call.

    It calls ``report`` with a line: minutes and seconds, ``before``, the step, ``after``.
    """
    start, lock = time.monotonic(), threading.Lock()

    def step(text: str) -> None:
        passed = int(time.monotonic() - start)
        with lock:
            report(f"{passed // 60:3}:{passed % 60:02}  {before}{text}{after}")

    return step
