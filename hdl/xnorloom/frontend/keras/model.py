"""Reader of Larq and Keras networks, files ``.h5`` and ``.keras``, without TensorFlow.

The arithmetic is that of TensorFlow on a CPU, in float32 and operation by operation. Batch
normalisation of flat frames is ``x * s + (beta - mean * s)`` with ``s = rsqrt(variance + epsilon)
* gamma``. TensorFlow's ``rsqrt`` varies by up to three units in the last place between processors
and between positions of a vector; here it is ``1 / sqrt(v)``, as in its code for single numbers. A
bias is added after the exact sum.
"""

import difflib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.text import quoted
from ..program import INPUT, Dense, Elementwise, Move, Operand, Program, Step, Value
from ..rising import RISING
from .config import Layer, chain, frame_shape
from .file import KerasFile, read
from .quantizers import QUANTIZERS, elementwise, function_name, quantized

__all__ = ["load"]

_IDENTITY = ("InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout",
            "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization",
            "Identity")
_SHAPES = ("Flatten", "Reshape")
_DTYPES = ("float32", "uint8", "int32", "int64")
_ERRORS = dict(RISING.values())
_ROUNDING = ("TensorFlow rounds the slopes of batch normalisation differently from machine to "
             "machine, by some 1e-7 of them; only decisions as near to a tie may differ")


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
    reader = _Reader(file, frame_shape(file.config, layers[0]), _input_dtype(layers[0]))
    for number, layer in enumerate(layers):
        reader.read(layer, last=all(later.kind in (*_IDENTITY, *_SHAPES)
                                    for later in layers[number + 1:]))
    return Program(name or Path(path).stem, reader.input_shape, reader.input_dtype,
                   tuple(reader.steps), reader.value, reader.declared_preprocessing,
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


class _Reader:
    """Appends the steps of layers in order; ``shape`` is the current shape of a frame."""

    def __init__(self, file: KerasFile, shape: tuple[int, ...], dtype: np.dtype):
        self.file = file
        self.shape = self.input_shape = shape
        self.dtype = self.input_dtype = dtype
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self.declared_preprocessing: str | None = None
        # True if the activation of the current layer is left out.
        self.left_out = False
        self.kinds: dict[str, Callable[[Layer], None]] = {
            "Flatten": self._flatten, "Reshape": self._reshape, "Permute": self._permute,
            "Rescaling": self._rescaling, "Activation": self._activation,
            "BatchNormalization": self._norm, "Dense": self._dense, "QuantDense": self._dense,
            **dict.fromkeys(QUANTIZERS, self._quantizer),
            **dict.fromkeys(_IDENTITY, self._identity),
        }

    @property
    def value(self) -> Value:
        """Result of the last step."""
        return Value(len(self.steps) - 1) if self.steps else INPUT

    def read(self, layer: Layer, last: bool) -> None:
        if layer.kind == "InputLayer":
            return
        if layer.kind not in self.kinds and layer.kind != "Softmax":
            raise _unknown(layer, sorted([*self.kinds, "Softmax"]))
        if _dtype(layer) != "float32":
            raise SourceError(f"{layer.title} must compute in float32, not "
                              f"{quoted(_dtype(layer))}")
        activation = _activation_name(layer)
        if activation == "softmax" and not last:
            raise SourceError(f"{layer.title} must be the end of the network, as it has a softmax")
        outputs = (layer.get("units", int) if layer.kind in ("Dense", "QuantDense")
                   else math.prod(self.shape))
        if activation == "softmax" and outputs == 1:
            raise SourceError(f"{layer.title} must have two outputs or more, as it has a softmax, "
                              f"which is 1 for every input if there is one")
        self.left_out = activation == "softmax" or (
            activation in RISING and last and outputs > 1)
        if self.left_out:
            self.notes.append(f"the {activation} of layer {layer.name} is left out, which keeps "
                              f"the order of the classes")
            if layer.kind in ("Softmax", "Activation"):
                return
        self.kinds[layer.kind](layer)

    def _identity(self, layer: Layer) -> None:
        """Skip a layer that is the identity at inference."""

    def _elementwise(self, layer: Layer, function: Callable[..., npt.NDArray],
                     *constants: Operand, part: str = "") -> None:
        self._check_float(layer)
        name = layer.name + part
        error = _ERRORS.get(function)
        self.steps.append(Elementwise(name, name, (self.value, *constants), function, error))

    def _check_float(self, layer: Layer) -> None:
        if self.dtype != np.float32:
            raise SourceError(f"{layer.title} must come after a Rescaling, as the input is "
                              f"{self.dtype}")

    def _apply(self, layer: Layer, spec: Any, key: str, part: str = "") -> None:
        function = elementwise(spec, f"{key} of {layer.title}")
        if function is not None:
            self._elementwise(layer, function, part=part)

    def _move(self, layer: Layer, shape: tuple[int, ...],
              function: Callable[[npt.NDArray], npt.NDArray] = lambda x: x) -> None:
        self.shape = shape
        self.steps.append(Move(layer.name, layer.name, self.value,
                               lambda x: function(x).reshape(len(x), *shape)))

    def _flatten(self, layer: Layer) -> None:
        size = (math.prod(self.shape),)
        match layer.config.get("data_format", "channels_last"):
            case "channels_last":
                self._move(layer, size)
            case "channels_first":
                # Keras moves the channels to the end before it flattens.
                self._move(layer, size, lambda x: np.moveaxis(x, 1, -1))
            case other:
                raise SourceError(f"data_format of {layer.title} must be channels_last or "
                                  f"channels_first, not {quoted(other)}")

    def _reshape(self, layer: Layer) -> None:
        target = layer.get("target_shape", list)
        size = math.prod(self.shape)
        shape = tuple(target)
        if all(type(part) is int and -1 <= part <= size for part in target):
            rest = math.prod(part for part in target if part != -1)
            if target.count(-1) == 1 and rest:
                shape = tuple(size // rest if part == -1 else part for part in target)
            if shape and math.prod(shape) == size and -1 not in shape:
                self._move(layer, shape)
                return
        raise SourceError(f"target_shape of {layer.title} must be a shape of {size} elements, not "
                          f"{quoted(target)}")

    def _permute(self, layer: Layer) -> None:
        dims = layer.get("dims", list)
        rank = len(self.shape)
        if not all(type(dim) is int for dim in dims) or sorted(dims) != [*range(1, rank + 1)]:
            raise SourceError(f"dims of {layer.title} must be an order of 1 to {rank}, not "
                              f"{quoted(dims)}")
        shape = tuple(self.shape[dim - 1] for dim in dims)
        self._move(layer, shape, lambda x: x.transpose(0, *dims))

    def _rescaling(self, layer: Layer) -> None:
        scale, offset = (_finite(layer, key) for key in ("scale", "offset"))
        first = all(isinstance(step, Move) for step in self.steps)
        if first and (float(scale), float(offset)) in ((float(np.float32(1 / 255)), 0),
                                                       (float(np.float32(1 / 127.5)), -1)):
            self.declared_preprocessing = "u8"
        self.dtype = np.dtype(np.float32)
        self._elementwise(layer, lambda x: x.astype(np.float32) * scale + offset)

    def _activation(self, layer: Layer) -> None:
        self._apply(layer, layer.get("activation", (str, dict)), "activation")

    def _quantizer(self, layer: Layer) -> None:
        self._apply(layer, {"class_name": layer.kind, "config": layer.config}, "function")

    def _norm(self, layer: Layer) -> None:
        axis, rank = layer.config.get("axis", -1), len(self.shape)
        if axis not in (-1, rank, [-1], [rank]) or rank > 2:
            raise SourceError(f"{layer.title} must be for the last axis of flat frames, not for "
                              f"axis {quoted(axis)} of frames of shape {self.shape}")
        for key in ("renorm", "virtual_batch_size"):
            if layer.config.get(key):
                raise SourceError(f"{layer.title} must be without {key}")
        scale, center = (layer.get(key, bool, True) for key in ("scale", "center"))
        names = [*["gamma"] * scale, *["beta"] * center, "moving_mean", "moving_variance"]
        arrays = self._weights(layer, dict.fromkeys(names, self.shape[-1:]))
        variance = arrays["moving_variance"] + _finite(layer, "epsilon", 1e-3)
        if not (variance > 0).all():
            raise SourceError(f"moving_variance of {layer.title} must be positive, with epsilon "
                              f"added, but is {variance.min()} of element {variance.argmin()}")
        slope = np.float32(1) / np.sqrt(variance)
        if scale:
            slope = slope * arrays["gamma"]
        with np.errstate(over="ignore", invalid="ignore"):
            shift = -arrays["moving_mean"] * slope
            if center:
                shift = arrays["beta"] - arrays["moving_mean"] * slope
        self._elementwise(layer, lambda x, s, t: x * s + t, slope, shift)
        if _ROUNDING not in self.notes:
            self.notes.append(_ROUNDING)

    def _dense(self, layer: Layer) -> None:
        if len(self.shape) != 1:
            raise SourceError(f"{layer.title} must have flat frames, not of shape {self.shape}: "
                              f"put a Flatten before it")
        units = layer.get("units", int)
        use_bias = layer.get("use_bias", bool, True)
        arrays = self._weights(layer, {"kernel": (self.shape[0], units),
                                       **({"bias": (units,)} if use_bias else {})})
        kernel = quantized(arrays["kernel"], layer.config.get("kernel_quantizer"),
                           f"kernel_quantizer of {layer.title}")
        self._apply(layer, layer.config.get("input_quantizer"), "input_quantizer",
                    "/input_quantizer")
        self._check_float(layer)
        function = None
        if not self.left_out:
            function = elementwise(layer.config.get("activation"), f"activation of {layer.title}")
        name = layer.name + ("/MatMul" if use_bias or function is not None else "")
        self.steps.append(Dense(layer.name, name, self.value, kernel))
        self.shape = (units,)
        if use_bias:
            self._elementwise(layer, np.add, arrays["bias"],
                              part="/BiasAdd" if function is not None else "")
        if function is not None:
            self._elementwise(layer, function)

    def _weights(self, layer: Layer,
                 shapes: dict[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32]]:
        return self.file.weights(layer.name, layer.kind, shapes)


def _activation_name(layer: Layer) -> str:
    if layer.kind == "Softmax":
        return "softmax"
    return function_name(layer.config.get("activation"), f"activation of {layer.title}")


def _finite(layer: Layer, key: str, default: float | None = None) -> np.float32:
    value = layer.get(key, (int, float), default)
    # An integer in JSON may be too large for a float.
    if not abs(value) < 1e30:
        raise SourceError(f"{key} of {layer.title} must be a finite number, not {quoted(value)}")
    return np.float32(value)


def _unknown(layer: Layer, known: list[str]) -> SourceError:
    if any(word in layer.kind for word in ("Conv", "Pool", "Padding")):
        return SourceError(f"{layer.title} is of a convolutional network, which cannot be "
                           f"imported yet: only networks of dense layers can")
    near = difflib.get_close_matches(layer.kind, known, 1)
    advice = f"the nearest one is {near[0]}" if near else f"these are: {', '.join(known)}"
    return SourceError(f"{layer.title} is of a class that is not supported; {advice}")
