"""ONNX operators that take elements of constants and of frames, and put them together."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from .arrays import check_size, compute
from .constants import numbers
from .node import Node
from .operators import Handler, Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked

__all__: list[str] = []

Array = np.ndarray
Parts = Callable[..., Sequence[Array]]


def _on_elements(function: Parts, all_inputs: bool = False) -> Handler:
    """Make a handler that applies ``function(node, *arrays)``, which returns one array per output.

    The first input, or every one with ``all_inputs``, is a constant or frames; the others are
    constants. For the errors of the function see :func:`~.arrays.compute`.
    """
    def handle(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
        taken = operands if all_inputs else operands[:1]
        pieces = [operand for operand in taken if isinstance(operand, Tracked)]
        others = operands[len(taken):]
        if not pieces:
            arrays = [operand for operand in operands if not isinstance(operand, Tracked)]
            results = compute(node, partial(function, node), *arrays)
            return [tracer.constant(node, result) for result in results]
        if len(pieces) < len(taken) or any(isinstance(other, Tracked) for other in others):
            raise node.error("must take elements of frames at constant places, and not put "
                             "constants between them")

        def parts(arrays: list[Array]) -> Sequence[Array]:
            return function(node, *arrays, *others)
        _check_frames(node, parts, pieces)
        return [tracer.join(node, pieces, partial(_part, parts, number), number)
                for number in range(len(node.outputs))]
    return handle


def _part(parts: Callable[[list[Array]], Sequence[Array]], number: int,
          arrays: list[Array]) -> Array:
    return parts(arrays)[number]


def _check_frames(node: Node, parts: Callable[[list[Array]], Sequence[Array]],
                  pieces: list[Tracked]) -> None:
    """Check, with element numbers of two frames, that every frame is treated alike."""
    sizes = [piece.sample.size for piece in pieces]
    arrays = [np.arange(2 * size).reshape(2, *piece.sample.shape[1:]) % size
              for size, piece in zip(sizes, pieces)]
    marks = [np.arange(2 * size).reshape(array.shape) // size
             for size, array in zip(sizes, arrays)]
    for array, mark in zip(compute(node, lambda: parts(arrays)),
                           compute(node, lambda: parts(marks))):
        if len(array) != 2 or (array[0] != array[1]).any() or (mark[0] != 0).any() or (
                mark[1] != 1).any():
            raise node.error("must keep frames apart, and takes elements on axis 0, the batch")


def _gather(node: Node, x: Array, indices: Array) -> list[Array]:
    axis = node.integer("axis", 0)
    if x.shape[axis] == 0:
        raise IndexError("nothing can be taken of an axis without elements")
    check_size(x.size // x.shape[axis], indices.size)
    return [np.take(x, indices, axis)]


def _slice(node: Node, x: Array, *operands: Array | None) -> list[Array]:
    given = [*operands, *[None] * (4 - len(operands))]
    starts, ends, axes, steps = (numbers(node, name, array) for name, array in
                                 zip(("starts", "ends", "axes", "steps"), given))
    if starts is None or ends is None:
        raise ValueError("it must have starts and ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError("starts, ends, axes and steps must be of one length")
    slices = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps):
        slices[axis] = slice(start, end, step)
    return [x[tuple(slices)]]


def _concat(node: Node, *arrays: Array) -> list[Array]:
    axis = node.integer("axis", 0)
    check_size(sum(array.size for array in arrays))
    if len({array.dtype for array in arrays}) != 1:
        raise TypeError("its inputs must be of one type")
    return [np.concatenate(arrays, axis)]


def _split(node: Node, x: Array, sizes: Array | None = None) -> list[Array]:
    axis = node.integer("axis", 0)
    lengths = numbers(node, "split", sizes)
    count = len(node.outputs)
    if lengths is None:
        each = -(-x.shape[axis] // count)
        lengths = [each] * (count - 1) + [x.shape[axis] - each * (count - 1)]
    if len(lengths) != count or sum(lengths) != x.shape[axis] or min(lengths) < 0:
        raise ValueError(f"the parts {lengths!s:.60} must be {count} and fill the axis")
    return list(np.split(x, np.cumsum(lengths)[:-1], axis))


for _name, _function in {"Gather": _gather, "Slice": _slice, "Split": _split}.items():
    operator(Kind.MOVING, _name)(_on_elements(_function))
operator(Kind.MOVING, "Concat")(_on_elements(_concat, all_inputs=True))
