"""Model files (``.bnn``): a graph as a ZIP of ``.npy`` arrays, never a pickle.

Members:

- ``header``: JSON as bytes, with the format, version, names, shapes and digest of the graph;
- ``weights<i>``: rows of layer ``i`` packed to bytes, the first synapse in bit 0 of the first byte;
- ``values<i>``: its thresholds or offsets, little-endian 64-bit integers;
- ``scales<i>`` (version 2, if the header says so): its scales, likewise;
- ``cuts`` (version 2, if the header says so): pixel thresholds, little-endian 16-bit integers.

The preprocessing of the input, ``meaning`` in the header, also takes version 2. A graph without
these three makes a file of version 1. Equal graphs of equal names give equal bytes.
"""

import json
import os
from typing import IO, Any

import numpy as np

from ..errors import ModelFileError
from ..support.archive import SIGNATURE, ArrayArchive, pack
from ..support.files import BROKEN_ARCHIVE, open_regular, write_atomic
from ..support.text import first_line, printable, quoted
from . import Dense, Graph, Input, Score

__all__ = ["FORMAT", "VERSIONS", "save", "load"]

FORMAT = "xnorloom-graph"
VERSIONS = (1, 2)
_KINDS = {"dense": Dense, "score": Score}
# A file of a few kilobytes must not fill the memory: bytes that all members unpack to, and weights
# and neurons of all layers. In memory a weight takes a byte, and a neuron up to a hundred. A
# network of 784-4096-4096-4096-10 has 37 million weights and 12,298 neurons.
_LIMIT = 1 << 26
_MOST_WEIGHTS, _MOST_NEURONS = 1 << 26, 1 << 20


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write ``graph`` to ``path`` atomically.

    Raises
    ------
    ModelFileError
        If the graph is larger than :func:`load` accepts: 64 MiB unpacked, 67,108,864 weights,
        1,048,576 neurons.
    OSError
        If ``path`` cannot be written.
    """
    neurons = sum(layer.neurons for layer in graph.layers)
    if graph.synapses > _MOST_WEIGHTS or neurons > _MOST_NEURONS:
        raise ModelFileError(f"graph {quoted(graph.name)} is too large for a model file: it has "
                             f"{graph.synapses} weights of {neurons} neurons, and {_MOST_WEIGHTS} "
                             f"and {_MOST_NEURONS} are the limits")
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
    if graph.input.pixel_thresholds is not None:
        frame["cuts"] = len(graph.input.pixel_thresholds)
        arrays["cuts"] = graph.input.pixel_thresholds.astype("<u2")
    if graph.input.preprocessing is not None:
        frame["meaning"] = graph.input.preprocessing
    later = "cuts" in frame or "meaning" in frame or graph.layers[-1].scaled
    header = {"format": FORMAT, "version": 2 if later else 1, "name": graph.name,
              "digest": graph.digest, "input": frame, "layers": layers}
    arrays = {"header": np.frombuffer(json.dumps(header, indent=1).encode(), np.uint8), **arrays}
    data, size = pack(arrays)
    if size > _LIMIT:
        raise ModelFileError(f"graph {quoted(graph.name)} is too large for a model file: it "
                             f"unpacks to {size} bytes, and {_LIMIT} is the limit")
    write_atomic(path, data)


def load(path: str | os.PathLike[str]) -> Graph:
    """Read the graph in ``path`` and verify its digest.

    Raises
    ------
    ModelFileError
        If the file is missing, unreadable, not a model file, of another version, or damaged.
    """
    where = printable(path)
    try:
        with open_regular(path) as file:
            if file.read(len(SIGNATURE)) != SIGNATURE:
                raise ModelFileError(f"{where} is not an xnorloom model file (no ZIP signature)")
            file.seek(0)
            return _read(file, where)
    except OSError as error:
        raise ModelFileError(f"model file {where} cannot be read: "
                             f"{printable(error.strerror or error)}") from error
    except BROKEN_ARCHIVE as error:
        raise ModelFileError(f"model file {where} is damaged: {first_line(error)}") from error


def _read(file: IO[bytes], path: str) -> Graph:
    with ArrayArchive(file) as archive:
        if "header" not in archive:
            raise ModelFileError(f"{path} is not an xnorloom model file (it has no header)")
        archive.check_size(_LIMIT)
        text = archive.array("header", "|u1", None).tobytes()
        header = json.loads(text)
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ModelFileError(f"{path} is not an xnorloom model file (foreign header)")
        version = header.get("version")
        if type(version) is not int or version not in VERSIONS:
            raise ModelFileError(f"model file {path} has version {quoted(version)}, but this "
                                 f"xnorloom reads versions {' and '.join(map(str, VERSIONS))}")
        entries = _item(header, "layers", list)
        shapes = [_shape(entry) for entry in entries]
        for what, most, claimed in (
                ("neurons", _MOST_NEURONS, sum(neurons for neurons, _ in shapes)),
                ("weights", _MOST_WEIGHTS, sum(neurons * inputs for neurons, inputs in shapes))):
            if claimed > most:
                raise ValueError(f"its layers claim {claimed} {what}, more than {most}")
        layers = []
        for index, (entry, (neurons, inputs)) in enumerate(zip(entries, shapes)):
            packed = archive.array(f"weights{index}", "|u1", (neurons, -(-inputs // 8)))
            values = archive.array(f"values{index}", "<i8", (neurons,))
            weights = np.unpackbits(packed, axis=1, count=inputs, bitorder="little")
            kind = _item(entry, "kind", str)
            if kind not in _KINDS:
                raise ValueError(f"kind of a layer must be one of {', '.join(_KINDS)}, "
                                 f"not {quoted(kind)}")
            arguments = [weights, values]
            if version > 1 and kind == "score" and "scales" in entry:
                arguments.append(archive.array(f"scales{index}", "<i8", (neurons,)))
            layers.append(_KINDS[kind](_item(entry, "name", str), *arguments))
        frame = _input(archive, version, _item(header, "input", dict))
        graph = Graph(_item(header, "name", str), frame, tuple(layers))
    if graph.digest != _item(header, "digest", str):
        raise ValueError("the contents do not match the digest in the header")
    return graph


def _input(archive: ArrayArchive, version: int, entry: dict[str, Any]) -> Input:
    frame = Input(tuple(_item(entry, "shape", list)), _item(entry, "bits", int))
    if version == 1:
        return frame
    thresholds = None
    if "cuts" in entry:
        # The bits were checked, so that the shape is bounded whatever the file claims.
        shape = (_item(entry, "cuts", int), (1 << frame.bits) - 1)
        thresholds = archive.array("cuts", "<u2", shape)
    return Input(frame.shape, frame.bits, thresholds, entry.get("meaning"))


def _item(mapping: Any, key: str, kind: type) -> Any:
    if not isinstance(mapping, dict) or key not in mapping:
        raise ValueError(f"the header lacks {key!r}")
    if not isinstance(mapping[key], kind):
        raise ValueError(f"{key!r} in the header must be a {kind.__name__}, not "
                         f"{quoted(mapping[key])}")
    return mapping[key]


def _shape(entry: Any) -> tuple[int, int]:
    match _item(entry, "shape", list):
        case [int(neurons), int(inputs)] if neurons > 0 and inputs > 0:
            return neurons, inputs
        case shape:
            raise ValueError(f"'shape' of a layer must be two positive integers, not "
                             f"{quoted(shape)}")
