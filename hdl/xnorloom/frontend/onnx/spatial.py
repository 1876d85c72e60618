"""ONNX operators on maps: convolutions and pools.

ONNX has the channels of a map first, and programs have them last. Steps that exchange the two have
no tensor in the model. A sequence is a map of one row.
"""

from dataclasses import replace

import numpy as np

from ...graph import Window
from ..program import MaxPool, Move
from .arrays import compute
from .constants import REDUCTIONS, numbers
from .geometry import check_maps, window_of
from .node import Node
from .operators import Kind, operator
from .tracer import Function, Tracer
from .tracked import Known, Tracked, frame_shape

__all__: list[str] = []


def _tracked(node: Node, operand: Known) -> Tracked:
    if not isinstance(operand, Tracked):
        raise node.error("must work on a tensor that depends on the input, not on constants")
    return operand


def _last(array: np.ndarray) -> np.ndarray:
    if array.ndim == 3:
        array = array[:, :, np.newaxis]
    return array.transpose(0, 2, 3, 1)


def _first(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2)


def _first_of_sequence(array: np.ndarray) -> np.ndarray:
    return array[:, 0].transpose(0, 2, 1)


def _move(tracer: Tracer, node: Node, x: Tracked, function: Function, tensor: str) -> Tracked:
    step = Move(node.name, tensor, x.value, function)
    return tracer.append(node, step, function(x.sample), x.raw)


def _convolve(tracer: Tracer, node: Node, x: Tracked, weights: np.ndarray, window: Window,
              groups: int = 1, bias: np.ndarray | None = None, *, tensor: str) -> Tracked:
    """Convolve maps with their channels first, by weights with their channels last."""
    maps, pad = _move(tracer, node, x, _last, ""), 0.0
    if x.border is not None:
        # The padding is that of the convolution.
        pad = float(x.border.value)
        (top, bottom), (left, right) = [(0, 0), *x.border.amounts[1:]][-2:]
        rows, columns = maps.sample.shape[1:3]
        maps = replace(maps, sample=maps.sample[:, top:rows - bottom, left:columns - right])
    result = tracer.conv(node, maps, weights, window, pad, groups, bias, tensor="")
    back = _first if x.sample.ndim == 4 else _first_of_sequence
    return _move(tracer, node, result, back, tensor)


@operator(Kind.SPATIAL, "Conv")
def _conv(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, weights, bias = [*operands, None][:3]
    x = _tracked(node, x)
    if not isinstance(weights, np.ndarray) or isinstance(bias, Tracked):
        raise node.error("must have constant weights and biases, not any that depends on the input")
    sizes, dtype = check_maps(node, x), x.sample.dtype
    _check_border(node, x)
    channels, groups = x.sample.shape[1], node.integer("group", 1)
    if weights.ndim != x.sample.ndim or 0 in weights.shape:
        raise node.error(f"must have weights (neurons, channels / groups, kernel ...) of "
                         f"{x.sample.ndim} axes, not of the shape {weights.shape}")
    if groups < 1 or channels % groups or len(weights) % groups:
        raise node.error(f"must have groups that divide its {channels} channels and "
                         f"{len(weights)} neurons, not {groups}")
    if weights.shape[1] * groups != channels:
        raise node.error(f"must have weights for {channels // groups} of {channels} channels, "
                         f"as it has {groups} groups, not of the shape {weights.shape}")
    if dtype != weights.dtype or dtype.kind != "f":
        raise node.error(f"must multiply floats of one type, not {dtype} by {weights.dtype}")
    if bias is not None and (bias.shape != weights.shape[:1] or bias.dtype != dtype):
        raise node.error(f"must have a bias of the shape ({len(weights)},) and of {dtype}, not "
                         f"{bias.shape} and {bias.dtype}")
    window = _window(node, x, sizes, weights.shape[2:])
    return [_convolve(tracer, node, x, np.ascontiguousarray(_last(weights)), window, groups, bias,
                      tensor=node.outputs[0])]


def _check_border(node: Node, x: Tracked) -> None:
    if x.border is not None and any(x.border.amounts[0]):
        raise node.error(f"must take a map padded by rows and columns, but {x.border.name} pads "
                         f"its channels")


def _window(node: Node, x: Tracked, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """Return the window of a node, with the padding of a Pad before it."""
    border = x.border
    if border is None:
        return window_of(node, sizes, kernel)
    if border.value != 0 and (any(node.integers("pads") or [])
                              or node.text("auto_pad", "NOTSET").startswith("SAME")):
        raise node.error(f"pads with 0 what {border.name} has padded with {border.value:g}; "
                         f"leave one of the two to do both")
    inner = tuple(size - sum(amounts) for size, amounts in zip(sizes, border.amounts[1:]))
    return window_of(node, inner, kernel, border)


def _kernel(node: Node, sizes: tuple[int, ...]) -> tuple[int, ...]:
    kernel = node.integers("kernel_shape")
    if kernel is None:
        raise node.error("must have a kernel_shape")
    if any(size < 1 for size in kernel) or len(kernel) != len(sizes):
        raise node.error(f"must have a kernel_shape of {len(sizes)} sizes from 1, not "
                         f"{kernel!s:.60}")
    return tuple(kernel)


def _outputs(window: Window, x: Tracked) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the sizes of the map, and of the result."""
    rows, columns = (1, *x.sample.shape[2:])[-2:]
    return (rows, columns), window.outputs(rows, columns)


def _check_ceil(node: Node, window: Window, x: Tracked) -> None:
    """Refuse the mode that rounds up the number of outputs, where it makes more of them."""
    top, left, bottom, right = window.padding
    sizes, _ = _outputs(window, x)
    over = [(size + pads - extent) % stride for size, pads, extent, stride in
            zip(sizes, (top + bottom, left + right), window.extent, window.stride)]
    if node.integer("ceil_mode", 0) and any(over):
        raise node.error(f"must pool whole areas, and ceil_mode pools parts of areas at the end of "
                         f"maps of {sizes[0]}x{sizes[1]}; use ceil_mode = 0, or a map that the "
                         f"areas fill")


@operator(Kind.SPATIAL, "MaxPool")
def _max_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = _tracked(node, operands[0])
    if any(node.outputs[1:]):
        raise node.error("must not give the indices of the maxima, only the maxima")
    return [_pool_areas(tracer, node, x, tensor=node.outputs[0])]


@operator(Kind.SPATIAL, "MaxPoolNHWC", quant=True)
def _max_pool_nhwc(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = _tracked(node, operands[0] if operands else None)
    check_maps(node, x)
    first = _move(tracer, node, x, lambda array: np.moveaxis(array, -1, 1), "")
    pooled = _pool_areas(tracer, node, first, tensor="")
    return [_move(tracer, node, pooled, lambda array: np.moveaxis(array, 1, -1), node.outputs[0])]


def _pool_areas(tracer: Tracer, node: Node, x: Tracked, *, tensor: str) -> Tracked:
    """Pool maps with their channels first by the attributes of a node."""
    sizes = check_maps(node, x)
    window = window_of(node, sizes, _kernel(node, sizes))
    _check_ceil(node, window, x)
    found, outputs = _outputs(window, x)
    if any(window.padding):
        raise node.error(f"must pool areas inside the map, not with a padding of "
                         f"{window.padding} (top, left, bottom, right); pad the map with its "
                         f"smallest value before the convolution, or leave the padding off")
    for size, count, kernel, stride, dilation in zip(found, outputs, window.kernel, window.stride,
                                                     window.dilation):
        if (kernel > 1 and dilation > 1) or count != size // kernel or (
                count > 1 and stride != kernel):
            raise node.error(f"must pool areas side by side, with strides as large as the kernel, "
                             f"not a kernel of {window.kernel} with strides of {window.stride} "
                             f"and dilations of {window.dilation}: areas that overlap or leave "
                             f"gaps are not supported; train with strides of {window.kernel}, or "
                             f"use a convolution with a stride")
    return _pool(tracer, node, x, window.kernel, tensor=tensor)


def _pool(tracer: Tracer, node: Node, x: Tracked, size: tuple[int, int], *,
          tensor: str) -> Tracked:
    if x.sample.dtype.kind not in "fiu":
        raise node.error(f"cannot work on {x.sample.dtype}")
    back = _first if x.sample.ndim == 4 else _first_of_sequence
    if size == (1, 1):
        return x
    maps = _move(tracer, node, x, _last, "")
    step = MaxPool(node.name, "", maps.value, size)
    rows, columns, channels = maps.sample.shape[1:]
    sample = np.zeros((1, rows // size[0], columns // size[1], channels), x.sample.dtype)
    return _move(tracer, node, tracer.append(node, step, sample), back, tensor)


@operator(Kind.SPATIAL, "GlobalMaxPool")
def _global_max_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = _tracked(node, operands[0])
    sizes = (1, *check_maps(node, x))[-2:]
    return [_pool(tracer, node, x, (sizes[0], sizes[1]), tensor=node.outputs[0])]


@operator(Kind.SPATIAL, "AveragePool")
def _average_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = _tracked(node, operands[0])
    sizes = check_maps(node, x)
    _check_border(node, x)
    window = _window(node, x, sizes, _kernel(node, sizes))
    if x.border is None:
        _check_ceil(node, window, x)
        if any(window.padding) and not node.integer("count_include_pad", 0):
            raise node.error(f"must divide all sums by one number: with a padding of "
                             f"{window.padding} (top, left, bottom, right) it needs "
                             f"count_include_pad = 1")
    elif node.integer("ceil_mode", 0) or any(node.integers("pads") or []):
        raise node.error(f"must leave all padding to {_border_name(x)}")
    return [_average(tracer, node, x, window, tensor=node.outputs[0])]


def _border_name(x: Tracked) -> str:
    return x.border.name if x.border is not None else ""


def _average(tracer: Tracer, node: Node, x: Tracked, window: Window, *, tensor: str) -> Tracked:
    """Divide the sums of areas, of a convolution with weights 1 for each channel."""
    dtype, channels = x.sample.dtype, x.sample.shape[1]
    if dtype.kind != "f":
        raise node.error(f"cannot work on {dtype}")
    weights = np.ones((channels, *window.kernel, 1), dtype)
    sums = _convolve(tracer, node, x, weights, window, channels, tensor="")
    result = tracer.elementwise(node, [sums, np.asarray(window.taps, dtype)], np.divide,
                                tensor=tensor)
    assert isinstance(result, Tracked)
    return result


@operator(Kind.SPATIAL, "GlobalAveragePool")
def _global_average_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = _tracked(node, operands[0])
    return [_average(tracer, node, x, _whole(node, x), tensor=node.outputs[0])]


def _whole(node: Node, x: Tracked) -> Window:
    sizes = (1, *check_maps(node, x))[-2:]
    try:
        return Window((sizes[0], sizes[1]))
    except ValueError:
        raise node.error(f"cannot pool a map of {sizes[0]}x{sizes[1]}") from None


@operator(Kind.SPATIAL, "ReduceMean", "ReduceMax")
def _reduce(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = operands[0]
    if not isinstance(x, Tracked):
        return REDUCTIONS[node.op](tracer, node, operands)
    given = operands[1] if len(operands) > 1 else None
    if isinstance(given, Tracked):
        raise node.error("must have constant axes, not any that depends on the input")
    axes = compute(node, lambda: numbers(node, "axes", given)) or []
    shape = x.sample.shape
    count = len(shape)
    found = sorted(axis % count for axis in axes if -count <= axis < count)
    first, last = list(range(2, count)), list(range(1, count - 1))
    if count not in (3, 4) or found not in (first, last):
        raise node.error(f"must reduce rows and columns, the axes 2 and 3 of maps [batch, "
                         f"channels, rows, columns], not the axes {axes!s:.60} of frames of the "
                         f"shape {frame_shape(x)}")
    if found == last and first != last:
        x = _move(tracer, node, x, lambda array: np.moveaxis(array, -1, 1), "")
    window = _whole(node, x)
    result = (_average(tracer, node, x, window, tensor="") if node.op == "ReduceMean"
              else _pool(tracer, node, x, window.kernel, tensor=""))
    keep = node.integer("keepdims", 1)
    reduced = tuple(1 if axis in found else size for axis, size in enumerate(shape)
                    if axis and (keep or axis not in found))
    return [tracer.reshape(node, result, reduced, tensor=node.outputs[0])]
