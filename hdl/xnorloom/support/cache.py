"""The user's cache directory, with a temporary directory as the fallback."""

import atexit
import contextlib
import functools
from pathlib import Path

from .files import make_directory
from .private import make_private
from .scratch import scratch_directory

__all__ = ["folder", "writable"]


def folder(name: str) -> Path:
    """Return the path of folder ``name`` in the user's cache. Creates nothing.

    The cache is ``$XDG_CACHE_HOME`` if that is an absolute path, else the platform's directory:
    ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows. Without a
    home directory it is the temporary directory of :func:`writable`.
    """
    # Importing it takes longer than the rest of this package.
    import platformdirs

    try:
        return platformdirs.user_cache_path() / name
    except RuntimeError:
        return _temporary() / name


def writable(name: str) -> Path:
    """Return folder ``name`` in the user's cache, created with mode 0700 if missing.

    If it cannot be written, the folder lies in a temporary directory of this process, which is
    removed at exit.

    Raises
    ------
    UnsafeDirectoryError
        If other users can write it; see :func:`~.private.check_private`.
    """
    place = folder(name)
    # Directories of other programs, such as YoWASP, are made by them, with modes of their choice.
    depth = len(Path(name).parts) - 1
    try:
        return make_directory(make_private(place, place.parents[depth] if depth else place))
    except OSError:
        return make_directory(make_private(_temporary() / name))


@functools.cache
def _temporary() -> Path:
    scratch = contextlib.ExitStack()
    atexit.register(scratch.close)
    return scratch.enter_context(scratch_directory())
