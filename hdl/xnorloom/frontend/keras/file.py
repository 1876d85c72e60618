"""Keras files: configuration and weights of a network, read safely from untrusted files.

There are two formats. ``.h5`` is an HDF5 file with the configuration as an attribute and the
weights by name. ``.keras`` is a ZIP of the configuration as JSON and of an HDF5 file with the
weights by number. Files are read into memory, up to a limit, so that nothing in them makes the HDF5
library open another file.
"""

import io
import json
import os
import re
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.files import BROKEN_ARCHIVE, open_regular
from ...support.text import first_line, printable, quoted
from .. import HDF5, KERAS
from .hdf5 import LIMIT, TEXT_LIMIT, array, member, open_bytes, reading, texts

__all__ = ["KerasFile", "read"]

# Names of weights in Keras 3, by those of Keras 2.
_OTHER_NAMES = {"depthwise_kernel": "kernel"}


class KerasFile:
    """File in memory.

    Attributes
    ----------
    config : dict
        Configuration of the network, from JSON.
    """

    config: dict[str, Any]

    def __init__(self, where: str, data: bytes, by_number: bool):
        self._where = where
        self._data = data
        self._root = open_bytes(where, data)
        self._by_number = by_number
        self._counts: dict[str, int] = {}

    def weights(self, layer: str, kind: str,
                shapes: dict[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32]]:
        """Read the weights of a layer, by name.

        Parameters
        ----------
        layer, kind : str
            Name and class of the layer. Each layer must be read exactly once, those of one class in
            the order of the network, since ``.keras`` files number them so.
        shapes : dict
            Shapes of all weights, in the order in which Keras creates them.

        Raises
        ------
        SourceError
            If one is missing, has another shape or type, is not finite, or is in another file.
        """
        with reading(self._where):
            if self._by_number:
                found = self._numbered(kind, list(shapes))
            else:
                found = self._named(layer)
        arrays = {}
        for name, shape in shapes.items():
            what = f"{name} of layer {quoted(layer)} in {self._where}"
            with reading(self._where):
                dataset = found.pop(name, None) or found.pop(_OTHER_NAMES.get(name, name), None)
                if dataset is None:
                    raise SourceError(f"{what} is missing")
                arrays[name] = array(dataset, shape, what)
            if not np.isfinite(arrays[name]).all():
                raise SourceError(f"{what} must be finite, but has "
                                  f"{arrays[name][~np.isfinite(arrays[name])][0]}")
        return arrays

    def _named(self, layer: str) -> dict[str, Any]:
        group = member(self._root, f"model_weights/{layer}")
        if group is None:
            return {}
        found: dict[str, Any] = {}
        for path in texts(self._data, group, "weight_names") or []:
            # "layer/kernel:0", in Keras 3 preceded by the name of the network.
            name = path.rsplit("/", 1)[-1].split(":")[0]
            if name in found:
                raise SourceError(f"layer {quoted(layer)} in {self._where} has "
                                  f"{quoted(name)} twice")
            found[name] = member(group, path)
        return found

    def _numbered(self, kind: str, names: list[str]) -> dict[str, Any]:
        # Layers are named by their class in snake case and a number, not by their own name.
        stem = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", kind))
        count = self._counts.get(kind, 0)
        self._counts[kind] = count + 1
        place = f"{stem.lower()}_{count}" if count else stem.lower()
        # The first versions of this format have another name for the layers.
        for parent in ("layers", "_layer_checkpoint_dependencies"):
            group = member(self._root, f"{parent}/{place}/vars")
            if group is not None:
                if len(group) > len(names):
                    raise SourceError(f"{place} in {self._where} must have {len(names)} weights "
                                      f"({', '.join(names)}), not {len(group)}")
                return {name: member(group, str(number)) for number, name in enumerate(names)}
        return {}


def read(path: str | os.PathLike[str]) -> KerasFile:
    """Read the file ``path`` and its configuration.

    Raises
    ------
    SourceError
        If the file is missing, unreadable, too large, damaged, of another format or without a
        configuration, or if h5py is not installed.
    """
    where = printable(path)
    try:
        with open_regular(path) as file:
            data = file.read(LIMIT + 1)
    except IsADirectoryError:
        raise SourceError(f"{where} must be a file that Keras saved, .h5 or .keras, not a "
                          f"directory") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        raise SourceError(f"Keras file {where} cannot be read: {printable(why)}") from error
    if len(data) > LIMIT:
        raise SourceError(f"Keras file {where} must have at most {LIMIT} bytes, and has more")
    if data.startswith(HDF5.magic):
        return _read_hdf5(where, data)
    if data.startswith(KERAS.magic):
        return _read_archive(where, data)
    raise SourceError(f"{where} must be a file that Keras saved, HDF5 (.h5) or ZIP (.keras), but "
                      f"{'has other contents' if data else 'is empty'}")


def _read_hdf5(where: str, data: bytes) -> KerasFile:
    file = KerasFile(where, data, by_number=False)
    with reading(where):
        found = texts(data, file._root, "model_config")
        weights_only = "layers" in file._root or "layer_names" in file._root.attrs
    if found is None:
        raise SourceError(f"{where} must hold a network as model.save() of Keras writes it, but "
                          f"holds {'weights alone' if weights_only else 'none'}")
    file.config = _json(where, "".join(found))
    return file


def _read_archive(where: str, data: bytes) -> KerasFile:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            parts = []
            for name, limit in (("config.json", TEXT_LIMIT), ("model.weights.h5", LIMIT)):
                if name not in members:
                    raise SourceError(f"{where} must be an archive that Keras saved, but has no "
                                      f"{name}")
                if members[name].file_size > limit:
                    raise SourceError(f"{name} in {where} must have at most {limit} bytes, but "
                                      f"claims {members[name].file_size}")
                if members[name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise NotImplementedError(f"{name} is compressed in a way Keras never does")
                parts.append(archive.read(name))
    except BROKEN_ARCHIVE as error:
        raise SourceError(f"Keras file {where} is damaged: {first_line(error)}") from error
    config = _json(where, parts[0])
    file = KerasFile(where, parts[1], by_number=True)
    file.config = config
    return file


def _json(where: str, content: str | bytes) -> dict[str, Any]:
    def refuse(word: str):
        raise ValueError(f"{word} is no number")

    try:
        config = json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"configuration in {where} must be JSON: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise SourceError(f"configuration in {where} must be a JSON object, not a "
                          f"{type(config).__name__}")
    return config
