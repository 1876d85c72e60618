"""FINN's Im2Col, which takes patches of a map for a product: a convolution in two operators."""

import numpy as np

from ...errors import SourceError
from ...graph import Window
from ...support.text import first_line
from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Patches, Tracked, frame_shape

__all__: list[str] = []


@operator(Kind.SPATIAL, "Im2Col", quant=True)
def _im2col(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x = operands[0] if len(operands) == 1 else None
    if not isinstance(x, Tracked) or x.sample.ndim != 4:
        raise node.error("must take maps [batch, rows, columns, channels] that depend on the input"
                         + (f", not frames of the shape {frame_shape(x)}"
                            if isinstance(x, Tracked) else ""))
    rows, columns, channels = x.sample.shape[1:]
    top, left, bottom, right = _numbers(node, "pad_amount", [0, 0, 0, 0], 4)
    (kernel_rows, kernel_columns), (down, across), (apart, aside) = (
        _numbers(node, name, default, 2) for name, default in
        (("kernel_size", None), ("stride", None), ("dilations", [1, 1])))
    try:
        window = Window((kernel_rows, kernel_columns), (down, across), (apart, aside),
                        (top, left, bottom, right))
    except (TypeError, ValueError) as error:
        raise node.error(f"has no window of the graph: {first_line(error)}") from None
    high, wide = window.outputs(rows, columns)
    if high < 1 or wide < 1:
        raise node.error(f"covers {window.extent[0]}x{window.extent[1]} elements of maps of "
                         f"{rows}x{columns}; take a smaller kernel or dilation, or more padding")
    # Only the shape is read: the elements take no memory.
    sample = np.broadcast_to(x.sample.dtype.type(0), (1, high, wide, window.taps * channels))
    patches = Patches(node.name, x, window, float(node.integer("pad_value", 0)))
    return [Tracked(x.value, sample, x.raw, patches=patches)]


def _numbers(node: Node, name: str, default: list[int] | None, count: int) -> list[int]:
    try:
        values = node.integers(name)
    except SourceError:
        # Old files have one number for rows and columns.
        values = [node.integer(name, 0)] * count
    values = default if values is None else values
    if values is None or len(values) != count:
        raise node.error(f"must have {count} integers as its {name}, not {values!s:.60}")
    return values
