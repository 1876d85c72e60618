"""Operations that give the elements another shape or order, of constants and of frames."""

import math
from collections.abc import Callable

import numpy as np

from .file import AXES
from .node import Node
from .tracer import Known, Tracked, Walk

__all__ = ["MOVES"]


def _integers(node: Node, name: str, operands: list[Known]) -> list[int] | None:
    """A list that is an attribute in old versions and a second input in new ones."""
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


def _flattened(node: Node, shape: tuple[int, ...], operands: list[Known]) -> list[int]:
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise node.error(f"must have an axis from {-len(shape)} to {len(shape)}, not {axis}")
    axis += len(shape) if axis < 0 else 0
    return [math.prod(shape[:axis]), math.prod(shape[axis:])]


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


def _shaped(target: Callable[[Node, tuple[int, ...], list[Known]], list[int]]):
    """An operation that only changes the shape, to ``target``."""
    def move(walk: Walk, node: Node, operands: list[Known]) -> Known:
        x = operands[0]
        if isinstance(x, np.ndarray):
            sizes = target(node, x.shape, operands)
            return walk.folded(node, walk.work_out(node, lambda x: x.reshape(sizes), x))
        assert x is not None
        shape = x.sample.shape
        wanted = target(node, shape, operands)
        if wanted[:1] == [walk.batch]:
            return walk.reshape(node, x, tuple(wanted[1:]))
        if walk.source.batch is None and wanted[:1] == [1]:
            # Written for one frame at a time, although the input takes any number.
            wanted = target(node, (1, *shape[1:]), operands)
            if wanted[:1] == [1]:
                return walk.reshape(node, x, tuple(wanted[1:]))
        raise node.error(f"must keep frames apart, and makes {tuple(wanted)} of {shape}, where "
                         "axis 0 is the batch")
    return move


def _transpose(walk: Walk, node: Node, operands: list[Known]) -> Known:
    x = operands[0]
    assert x is not None
    axes = (x.sample if isinstance(x, Tracked) else x).ndim
    order = node.integers("perm")
    order = list(range(axes))[::-1] if order is None else order
    if sorted(order) != list(range(axes)):
        raise node.error(f"must have all axes of {axes} in its order, not {order!s:.60}")
    if isinstance(x, np.ndarray):
        return walk.folded(node, x.transpose(order))
    if order[0] != 0:
        raise node.error(f"must leave axis 0, the batch, where it is, not order axes as {order}")
    return walk.move(node, x, lambda array: array.transpose(order))


def _identity(walk: Walk, node: Node, operands: list[Known]) -> Known:
    return operands[0]


def _dropout(walk: Walk, node: Node, operands: list[Known]) -> Known:
    training = operands[2] if len(operands) > 2 else None
    if isinstance(training, Tracked) or (training is not None and training.any()):
        raise node.error("must be in the mode of inference, not of training")
    return operands[0]


MOVES: dict[str, Callable[[Walk, Node, list[Known]], Known]] = {
    "Reshape": _shaped(_reshaped), "Flatten": _shaped(_flattened), "Squeeze": _shaped(_squeezed),
    "Unsqueeze": _shaped(_unsqueezed), "Transpose": _transpose, "Identity": _identity,
    "Dropout": _dropout}
