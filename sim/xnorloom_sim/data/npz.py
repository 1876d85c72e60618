"""Arrays of ``.npz`` files, whose types and sizes are checked before they are unpacked."""

import math
import os
import zipfile
from typing import BinaryIO

import numpy as np

from xnorloom.errors import DataError
from xnorloom.support.text import clipped

__all__ = ["read"]

# Bytes that an array unpacks to: 256 MiB, or for larger files a multiple of the file.
_LIMIT, _RATIO = 1 << 28, 32
_MAGIC = b"\x93NUMPY"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read(stream: BinaryIO) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the arrays ``images``, of uint8, and ``labels``, of integers and None if missing.

    Damaged archives raise :data:`~xnorloom.support.files.BROKEN_ARCHIVE`.

    Raises
    ------
    DataError
        If ``images`` is missing, or an array has another type or is too large; the message does
        not name the file.
    """
    limit = max(_LIMIT, _RATIO * os.fstat(stream.fileno()).st_size)
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if "images" not in members:
            found = ", ".join(members) or "nothing"
            raise DataError(f"array 'images' is missing, the file has {clipped(found)}")
        images = _array(archive, members["images"], "images", limit)
        labels = members.get("labels")
        return images, None if labels is None else _array(archive, labels, "labels", limit)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str,
           limit: int) -> np.ndarray:
    if member.compress_type not in _METHODS:
        raise ValueError(f"{name} is compressed by the foreign method {member.compress_type}")
    with archive.open(member) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataError(f"{name!r} must be an array in the .npy format")
        major, minor = file.read(2)
        if (major, minor) not in ((1, 0), (2, 0)):
            raise ValueError(f"{name} is in version {major}.{minor} of the .npy format")
        header = (np.lib.format.read_array_header_1_0 if major == 1 else
                  np.lib.format.read_array_header_2_0)
        shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded safely, as they are pickles")
    if name == "images" and dtype != np.uint8:
        raise DataError(f"'images' must be of type uint8, not {clipped(dtype, 60)}")
    if dtype.kind not in "iu":
        raise DataError(f"{name!r} must be integers, not {clipped(dtype, 60)}")
    size = math.prod(shape) * dtype.itemsize
    if size > member.file_size:
        raise ValueError(f"{name} claims {size} bytes, and its member {member.file_size}")
    if size > limit:
        raise DataError(f"{name!r} must have at most {limit:,} bytes, but claims {size:,}")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
