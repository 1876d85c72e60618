"""ONNX operators that reshape or reorder the elements of constants and of frames."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..program import Move
from .arrays import compute
from .file import AXES
from .node import Node
from .operators import Handler, Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, array_of

__all__: list[str] = []


def _integers(node: Node, name: str, operands: list[Known]) -> list[int] | None:
    """Return a list of integers that is the second input, in old versions an attribute."""
    given = operands[1] if len(operands) > 1 else None
    if given is None:
        values = node.integers(name)
    elif isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        values = given.ravel().tolist()
    else:
        raise node.error(f"must have constant integers as its {name}")
    if values is not None and len(values) > AXES:
        raise node.error(f"must have at most {AXES} integers as its {name}, not {len(values)}")
    return values


def _axes(node: Node, axes: list[int], count: int) -> list[int]:
    if any(not -count <= axis < count for axis in axes):
        raise node.error(f"must have axes from {-count} to {count - 1}, not {axes}")
    return [axis % count for axis in axes]


def _to_shape(target: Callable[[Node, tuple[int, ...], list[Known]], list[int]]) -> Handler:
    """Make a handler that changes the shape to ``target(node, shape, operands)``."""
    def reshape(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
        x = operands[0]
        if isinstance(x, np.ndarray):
            sizes = target(node, x.shape, operands)
            return [tracer.constant(node, compute(node, lambda x: x.reshape(sizes), x))]
        assert x is not None
        shape = tracer.shape(x)
        # The output of a model for one frame may lack the batch.
        free = tracer.source.batch == 1 and node.outputs[0] == tracer.source.output
        if free and node.op == "Squeeze":
            return [x]
        wanted = target(node, shape, operands)
        if wanted[:1] == [tracer.batch]:
            return [tracer.reshape(node, x, tuple(wanted[1:]))]
        if free:
            return [x]
        if tracer.source.batch is None and wanted[:1] == [1]:
            # Written for one frame, although the input takes any number.
            wanted = target(node, (1, *shape[1:]), operands)
            if wanted[:1] == [1]:
                return [tracer.reshape(node, x, tuple(wanted[1:]))]
        raise node.error(f"must keep frames apart, and makes {tuple(wanted)} of {shape}, where "
                         "axis 0 is the batch")
    return reshape


@operator(Kind.RESHAPING, "Reshape")
@_to_shape
def _reshaped(node: Node, shape: tuple[int, ...], operands: list[Known]) -> list[int]:
    target = _integers(node, "shape", operands)
    if target is None or any(size < -1 for size in target) or target.count(-1) > 1:
        raise node.error(f"must have sizes, at most one of them -1, not {target}")
    if not node.integer("allowzero", 0):
        if any(not size and axis >= len(shape) for axis, size in enumerate(target)):
            raise node.error(f"must not copy sizes that {shape} does not have, as {target} does")
        target = [shape[axis] if not size else size for axis, size in enumerate(target)]
    if -1 in target:
        known = math.prod(size for size in target if size != -1)
        if not known or math.prod(shape) % known:
            raise node.error(f"cannot make {target} of the shape {shape}")
        target[target.index(-1)] = math.prod(shape) // known
    if math.prod(target) != math.prod(shape):
        raise node.error(f"cannot make {target} of the shape {shape}")
    return target


@operator(Kind.RESHAPING, "Flatten")
@_to_shape
def _flattened(node: Node, shape: tuple[int, ...], operands: list[Known]) -> list[int]:
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise node.error(f"must have an axis from {-len(shape)} to {len(shape)}, not {axis}")
    axis += len(shape) if axis < 0 else 0
    return [math.prod(shape[:axis]), math.prod(shape[axis:])]


@operator(Kind.RESHAPING, "Squeeze")
@_to_shape
def _squeezed(node: Node, shape: tuple[int, ...], operands: list[Known]) -> list[int]:
    axes = _integers(node, "axes", operands)
    axes = ([axis for axis, size in enumerate(shape) if size == 1] if axes is None
            else _axes(node, axes, len(shape)))
    for axis in axes:
        if shape[axis] != 1:
            raise node.error(f"must take away axes of the size 1, not axis {axis} of {shape}")
    if 0 in axes and isinstance(operands[0], Tracked):
        raise node.error("must not take away axis 0, the batch")
    return [size for axis, size in enumerate(shape) if axis not in axes]


@operator(Kind.RESHAPING, "Unsqueeze")
@_to_shape
def _unsqueezed(node: Node, shape: tuple[int, ...], operands: list[Known]) -> list[int]:
    given = _integers(node, "axes", operands) or []
    count = len(shape) + len(given)
    axes = _axes(node, given, count)
    if len(set(axes)) != len(axes):
        raise node.error(f"must have different axes, not {given}")
    if 0 in axes and isinstance(operands[0], Tracked):
        raise node.error("must not add an axis before axis 0, the batch")
    sizes = iter(shape)
    return [1 if axis in axes else next(sizes) for axis in range(count)]


@operator(Kind.RESHAPING, "Transpose")
def _transpose(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = operands[0]
    assert x is not None
    axes = array_of(x).ndim
    order = node.integers("perm")
    order = list(range(axes))[::-1] if order is None else order
    if sorted(order) != list(range(axes)):
        raise node.error(f"must have all axes of {axes} in its order, not {order!s:.60}")
    if isinstance(x, np.ndarray):
        return [tracer.constant(node, x.transpose(order))]
    if order[0] != 0:
        raise node.error(f"must leave axis 0, the batch, where it is, not order axes as {order}")
    if x.border is None:
        return [tracer.move(node, x, lambda array: array.transpose(order))]
    # The padding moves with the axes; the tensor of the model is the padded one.
    step = Move(node.name, "", x.value, lambda array: array.transpose(order))
    moved = tracer.append(node, step, x.sample.transpose(order), x.raw)
    amounts = tuple(x.border.amounts[axis - 1] for axis in order[1:])
    return [replace(moved, border=replace(x.border, amounts=amounts))]


@operator(Kind.RESHAPING, "Identity")
def _identity(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    return operands[:1]


@operator(Kind.RESHAPING, "Dropout")
def _dropout(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    training = operands[2] if len(operands) > 2 else None
    if isinstance(training, Tracked) or (training is not None and training.any()):
        raise node.error("must be in the mode of inference, not of training")
    return operands[:1]
