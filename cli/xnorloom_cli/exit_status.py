"""How the program ends: exit statuses, errors in one line, and signals that let it clean up."""

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

from .console import write

__all__ = ["BUG", "ending"]

# What the C library's sysexits.h calls an internal software error.
BUG = 70
# What a shell reports for a program that a signal ended: 128 plus the signal's number.
_INTERRUPTED, _BROKEN_PIPE, _TERMINATED = 128 + 2, 128 + 13, 128 + 15


class _Terminated(BaseException):
    """SIGTERM came."""


def ending(run: Callable[[], int]) -> int:
    """Return what ``run`` does, or the exit status of what ended it, which is told in one line.

    An exception that nobody thought of is a bug: it is told with its traceback.
    """
    with _Bugs():
        try:
            with _termination():
                try:
                    return run()
                finally:
                    # Here, for a reader that has gone to be noticed in time.
                    if sys.stdout is not None:
                        sys.stdout.flush()
        except XnorloomError as error:
            return _fail(str(error))
        except BrokenPipeError:
            _to_nowhere(sys.stdout)
            _to_nowhere(sys.stderr)
            return _BROKEN_PIPE
        except OSError as error:
            _to_nowhere(sys.stdout)
            where = f"{error.filename}: " if error.filename is not None else ""
            return _fail(f"{where}{error.strerror or error}")
        except MemoryError as error:
            return _fail(f"not enough memory: {error}" if str(error) else "not enough memory")
        except KeyboardInterrupt:
            _last_words("xnorloom: interrupted")
            return _INTERRUPTED
        except _Terminated:
            _last_words("xnorloom: terminated")
            return _TERMINATED
    return BUG


class _Bugs:
    """Tells what ends its context, unless that is meant to end the program, and holds it back."""

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
    """Let SIGTERM end the context as Ctrl-C does, unless somebody else handles or ignores it."""
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
    # `timeout` sends it twice, to the program and to its group; once is enough to clean up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _to_nowhere(stream: TextIO | None) -> None:
    """Spare the interpreter, which flushes once more when it exits, an error it had before."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(text: str) -> None:
    # What ended the program decides its status, told or not.
    try:
        write(sys.stderr, text)
    except OSError:
        _to_nowhere(sys.stderr)


def _last_words(text: str) -> None:
    _tell(text)
    # Amaranth warns of each component that is not elaborated any more, thousands of them.
    warnings.simplefilter("ignore")


def _fail(message: str) -> int:
    _tell(f"xnorloom: error: {' '.join(message.split())}")
    return 2
