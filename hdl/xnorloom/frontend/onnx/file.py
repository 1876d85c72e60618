"""ONNX files and their tensors, read with checks of sizes, locations and types before use."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import SourceError
from ...support.extras import install_hint
from ...support.files import open_regular
from ...support.text import first_line, printable, quoted
from .. import ONNX

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

__all__ = ["AXES", "LARGEST", "TYPES", "Tensors", "read", "word"]

# A float LFC (784-1024-1024-1024-10) has 12 MB; decoding takes a multiple of the file in memory.
_LIMIT = 256 << 20
# Elements of an array, read or computed.
LARGEST = 1 << 26
# Axes of an array; numpy has a limit too.
AXES = 16
# Types by their numbers in TensorProto.DataType, without strings, complex numbers and 8-bit floats.
TYPES = {1: np.dtype(np.float32), 2: np.dtype(np.uint8), 3: np.dtype(np.int8),
         4: np.dtype(np.uint16), 5: np.dtype(np.int16), 6: np.dtype(np.int32),
         7: np.dtype(np.int64), 9: np.dtype(np.bool_), 10: np.dtype(np.float16),
         11: np.dtype(np.float64), 12: np.dtype(np.uint32), 13: np.dtype(np.uint64)}
# Fields with the elements of tensors without raw bytes.
_FIELDS = {1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data",
           13: "uint64_data"}


def word(name: object) -> str:
    """Check that a name is text; protobuf returns bytes for invalid UTF-8."""
    if not isinstance(name, str):
        raise SourceError(f"a name in the model must be text in UTF-8, not {quoted(name)}")
    return name


def read(path: str | os.PathLike[str]) -> "ModelProto":
    """Read the ONNX file ``path``.

    Raises
    ------
    SourceError
        If the package ``onnx`` is missing, or if the file is missing, unreadable, larger than
        256 MiB or not ONNX.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise SourceError("reading ONNX files takes the package onnx: "
                          f"{install_hint(ONNX.extra)}") from None
    data = _bytes(Path(path), f"model {printable(path)}")
    if not data:
        raise SourceError(f"model {printable(path)} is empty")
    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError, RuntimeError, RecursionError) as error:
        raise SourceError(f"{printable(path)} is no ONNX model, or only a part of one: "
                          f"{first_line(error)}") from None
    # Many other files parse as messages without known fields.
    if not model.HasField("graph") or not model.graph.node:
        raise SourceError(f"{printable(path)} is no ONNX model: there is no graph of nodes in it")
    return model


def _bytes(path: Path, what: str, start: int = 0, count: int | None = None) -> bytes:
    """Read ``count`` bytes of a regular file, or all of it."""
    try:
        with open_regular(path) as file:
            file.seek(start)
            # No more than there is, since read() allocates all that is requested.
            most = max(0, os.fstat(file.fileno()).st_size - start)
            data = file.read(min(most, _LIMIT + 1 if count is None else count))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise SourceError(f"{what} cannot be read: {printable(reason)}") from None
    if len(data) > _LIMIT:
        raise SourceError(f"{what} is larger than {_LIMIT >> 20} MiB, which is the limit")
    return data


class Tensors:
    """Reader of the tensors of one model, whose external data lies in ``folder``.

    All tensors together may have as many bytes as a model file, so that a small file that names the
    same data many times cannot exhaust the memory.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._left = _LIMIT

    def array(self, tensor: "TensorProto", what: str) -> np.ndarray:
        """Read the elements of ``tensor`` into a read-only array; messages call it ``what``.

        Raises
        ------
        SourceError
            If its type is not numeric, its sizes are inconsistent, or its data is outside the
            folder of the model, missing or too short.
        """
        kind = tensor.data_type
        if kind not in TYPES:
            raise SourceError(f"{what} must be of a type of numbers, not of ONNX type {kind}")
        shape = tuple(tensor.dims)
        if any(size < 0 for size in shape) or math.prod(shape) > LARGEST or len(shape) > AXES:
            raise SourceError(f"{what} must have a shape of at most {LARGEST} elements on {AXES} "
                              f"axes, not {quoted(shape)}")
        count = math.prod(shape)
        dtype = TYPES[kind]
        self._left -= count * dtype.itemsize
        if self._left < 0:
            raise SourceError(f"the tensors of the model hold more than {_LIMIT >> 20} MiB, "
                              "which is the limit")
        if tensor.data_location == 1:
            raw = self._external(tensor, what, count * dtype.itemsize)
        elif tensor.HasField("raw_data"):
            raw = tensor.raw_data
        else:
            field = getattr(tensor, _FIELDS.get(kind, "int32_data"))
            if len(field) != count:
                raise SourceError(f"{what} has the shape {shape}, which takes {count} elements, "
                                  f"and holds {len(field)}")
            values = np.array(field)
            # 16-bit floats are stored as integers of the same bits.
            values = values.astype(np.uint16).view(dtype) if kind == 10 else values.astype(dtype)
            return _frozen(values.reshape(shape))
        if len(raw) != count * dtype.itemsize:
            raise SourceError(f"{what} has the shape {shape}, which takes "
                              f"{count * dtype.itemsize} bytes, and holds {len(raw)}")
        if dtype.kind == "b":
            return _frozen((np.frombuffer(raw, np.uint8) != 0).reshape(shape))
        values = np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)
        return _frozen(values.reshape(shape))

    def _external(self, tensor: "TensorProto", what: str, size: int) -> bytes:
        entries = {word(entry.key): word(entry.value) for entry in tensor.external_data}
        location = entries.get("location", "")
        if not location or "\0" in location:
            raise SourceError(f"{what} has external data without a location")
        try:
            folder = self._folder.resolve()
            path = (folder / location).resolve()
            offset, length = (int(entries.get(key, value)) for key, value in
                              (("offset", "0"), ("length", str(size))))
        except (OSError, RuntimeError, ValueError) as error:
            raise SourceError(f"{what} has external data at an invalid location: "
                              f"{first_line(error)}") from None
        if Path(location).is_absolute() or not path.is_relative_to(folder):
            raise SourceError(f"{what} has external data in {quoted(location)}, which is outside "
                              "the folder of the model")
        if offset < 0 or length != size:
            raise SourceError(f"{what} takes {size} bytes of external data, not {length} at "
                              f"{offset}")
        data = _bytes(path, f"the external data of {what}, {quoted(location)},", offset, size)
        if len(data) != size:
            raise SourceError(f"{what} takes {size} bytes of {quoted(location)} from {offset} on, "
                              f"and {len(data)} are there")
        return data


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
