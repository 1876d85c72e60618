"""Folders that are made once, kept under the hash of all that went into them, and shared."""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import listing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["entry", "key"]

_DAY = 24 * 3600  # seconds
_UNUSED, _LEFT_OVER = 30 * _DAY, _DAY

# The folder of a cache may hold other things, so what may be removed is told by its name.
_BUILD = "xnorloom-build-"
_OURS = re.compile(rf"{_BUILD}\w{{8}}|(runtime-)?[0-9a-f]{{32}}(\.log)?")

_REFUSED = "Cannot write to the cache folder {!r}: {}"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def key(parts: Sequence[object]) -> str:
    """A name for strings, numbers and sequences of them; other ones have another name."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def entry(place: Path, product: str, make: Callable[[Path, Path], None]) -> Path:
    """Folder ``place`` with file ``product`` in it, made by ``make(folder, log)`` where missing.

    It is made aside and moved in place when complete, so builds of the same thing at the same time
    and builds cut short do no harm. What ``make`` wrote is listed in a file beside it (see
    :mod:`.manifest`); an entry in which a listed file is not as it was, or that has no list, is
    made anew. ``log`` is a file for the output of what fails; it stays.
    Making one removes its neighbours of which nobody asked for a product in the last 30 days.

    Raises
    ------
    OSError
        If the folder cannot be written, or ``make`` leaves no product.
    """
    if listing.whole(place, product):
        # The time of its last use; in a cache that only others may write it has none.
        with contextlib.suppress(OSError):
            os.utime(place)
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=_BUILD, dir=place.parent,
                                              ignore_cleanup_errors=True)
    except OSError as error:
        raise _refused(place, error) from error
    with scratch, _full(place):
        folder = Path(scratch.name) / place.name
        folder.mkdir()
        make(folder, place.with_suffix(".log"))
        if not (folder / product).is_file():
            raise OSError(_REFUSED.format(str(place), f"{product!r} is missing"))
        listing.write(folder)
        _move(folder, place, product)
    _prune(place.parent)
    return place


def _move(folder: Path, place: Path, product: str) -> None:
    """Give ``folder`` the name ``place``, unless there is a whole entry, which is as good."""
    with _alone(place.parent):
        if listing.whole(place, product):
            return
        try:
            # A folder with files in it cannot be replaced.
            if place.is_dir():
                place.rename(folder.with_name(f"{place.name}-damaged"))
            folder.rename(place)
        except OSError as error:
            # Where there are no locks another build may have been faster.
            if not listing.whole(place, product):
                raise _refused(place, error) from error


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Wait until no other process or thread is here, on systems with locks for folders.

    A good entry that replaced a damaged one might be taken for the damaged one otherwise.
    """
    handle = None
    # Some network file systems have none, either.
    with contextlib.suppress(OSError):
        if fcntl is not None:
            handle = os.open(cache, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextlib.contextmanager
def _full(place: Path) -> Iterator[None]:
    """Name the entry in errors of a full disk, which name no file, or one that is read."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _refused(place, error) from error
        raise


def _refused(place: Path, error: OSError) -> OSError:
    return OSError(_REFUSED.format(str(place), error.strerror or error))


def _prune(cache: Path) -> None:
    """Remove entries and logs that nobody used for long, and builds cut short, from a folder."""
    now = time.time()
    for path in cache.iterdir():
        if not _OURS.fullmatch(path.name):
            continue
        limit = _LEFT_OVER if path.name.startswith(_BUILD) else _UNUSED
        # Others may prune, use and make entries at the same time.
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime <= limit:
                continue
            if path.is_dir():
                # At one go, so that nobody finds a product in an entry half removed.
                with tempfile.TemporaryDirectory(prefix=_BUILD, dir=cache) as aside:
                    path.rename(Path(aside) / path.name)
            else:
                path.unlink()
