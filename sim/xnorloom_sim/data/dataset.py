"""Data sets: MNIST, Fashion-MNIST, and arrays from ``.npz`` files."""

import dataclasses
import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError
from xnorloom.support.files import BROKEN_ARCHIVE, open_regular
from xnorloom.support.text import first_line, printable, quoted

from . import idx, npz

__all__ = ["DataError", "Dataset", "bundled", "load", "load_npz"]


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their classes.

    Attributes
    ----------
    name : str
    images : uint8 array, sample index first
    labels : integer array
        One class per image; ``None`` if the file has none.
    files : tuple of str
        Image file of each image; ``None`` for other data.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer] | None
    files: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)


def load(
    name: str | os.PathLike[str], *, directory: str | os.PathLike[str] | None = None
) -> Dataset:
    """Return a data set by name, or the arrays of a ``.npz`` file by path.

    Every file must have the known checksum.

    Parameters
    ----------
    name : str or path
        ``mnist:test`` or ``fashion:test`` (10,000 images), ``mnist:train`` or ``fashion:train``
        (60,000), ``mnist:bundled`` (the first 500 test images of MNIST, in this package), or the
        path of a ``.npz`` file. Images are loaded by
        :func:`~xnorloom_sim.data.pictures.load_pictures`.
    directory : path
        Folder with the IDX files, plain or with ``.gz``. ``None`` searches the cache, packages and
        public mirrors, and stores the files in the cache.

    Raises
    ------
    DataError
        If a file is missing, damaged, or cannot be fetched.
    """
    text = os.fspath(name)
    if text.endswith(".npz"):
        return load_npz(text)
    if text == "mnist:bundled":
        return bundled()
    if text not in idx.NAMES:
        known = ", ".join([*idx.NAMES, "mnist:bundled"])
        raise DataError(f"data set must be one of {known} or the path of a .npz file, an image or "
                        f"a folder of images, not {quoted(text)}")
    return Dataset(text, *idx.load(text, directory))


def bundled() -> Dataset:
    """Return the first 500 test images of MNIST with their labels, which are in this package."""
    path = Path(__file__).parent / "bundled" / "mnist_test_500.npz"
    return dataclasses.replace(load_npz(path), name="mnist:bundled")


def load_npz(path: str | os.PathLike[str]) -> Dataset:
    """Return the arrays ``images`` (uint8, sample index first) and, if any, ``labels`` of a file.

    Raises
    ------
    DataError
        If the file is not a complete ZIP archive of such arrays.
    """
    where = printable(path)
    try:
        with open_regular(path) as stream:
            # The array of a single .npy file is no archive.
            if not zipfile.is_zipfile(stream):
                raise DataError("a .npz file must be a complete zip archive of arrays")
            stream.seek(0)
            images, labels = npz.read(stream)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except FileNotFoundError:
        raise DataError(f"{where}: no such file") from None
    except OSError as error:
        why = printable(error.strerror) if error.strerror else first_line(error)
        raise DataError(f"{where}: not a readable .npz file ({why})") from None
    except (SyntaxError, *BROKEN_ARCHIVE) as error:
        raise DataError(f"{where}: not a readable .npz file ({first_line(error)})") from None
    if images.ndim < 2:
        raise DataError(f"{where}: 'images' must have the sample index and at least one more axis, "
                        f"not shape {images.shape}")
    if images.size == 0:
        raise DataError(f"{where}: 'images' must not be empty, its shape is {images.shape}")
    if labels is not None and labels.shape != images.shape[:1]:
        raise DataError(f"{where}: 'labels' must have shape {images.shape[:1]}, one for each "
                        f"image, not {labels.shape}")
    return Dataset(where, images, labels)
