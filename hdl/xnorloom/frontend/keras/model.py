"""Reader of Larq and Keras networks, files ``.h5`` and ``.keras``, without TensorFlow.

The arithmetic is that of TensorFlow on a CPU, in float32 and operation by operation. Batch
normalisation is ``x * s + (beta - mean * s)`` with ``s = rsqrt(variance + epsilon) * gamma``, but
``(x - mean) * s + beta`` for maps in Keras 2. TensorFlow's ``rsqrt`` varies by up to three units in
the last place between processors and between positions of a vector; here it is ``1 / sqrt(v)``, as
in its code for single numbers. A bias is added after the exact sum.
"""

import difflib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import SourceError
from ...support.text import quoted
from ..program import Program
from ..rising import RISING
from .config import Layer, chain, frame_shape
from .file import read
from .layers import IDENTITY, LAYERS
from .quantizers import function_name
from .reader import Reader
from .spatial import SPATIAL, refusal

__all__ = ["load"]

_SHAPES = ("Flatten", "Reshape")
_KINDS = {**LAYERS, **SPATIAL}
_DTYPES = ("float32", "uint8", "int32", "int64")


def load(path: str | os.PathLike[str], *, name: str | None = None) -> Program:
    """Read the inference of the network in a Keras file.

    The step and the tensor of a layer have its name. The name of an input quantizer ends in
    ``/input_quantizer``, those of sums before bias and activation in ``/MatMul`` and ``/BiasAdd``.
    A softmax at the end is left out, since it keeps the order of the classes; for several outputs a
    sigmoid and a tanh, too.

    Parameters
    ----------
    path : path-like
        File of ``model.save`` of Keras 2 or 3; kernels may be latent or quantized.
    name : str or None
        Name of the network; by default that of the file.

    Raises
    ------
    SourceError
        If the file cannot be read, or contains something that is not supported.
    """
    file = read(path)
    layers = chain(file.config)
    reader = Reader(file, frame_shape(file.config, layers[0]), _input_dtype(layers[0]))
    for number, layer in enumerate(layers):
        _read(reader, layer, last=all(later.kind in (*IDENTITY, *_SHAPES)
                                      for later in layers[number + 1:]))
    return Program(name or Path(path).stem, reader.input_shape, reader.input_dtype,
                   reader.finished(), reader.value, reader.declared_preprocessing,
                   tuple(reader.notes))


def _input_dtype(first: Layer) -> np.dtype:
    if first.kind != "InputLayer":
        return np.dtype(np.float32)
    found = _dtype(first)
    if found not in _DTYPES:
        raise SourceError(f"the input must be of the type {', '.join(_DTYPES)}, not "
                          f"{quoted(found)}")
    return np.dtype(found)


def _dtype(layer: Layer) -> Any:
    """Return the name of a layer's type, which Keras 3 and mixed precision wrap."""
    found = layer.config.get("dtype", "float32")
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        found = found["config"].get("name")
    return found


def _read(reader: Reader, layer: Layer, last: bool) -> None:
    """Append the steps of ``layer``; ``last`` if no layer after it computes anything."""
    if layer.kind == "InputLayer":
        return
    if layer.kind not in _KINDS and layer.kind != "Softmax":
        raise _unknown(layer, sorted([*_KINDS, "Softmax"]))
    if _dtype(layer) != "float32":
        raise SourceError(f"{layer.title} must compute in float32, not "
                          f"{quoted(_dtype(layer))}")
    activation = _activation_name(layer)
    if activation == "softmax" and not last:
        raise SourceError(f"{layer.title} must be the end of the network, as it has a softmax")
    outputs = math.prod(reader.shape)
    for key in ("units", "filters"):
        if key in layer.config:
            outputs = layer.get(key, int)
    if activation == "softmax" and outputs == 1:
        raise SourceError(f"{layer.title} must have two outputs or more, as it has a softmax, "
                          f"which is 1 for every input if there is one")
    reader.left_out = activation == "softmax" or (
        activation in RISING and last and outputs > 1)
    if reader.left_out:
        reader.notes.append(f"the {activation} of layer {layer.name} is left out, which keeps "
                            f"the order of the classes")
    if not reader.left_out or layer.kind not in ("Softmax", "Activation"):
        _KINDS[layer.kind](reader, layer)
    if activation == "softmax" and math.prod(reader.shape[:-1]) > 1:
        raise SourceError(f"{layer.title} must have one vector per frame, as it has a softmax, not "
                          f"frames of shape {reader.shape}: put a Flatten or a global pooling "
                          f"before it")


def _activation_name(layer: Layer) -> str:
    if layer.kind == "Softmax":
        return "softmax"
    return function_name(layer.config.get("activation"), f"activation of {layer.title}")


def _unknown(layer: Layer, known: list[str]) -> SourceError:
    error = refusal(layer)
    if error is not None:
        return error
    near = difflib.get_close_matches(layer.kind, known, 1)
    advice = f"the nearest one is {near[0]}" if near else f"these are: {', '.join(known)}"
    return SourceError(f"{layer.title} is of a class that is not supported; {advice}")
