"""Graphs in files: one ZIP of ``.npy`` arrays (numpy's ``.npz``), never a pickle.

The member ``header`` holds JSON as bytes: format, version, names, shapes and the digest of the
graph. For layer ``i``, ``weights<i>`` holds the rows packed to bytes (first synapse in bit 0 of
the first byte) and ``values<i>`` the thresholds or offsets as little-endian 64-bit integers. A file
of version 2 may have a meaning of the input in its header, and where the header says so, ``cuts``
with the cuts of the input as little-endian 16-bit integers, and ``scales<i>`` with scales as
offsets are. A graph that has none of them makes a file of version 1. The same graph always gives
the same bytes.
"""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import ModelFileError, first_line
from ..support.files import BROKEN_ARCHIVE, write_atomic
from . import Dense, Graph, Input, Score

__all__ = ["FORMAT", "VERSIONS", "save", "load"]

FORMAT = "xnorloom-graph"
VERSIONS = (1, 2)
_KINDS = {"dense": Dense, "score": Score}
# All members of a sound file together unpack to less; a small file cannot claim all memory.
_LIMIT = 1 << 26


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write ``graph`` to ``path``, whole or not at all.

    Raises
    ------
    ModelFileError
        If the graph is larger than :func:`load` reads, 64 MiB unpacked.
    OSError
        If ``path`` cannot be written.
    """
    arrays = {}
    layers = []
    for index, layer in enumerate(graph.layers):
        values = layer.thresholds if isinstance(layer, Dense) else layer.offsets
        entry = {"kind": "dense" if isinstance(layer, Dense) else "score", "name": layer.name,
                 "shape": list(layer.weights.shape)}
        layers.append(entry)
        arrays[f"weights{index}"] = np.packbits(layer.weights, axis=1, bitorder="little")
        arrays[f"values{index}"] = values.astype("<i8")
        if isinstance(layer, Score) and layer.scaled:
            entry["scales"] = True
            arrays[f"scales{index}"] = layer.scales.astype("<i8")
    frame: dict[str, Any] = {"shape": list(graph.input.shape), "bits": graph.input.bits}
    if graph.input.cuts is not None:
        frame["cuts"] = len(graph.input.cuts)
        arrays["cuts"] = graph.input.cuts.astype("<u2")
    if graph.input.meaning is not None:
        frame["meaning"] = graph.input.meaning
    later = "cuts" in frame or "meaning" in frame or graph.layers[-1].scaled
    header = {"format": FORMAT, "version": 2 if later else 1, "name": graph.name,
              "digest": graph.digest, "input": frame, "layers": layers}
    arrays = {"header": np.frombuffer(json.dumps(header, indent=1).encode(), np.uint8), **arrays}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            # A ZipInfo of its own carries no time of day and no operating system.
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            archive.writestr(member, _npy_prefix(array.dtype.str, array.shape) + array.tobytes())
    with zipfile.ZipFile(buffer) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _LIMIT:
        raise ModelFileError(f"graph {graph.name!r} is too large for a model file: it unpacks to "
                             f"{size} bytes, and {_LIMIT} is the limit")
    write_atomic(path, buffer.getvalue())


def load(path: str | os.PathLike[str]) -> Graph:
    """Read a graph from ``path`` and check it against the digest it was written with.

    Raises
    ------
    ModelFileError
        If the file is missing, unreadable, not a model file, of another version, or damaged.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise ModelFileError(f"{path} is not an xnorloom model file (no ZIP signature)")
            file.seek(0)
            return _read(file, path)
    except OSError as error:
        raise ModelFileError(f"model file {path} cannot be read: "
                             f"{error.strerror or error}") from error
    except BROKEN_ARCHIVE as error:
        raise ModelFileError(f"model file {path} is damaged: {first_line(error)}") from error


def _read(file: IO[bytes], path: Path) -> Graph:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if "header.npy" not in members:
            raise ModelFileError(f"{path} is not an xnorloom model file (it has no header)")
        claimed = sum(info.file_size for info in members.values())
        if claimed > _LIMIT:
            raise ValueError(f"its members claim {claimed} bytes, more than {_LIMIT}")
        text = _array(archive, "header", "|u1", None).tobytes()
        header = json.loads(text)
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ModelFileError(f"{path} is not an xnorloom model file (foreign header)")
        version = header.get("version")
        if type(version) is not int or version not in VERSIONS:
            raise ModelFileError(f"model file {path} has version {version!r}, but this xnorloom "
                                 f"reads versions {' and '.join(map(str, VERSIONS))}")
        layers = []
        for index, entry in enumerate(_item(header, "layers", list)):
            neurons, inputs = _shape(entry)
            packed = _array(archive, f"weights{index}", "|u1", (neurons, -(-inputs // 8)))
            values = _array(archive, f"values{index}", "<i8", (neurons,))
            weights = np.unpackbits(packed, axis=1, count=inputs, bitorder="little")
            kind = _item(entry, "kind", str)
            if kind not in _KINDS:
                raise ValueError(f"kind of a layer must be one of {', '.join(_KINDS)}, "
                                 f"not {kind!r}")
            arguments = [weights, values]
            if version > 1 and kind == "score" and "scales" in entry:
                arguments.append(_array(archive, f"scales{index}", "<i8", (neurons,)))
            layers.append(_KINDS[kind](_item(entry, "name", str), *arguments))
        frame = _input(archive, version, _item(header, "input", dict))
        graph = Graph(_item(header, "name", str), frame, tuple(layers))
    if graph.digest != _item(header, "digest", str):
        raise ValueError("the contents do not match the digest in the header")
    return graph


def _input(archive: zipfile.ZipFile, version: int, entry: dict[str, Any]) -> Input:
    frame = Input(tuple(_item(entry, "shape", list)), _item(entry, "bits", int))
    if version == 1:
        return frame
    cuts = None
    if "cuts" in entry:
        # The bits were checked: no shape of any size is made of what a file claims.
        shape = (_item(entry, "cuts", int), (1 << frame.bits) - 1)
        cuts = _array(archive, "cuts", "<u2", shape)
    return Input(frame.shape, frame.bits, cuts, entry.get("meaning"))


def _item(mapping: Any, key: str, kind: type) -> Any:
    if not isinstance(mapping, dict) or key not in mapping:
        raise ValueError(f"the header lacks {key!r}")
    if not isinstance(mapping[key], kind):
        raise ValueError(f"{key!r} in the header must be a {kind.__name__}, not {mapping[key]!r}")
    return mapping[key]


def _shape(entry: Any) -> tuple[int, int]:
    match _item(entry, "shape", list):
        case [int(neurons), int(inputs)] if neurons > 0 and inputs > 0:
            return neurons, inputs
        case shape:
            raise ValueError(f"'shape' of a layer must be two positive integers, not {shape!r}")


# The fixed start of a .npy file of version 1.0; two bytes with the length of its text follow.
_NPY = b"\x93NUMPY\x01\x00"


def _npy_text(dtype: str, shape: tuple[int, ...]) -> bytes:
    return f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()


def _npy_prefix(dtype: str, shape: tuple[int, ...]) -> bytes:
    """What stands in front of such an array in a .npy file, filled up to 64 bytes."""
    text = _npy_text(dtype, shape)
    text += b" " * (-(len(_NPY) + 2 + len(text) + 1) % 64) + b"\n"
    return _NPY + len(text).to_bytes(2, "little") + text


def _array(archive: zipfile.ZipFile, name: str, dtype: str,
           shape: tuple[int, ...] | None) -> np.ndarray:
    """The array in member ``name``, which must be just this; any length if ``shape`` is None."""
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise ValueError(f"it has no {name}") from None
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed by the foreign method {member.compress_type}")
    data = archive.read(member)
    start = len(_NPY) + 2 + int.from_bytes(data[8:10], "little")
    if shape is None:
        shape = (max(0, len(data) - start),)
    # The description is compared, never evaluated: there is just one that fits.
    text = data[len(_NPY) + 2:start].strip()
    if not data.startswith(_NPY) or text != _npy_text(dtype, shape):
        raise ValueError(f"{name} must be an array of {dtype} of shape {shape!r}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape)
