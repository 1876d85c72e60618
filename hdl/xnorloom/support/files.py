"""Files that appear whole or not at all."""

import os
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

__all__ = ["BROKEN_ARCHIVE", "write_atomic", "make_directory"]

# What zipfile, zlib and the readers of what is inside raise for an archive that is damaged, or
# that somebody made to do damage.
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, TypeError, EOFError,
                  OverflowError, NotImplementedError, RuntimeError, MemoryError)


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write ``data`` to ``path`` so that no reader ever sees a part of it.

    The bytes go to a temporary file in the same directory, which then takes the name.

    Raises
    ------
    OSError
        If the directory is missing or cannot be written, with the name ``path``; nothing is left
        behind.
    """
    path = Path(path)
    try:
        _write(path, data.encode() if isinstance(data, str) else data)
    except OSError as error:
        # Nobody but us knows the temporary file that it may be about.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, payload: bytes) -> None:
    # Its name says nothing of the other, which may be as long as names can be.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".xnorloom-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
        # mkstemp makes private files; give the result the mode an ordinary open() would.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def make_directory(path: str | os.PathLike[str]) -> Path:
    """Create ``path`` with its parents unless it is there, prove it writable, and return it.

    Raises
    ------
    OSError
        If ``path`` is not a directory or cannot be written, before any work is spent on it.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        pass
    return path
