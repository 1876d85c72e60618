"""All-or-nothing output: staging of a directory of files, and of a single file."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import XnorloomError
from .files import UNWRITABLE, destination, make_directory, write_atomic
from .scratch import scratch_directory
from .text import printable

__all__ = ["check_destination", "staged", "staged_file"]


def check_destination(path: str | os.PathLike[str]) -> None:
    """Check that an output file can be written, before the work of making it.

    Raises
    ------
    XnorloomError
        If its directory is missing or cannot be written, or something that is no regular file is
        in its place; see :func:`~.files.destination`.
    """
    try:
        with scratch_directory(destination(path).parent):
            pass
    except OSError as error:
        raise _file(path, error) from error


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
        On entry if ``directory`` cannot be created or written, or has anything but a regular file
        in place of one of ``names``; on exit if a file cannot be written.
    """
    target = Path(directory)
    # mkdir creates the parents too; on failure all new ones are removed.
    new = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    with contextlib.ExitStack() as stack:
        try:
            _make(target)
            _check(target, names)
            try:
                # Inside the target, so that no rename crosses to another file system.
                staging = stack.enter_context(scratch_directory(target))
            except OSError as error:
                raise _directory(target, error.strerror or error) from error
            try:
                yield staging
                _move(staging, target)
            except OSError as error:
                if error.filename is None and error.errno in UNWRITABLE:
                    raise _directory(target, error.strerror or error) from error
                path = Path(str(error.filename))
                if staging not in path.parents:
                    raise
                raise _file(target / path.relative_to(staging), error) from error
        except BaseException:
            stack.close()
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
        On entry if the directory of ``path`` cannot be written or something that is no regular file
        is in the place of ``path``; on exit if the file cannot be written.
    """
    if path is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            target = destination(path)
            staging = stack.enter_context(scratch_directory(target.parent))
        except OSError as error:
            raise _file(path, error) from error
        temporary = staging / target.name
        try:
            try:
                yield str(temporary)
            except keep:
                if temporary.exists():
                    os.replace(temporary, target)
                raise
            os.replace(temporary, target)
        except OSError as error:
            if error.filename != str(temporary) and not (error.filename is None
                                                         and error.errno in UNWRITABLE):
                raise
            raise _file(path, error) from error


def _make(target: Path) -> None:
    try:
        make_directory(target)
    except FileExistsError as error:
        raise _directory(target, "it is not a directory") from error
    except OSError as error:
        raise _directory(target, error.strerror or error) from error


def _check(target: Path, names: Iterable[str]) -> None:
    """Raise if something that is no regular file is in place of one of ``names``."""
    for name in names:
        try:
            destination(target / name)
        except IsADirectoryError as error:
            raise _directory(target, f"{printable(name)} in it is a directory, not a file"
                             ) from error
        except OSError as error:
            raise _directory(target, f"{printable(name)} in it: {error.strerror}") from error


def _move(staging: Path, target: Path) -> None:
    paths = sorted(staging.iterdir())
    _check(target, (path.name for path in paths))
    for path in paths:
        place = target / path.name
        if place.is_symlink():
            # The file that the link names may be on another file system.
            write_atomic(place, path.read_bytes())
        else:
            os.replace(path, place)


def _directory(target: Path, why: object) -> XnorloomError:
    return XnorloomError(f"output directory {printable(target)} cannot be written: "
                         f"{printable(why)}")


def _file(path: str | os.PathLike[str], error: OSError) -> XnorloomError:
    return XnorloomError(f"file {printable(path)} cannot be written: "
                         f"{printable(error.strerror or error)}")
