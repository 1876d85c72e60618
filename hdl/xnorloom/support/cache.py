"""The user's cache directory, with a temporary directory as the fallback."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from .files import make_directory

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
    """Return folder ``name`` in the user's cache, created if missing.

    If it cannot be written, the folder lies in a temporary directory of this process, which is
    removed at exit.
    """
    try:
        return make_directory(folder(name))
    except OSError:
        return make_directory(_temporary() / name)


@functools.cache
def _temporary() -> Path:
    path = tempfile.mkdtemp(prefix="xnorloom-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)
