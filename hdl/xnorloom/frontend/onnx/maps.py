"""Maps with their channels first, as ONNX has them, in programs that have them last.

Steps that exchange the two have no tensor in the model. A sequence is a map of one row.
"""

from dataclasses import replace

import numpy as np

from ...graph import Window
from ..program import Move
from .geometry import window_of
from .node import Node
from .products import conv
from .tracer import Function, Tracer
from .tracked import Known, Tracked

__all__ = ["back", "check_border", "convolve", "last", "move", "padded_window", "tracked_map"]


def tracked_map(node: Node, operand: Known) -> Tracked:
    """Return an operand that must depend on the input."""
    if not isinstance(operand, Tracked):
        raise node.error("must work on a tensor that depends on the input, not on constants")
    return operand


def last(array: np.ndarray) -> np.ndarray:
    """Put the channels of maps or sequences last: shape (batch, rows, columns, channels)."""
    if array.ndim == 3:
        array = array[:, :, np.newaxis]
    return array.transpose(0, 2, 3, 1)


def _first(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2)


def _first_of_sequence(array: np.ndarray) -> np.ndarray:
    return array[:, 0].transpose(0, 2, 1)


def back(x: Tracked) -> Function:
    """Return the inverse of :func:`last` for maps or sequences like ``x``."""
    return _first if x.sample.ndim == 4 else _first_of_sequence


def move(tracer: Tracer, node: Node, x: Tracked, function: Function, tensor: str) -> Tracked:
    """Append a :class:`~.program.Move` with the name ``tensor`` in the model, "" for none."""
    step = Move(node.name, tensor, x.value, function)
    return tracer.append(node, step, function(x.sample), x.raw)


def convolve(tracer: Tracer, node: Node, x: Tracked, weights: np.ndarray, window: Window,
             groups: int = 1, bias: np.ndarray | None = None, *, tensor: str) -> Tracked:
    """Convolve maps with their channels first, by weights with their channels last."""
    maps, pad = move(tracer, node, x, last, ""), 0.0
    if x.border is not None:
        # The padding is that of the convolution.
        pad = float(x.border.value)
        (top, bottom), (left, right) = [(0, 0), *x.border.amounts[1:]][-2:]
        rows, columns = maps.sample.shape[1:3]
        maps = replace(maps, sample=maps.sample[:, top:rows - bottom, left:columns - right])
    result = conv(tracer, node, maps, weights, window, pad, groups, bias, tensor="")
    return move(tracer, node, result, back(x), tensor)


def check_border(node: Node, x: Tracked) -> None:
    """Refuse a Pad of channels before ``node``."""
    if x.border is not None and any(x.border.amounts[0]):
        raise node.error(f"must take a map padded by rows and columns, but {x.border.name} pads "
                         f"its channels")


def padded_window(node: Node, x: Tracked, sizes: tuple[int, ...],
                  kernel: tuple[int, ...]) -> Window:
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
