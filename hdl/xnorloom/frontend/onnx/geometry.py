"""Geometry of ONNX operators that move a window over maps: kernel, stride, dilation and padding."""

from dataclasses import dataclass

from ...graph import Window
from ...support.text import first_line
from .node import Node
from .tracked import Border, Tracked, frame_shape

__all__ = ["check_maps", "window_of"]


def check_maps(node: Node, tracked: Tracked) -> tuple[int, ...]:
    """Return the sizes of the spatial axes, after the channels, of maps or sequences."""
    shape = tracked.sample.shape
    if not 3 <= len(shape) <= 4:
        raise node.error(f"must work on maps [batch, channels, rows, columns] or sequences [batch, "
                         f"channels, steps], not on frames of the shape {frame_shape(tracked)}")
    return shape[2:]


@dataclass(frozen=True)
class _Sides:
    """Sizes along one axis."""

    size: int
    kernel: int
    stride: int
    dilation: int

    @property
    def extent(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def same(self, lower: bool) -> tuple[int, int]:
        """Padding for as many outputs as there are strides in the map."""
        outputs = -(-self.size // self.stride)
        total = max((outputs - 1) * self.stride + self.extent - self.size, 0)
        less, more = total // 2, total - total // 2
        return (more, less) if lower else (less, more)


def window_of(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...],
              border: Border | None = None) -> Window:
    """Read the window of a node that works on maps of ``sizes``, padding of ``border`` excepted.

    Sequences are maps of one row. The errors of the node name what is inconsistent.
    """
    given = node.integers("kernel_shape")
    if given is not None and tuple(given) != tuple(kernel):
        raise node.error(f"must have a kernel_shape of {list(kernel)}, that of its weights, not "
                         f"{given!s:.60}")
    if len(kernel) != len(sizes) or any(size < 1 for size in kernel):
        raise node.error(f"must have a kernel of {len(sizes)} sizes from 1, as its input has, not "
                         f"{list(kernel)!s:.60}")
    strides = _sizes(node, "strides", len(sizes))
    dilations = _sizes(node, "dilations", len(sizes))
    axes = [_Sides(*numbers) for numbers in zip(sizes, kernel, strides, dilations)]
    pads = _pads(node, axes)
    if border is not None:
        pads = [(low + before, high + after) for (low, high), (before, after)
                in zip(pads, border.amounts[1:])]
    for axis, (low, high) in zip(axes, pads):
        if axis.size + low + high < axis.extent:
            raise node.error(f"covers {' x '.join(str(one.extent) for one in axes)} elements of "
                             f"maps of {' x '.join(map(str, sizes))} with a padding of {pads}; "
                             f"take a smaller kernel or dilation, or more padding")
        if low >= axis.extent or high >= axis.extent:
            raise node.error(f"must have less padding than its window of "
                             f"{' x '.join(str(one.extent) for one in axes)}, not {pads}: windows "
                             f"would lie outside the map; take less padding")
    if len(sizes) == 1:
        axes, pads = [_Sides(1, 1, 1, 1), *axes], [(0, 0), *pads]
    (top, bottom), (left, right) = pads
    rows, columns = axes
    try:
        return Window((rows.kernel, columns.kernel), (rows.stride, columns.stride),
                      (rows.dilation, columns.dilation), (top, left, bottom, right))
    except (TypeError, ValueError) as error:
        raise node.error(f"has no window of the graph: {first_line(error)}") from None


def _sizes(node: Node, name: str, count: int) -> list[int]:
    values = node.integers(name)
    values = [1] * count if values is None else values
    if len(values) != count or any(value < 1 for value in values):
        raise node.error(f"must have {count} {name} from 1, not {values!s:.60}")
    return values


def _pads(node: Node, axes: list[_Sides]) -> list[tuple[int, int]]:
    """Return the padding before and after the elements of each axis."""
    pads = node.integers("pads")
    automatic = node.text("auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.error(f"must have an auto_pad of NOTSET, VALID, SAME_UPPER or SAME_LOWER, not "
                         f"{automatic!r:.60}")
    if automatic != "NOTSET" and any(pads or []):
        raise node.error(f"must have either pads or an auto_pad, not both, {pads!s:.60} and "
                         f"{automatic}")
    if automatic.startswith("SAME"):
        return [axis.same(automatic == "SAME_LOWER") for axis in axes]
    pads = [0] * 2 * len(axes) if pads is None else pads
    if len(pads) != 2 * len(axes) or any(pad < 0 for pad in pads):
        raise node.error(f"must have {2 * len(axes)} pads from 0, not {pads!s:.60}")
    return list(zip(pads[:len(axes)], pads[len(axes):]))
