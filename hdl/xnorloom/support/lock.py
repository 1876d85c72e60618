"""Inter-process lock on a directory."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["directory_lock"]

_POLL_SECONDS = 0.02


@contextlib.contextmanager
def directory_lock(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of an existing directory. Blocks until the lock is free.

    The lock excludes threads and processes. Its file is removed on exit.

    Raises
    ------
    OSError
        If the lock file cannot be written.
    """
    # Importing it takes longer than the rest of this package.
    from filelock import FileLock

    path = Path(directory, ".xnorloom.lock")
    with FileLock(path, poll_interval=_POLL_SECONDS):
        try:
            yield
        finally:
            # Removed while held, so that it is not the file of the next holder; those that wait
            # notice. Windows refuses to remove open files, and filelock removes it there.
            with contextlib.suppress(OSError):
                path.unlink()
