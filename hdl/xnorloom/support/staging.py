"""Files that appear whole or not at all: several together, or one that a simulator writes."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import XnorloomError
from .files import make_directory

__all__ = ["staged", "staged_file"]

# What a write fails with for which there is no room, or whose medium is broken; Python names no
# file then. Other errors without one, such as that of a pipe, have nothing to do with files.
_UNNAMED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def staged(directory: str | os.PathLike[str], names: Iterable[str] = ()) -> Iterator[Path]:
    """Give a temporary directory whose files move to ``directory`` when the context ends well.

    If it does not, ``directory`` is left as it was found, or not there if it was not. ``names`` are
    those of files that will be there, as far as they are known before.

    Raises
    ------
    XnorloomError
        If ``directory`` cannot be made or written, before any work is spent on what goes there, or
        a file cannot be, of those in ``names`` also before, should a directory be in its place.
    """
    target = Path(directory)
    # mkdir makes the parents too; the outermost one that is new goes with the rest on failure.
    new = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    try:
        try:
            make_directory(target)
            _check(target, names)
            # Inside the target: a rename never crosses to another file system.
            staging = Path(tempfile.mkdtemp(prefix=".xnorloom-", dir=target))
        except OSError as error:
            raise XnorloomError(f"output directory {target} cannot be written: "
                                f"{error.strerror or error}") from error
        try:
            yield staging
            _move(staging, target)
        except OSError as error:
            if error.filename is None and error.errno in _UNNAMED:
                raise XnorloomError(f"output directory {target} cannot be written: "
                                    f"{error.strerror or error}") from error
            path = Path(str(error.filename))
            if staging not in path.parents:
                raise
            raise XnorloomError(f"file {target / path.relative_to(staging)} cannot be written: "
                                f"{error.strerror or error}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except BaseException:
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def staged_file(path: str | None, *,
                keep: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[str | None]:
    """Give a temporary path for the file ``path``, which takes its name when the context ends well.

    It also does if an exception of ``keep`` ends it. ``None`` for no file gives ``None``.

    Raises
    ------
    XnorloomError
        If ``path`` cannot be written, before any work is spent on it.
    """
    if path is None:
        yield None
        return
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        staging = tempfile.mkdtemp(prefix=".xnorloom-", dir=target.parent)
    except OSError as error:
        raise XnorloomError(f"file {target} cannot be written: "
                            f"{error.strerror or error}") from error
    temporary = os.path.join(staging, target.name)
    try:
        try:
            yield temporary
        except keep:
            if os.path.exists(temporary):
                os.replace(temporary, target)
            raise
        os.replace(temporary, target)
    except OSError as error:
        if error.filename != temporary and not (error.filename is None
                                                and error.errno in _UNNAMED):
            raise
        raise XnorloomError(f"file {target} cannot be written: "
                            f"{error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(target: Path, names: Iterable[str]) -> None:
    """Raise if a directory is where one of ``names`` must become a file."""
    for name in names:
        if (target / name).is_dir():
            raise XnorloomError(f"output directory {target} cannot be written: {name} in it is a "
                                f"directory, not a file")


def _move(staging: Path, target: Path) -> None:
    paths = sorted(staging.iterdir())
    _check(target, (path.name for path in paths))
    for path in paths:
        os.replace(path, target / path.name)
