"""All-or-nothing output: staging of a directory of files, and of a single file."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import XnorloomError
from .files import UNWRITABLE, make_directory

__all__ = ["staged", "staged_file"]


@contextlib.contextmanager
def staged(directory: str | os.PathLike[str], names: Iterable[str] = ()) -> Iterator[Path]:
    """Yield a temporary directory whose files move to ``directory`` on exit without an exception.

    With an exception ``directory`` is left as it was, and removed if it did not exist.

    Parameters
    ----------
    directory : path
        Output directory, created if missing.
    names : iterable of str
        Names of the output files that are known on entry.

    Raises
    ------
    XnorloomError
        On entry if ``directory`` cannot be created or written, or has a directory in place of one
        of ``names``; on exit if a file cannot be written.
    """
    target = Path(directory)
    # mkdir creates the parents too; on failure all new ones are removed.
    new = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    try:
        try:
            make_directory(target)
            _check(target, names)
            # Inside the target, so that no rename crosses to another file system.
            staging = Path(tempfile.mkdtemp(prefix=".xnorloom-", dir=target))
        except OSError as error:
            raise XnorloomError(f"output directory {target} cannot be written: "
                                f"{error.strerror or error}") from error
        try:
            yield staging
            _move(staging, target)
        except OSError as error:
            if error.filename is None and error.errno in UNWRITABLE:
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
    """Yield a temporary path that is renamed to ``path`` on exit.

    Parameters
    ----------
    path : str or None
        Output file; ``None`` yields ``None``.
    keep : exception types
        Exceptions after which the file is kept; all others discard it.

    Raises
    ------
    XnorloomError
        On entry if the directory of ``path`` cannot be written or ``path`` is a directory; on exit
        if the file cannot be written.
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
                                                and error.errno in UNWRITABLE):
            raise
        raise XnorloomError(f"file {target} cannot be written: "
                            f"{error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(target: Path, names: Iterable[str]) -> None:
    """Raise if a directory is in place of one of ``names``."""
    for name in names:
        if (target / name).is_dir():
            raise XnorloomError(f"output directory {target} cannot be written: {name} in it is a "
                                f"directory, not a file")


def _move(staging: Path, target: Path) -> None:
    paths = sorted(staging.iterdir())
    _check(target, (path.name for path in paths))
    for path in paths:
        os.replace(path, target / path.name)
