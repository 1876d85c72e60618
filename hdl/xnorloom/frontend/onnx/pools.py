"""ONNX operators that pool areas of maps: maxima, averages and reductions of rows and columns."""

import numpy as np

from ...graph import Window
from ..program import MaxPool
from .arrays import compute
from .constants import REDUCTIONS, numbers
from .geometry import check_maps, window_of
from .maps import back, check_border, convolve, last, move, padded_window, tracked_map
from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, frame_shape

__all__: list[str] = []


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
    x = tracked_map(node, operands[0])
    if any(node.outputs[1:]):
        raise node.error("must not give the indices of the maxima, only the maxima")
    return [_pool_areas(tracer, node, x, tensor=node.outputs[0])]


@operator(Kind.SPATIAL, "MaxPoolNHWC", quant=True)
def _max_pool_nhwc(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = tracked_map(node, operands[0] if operands else None)
    check_maps(node, x)
    first = move(tracer, node, x, lambda array: np.moveaxis(array, -1, 1), "")
    pooled = _pool_areas(tracer, node, first, tensor="")
    return [move(tracer, node, pooled, lambda array: np.moveaxis(array, 1, -1), node.outputs[0])]


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
    if size == (1, 1):
        return x
    maps = move(tracer, node, x, last, "")
    step = MaxPool(node.name, "", maps.value, size)
    rows, columns, channels = maps.sample.shape[1:]
    sample = np.zeros((1, rows // size[0], columns // size[1], channels), x.sample.dtype)
    return move(tracer, node, tracer.append(node, step, sample), back(x), tensor)


@operator(Kind.SPATIAL, "GlobalMaxPool")
def _global_max_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = tracked_map(node, operands[0])
    sizes = (1, *check_maps(node, x))[-2:]
    return [_pool(tracer, node, x, (sizes[0], sizes[1]), tensor=node.outputs[0])]


@operator(Kind.SPATIAL, "AveragePool")
def _average_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = tracked_map(node, operands[0])
    sizes = check_maps(node, x)
    check_border(node, x)
    window = padded_window(node, x, sizes, _kernel(node, sizes))
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
    sums = convolve(tracer, node, x, weights, window, channels, tensor="")
    result = tracer.elementwise(node, [sums, np.asarray(window.taps, dtype)], np.divide,
                                tensor=tensor)
    assert isinstance(result, Tracked)
    return result


@operator(Kind.SPATIAL, "GlobalAveragePool")
def _global_average_pool(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = tracked_map(node, operands[0])
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
        x = move(tracer, node, x, lambda array: np.moveaxis(array, -1, 1), "")
    window = _whole(node, x)
    result = (_average(tracer, node, x, window, tensor="") if node.op == "ReduceMean"
              else _pool(tracer, node, x, window.kernel, tensor=""))
    keep = node.integer("keepdims", 1)
    reduced = tuple(1 if axis in found else size for axis, size in enumerate(shape)
                    if axis and (keep or axis not in found))
    return [tracer.reshape(node, result, reduced, tensor=node.outputs[0])]
