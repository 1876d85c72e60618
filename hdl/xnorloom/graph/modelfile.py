"""Model files (``.bnn``): a graph as a ZIP of ``.npy`` arrays, never a pickle.

Members:

- ``header``: JSON as bytes, with the format, version, names, shapes and digest of the graph;
- ``weights<i>``: rows of layer ``i`` packed to bytes, the first synapse in bit 0 of the first byte;
- ``values<i>``: its thresholds or offsets, little-endian 64-bit integers;
- ``scales<i>`` (version 2, if the header says so): its scales, likewise;
- ``cuts`` (version 2, if the header says so): pixel thresholds, little-endian 16-bit integers;
- ``pads<i>`` (version 3, if the header says so): codes of the channels outside the map, likewise;
- ``least<i>`` (version 3, if the header says so): 1 for each neuron whose pool is an AND, bytes;
- ``present<i>`` (version 4, if the header says so): 1 for each synapse that exists, packed as the
  weights, which are 0 where there is none.

The preprocessing of the input, ``meaning`` in the header, also takes version 2, convolutions take
version 3, absent synapses version 4, and a thermometer, lists of cuts in the header, version 5. The
version of a file is the lowest that has all of its graph. Equal graphs of equal names give equal
bytes.
"""

import json
import os
from typing import IO, Any

import numpy as np

from ..errors import ModelFileError
from ..support.archive import SIGNATURE, ArrayArchive, pack
from ..support.files import BROKEN_ARCHIVE, open_regular, write_atomic
from ..support.text import first_line, printable, quoted
from . import Conv, Graph, Input
from .modelfile_layers import claims, item, layer_entry, read_layer

__all__ = ["FORMAT", "VERSIONS", "save", "load"]

FORMAT = "xnorloom-graph"
VERSIONS = (1, 2, 3, 4, 5)
# A file of a few kilobytes must not fill the memory: bytes that all members unpack to, and weights
# and neurons of all layers. In memory a weight takes up to two bytes, and a neuron up to a hundred.
# A network of 784-4096-4096-4096-10 has 37 million weights and 12,298 neurons. A convolution has
# thresholds for each border class: no more than there may be neurons. Graph limits the maps.
_LIMIT = 1 << 26
_MOST_WEIGHTS, _MOST_NEURONS = 1 << 26, 1 << 20


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write ``graph`` to ``path`` atomically.

    Raises
    ------
    ModelFileError
        If the graph is larger than :func:`load` accepts: 64 MiB unpacked, 67,108,864 weights,
        1,048,576 neurons, 1,048,576 thresholds and offsets.
    OSError
        If ``path`` cannot be written.
    """
    neurons = sum(layer.neurons for layer in graph.layers)
    weights = sum(layer.weights.size for layer in graph.layers)
    if weights > _MOST_WEIGHTS or neurons > _MOST_NEURONS:
        raise ModelFileError(f"graph {quoted(graph.name)} is too large for a model file: it has "
                             f"{weights} weights of {neurons} neurons, and {_MOST_WEIGHTS} "
                             f"and {_MOST_NEURONS} are the limits")
    members = [layer_entry(layer, index) for index, layer in enumerate(graph.layers)]
    thresholds = sum(claims(max(VERSIONS), entry)["thresholds"] for entry, _ in members)
    if thresholds > _MOST_NEURONS:
        raise ModelFileError(f"graph {quoted(graph.name)} is too large for a model file: it has "
                             f"{thresholds} thresholds, and {_MOST_NEURONS} is the limit")
    layers = [entry for entry, _ in members]
    arrays = {name: array for _, found in members for name, array in found.items()}
    frame: dict[str, Any] = {"shape": list(graph.input.shape), "bits": graph.input.bits}
    if graph.input.pixel_thresholds is not None:
        frame["cuts"] = len(graph.input.pixel_thresholds)
        arrays["cuts"] = graph.input.pixel_thresholds.astype("<u2")
    if graph.input.preprocessing is not None:
        frame["meaning"] = graph.input.preprocessing
    if graph.input.thermometer is not None:
        frame["thermometer"] = graph.input.thermometer
    later = "cuts" in frame or "meaning" in frame or graph.layers[-1].scaled
    version = 2 if later else 1
    if any(isinstance(layer, Conv) for layer in graph.layers):
        version = 3
    if any(layer.present is not None for layer in graph.layers):
        version = 4
    if "thermometer" in frame:
        version = 5
    header = {"format": FORMAT, "version": version, "name": graph.name,
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
            *others, last = VERSIONS
            raise ModelFileError(f"model file {path} has version {quoted(version)}, but this "
                                 f"xnorloom reads versions {', '.join(map(str, others))} and "
                                 f"{last}")
        entries = item(header, "layers", list)
        claimed = [claims(version, entry) for entry in entries]
        for what, most in (("neurons", _MOST_NEURONS), ("weights", _MOST_WEIGHTS),
                           ("thresholds", _MOST_NEURONS)):
            total = sum(claim[what] for claim in claimed)
            if total > most:
                raise ValueError(f"its layers claim {total} {what}, more than {most}")
        layers = tuple(read_layer(archive, version, index, entry)
                       for index, entry in enumerate(entries))
        frame = _input(archive, version, item(header, "input", dict))
        graph = Graph(item(header, "name", str), frame, layers)
    if graph.digest != item(header, "digest", str):
        raise ValueError("the contents do not match the digest in the header")
    return graph


def _input(archive: ArrayArchive, version: int, entry: dict[str, Any]) -> Input:
    frame = Input(tuple(item(entry, "shape", list)), item(entry, "bits", int))
    if version == 1:
        return frame
    thresholds = None
    if "cuts" in entry:
        # The bits were checked, so that the shape is bounded whatever the file claims.
        shape = (item(entry, "cuts", int), (1 << frame.bits) - 1)
        thresholds = archive.array("cuts", "<u2", shape)
    rows = item(entry, "thermometer", list) if version > 4 and "thermometer" in entry else None
    return Input(frame.shape, frame.bits, thresholds, entry.get("meaning"), rows)
