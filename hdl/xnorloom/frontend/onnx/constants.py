"""ONNX operations on constants, worked out while a model is read.

A function here takes a node and arrays, ``None`` for an input that is left out, and gives a list of
arrays, one for each output. It raises ``ValueError`` or another of :data:`WRONG` for arrays that do
not go together, and before it makes an array of more than ``LARGEST`` elements.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from .file import LARGEST
from .node import Node

__all__ = ["FOLDS", "WRONG", "broadcast", "room"]

# What numpy and Python raise for operands that do not go together.
WRONG = (ValueError, TypeError, IndexError, OverflowError, MemoryError, ZeroDivisionError)
Array = np.ndarray
# Multiplications and additions of a product of constants: some seconds.
_MOST_WORK = 1 << 36


def room(*shape: int) -> None:
    """Raise ``ValueError`` if an array of ``shape`` would be larger than ``LARGEST``."""
    if math.prod(int(size) for size in shape) > LARGEST:
        raise ValueError(f"the result would have more than {LARGEST} elements")


def broadcast(*arrays: Array) -> None:
    """:func:`room` for the result of an elementwise function."""
    room(*np.broadcast_shapes(*(array.shape for array in arrays)))


def _numbers(node: Node, name: str, array: Array | None) -> list[int] | None:
    """Integers that are an attribute in old versions and an input in new ones."""
    if array is None:
        return node.integers(name)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    return [int(value) for value in array.ravel()]


def _constant(node: Node) -> list[Array]:
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if node.has(name):
            value = node.real(name, 0) if dtype is np.float32 else node.integer(name, 0)
            return [np.array(value, dtype)]
    if node.has("value_floats"):
        return [np.array(node.reals("value_floats"), np.float32)]
    if node.has("value_ints"):
        return [np.array(node.integers("value_ints"), np.int64)]
    raise ValueError("it must have a tensor or numbers as its value")


def _constant_of_shape(node: Node, shape: Array, value: Array) -> list[Array]:
    if value.size != 1:
        raise ValueError(f"the value must be one element, not {value.size}")
    sizes = [int(size) for size in shape.ravel()]
    room(*sizes)
    return [np.full(sizes, value.ravel()[0], value.dtype)]


def _shape(node: Node, x: Array) -> list[Array]:
    start = node.integer("start", 0)
    end = node.integer("end", x.ndim)
    return [np.array(x.shape[start:end], np.int64)]


def _size(node: Node, x: Array) -> list[Array]:
    return [np.array(x.size, np.int64)]


def _gather(node: Node, x: Array, indices: Array) -> list[Array]:
    axis = node.integer("axis", 0)
    if x.shape[axis] == 0:
        raise IndexError("nothing can be taken of an axis without elements")
    room(x.size // x.shape[axis], indices.size)
    return [np.take(x, indices, axis)]


def _slice(node: Node, x: Array, *operands: Array | None) -> list[Array]:
    given = [*operands, *[None] * (4 - len(operands))]
    starts, ends, axes, steps = (_numbers(node, name, array) for name, array in
                                 zip(("starts", "ends", "axes", "steps"), given))
    if starts is None or ends is None:
        raise ValueError("it must have starts and ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError("starts, ends, axes and steps must be of one length")
    cuts = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps):
        cuts[axis] = slice(start, end, step)
    return [x[tuple(cuts)]]


def _concat(node: Node, *arrays: Array) -> list[Array]:
    axis = node.integer("axis", 0)
    room(sum(array.size for array in arrays))
    if len({array.dtype for array in arrays}) != 1:
        raise TypeError("its inputs must be of one type")
    return [np.concatenate(arrays, axis)]


def _split(node: Node, x: Array, sizes: Array | None = None) -> list[Array]:
    axis = node.integer("axis", 0)
    lengths = _numbers(node, "split", sizes)
    count = len(node.outputs)
    if lengths is None:
        each = -(-x.shape[axis] // count)
        lengths = [each] * (count - 1) + [x.shape[axis] - each * (count - 1)]
    if len(lengths) != count or sum(lengths) != x.shape[axis] or min(lengths) < 0:
        raise ValueError(f"the parts {lengths!s:.60} must be {count} and fill the axis")
    return list(np.split(x, np.cumsum(lengths)[:-1], axis))


def _expand(node: Node, x: Array, shape: Array) -> list[Array]:
    sizes = np.broadcast_shapes(x.shape, tuple(int(size) for size in shape.ravel()))
    room(*sizes)
    return [np.broadcast_to(x, sizes)]


def _tile(node: Node, x: Array, repeats: Array) -> list[Array]:
    times = [int(count) for count in repeats.ravel()]
    if len(times) != x.ndim or min(times, default=0) < 0:
        raise ValueError("repeats must be a number for each axis, not negative")
    room(x.size, *times)
    return [np.tile(x, times)]


def _range(node: Node, start: Array, limit: Array, delta: Array) -> list[Array]:
    first, last, step = (array.item() for array in (start, limit, delta))
    room(max(0, math.ceil((last - first) / step)))
    return [np.arange(first, last, step).astype(start.dtype)]


def _reduce(function: Callable[..., Array]) -> Callable[..., list[Array]]:
    def reduce(node: Node, x: Array, axes: Array | None = None) -> list[Array]:
        if not x.size:
            raise ValueError("there is nothing to reduce")
        chosen = _numbers(node, "axes", axes)
        if not chosen and node.integer("noop_with_empty_axes", 0):
            return [x]
        result = function(x.astype(np.float64) if x.dtype.kind == "f" else x,
                          axis=tuple(chosen) if chosen else None,
                          keepdims=bool(node.integer("keepdims", 1)))
        return [np.asarray(result).astype(x.dtype)]
    return reduce


def _nearest(function: Callable[..., Array]) -> Callable[..., list[Array]]:
    """What libraries round differently, to the nearest number: no table depends on a constant so
    much as on what is worked out from the input."""
    def work_out(node: Node, x: Array) -> list[Array]:
        return [function(x.astype(np.float64)).astype(x.dtype)]
    return work_out


def _cast_like(node: Node, x: Array, like: Array) -> list[Array]:
    return [x.astype(like.dtype)]


def _matmul(node: Node, x: Array, y: Array) -> list[Array]:
    if x.ndim != 2 or y.ndim != 2 or x.dtype != y.dtype or x.dtype.kind == "b":
        raise TypeError("its inputs must be matrices of numbers of one type")
    room(len(x), y.shape[1])
    if x.size * y.shape[1] > _MOST_WORK:
        raise ValueError("the product would take too long")
    return [x @ y]


FOLDS: dict[str, Callable[..., Sequence[Array]]] = {
    "Constant": _constant, "ConstantOfShape": _constant_of_shape, "Shape": _shape, "Size": _size,
    "Gather": _gather, "Slice": _slice, "Concat": _concat, "Split": _split, "Expand": _expand,
    "Tile": _tile, "Range": _range, "CastLike": _cast_like,
    "Exp": _nearest(np.exp), "Log": _nearest(np.log),
    "MatMul": _matmul,
    "ReduceMean": _reduce(np.mean), "ReduceSum": _reduce(np.sum), "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min), "ReduceProd": _reduce(np.prod),
    "ReduceL1": _reduce(lambda x, **keywords: np.sum(np.abs(x), **keywords)),
    "ReduceL2": _reduce(lambda x, **keywords: np.sqrt(np.sum(x * x, **keywords)))}
