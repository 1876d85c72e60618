"""Exit statuses: errors reported in one line, and signals that let the program clean up."""

import contextlib
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NoReturn, TextIO

from xnorloom.errors import XnorloomError
from xnorloom.support.text import printable

from .console import write
from .interrupts import INTERRUPTED, SAID, end_at_once, interrupted

__all__ = ["BUG", "exit_status"]

# EX_SOFTWARE in sysexits.h, an internal software error.
BUG = 70
# As a shell reports signals: 128 plus the number.
_BROKEN_PIPE, _TERMINATED = 128 + 13, 128 + 15


class _Terminated(BaseException):
    """Raised by SIGTERM."""


def exit_status(run: Callable[[], int]) -> int:
    """Call ``run`` and return the exit status: its result, or that of the error that ended it.

    Errors are reported in one line on standard error; an unexpected exception is a bug and
    reported with its traceback.
    """
    with _Bugs():
        try:
            with _termination():
                try:
                    return _run(run)
                finally:
                    # A closed pipe must raise inside of this block.
                    if sys.stdout is not None:
                        sys.stdout.flush()
        except XnorloomError as error:
            return _fail(str(error), error.page)
        except BrokenPipeError:
            _discard(sys.stdout)
            _discard(sys.stderr)
            return _BROKEN_PIPE
        except OSError as error:
            _discard(sys.stdout)
            where = f"{printable(error.filename)}: " if error.filename is not None else ""
            return _fail(f"{where}{error.strerror or error}")
        except MemoryError as error:
            return _fail(f"not enough memory: {error}" if str(error) else "not enough memory")
        except KeyboardInterrupt:
            # A second Ctrl-C must not end this line in the middle.
            end_at_once()
            _last_words(SAID)
            return INTERRUPTED
        except _Terminated:
            _last_words("xnorloom: terminated")
            return _TERMINATED
    return BUG


def _run(run: Callable[[], int]) -> int:
    try:
        return run()
    except Exception as error:
        # Modules written in C turn Ctrl-C during their import into an ImportError.
        if interrupted():
            raise KeyboardInterrupt from error
        raise


class _Bugs:
    """Context that reports and suppresses exceptions, but not Ctrl-C, SIGTERM and SystemExit."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        _last_words("".join(traceback.format_exception(error)).rstrip())
        return True


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Let SIGTERM raise as Ctrl-C does, unless it is handled or ignored already."""
    if (threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL):
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: object) -> NoReturn:
    # `timeout` signals the program and its group; the second signal must not end the clean-up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _discard(stream: TextIO | None) -> None:
    """Redirect a broken stream, which the interpreter flushes again at exit."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(text: str) -> None:
    # The status is the same if the message cannot be written.
    try:
        write(sys.stderr, text)
    except OSError:
        _discard(sys.stderr)


def _last_words(text: str) -> None:
    _tell(text)
    # Amaranth would warn of thousands of components that were not elaborated.
    warnings.simplefilter("ignore")


def _fail(message: str, page: str = "") -> int:
    where = f"; see docs/{page}" if page else ""
    _tell(f"xnorloom: error: {' '.join(message.split())}{where}")
    return 2
