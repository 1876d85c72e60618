"""ONNX's Pad, which becomes the padding of the convolution after it."""

from dataclasses import replace

import numpy as np

from .arrays import check_size, compute
from .constants import numbers
from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Border, Known, Tracked, frame_shape

__all__: list[str] = []


@operator(Kind.SPATIAL, "Pad")
def _pad(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, given, value, axes = [*operands, None, None, None][:4]
    if any(isinstance(one, Tracked) for one in (given, value, axes)):
        raise node.error("must have constant pads and a constant value, not any that depends on "
                         "the input")
    assert x is not None and not isinstance(given, Tracked) and not isinstance(axes, Tracked)
    count = x.sample.ndim if isinstance(x, Tracked) else x.ndim
    amounts = _amounts(node, count, compute(node, lambda: numbers(node, "pads", given)),
                       compute(node, lambda: numbers(node, "axes", axes))
                       if axes is not None else None)
    dtype = x.sample.dtype if isinstance(x, Tracked) else x.dtype
    number = np.asarray(node.real("value", 0) if not isinstance(value, np.ndarray) else value)
    if number.size != 1:
        raise node.error(f"must pad with one number, not with {number.size}")
    number = number.reshape(()).astype(dtype)
    mode = node.text("mode", "constant")
    if not any(map(any, amounts)):
        return [x]
    if mode != "constant":
        raise node.error(f"must pad with a constant, not in the mode {mode!r:.60}: what stands "
                         f"outside a map is one number in the graph")
    if isinstance(x, np.ndarray):
        return [tracer.constant(node, compute(node, lambda x: np.pad(
            x, amounts, constant_values=number), x))]
    if any(amounts[0]):
        raise node.error("must not pad axis 0, the batch")
    sample = x.sample
    compute(node, check_size, *(size + low + high for size, (low, high)
                                in zip(sample.shape, amounts)))
    before = x.border
    if before is not None and before.value != number:
        raise node.error(f"must pad with {before.value:g}, as {before.name} did before it, not "
                         f"with {number:g}")
    if sample.ndim not in (3, 4):
        raise node.error(f"must pad maps or sequences in front of a convolution, not frames of the "
                         f"shape {frame_shape(x)}")
    old = before.amounts if before is not None else ((0, 0),) * (sample.ndim - 1)
    border = Border(node.name, tuple((a + c, b + d) for (a, b), (c, d) in zip(old, amounts[1:])),
                    number)
    return [replace(x, sample=np.pad(sample, amounts), border=border)]


def _amounts(node: Node, count: int, pads: list[int] | None,
             axes: list[int] | None) -> list[tuple[int, int]]:
    """Return the elements to add before and after each axis."""
    axes = list(range(count)) if axes is None else axes
    if pads is None or len(pads) != 2 * len(axes):
        raise node.error(f"must have {2 * len(axes)} pads, not {pads!s:.60}")
    if any(not -count <= axis < count for axis in axes):
        raise node.error(f"must have axes from {-count} to {count - 1}, not {axes}")
    if min(pads, default=0) < 0:
        raise node.error(f"must add elements, not take them away, as the pads {pads!s:.60} do")
    amounts = [(0, 0)] * count
    for axis, low, high in zip(axes, pads, pads[len(axes):]):
        amounts[axis % count] = low, high
    return amounts
