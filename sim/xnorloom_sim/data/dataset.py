"""Data sets to check networks on: MNIST, Fashion-MNIST, and arrays from ``.npz`` files."""

import dataclasses
import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError, first_line
from xnorloom.graph.pixels import top_bits
from xnorloom.support.files import BROKEN_ARCHIVE

from . import idx

__all__ = ["DataError", "Dataset", "bundled", "load", "load_npz", "quantize"]


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


def load(
    name: str | os.PathLike[str], *, directory: str | os.PathLike[str] | None = None
) -> Dataset:
    """Returns a data set by name, or the arrays of a ``.npz`` file by path.

    The names are ``mnist:test`` and ``fashion:test`` (10,000 images), ``mnist:train`` and
    ``fashion:train`` (60,000), and ``mnist:bundled`` (the first 500 of MNIST's test images, which
    need no download). The files are searched in ``directory`` alone if one is given (IDX files,
    or the same with ``.gz``); else in the cache, in packages, and on the public mirrors, and kept
    in the cache. Every file must have the known checksum. Raises :class:`DataError`.
    """
    text = os.fspath(name)
    if text.endswith(".npz"):
        return load_npz(text)
    if text == "mnist:bundled":
        return bundled()
    if text not in idx.NAMES:
        known = ", ".join([*idx.NAMES, "mnist:bundled"])
        raise DataError(f"data set must be one of {known} or the path of a .npz file, not {text!r}")
    return Dataset(text, *idx.load(text, directory))


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
        raise DataError(f"{path}: not a readable .npz file ({first_line(error)})") from None
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

    This is the input rule of the project where a model has no other (see
    :func:`xnorloom.graph.pixels.encode`); one bit is 1 iff the pixel is at least 128.
    """
    return top_bits(images, bits)
