"""Atomic writes of files, writable directories, and the errors of damaged and full media."""

import errno
import os
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

__all__ = ["BROKEN_ARCHIVE", "UNWRITABLE", "make_directory", "write_atomic"]

BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, TypeError, EOFError,
                  OverflowError, NotImplementedError, RuntimeError, MemoryError)
"""Exceptions of zipfile, zlib and the readers of the members for a damaged or hostile archive."""

UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Error numbers of a full, broken or read-only medium.

Python names no file in such an error of a write, and the source in that of a copy. Other errors
without a name, such as that of a pipe, do not concern files.
"""


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write ``data`` to ``path`` so that no reader ever sees a part of it.

    The bytes go to a temporary file in the same directory, which is then renamed.

    Raises
    ------
    OSError
        If the directory is missing or cannot be written, with the name ``path``; no file is left.
    """
    path = Path(path)
    try:
        _write(path, data.encode() if isinstance(data, str) else data)
    except OSError as error:
        # The error may name the temporary file, which the caller does not know.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, payload: bytes) -> None:
    # The temporary name is independent of the final one, which may have the maximum length.
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
    """Create directory ``path`` with its parents unless it exists, and check that it is writable.

    Raises
    ------
    OSError
        If ``path`` is not a directory or cannot be written.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        pass
    return path
