"""Folders that are made once, kept under the hash of all that went into them, and shared."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["entry", "key"]

_DAY = 24 * 3600  # seconds
_UNUSED, _LEFT_OVER = 30 * _DAY, _DAY

# The folder of a cache may hold other things, so what may be removed is told by its name.
_BUILD = "xnorloom-build-"
_OURS = re.compile(rf"{_BUILD}\w{{8}}|(runtime-)?[0-9a-f]{{32}}(\.log)?")


def key(parts: Sequence[object]) -> str:
    """A name for strings, numbers and sequences of them; other ones have another name."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def entry(place: Path, product: str, make: Callable[[Path, Path], None]) -> Path:
    """Folder ``place`` with file ``product`` in it, made by ``make(folder, log)`` where missing.

    It is made aside and moved in place when complete, so builds of the same thing at the same time
    and builds cut short do no harm. ``log`` is a file for the output of what fails; it stays.
    Making one removes its neighbours of which nobody asked for a product in the last 30 days.

    Raises
    ------
    OSError
        If the folder cannot be written, or ``make`` leaves no product.
    """
    if (place / product).is_file():
        # The time of its last use; in a cache that only others may write it has none.
        with contextlib.suppress(OSError):
            os.utime(place)
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    reason = f"{product!r} is missing"
    with tempfile.TemporaryDirectory(prefix=_BUILD, dir=place.parent) as scratch:
        folder = Path(scratch) / place.name
        folder.mkdir()
        make(folder, place.with_suffix(".log"))
        if place.exists() and not (place / product).is_file():
            shutil.rmtree(place, ignore_errors=True)
        # A folder with files in it cannot be replaced: another build was faster, and as good.
        try:
            folder.rename(place)
        except OSError as error:
            reason = error.strerror
    _prune(place.parent)
    if not (place / product).is_file():
        raise OSError(f"Cannot write to the cache folder {str(place)!r}: {reason}")
    return place


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
