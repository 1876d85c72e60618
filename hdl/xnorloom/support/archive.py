"""ZIP archives of numpy arrays, the layout of ``.npz`` files, read without pickle."""

import io
import math
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

__all__ = ["SIGNATURE", "ArrayArchive", "pack"]

SIGNATURE = b"PK\x03\x04"
"""First bytes of an archive."""

# Fixed start of a .npy file of version 1.0; the length of its description follows in two bytes.
_NPY = b"\x93NUMPY\x01\x00"
_LONGEST_PREFIX = len(_NPY) + 2 + 0xffff
# Bytes of a text, which may become many times larger as values in Python.
_LONGEST_TEXT = 1 << 21


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, int]:
    """Pack ``arrays`` into an archive of members ``NAME.npy``.

    Equal arrays give equal bytes.

    Returns
    -------
    bytes, int
        The archive, and the size of its members unpacked.
    """
    buffer, size = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            # A ZipInfo made here carries no time of day and no operating system.
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            data = _npy_prefix(array.dtype.str, array.shape) + array.tobytes()
            archive.writestr(member, data)
            size += len(data)
    return buffer.getvalue(), size


class ArrayArchive:
    """Reader of an archive; a context manager.

    Damaged and hostile files raise :data:`~.files.BROKEN_ARCHIVE`, at construction or on access.
    Of a member no more is unpacked than its array takes, whatever the file claims.

    Parameters
    ----------
    file : binary file
        The archive.
    """

    def __init__(self, file: IO[bytes]):
        self._archive = zipfile.ZipFile(file)
        self._members = {info.filename: info for info in self._archive.infolist()}

    def __enter__(self) -> "ArrayArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._members

    def check_size(self, limit: int) -> None:
        """Raise ``ValueError`` if the members claim to unpack to more than ``limit`` bytes."""
        claimed = sum(info.file_size for info in self._members.values())
        if claimed > limit:
            raise ValueError(f"its members claim {claimed} bytes, more than {limit}")

    def array(self, name: str, dtype: str, shape: tuple[int, ...] | None,
              limit: int = _LONGEST_TEXT) -> np.ndarray:
        """Read the array ``name``, of exactly this type and shape.

        A shape of None allows any length of one axis, up to ``limit`` bytes.

        Raises
        ------
        ValueError
            If there is no such array, or it has another type or shape.
        """
        if name not in self:
            raise ValueError(f"it has no {name}")
        member = self._members[f"{name}.npy"]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed by the foreign method {member.compress_type}")
        if shape is not None:
            limit = math.prod(shape) * np.dtype(dtype).itemsize
        # A member may claim less or more than it holds.
        with self._archive.open(member) as file:
            data = file.read(min(limit, member.file_size) + _LONGEST_PREFIX)
            longer = bool(file.read(1))
        start = len(_NPY) + 2 + int.from_bytes(data[8:10], "little")
        if shape is None:
            if longer or len(data) - start > limit:
                raise ValueError(f"{name} must have at most {limit} bytes")
            shape = (max(0, len(data) - start),)
        # The description is compared with the expected one, never evaluated.
        text = data[len(_NPY) + 2:start].strip()
        if longer or not data.startswith(_NPY) or text != _npy_text(dtype, shape):
            raise ValueError(f"{name} must be an array of {dtype} of shape {shape!r}")
        return np.frombuffer(data, dtype, offset=start).reshape(shape)


def _npy_text(dtype: str, shape: tuple[int, ...]) -> bytes:
    return f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()


def _npy_prefix(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Header of such an array in a .npy file, padded to a multiple of 64 bytes."""
    text = _npy_text(dtype, shape)
    text += b" " * (-(len(_NPY) + 2 + len(text) + 1) % 64) + b"\n"
    return _NPY + len(text).to_bytes(2, "little") + text
