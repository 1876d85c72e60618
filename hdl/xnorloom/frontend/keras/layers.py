"""Keras layers on frames of any shape: dense layers, normalisation, activations and shapes."""

import math
from collections.abc import Callable

import numpy as np

from ...errors import SourceError
from ...support.text import quoted
from ..program import Move
from .config import Layer
from .quantizers import QUANTIZERS
from .reader import Reader, finite

__all__ = ["IDENTITY", "LAYERS"]

IDENTITY = ("InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout",
            "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization",
            "Identity")
"""Classes of layers that are the identity at inference."""

_ROUNDING = ("TensorFlow rounds the slopes of batch normalisation differently from machine to "
             "machine, by some 1e-7 of them; only decisions as near to a tie may differ")


def _identity(reader: Reader, layer: Layer) -> None:
    """Skip a layer that is the identity at inference."""


def _flatten(reader: Reader, layer: Layer) -> None:
    size = (math.prod(reader.shape),)
    match layer.config.get("data_format", "channels_last"):
        case "channels_last":
            reader.move(layer.name, layer.name, size)
        case "channels_first":
            # Keras moves the channels to the end before it flattens.
            reader.move(layer.name, layer.name, size, lambda x: np.moveaxis(x, 1, -1))
        case other:
            raise SourceError(f"data_format of {layer.title} must be channels_last or "
                              f"channels_first, not {quoted(other)}")


def _reshape(reader: Reader, layer: Layer) -> None:
    target = layer.get("target_shape", list)
    size = math.prod(reader.shape)
    shape = tuple(target)
    if all(type(part) is int and -1 <= part <= size for part in target):
        rest = math.prod(part for part in target if part != -1)
        if target.count(-1) == 1 and rest:
            shape = tuple(size // rest if part == -1 else part for part in target)
        if shape and math.prod(shape) == size and -1 not in shape:
            reader.move(layer.name, layer.name, shape)
            return
    raise SourceError(f"target_shape of {layer.title} must be a shape of {size} elements, not "
                      f"{quoted(target)}")


def _permute(reader: Reader, layer: Layer) -> None:
    dims = layer.get("dims", list)
    rank = len(reader.shape)
    if not all(type(dim) is int for dim in dims) or sorted(dims) != [*range(1, rank + 1)]:
        raise SourceError(f"dims of {layer.title} must be an order of 1 to {rank}, not "
                          f"{quoted(dims)}")
    shape = tuple(reader.shape[dim - 1] for dim in dims)
    reader.move(layer.name, layer.name, shape, lambda x: x.transpose(0, *dims))


def _rescaling(reader: Reader, layer: Layer) -> None:
    scale, offset = (finite(layer, key) for key in ("scale", "offset"))
    first = all(isinstance(step, Move) for step in reader.steps)
    if first and (float(scale), float(offset)) in ((float(np.float32(1 / 255)), 0),
                                                   (float(np.float32(1 / 127.5)), -1)):
        reader.declared_preprocessing = "u8"
    reader.dtype = np.dtype(np.float32)
    reader.compute(layer, lambda x: x.astype(np.float32) * scale + offset)


def _activation(reader: Reader, layer: Layer) -> None:
    reader.apply(layer, layer.get("activation", (str, dict)), "activation")


def _quantizer(reader: Reader, layer: Layer) -> None:
    reader.apply(layer, {"class_name": layer.kind, "config": layer.config}, "function")


def _norm(reader: Reader, layer: Layer) -> None:
    axis, rank = layer.config.get("axis", -1), len(reader.shape)
    if axis not in (-1, rank, [-1], [rank]) or rank > 3:
        raise SourceError(f"{layer.title} must be for the last axis, not for axis {quoted(axis)} "
                          f"of frames of shape {reader.shape}")
    for key in ("renorm", "virtual_batch_size"):
        if layer.config.get(key):
            raise SourceError(f"{layer.title} must be without {key}")
    scale, center = (layer.get(key, bool, True) for key in ("scale", "center"))
    names = [*["gamma"] * scale, *["beta"] * center, "moving_mean", "moving_variance"]
    arrays = reader.weights(layer, dict.fromkeys(names, reader.shape[-1:]))
    variance = arrays["moving_variance"] + finite(layer, "epsilon", 1e-3)
    if not (variance > 0).all():
        raise SourceError(f"moving_variance of {layer.title} must be positive, with epsilon "
                          f"added, but is {variance.min()} of element {variance.argmin()}")
    slope = np.float32(1) / np.sqrt(variance)
    if scale:
        slope = slope * arrays["gamma"]
    mean, beta = arrays["moving_mean"], arrays.get("beta", np.zeros_like(slope))
    if rank == 3 and not isinstance(layer.config.get("dtype"), dict):
        # Keras 2 calls another kernel for maps; Keras 3 has types as objects.
        reader.compute(layer, lambda x, m, s, b: (x - m) * s + b, mean, slope, beta)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            shift = beta - mean * slope
        reader.compute(layer, lambda x, s, t: x * s + t, slope, shift)
    if _ROUNDING not in reader.notes:
        reader.notes.append(_ROUNDING)


def _dense(reader: Reader, layer: Layer) -> None:
    if len(reader.shape) != 1:
        raise SourceError(f"{layer.title} must have flat frames, not of shape {reader.shape}: "
                          f"put a Flatten before it")
    units = layer.get("units", int)
    reader.linear(layer, "kernel", (reader.shape[0], units), units,
                  lambda name, kernel: reader.dense(layer.name, name, kernel))


LAYERS: dict[str, Callable[[Reader, Layer], None]] = {
    "Flatten": _flatten, "Reshape": _reshape, "Permute": _permute, "Rescaling": _rescaling,
    "Activation": _activation, "BatchNormalization": _norm, "Dense": _dense, "QuantDense": _dense,
    **dict.fromkeys(QUANTIZERS, _quantizer),
    **dict.fromkeys(IDENTITY, _identity),
}
"""Readers of the layers, by class."""
