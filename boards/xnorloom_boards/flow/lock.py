"""One build at a time in a directory."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from xnorloom.errors import ToolError

from .tools import EXTRA

__all__ = ["alone"]


def alone(directory: str | os.PathLike[str]) -> AbstractContextManager[None]:
    """A context that waits until no other process or thread is in it with the same directory.

    Entering it takes ``directory`` to be there; leaving it, however that may come, leaves nothing
    there.

    Raises
    ------
    ToolError
        If filelock is not installed; when the context is made, so before there is work to lose.
    """
    try:
        from filelock import FileLock
    except ModuleNotFoundError as error:
        raise ToolError(f"filelock is needed and not installed: {EXTRA}") from error
    path = Path(directory, ".xnorloom.lock")
    return _held(FileLock(path), path)


@contextlib.contextmanager
def _held(lock: AbstractContextManager[object], path: Path) -> Iterator[None]:
    with lock:
        try:
            yield
        finally:
            # While it is held, so that it is nobody else's; those who wait for it take notice.
            # Windows keeps files that are open, and the lock removes it there.
            with contextlib.suppress(OSError):
                path.unlink()
