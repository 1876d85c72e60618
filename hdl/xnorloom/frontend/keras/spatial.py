"""Keras layers on maps: convolutions, pools and padding, channels last.

A name that ends in 1D is a map of one row. With ``padding="same"``, TensorFlow pads as evenly as it
can, and the odd pixel at the bottom and at the right. Larq pads with ``pad_values``, after the
quantizer of the input; a ZeroPadding layer pads before it.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.text import quoted
from .config import Layer
from .reader import Reader, finite

__all__ = ["SPATIAL", "refusal"]

_MOST = 1 << 16


def _axes(reader: Reader, layer: Layer) -> int:
    """Return the number of axes of a layer's maps, and check that the frames are such maps."""
    axes = 1 if layer.kind.endswith("1D") else 2
    if layer.config.get("data_format", "channels_last") not in ("channels_last", None):
        raise SourceError(f"data_format of {layer.title} must be channels_last, not "
                          f"{quoted(layer.config['data_format'])}: put a Permute before the first "
                          f"such layer, and save the network with channels_last")
    if len(reader.shape) != axes + 1:
        wanted = ("(length, channels)", "(rows, columns, channels)")[axes - 1]
        raise SourceError(f"{layer.title} must have frames of the shape {wanted}, not "
                          f"{reader.shape}: put a Reshape before it")
    return axes


def _pair(layer: Layer, key: str, axes: int, default: object = None) -> tuple[int, int]:
    """Return the sizes of rows and columns in an entry, which may be one for all axes."""
    value = layer.config.get(key)
    if value is None and default is not None:
        value = default
    sizes = [value] * axes if type(value) is int else value
    if (not isinstance(sizes, (list, tuple)) or len(sizes) != axes
            or not all(type(size) is int and 1 <= size <= _MOST for size in sizes)):
        raise SourceError(f"{key} of {layer.title} must be {axes} integers in 1 to {_MOST}, not "
                          f"{quoted(value)}")
    rows, columns = (1, *sizes)[-2:]
    return rows, columns


def _same(side: int, extent: int, stride: int) -> tuple[int, int]:
    """Return the pixels that TensorFlow's ``same`` pads before and after an axis."""
    total = max((-(-side // stride) - 1) * stride + extent - side, 0)
    return total // 2, total - total // 2


def _padding(reader: Reader, layer: Layer, extents: tuple[int, int], strides: tuple[int, int],
             known: tuple[str, ...]) -> tuple[int, int, int, int]:
    padding = layer.config.get("padding", "valid")
    if padding not in known:
        raise SourceError(f"padding of {layer.title} must be {' or '.join(known)}, not "
                          f"{quoted(padding)}")
    if padding == "same":
        (top, bottom), (left, right) = map(_same, reader.padded_sides, extents, strides)
        return top, left, bottom, right
    return (0, extents[1] - 1 if padding == "causal" else 0, 0, 0)


def _convolve(reader: Reader, layer: Layer, key: str, shape: tuple[int, ...],
              kernel: Callable[[npt.NDArray], npt.NDArray], groups: int) -> None:
    """Append a convolution; ``kernel`` brings its weights to the order of the program."""
    axes = _axes(reader, layer)
    size = _pair(layer, "kernel_size", axes)
    stride, dilation = (_pair(layer, entry, axes, 1) for entry in ("strides", "dilation_rate"))
    rows, columns = ((taps - 1) * apart + 1 for taps, apart in zip(size, dilation))
    known = ("valid", "same", *(["causal"] if axes == 1 else []))
    padding = _padding(reader, layer, (rows, columns), stride, known)
    pad = finite(layer, "pad_values", 0.0)
    # Larq pads with its number for "same" alone.
    number = float(pad) if layer.config.get("padding") == "same" else 0.0
    outputs = shape[-1] if key == "kernel" else shape[-2] * shape[-1]

    def append(name: str, weights: npt.NDArray[np.float32]) -> None:
        ordered = kernel(weights.reshape(*size, *weights.shape[-2:]))
        reader.convolve(layer.name, name, np.ascontiguousarray(ordered), stride=stride,
                        dilation=dilation, padding=padding, pad=number, groups=groups)

    reader.linear(layer, key, shape, outputs, append)


def _count(layer: Layer, key: str, default: int | None = None) -> int:
    value = layer.get(key, int, default)
    if not 1 <= value <= _MOST:
        raise SourceError(f"{key} of {layer.title} must be an integer in 1 to {_MOST}, not "
                          f"{quoted(value)}")
    return value


def _conv(reader: Reader, layer: Layer) -> None:
    axes = _axes(reader, layer)
    filters, groups = _count(layer, "filters"), _count(layer, "groups", 1)
    if reader.channels % groups or filters % groups:
        raise SourceError(f"groups of {layer.title} must divide its {reader.channels} channels "
                          f"and its {filters} filters, not {groups}")
    size = _pair(layer, "kernel_size", axes)[2 - axes:]
    _convolve(reader, layer, "kernel", (*size, reader.channels // groups, filters),
              lambda weights: weights.transpose(3, 0, 1, 2), groups)


def _depthwise(reader: Reader, layer: Layer) -> None:
    axes = _axes(reader, layer)
    channels, each = reader.channels, _count(layer, "depth_multiplier", 1)
    size = _pair(layer, "kernel_size", axes)[2 - axes:]
    # The neurons of a channel follow one another.
    _convolve(reader, layer, "depthwise_kernel", (*size, channels, each),
              lambda weights: weights.transpose(2, 3, 0, 1).reshape(
                  channels * each, *weights.shape[:2], 1), channels)


def _areas(reader: Reader, layer: Layer) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return size and stride of a pool, which must lie inside of the map."""
    axes = _axes(reader, layer)
    size = _pair(layer, "pool_size", axes, 2)
    stride = _pair(layer, "strides", axes, size[2 - axes:])
    if any(_padding(reader, layer, size, stride, ("valid", "same"))):
        raise SourceError(f"{layer.title} must pool areas inside of its map of "
                          f"{reader.sides[0]}x{reader.sides[1]}, but padding 'same' reaches out "
                          f"of it: use 'valid', or a map that the areas divide")
    return size, stride


def _maximum(reader: Reader, layer: Layer) -> None:
    size, stride = _areas(reader, layer)
    if size != stride:
        raise SourceError(f"{layer.title} must have areas side by side, not areas of "
                          f"{size[0]}x{size[1]} with strides {stride[0]}x{stride[1]}: set the "
                          f"strides to the size")
    reader.max_pool(layer.name, layer.name, size)


def _average(reader: Reader, layer: Layer) -> None:
    size, stride = _areas(reader, layer)
    reader.check_float(layer)
    reader.average(layer.name, layer.name, size, stride)


def _global(reader: Reader, layer: Layer) -> None:
    axes = _axes(reader, layer)
    size, channels = reader.sides, reader.channels
    part = "/areas" if not layer.get("keepdims", bool, False) else ""
    if "Max" in layer.kind:
        reader.max_pool(layer.name, layer.name + part, size)
    else:
        reader.check_float(layer)
        reader.average(layer.name, layer.name + part, size, size)
    if part:
        reader.move(layer.name, layer.name, (channels,))
    else:
        assert reader.shape == (*(1,) * axes, channels)


def _around(value: object) -> tuple[int, int] | None:
    """Return what an entry pads before and after an axis; None if it is neither number nor pair."""
    pair = (value, value) if type(value) is int else value
    match pair:
        case [int(before), int(after)] if 0 <= before <= _MOST and 0 <= after <= _MOST:
            return before, after
    return None


def _zeros(reader: Reader, layer: Layer) -> None:
    axes = _axes(reader, layer)
    value = layer.config.get("padding", 1)
    both = [value] * axes if type(value) is int or axes == 1 else value
    sides = [_around(side) for side in both] if isinstance(both, (list, tuple)) else []
    if len(sides) != axes or None in sides:
        raise SourceError(f"padding of {layer.title} must be pairs of integers in 0 to {_MOST}, "
                          f"not {quoted(value)}")
    (top, bottom), (left, right) = ((0, 0), *(side for side in sides if side is not None))[-2:]
    reader.pad(layer.name, (top, left, bottom, right), 0.0)


SPATIAL: dict[str, Callable[[Reader, Layer], None]] = {
    **{f"{quant}Conv{axes}D": _conv for quant in ("", "Quant") for axes in (1, 2)},
    **{f"{quant}DepthwiseConv{axes}D": _depthwise for quant in ("", "Quant") for axes in (1, 2)},
    **{f"MaxPooling{axes}D": _maximum for axes in (1, 2)},
    **{f"AveragePooling{axes}D": _average for axes in (1, 2)},
    **{f"Global{what}Pooling{axes}D": _global for what in ("Average", "Max") for axes in (1, 2)},
    **{f"ZeroPadding{axes}D": _zeros for axes in (1, 2)},
}
"""Readers of the layers on maps, by class."""


def refusal(layer: Layer) -> SourceError | None:
    """Return why a layer on maps is not among them; None for other layers."""
    if "SeparableConv" in layer.kind:
        return SourceError(f"{layer.title} is two convolutions without a sign between, whose sums "
                           f"take many values; use QuantDepthwiseConv2D and, after a sign, "
                           f"QuantConv2D of 1x1")
    if any(word in layer.kind for word in ("Conv", "Pool", "Padding", "LocallyConnected")):
        return SourceError(f"{layer.title} is of a class that is not supported; those on maps "
                           f"are {', '.join(SPATIAL)}")
    return None
