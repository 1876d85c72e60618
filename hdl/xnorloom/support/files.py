"""Files: regular ones only, read up to a limit and written atomically; writable directories."""

import errno
import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from .scratch import scratch_file

__all__ = ["BROKEN_ARCHIVE", "UNWRITABLE", "destination", "make_directory", "open_regular",
           "read_regular", "write_atomic"]

BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, TypeError, EOFError,
                  OverflowError, NotImplementedError, RuntimeError, MemoryError)
"""Exceptions of zipfile, zlib and the readers of the members for a damaged or hostile archive."""

UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Error numbers of a full, broken or read-only medium.

Python names no file in such an error of a write, and the source in that of a copy. Other errors
without a name, such as that of a pipe, do not concern files.
"""

_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a directory"),
          (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file to read bytes. Never waits, as the opening of a pipe would.

    Raises
    ------
    OSError
        If there is no such file, or it is a pipe, a socket, a directory or a device.
    """
    # Opened only after this check, as the mere opening of a device can have effects.
    _check_regular(path, os.stat(path))
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        # It may have been replaced since.
        _check_regular(path, os.fstat(handle))
        return open(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Raises
    ------
    OSError
        As :func:`open_regular`, and if the file is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > limit else file.read(limit + 1)
    if max(size, len(data)) > limit:
        raise OSError(errno.EFBIG, f"it must have at most {limit:,} bytes", str(path))
    return data


def destination(path: str | os.PathLike[str]) -> Path:
    """Return the path of the regular file that ``path`` is or can become.

    A symbolic link to a regular file stays a link: the result is the file that it names.

    Raises
    ------
    OSError
        If there is a directory, a pipe, a socket, a device or a dangling link in its place.
    """
    path = Path(path)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return path
    if stat.S_ISLNK(found.st_mode):
        try:
            path = path.resolve(strict=True)
            found = os.stat(path)
        except (OSError, RuntimeError) as error:
            raise OSError(errno.ENOENT, "it is a symbolic link to no file", str(path)) from error
    _check_regular(path, found)
    return path


def _check_regular(path: str | os.PathLike[str], found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    kind = next((kind for test, kind in _KINDS if test(found.st_mode)), "something else")
    raise OSError(errno.EINVAL, f"it must be a regular file, but is {kind}", os.fspath(path))


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write ``data`` to ``path`` so that no reader ever sees a part of it.

    The bytes go to a temporary file in the same directory, which is then renamed.

    Raises
    ------
    OSError
        If the directory is missing or cannot be written, or if ``path`` is no regular file (see
        :func:`destination`), with the name ``path``; no file is left.
    """
    try:
        _write(destination(path), data.encode() if isinstance(data, str) else data)
    except OSError as error:
        # The error may name the temporary file, which the caller does not know.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _write(path: Path, payload: bytes) -> None:
    with scratch_file(path.parent) as (file, temporary):
        file.write(payload)
        file.flush()
        # Temporary files are private; give the result the mode an ordinary open() would.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        if os.name == "nt":
            # Windows renames no open file.
            file.close()
        os.replace(temporary, path)


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
