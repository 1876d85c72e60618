"""ONNX operators on constants, computed while a model is read."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ...support.text import quoted
from .arrays import check_size, compute
from .node import Node
from .operators import Handler, Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, array_of

__all__ = ["REDUCTIONS", "numbers", "product"]

Array = np.ndarray
Compute = Callable[..., Sequence[Array]]
# Multiplications and additions of a product of constants: some seconds.
_MOST_WORK = 1 << 36


def _on_constants(function: Compute) -> Handler:
    """Make a handler that applies ``function(node, *arrays)`` to constant operands.

    The function takes ``None`` for an input that is left out, and returns one array per output. It
    raises one of :data:`~.arrays.INCOMPATIBLE` for incompatible arrays, and before it makes an
    array of more than ``LARGEST`` elements.
    """
    def handle(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
        if any(isinstance(operand, Tracked) for operand in operands):
            raise node.error("works on constants only here, and its input depends on the input of "
                             "the model")
        arrays = [operand for operand in operands if not isinstance(operand, Tracked)]
        results = compute(node, partial(function, node), *arrays)
        return [tracer.constant(node, result) for result in results]
    return handle


def _on_shapes(function: Compute) -> Handler:
    """Make a handler likewise, for a function that needs only the shapes of its operands."""
    on_constants = _on_constants(function)

    def handle(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
        [x] = operands
        if isinstance(x, Tracked):
            tracer.reads_batch = True
            # Only the shape is read: the elements take no memory.
            x = np.broadcast_to(x.sample.dtype.type(0), tracer.shape(x))
        return on_constants(tracer, node, [x])
    return handle


def numbers(node: Node, name: str, array: Array | None) -> list[int] | None:
    """Return integers that are an input, in old versions an attribute."""
    if array is None:
        return node.integers(name)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    return [int(value) for value in array.ravel()]


@operator(Kind.CONSTANT, "Constant")
def _constant(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    value = node.tensor("value")
    if value is None:
        return _on_constants(_constant_of_numbers)(tracer, node, operands)
    array = tracer.tensors.array(value, f"the value of node {quoted(node.name)}")
    return [tracer.constant(node, array)]


def _constant_of_numbers(node: Node) -> list[Array]:
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if node.has(name):
            value = node.real(name, 0) if dtype is np.float32 else node.integer(name, 0)
            return [np.array(value, dtype)]
    if node.has("value_floats"):
        return [np.array(node.reals("value_floats"), np.float32)]
    if node.has("value_ints"):
        return [np.array(node.integers("value_ints"), np.int64)]
    raise ValueError("it must have a tensor or numbers as its value")


@operator(Kind.CONSTANT, "ConstantOfShape")
def _constant_of_shape(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    def full(node: Node, shape: Array) -> list[Array]:
        tensor = node.tensor("value")
        value = (np.zeros(1, np.float32) if tensor is None
                 else tracer.tensors.array(tensor, f"the value of node {quoted(node.name)}"))
        if value.size != 1:
            raise ValueError(f"the value must be one element, not {value.size}")
        sizes = [int(size) for size in shape.ravel()]
        check_size(*sizes)
        return [np.full(sizes, value.ravel()[0], value.dtype)]
    return _on_constants(full)(tracer, node, operands)


@operator(Kind.CONSTANT, "Shape")
@_on_shapes
def _shape(node: Node, x: Array) -> list[Array]:
    start = node.integer("start", 0)
    end = node.integer("end", x.ndim)
    return [np.array(x.shape[start:end], np.int64)]


@operator(Kind.CONSTANT, "Size")
@_on_shapes
def _size(node: Node, x: Array) -> list[Array]:
    return [np.array(x.size, np.int64)]


@operator(Kind.CONSTANT, "Expand")
@_on_constants
def _expand(node: Node, x: Array, shape: Array) -> list[Array]:
    sizes = np.broadcast_shapes(x.shape, tuple(int(size) for size in shape.ravel()))
    check_size(*sizes)
    return [np.broadcast_to(x, sizes)]


@operator(Kind.CONSTANT, "Tile")
@_on_constants
def _tile(node: Node, x: Array, repeats: Array) -> list[Array]:
    times = [int(count) for count in repeats.ravel()]
    if len(times) != x.ndim or min(times, default=0) < 0:
        raise ValueError("repeats must be a number for each axis, not negative")
    check_size(x.size, *times)
    return [np.tile(x, times)]


@operator(Kind.CONSTANT, "Range")
@_on_constants
def _range(node: Node, start: Array, limit: Array, delta: Array) -> list[Array]:
    first, last, step = (array.item() for array in (start, limit, delta))
    check_size(max(0, math.ceil((last - first) / step)))
    return [np.arange(first, last, step).astype(start.dtype)]


@operator(Kind.CONSTANT, "Mod")
@_on_constants
def _mod(node: Node, x: Array, y: Array) -> list[Array]:
    fmod = node.integer("fmod", 0)
    if x.dtype != y.dtype or x.dtype.kind not in ("iuf" if fmod else "iu"):
        raise TypeError(f"its inputs must be of one type, not {x.dtype} and {y.dtype}, and "
                        f"integers unless fmod is 1")
    check_size(*np.broadcast_shapes(x.shape, y.shape))
    with np.errstate(all="ignore"):
        return [np.fmod(x, y) if fmod else np.mod(x, y)]


@operator(Kind.CONSTANT, "CastLike")
def _cast_like(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, like = operands
    if isinstance(x, Tracked):
        assert like is not None
        dtype = array_of(like).dtype
        return [tracer.elementwise(node, [x], lambda x: x.astype(dtype))]

    def cast(node: Node, x: Array, like: Array) -> list[Array]:
        return [x.astype(like.dtype)]
    return _on_constants(cast)(tracer, node, operands)


def _nearest(function: Callable[[Array], Array]) -> Compute:
    """Compute to the nearest number what libraries round differently.

    Constants affect the tables less than values that depend on the input.
    """
    def nearest(node: Node, x: Array) -> list[Array]:
        return [function(x.astype(np.float64)).astype(x.dtype)]
    return nearest


for _name, _function in {"Exp": np.exp, "Log": np.log}.items():
    operator(Kind.CONSTANT, _name)(_on_constants(_nearest(_function)))


def _reduce(function: Callable[..., Array]) -> Compute:
    def reduce(node: Node, x: Array, axes: Array | None = None) -> list[Array]:
        if not x.size:
            raise ValueError("there is nothing to reduce")
        chosen = numbers(node, "axes", axes)
        if not chosen and node.integer("noop_with_empty_axes", 0):
            return [x]
        result = function(x.astype(np.float64) if x.dtype.kind == "f" else x,
                          axis=tuple(chosen) if chosen else None,
                          keepdims=bool(node.integer("keepdims", 1)))
        return [np.asarray(result).astype(x.dtype)]
    return reduce


REDUCTIONS: dict[str, Handler] = {}
"""Handlers of the reductions of constants; those of maps may be pools, too."""
for _name, _function in {
        "ReduceMean": np.mean, "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min,
        "ReduceProd": np.prod,
        "ReduceL1": lambda x, **keywords: np.sum(np.abs(x), **keywords),
        "ReduceL2": lambda x, **keywords: np.sqrt(np.sum(x * x, **keywords))}.items():
    REDUCTIONS[_name] = _on_constants(_reduce(_function))
    if _name not in ("ReduceMean", "ReduceMax"):
        operator(Kind.CONSTANT, _name)(REDUCTIONS[_name])


def product(x: Array, y: Array) -> Array:
    """Multiply two constant matrices; raises for incompatible ones, and for too much work."""
    if x.ndim != 2 or y.ndim != 2 or x.dtype != y.dtype or x.dtype.kind == "b":
        raise TypeError("its inputs must be matrices of numbers of one type")
    check_size(len(x), y.shape[1])
    if x.size * y.shape[1] > _MOST_WORK:
        raise ValueError("the product would take too long")
    return x @ y
