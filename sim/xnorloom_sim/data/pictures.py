"""Pictures as data sets: image files, and folders of them."""

import io
import math
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError
from xnorloom.graph import Input
from xnorloom.support.extras import install_hint
from xnorloom.support.files import BROKEN_ARCHIVE, read_regular
from xnorloom.support.text import first_line, printable, quoted

from .dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["has_bright_background", "is_pictures", "load_pictures"]

# Formats by suffix, with Pillow's names.
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".pgm": "PPM",
            ".ppm": "PPM"}
_MOST_BYTES, _MOST_PIXELS = 1 << 26, 1 << 25
_COLOURS = 3
# Exceptions of Pillow for a damaged file, besides those of archives.
_BROKEN = (OSError, SyntaxError, IndexError, KeyError, AttributeError, AssertionError,
           *BROKEN_ARCHIVE)
_DIGITS = re.compile(r"(\d+)")
_CLASS = re.compile(r"[0-9]{1,9}")


def is_pictures(name: str | os.PathLike[str]) -> bool:
    """True if ``name`` is a folder, or has the suffix of an image file."""
    path = Path(name)
    return path.suffix.lower() in _FORMATS or path.is_dir()


def load_pictures(path: str | os.PathLike[str], input: Input, *, resize: bool = False,
                  invert: bool = False, limit: int | None = None) -> Dataset:
    """Load an image file, or the image files of a folder, as data for ``input``.

    Files are PNG, JPEG, BMP, PGM or PPM, and are sorted by name with numbers in their order. A
    folder has either image files, or a folder of them for each class, named by its number, which
    gives the labels. Hidden files and other files are left out.

    For an input of one channel, colours become ``0.299 R + 0.587 G + 0.114 B``. Samples of 16 bits
    are rounded to 8. Transparent parts are white. Photos are turned as their camera says.

    Parameters
    ----------
    path : path
        The file or folder.
    input : Input
        Input whose pixels have the axes (rows, columns), and optionally 1 or 3 channels last; a
        single axis is a square.
    resize : bool
        True to scale pictures to the size of the input, whatever their aspect; each pixel is the
        mean of the area it covers. Otherwise another size is an error.
    invert : bool
        True to replace each pixel ``p`` by ``255 - p``. Networks trained on MNIST expect bright
        strokes on a dark background.
    limit : int or None
        Most images to load.

    Raises
    ------
    DataError
        If a file is damaged, too large, or of another size, there is none, the input is no
        picture, or Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: F401
    except ImportError:
        raise DataError(f"images need Pillow, which is not installed: "
                        f"{install_hint('images')}") from None
    path, where = Path(path), printable(path)
    height, width, channels = _size(input, where)
    try:
        files, labels = _files(path)
    except OSError as error:
        raise DataError(f"{where}: {printable(error.strerror or error)}") from None
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    pictures = []
    for file in files[:limit]:
        try:
            pictures.append(_read(file, height, width, channels, resize))
        except DataError as error:
            raise DataError(f"{printable(file)}: {error}") from None
    images = np.stack(pictures)
    return Dataset(where, 255 - images if invert else images,
                   None if labels is None else np.array(labels[:limit], np.int64),
                   tuple(map(printable, files[:limit])))


def has_bright_background(dataset: Dataset) -> bool:
    """True if most pixels at the borders of grey pictures are at least 128."""
    images = dataset.images
    if images.ndim != 3:
        return False
    border = [images[:, [0, -1]].reshape(-1), images[:, :, [0, -1]].reshape(-1)]
    return float(np.median(np.concatenate(border))) >= 128


def _size(input: Input, where: str) -> tuple[int, int, int]:
    """Rows, columns and channels of the pictures that ``input`` takes."""
    shape, side = input.pixel_shape, math.isqrt(input.pixel_count)
    if len(shape) == 3 and shape[2] in (1, _COLOURS):
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if len(shape) == 1 and side**2 == input.pixel_count:
        return side, side, 1
    raise DataError(f"data {where} does not fit: an input of {' x '.join(map(str, shape))} is no "
                    f"picture of 1 or {_COLOURS} channels")


def _files(path: Path) -> tuple[list[Path], list[int] | None]:
    """Image files in ``path``, and their classes if there is a folder for each."""
    if not path.is_dir():
        return [path], None
    files, folders = _entries(path)
    if files:
        return files, None
    found, labels = [], []
    for folder in folders:
        inner = _entries(folder)[0]
        if not inner:
            continue
        if not _CLASS.fullmatch(folder.name):
            raise DataError(f"a folder of images in it must be named by the number of its class, "
                            f"not {quoted(folder.name)}")
        found += inner
        labels += [int(folder.name)] * len(inner)
    if not found:
        raise DataError(f"there are no images ({', '.join(_FORMATS)}) in this folder")
    return found, labels


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Image files and folders in a folder, in the order of their names."""
    entries = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")),
                     key=lambda entry: _order(entry.name))
    folders = [entry for entry in entries if entry.is_dir()]
    return [entry for entry in entries
            if entry.suffix.lower() in _FORMATS and entry not in folders], folders


def _order(name: str) -> list[Any]:
    """Key that sorts ``img2`` before ``img10``."""
    parts = _DIGITS.split(name)
    # Texts and numbers alternate.
    return [(int(part), part) if index % 2 else part for index, part in enumerate(parts)]


def _read(path: Path, height: int, width: int, channels: int,
          resize: bool) -> npt.NDArray[np.uint8]:
    """Pixels of a file, of shape (height, width), and 3 channels if there are so many.

    Raises
    ------
    DataError
        The message does not name the file.
    """
    from PIL import Image, ImageOps

    try:
        data = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise DataError(f"image cannot be read: {printable(error.strerror or error)}") from None
    try:
        with warnings.catch_warnings():
            # Strange but readable files; their sizes are checked here.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=sorted(set(_FORMATS.values()))) as image:
                _check_pixels(*image.size)
                image.load()
                turned = ImageOps.exif_transpose(image)
                return _pixels(turned, height, width, channels, resize)
    except Image.DecompressionBombError:
        raise DataError(f"image must have at most {_MOST_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise DataError(f"not an image file ({', '.join(_FORMATS)})") from None
    except _BROKEN as error:
        raise DataError(f"not a readable image ({first_line(error)})") from None


def _check_pixels(width: int, height: int) -> None:
    if width * height > _MOST_PIXELS:
        raise DataError(f"image must have at most {_MOST_PIXELS:,} pixels, not {width} x {height}")


def _pixels(image: "Image.Image", height: int, width: int, channels: int,
            resize: bool) -> npt.NDArray[np.uint8]:
    from PIL import Image

    if image.size != (width, height) and not resize:
        raise DataError(f"image must have {height} rows and {width} columns, not {image.height} "
                        f"and {image.width}; --resize scales it")
    if image.mode.startswith("I"):
        # Pillow clips samples of 16 bits to 255 instead of scaling them.
        samples = np.asarray(image).astype(np.int64).clip(0, 0xffff)
        image = Image.fromarray(((samples * 255 + 0x7fff) // 0xffff).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB" if channels == _COLOURS else "L")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image, np.uint8)
