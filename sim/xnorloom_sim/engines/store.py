"""Folders that are made once, kept under the hash of all that went into them, and shared."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["default_folder", "entry", "key"]


def default_folder() -> Path:
    """Folder for compiled simulations, in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "xnorloom" / "compiled"


def key(parts: Sequence[object]) -> str:
    """A name for strings, numbers and sequences of them; other ones have another name."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def entry(place: Path, product: str, make: Callable[[Path, Path], None]) -> Path:
    """Folder ``place`` with file ``product`` in it, made by ``make(folder, log)`` where missing.

    It is made aside and moved in place when complete, so builds of the same thing at the same time
    and builds cut short do no harm. ``log`` is a file for the output of what fails; it stays.
    """
    if (place / product).is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=place.parent) as scratch:
        folder = Path(scratch) / place.name
        folder.mkdir()
        make(folder, place.with_suffix(".log"))
        if place.exists() and not (place / product).is_file():
            shutil.rmtree(place)
        # A folder with files in it cannot be replaced: another build was faster, and as good.
        with contextlib.suppress(OSError):
            folder.rename(place)
    if not (place / product).is_file():
        raise OSError(f"Cannot write the compiled simulation to {str(place)!r}")
    return place
