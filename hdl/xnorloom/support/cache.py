"""Where files are kept that can be had again: the user's cache, or a folder of this process."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from .files import make_directory

__all__ = ["folder", "writable"]


def folder(name: str) -> Path:
    """The place of folder ``name`` in the user's cache; nothing is made.

    The cache is ``$XDG_CACHE_HOME``, whose specification has relative paths ignored, else
    ``~/.cache``. Where no home is known it is the folder of :func:`writable`.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~"), ".cache")
    return (root if root.is_absolute() else _temporary()) / name


def writable(name: str) -> Path:
    """Folder ``name`` in the user's cache, made if missing.

    Where it cannot be written it is a folder that vanishes when the process ends.
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
