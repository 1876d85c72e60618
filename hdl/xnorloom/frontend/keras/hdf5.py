"""HDF5 files in memory, read with h5py; links and data outside the file are refused."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.extras import install_hint
from ...support.text import clipped, first_line, quoted
from .. import HDF5
from . import attributes

__all__ = ["LIMIT", "TEXT_LIMIT", "array", "member", "open_bytes", "reading",
           "texts"]

# Bytes of a file or array, and of a text: a thousand times the usual size, and small enough to be
# read at once.
LIMIT = 1 << 28
TEXT_LIMIT = 1 << 24
# Exceptions of h5py for damaged files.
_BROKEN = (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, EOFError,
           OverflowError, MemoryError, NotImplementedError)


def open_bytes(where: str, data: bytes) -> Any:
    """Open an HDF5 file with these contents, and return its root group.

    Raises
    ------
    SourceError
        If the contents are damaged, or h5py is not installed; ``where``
        names the file in messages.
    """
    try:
        import h5py
    except ImportError:
        raise SourceError("files of Keras are read with h5py, which is not installed: "
                          f"{install_hint(HDF5.extra)}") from None
    with reading(where):
        _check(data)
        return h5py.File(io.BytesIO(data), "r")


def _check(data: bytes) -> None:
    if not data.startswith(HDF5.magic):
        raise ValueError("file signature not found")
    # h5py reads past the end of a short file, into other memory, before it finds it short.
    if len(data) < 96:
        raise ValueError("truncated file")
    # Widths of addresses and lengths, at 13 in a superblock of version 0 or 1, later at 9; h5py
    # always writes 8.
    if (data[13:15] if data[8] < 2 else data[9:11]) != b"\x08\x08":
        raise ValueError("addresses must have 8 bytes")


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Context manager that converts exceptions of h5py for damaged files to SourceError."""
    try:
        yield
    except _BROKEN as error:
        raise SourceError(f"Keras file {where} is damaged: {first_line(error)}") from error


def member(group: Any, path: str) -> Any:
    """Return the object at ``path``, or None; links out of the file are refused, not followed."""
    import h5py

    for part in filter(None, path.split("/")):
        if not isinstance(group, h5py.Group):
            return None
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise SourceError(f"{clipped(path)} must be in the file itself, but is a link to "
                              f"{quoted(str(getattr(link, 'path', 'elsewhere')))}")
        group = group[part]
    return group


def array(dataset: Any, shape: tuple[int, ...], what: str) -> npt.NDArray[np.float32]:
    """Read a float32 dataset of this shape; messages call it ``what``."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise SourceError(f"{what} must be an array, not a {type(dataset).__name__}")
    if dataset.is_virtual or dataset.external:
        raise SourceError(f"{what} must be in the file itself, but is kept in another")
    if dataset.shape != shape:
        raise SourceError(f"{what} must have the shape {shape}, not {dataset.shape}")
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize != 4:
        raise SourceError(f"{what} must be float32, not {dataset.dtype}")
    # A chunk is read whole, even if the shape needs little of it.
    largest = max(math.prod(shape), math.prod(dataset.chunks or ()))
    if largest * 4 > LIMIT:
        raise SourceError(f"{what} must have at most {LIMIT} bytes, but claims {largest * 4}")
    return np.asarray(dataset[()], np.float32)


def texts(data: bytes, group: Any, name: str) -> list[str] | None:
    """Read the texts of the attribute ``name``; None if it is missing."""
    address = import_module("h5py.h5o").get_info(group.id).addr
    return attributes.texts(data, address, name)
