"""Temporary files and directories that do not outlive their process.

A process holds a lock on each of its temporary files and directories. The system releases the
lock when the process ends, however it ends: what is not locked was left by ``kill -9`` or a loss of
power, and is removed by the next process that makes a temporary file in the same directory.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["scratch_directory", "scratch_file", "sweep"]

_PREFIX = ".xnorloom-"
# The prefix, and the random part that `tempfile` adds.
_NAME = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}")
# Where nothing can be locked, only the age tells; in seconds.
_LEFT_OVER = 24 * 3600


@contextlib.contextmanager
def scratch_directory(parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield a new directory in ``parent``, which is removed on exit with all that is in it.

    It is private to its user. ``parent`` is the system's temporary directory by default.

    Raises
    ------
    OSError
        On entry, if it cannot be made.
    """
    where = Path(tempfile.gettempdir() if parent is None else parent)
    sweep(where)
    while True:
        path = tempfile.mkdtemp(prefix=_PREFIX, dir=where)
        try:
            handle = None if fcntl is None else os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if handle is None or _lock(handle, path):
            break
        os.close(handle)
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


@contextlib.contextmanager
def scratch_file(parent: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a new file in ``parent``, open for writing, and its path.

    It is private to its user, and removed on exit unless it was renamed.

    Raises
    ------
    OSError
        On entry, if it cannot be made.
    """
    sweep(parent)
    while True:
        handle, path = tempfile.mkstemp(prefix=_PREFIX, dir=parent)
        if _lock(handle, path):
            break
        os.close(handle)
    with os.fdopen(handle, "wb") as file:
        try:
            yield file, path
        finally:
            if os.name == "nt":  # where open files cannot be removed
                file.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def sweep(parent: Path) -> None:
    """Remove what dead processes of this user left in ``parent``."""
    try:
        with os.scandir(parent) as entries:
            names = [entry.name for entry in entries if _NAME.fullmatch(entry.name)]
    except OSError:
        return
    for name in names:
        # Others may sweep, and end, at the same time.
        with contextlib.suppress(OSError):
            _remove_dead(parent / name)


def _remove_dead(path: Path) -> None:
    found = path.lstat()
    ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not ours or not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        return
    old = time.time() - found.st_mtime > _LEFT_OVER
    if fcntl is None:
        if old:
            _remove(path)
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except OSError as error:
        # On a file system without locks.
        if error.errno != errno.EWOULDBLOCK and old:
            _remove(path)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _lock(handle: int, path: str) -> bool:
    """Lock a new file or directory. False if another process has just swept it."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Without locks on this file system no other process swept it either.
            return error.errno != errno.EWOULDBLOCK
    return os.path.exists(path)
