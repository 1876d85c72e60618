"""Content-addressed cache of artifacts: folders that are made once per set of inputs.

A folder lists its files with sizes and SHA-256 in ``manifest.json``. A folder with a damaged or
missing file, or without the list, is made again, and so is one that another user has put there. A
cache that other users can write is refused.
"""

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import ToolError
from .files import UNWRITABLE, open_regular, read_regular
from .lock import directory_lock
from .private import make_private, owned
from .scratch import scratch_directory
from .text import printable

__all__ = ["cached", "entry", "intact", "key", "log_file", "write_list"]

# Raised when a maker begins to make something else of the same inputs.
_VERSION = 1

_LIST = "manifest.json"
_LONGEST_LIST = 1 << 24  # bytes
_DAY = 24 * 3600  # seconds
_UNUSED, _LEFT_OVER = 30 * _DAY, _DAY

# The cache may hold other things: only these names are removed. Earlier versions built
# under the first of them.
_BUILD = "xnorloom-build-"
_OURS = re.compile(rf"{_BUILD}\w{{8}}|[0-9a-f]{{32}}(\.log)?")

_MOVING = threading.Lock()

_REFUSED = "Cannot write to the cache folder '{}': {}"

Maker = Callable[[Path], object]


def cached(cache: Path, name: str, inputs: Sequence[object], product: str, make: Maker, *,
           tool: str) -> Path:
    """Return the artifact of ``name`` and ``inputs`` in folder ``cache``, made if missing.

    Parameters
    ----------
    cache : Path
        Folder of the artifacts, made if missing.
    name : str
        Kind of the artifact.
    inputs : sequence of strings, numbers and such sequences
        All that the content depends on.
    product : str
        Name of the main file.
    make : callable
        ``make(folder)`` writes the files into ``folder``, see :func:`entry`.
    tool : str
        Program that writes the product, for the error message.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ToolError
        If ``make`` leaves no product.
    OSError
        If the folder cannot be written.
    """
    def checked(folder: Path) -> None:
        make(folder)
        if not (folder / product).is_file():
            raise ToolError(f"{tool} wrote no {product}")

    return entry(cache / key([_VERSION, name, inputs]), product, checked)


def key(parts: Sequence[object]) -> str:
    """Return a hash of strings, numbers and sequences of them as 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def entry(place: Path, product: str, make: Maker) -> Path:
    """Return folder ``place`` with file ``product``, made by ``make(folder)`` if missing.

    ``make`` fills a temporary folder that is then renamed, so that concurrent and interrupted
    builds leave only complete entries. Making one removes its neighbours that were not requested
    in the last 30 days.

    Raises
    ------
    UnsafeDirectoryError
        If other users can write the folder; see :func:`~.private.check_private`.
    OSError
        If the folder cannot be written, or ``make`` leaves no product.
    """
    try:
        make_private(place.parent)
    except OSError as error:
        # A read-only cache is of use, if it is there.
        if not place.parent.is_dir():
            raise _refused(place, error) from error
    if intact(place, product):
        # The time of the last use; a read-only cache records none.
        with contextlib.suppress(OSError):
            os.utime(place)
        return place
    with contextlib.ExitStack() as stack:
        try:
            scratch = stack.enter_context(scratch_directory(place.parent))
        except OSError as error:
            raise _refused(place, error) from error
        stack.enter_context(_named(place))
        folder = scratch / place.name
        folder.mkdir()
        make(folder)
        if not (folder / product).is_file():
            raise OSError(_REFUSED.format(printable(place), f"{product!r} is missing"))
        write_list(folder)
        _move(folder, place, product)
    _prune(place.parent)
    return place


def log_file(folder: Path) -> Path:
    """Path for the output of a program that fails in ``folder``, which a maker was given.

    It lies in the cache beside the entry, and stays when the maker fails.
    """
    return folder.parents[1] / f"{folder.name}.log"


def write_list(folder: Path) -> None:
    """List all files in ``folder`` with sizes and SHA-256 in its file ``manifest.json``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): [path.stat().st_size, _digest(path)]
             for path in paths if path != folder / _LIST}
    (folder / _LIST).write_text(json.dumps(files, indent=1) + "\n", "utf-8")


def intact(folder: Path, product: str) -> bool:
    """True if all listed files of ``folder`` are unchanged and ``product`` is one of them.

    Files that are not listed are ignored. All listed files are read, about 1 GB/s: 1 ms for a
    simulation, 20 ms for a large routed design. None may belong to another user.
    """
    try:
        if not owned(folder.lstat()):
            return False
        files = json.loads(read_regular(folder / _LIST, _LONGEST_LIST))
        if not isinstance(files, dict) or product not in files:
            return False
        wanted = {folder / name: tuple(values) for name, values in files.items()}
        # Truncated files are found without reading any.
        found = {path: path.lstat() for path in wanted}
        return (all(found[path].st_size == size and owned(found[path])
                    for path, (size, _) in wanted.items())
                and all(_digest(path) == digest for path, (_, digest) in wanted.items()))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _digest(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move(folder: Path, place: Path, product: str) -> None:
    """Rename ``folder`` to ``place``, unless another build has put an intact entry there."""
    with contextlib.ExitStack() as stack:
        # Without the locks, the good entry that replaces a damaged one may be taken for the damaged
        # one. Some network file systems have no locks: the first excludes the threads there.
        stack.enter_context(_MOVING)
        with contextlib.suppress(OSError, NotImplementedError):
            stack.enter_context(directory_lock(place.parent))
        if intact(place, product):
            return
        try:
            # Neither a folder with files in it nor a file can be replaced by a folder.
            if os.path.lexists(place):
                # Without locks another build may have moved the damaged one.
                with contextlib.suppress(FileNotFoundError):
                    place.rename(folder.with_name(f"{place.name}-damaged"))
            folder.rename(place)
        except OSError as error:
            # Without locks another build may have been faster.
            if not intact(place, product):
                raise _refused(place, error) from error


@contextlib.contextmanager
def _named(place: Path) -> Iterator[None]:
    """Name the entry in errors of a full disk, which name no file, or the source of a copy."""
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise _refused(place, error) from error
        raise


def _refused(place: Path, error: OSError) -> OSError:
    return OSError(_REFUSED.format(printable(place), printable(error.strerror or error)))


def _prune(cache: Path) -> None:
    """Remove entries and logs that are unused for long, and remains of interrupted builds."""
    now = time.time()
    for path in cache.iterdir():
        if not _OURS.fullmatch(path.name):
            continue
        limit = _LEFT_OVER if path.name.startswith(_BUILD) else _UNUSED
        # Other processes may prune, use and make entries at the same time.
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime <= limit:
                continue
            if path.is_dir():
                # Renamed first, so that no other process finds a half removed entry.
                with scratch_directory(cache) as aside:
                    path.rename(aside / path.name)
            else:
                path.unlink()
