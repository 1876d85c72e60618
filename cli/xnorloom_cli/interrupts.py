"""Ctrl-C in the process of the command line: one line and status 130, at any time.

Before the work of a command there are only imports, and after it the interpreter's own clean-up:
then the process ends at once. In between Ctrl-C raises ``KeyboardInterrupt``, so that temporary
files are removed.
"""

# This module is imported before Ctrl-C is handled, so that it imports nothing that takes time: the
# module `signal` takes as long as all others together.
import _signal  # pyright: ignore[reportMissingImports]
import _thread
import os
import sys
import time

__all__ = ["INTERRUPTED", "SAID", "end_at_once", "interrupted", "raise_in_command"]

INTERRUPTED = 128 + _signal.SIGINT
"""Exit status, as a shell reports it."""

SAID = "xnorloom: interrupted"
"""Last words of the process."""

_interrupted = False


def end_at_once() -> None:
    """From now on Ctrl-C ends the process. No exceptions are raised, no files removed."""
    _handle(_end)


def raise_in_command() -> None:
    """From now on Ctrl-C raises ``KeyboardInterrupt``, which nothing can lose."""
    _handle(_raise)
    sys.unraisablehook = _again


def interrupted() -> bool:
    """True if ``KeyboardInterrupt`` was raised; an import may have turned it into another error."""
    return _interrupted


def _handle(handler: object) -> None:
    try:
        # A process in the background ignores Ctrl-C, and a caller may handle it.
        if _signal.getsignal(_signal.SIGINT) in (_signal.default_int_handler, _end, _raise):
            _signal.signal(_signal.SIGINT, handler)
    except ValueError:
        # Only the main thread handles signals.
        pass


def _end(number: int, frame: object) -> None:
    if not _interrupted:
        try:
            os.write(2, f"{SAID}\n".encode())
        except OSError:
            pass
    os._exit(INTERRUPTED)


def _raise(number: int, frame: object) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _again(problem: "sys.UnraisableHookArgs") -> None:
    """Raise Ctrl-C again if it fell into a callback, whose exceptions Python prints and drops."""
    if issubclass(problem.exc_type, KeyboardInterrupt):
        # From another thread, after the callback.
        _thread.start_new_thread(_press, ())
    else:
        sys.__unraisablehook__(problem)


def _press() -> None:
    time.sleep(0.001)
    _thread.interrupt_main()
