"""Window of a convolution over a map: kernel, stride, dilation and padding; pooling."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..support.arguments import frozen, integer, integers
from ..support.text import quoted

__all__ = ["Pool", "Window", "tap_ranges"]

# A window or pool of more is a mistake, and keeps every product of sizes in 64 bits.
_MOST = 1 << 16


def _integers(what: str, value: object, count: int, low: int) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise TypeError(f"{what} must be {count} integers, not {quoted(value)}")
    return tuple(integer(f"Each number of {what}", item, low, _MOST) for item in value)


@dataclass(frozen=True)
class Window:
    """Window that a convolution moves over a map.

    Sizes are pairs (rows, columns). The row of tap ``(r, s)`` of the output at ``(y, x)`` is
    ``y * stride - top + r * dilation``; columns likewise.

    Parameters
    ----------
    kernel : pair of int
        Taps.
    stride : pair of int
        Rows and columns between the windows of two outputs.
    dilation : pair of int
        Rows and columns between two taps.
    padding : four of int
        Rows above and columns left of the map, then rows below and columns right of it, that
        windows may cover, in the order (top, left, bottom, right). Each is smaller than the window.
    pad : int, sequence of int, or None
        Element that stands outside the map: a code in 0 to ``2**k - 1`` (for one bit 0 is -1 and 1
        is +1), the same for all channels or one for each; or ``None`` for no contribution, as zeros
        pad the numbers ±1. ``None`` where nothing is padded.

    Raises
    ------
    TypeError, ValueError
        If a size is of another type, or out of range.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    # An int or a tuple after construction; Any, since sequences are converted.
    pad: Any = None

    def __post_init__(self):
        for name, count, low in (("kernel", 2, 1), ("stride", 2, 1), ("dilation", 2, 1),
                                 ("padding", 4, 0)):
            value = _integers(f"Window {name}", getattr(self, name), count, low)
            object.__setattr__(self, name, value)
        for padding, extent in zip(self.padding, self.extent * 2):
            if padding >= extent:
                raise ValueError(f"Window padding must be smaller than its window of "
                                 f"{self.extent[0]}x{self.extent[1]}, not {self.padding}")
        pad = self.pad
        if isinstance(pad, (list, tuple, np.ndarray)):
            if len(pad) > _MOST:
                raise ValueError(f"Window pad must have at most {_MOST} codes, not {len(pad)}")
            pad = tuple(integer("Each code of Window pad", code, 0) for code in pad)
            if not pad:
                raise ValueError("Window pad must have a code for each channel, not ()")
            if len(set(pad)) == 1 and len(pad) > 1:
                pad = pad[0]
        elif pad is not None:
            pad = integer("Window pad", pad, 0)
        object.__setattr__(self, "pad", pad if any(self.padding) else None)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last, ``(kernel - 1) * dilation + 1``."""
        rows, columns = ((taps - 1) * apart + 1 for taps, apart in zip(self.kernel, self.dilation))
        return rows, columns

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def skips(self) -> bool:
        """True if what is outside the map contributes nothing."""
        return self.pad is None and any(self.padding)

    def outputs(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the rows and columns of outputs over a map; not positive if it is too small."""
        top, left, bottom, right = self.padding
        return ((rows + top + bottom - self.extent[0]) // self.stride[0] + 1,
                (columns + left + right - self.extent[1]) // self.stride[1] + 1)


@dataclass(frozen=True, eq=False)
class Pool:
    """Pooling of the activations of a convolution, over areas side by side.

    Outputs beyond the last whole area are not computed.

    Parameters
    ----------
    size : pair of int
        Rows and columns of an area.
    least : array of bool, shape (neurons,), or None
        Neurons whose pooled activation is the AND of the area, the others have the OR. ``None`` if
        all have the OR. The AND is a maximum before a batch norm of negative slope.
    """

    size: tuple[int, int]
    # An array after construction; Any, since the default is None.
    least: Any = None

    def __post_init__(self):
        object.__setattr__(self, "size", _integers("Pool size", self.size, 2, 1))
        if self.least is not None:
            least = integers("Pool least", self.least, "bools", bools=True)
            if least.ndim != 1 or least.size and least.max() > 1 or least.size and least.min() < 0:
                raise ValueError("Pool least must be a bool for each neuron, not "
                                 f"{quoted(self.least)}")
            object.__setattr__(self, "least", frozen(least, np.bool_) if least.any() else None)

    def __reduce__(self):
        return Pool, (self.size, self.least)


def tap_ranges(side: int, outputs: int, taps: int, stride: int, dilation: int,
               before: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which taps of each output lie on a map, along one axis.

    They are those from the first number to the second, without it; both arrays have the shape
    (outputs,).
    """
    places = np.arange(outputs) * stride - before
    first = np.clip(-(places // dilation), 0, taps)
    return first, np.clip(-((places - side) // dilation), first, taps)
