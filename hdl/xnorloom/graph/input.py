"""Input of a graph: the shape of a frame, and how 8-bit pixels become its elements."""

import math
from dataclasses import dataclass

import numpy as np

from ..support.arguments import frozen, integer, integers, text
from ..support.text import count
from .thermometer import Cuts, cut_rows, pixel_shape

__all__ = ["Input", "MAX_INPUT_BITS", "PIXEL_BITS"]

MAX_INPUT_BITS = 16
PIXEL_BITS = 8


@dataclass(frozen=True, eq=False)
class Input:
    """Frames of ``shape`` unsigned elements of ``bits`` bits each.

    Two inputs are equal if their shapes, bits, pixel thresholds and thermometers are.

    Parameters
    ----------
    shape : tuple of int
        Shape of a frame; the first layer receives it flattened in C order.
    bits : int
        Bits per element, 1 to 16. One bit stands for ±1.
    pixel_thresholds : array of int, shape (1, 2**bits - 1) or (size, 2**bits - 1), or None
        Quantization of 8-bit pixels to elements of at most 8 bits: the value of an element is the
        number of its thresholds that are at most the pixel, so that 0 always counts and 256 never.
        Each row is non-decreasing and holds for one element, a single row for all of them.
        ``None`` takes the top ``bits`` bits of the pixel. Stored in canonical form: equal rows
        become one row, and the thresholds of the top bits become ``None``.
    preprocessing : str or None
        Number that the source model received for a pixel, such as ``u8/255``. No result depends on
        it.
    thermometer : sequence of int, or a sequence of int for each channel of a pixel, or None
        Cuts of a pixel, each of which makes an element of 1 bit: 1 iff the pixel is at least the
        cut, so that 0 always gives 1 and 256 never. A row of cuts does not decrease. ``shape`` has
        the elements channel last: those of the first channel of a pixel in the order of its cuts,
        then those of the next. A single row holds for all channels. Stored as a tuple of rows, one
        if all are equal. Not with ``pixel_thresholds``.
    """

    shape: tuple[int, ...]
    bits: int = 1
    pixel_thresholds: np.ndarray | None = None
    preprocessing: str | None = None
    thermometer: Cuts | None = None

    def __post_init__(self):
        if not isinstance(self.shape, tuple):
            raise TypeError(f"Input shape must be a tuple of integers, not {self.shape!r}")
        if not self.shape:
            raise ValueError("Input shape must have at least one dimension, not ()")
        shape = tuple(integer("Each dimension of an input shape", d, 1) for d in self.shape)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "bits", integer("Input bits", self.bits, 1, MAX_INPUT_BITS))
        if self.pixel_thresholds is not None:
            thresholds = _canonical(self.pixel_thresholds, self.size, self.bits)
            object.__setattr__(self, "pixel_thresholds", thresholds)
        if self.preprocessing is not None:
            text("Input preprocessing", self.preprocessing)
        if self.thermometer is not None:
            if self.pixel_thresholds is not None:
                raise ValueError("Input must have pixel thresholds or a thermometer, not both")
            object.__setattr__(self, "thermometer", cut_rows(self.thermometer, shape, self.bits))

    @property
    def size(self) -> int:
        """Elements per frame."""
        return math.prod(self.shape)

    @property
    def pixel_shape(self) -> tuple[int, ...]:
        """Shape of the pixels of a frame: ``shape``, but for the channels of a thermometer."""
        return self.shape if self.thermometer is None else pixel_shape(self.thermometer, self.shape)

    @property
    def pixel_count(self) -> int:
        """Pixels per frame, those of each channel counted."""
        return math.prod(self.pixel_shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Input):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple:
        thresholds = self.pixel_thresholds
        return (self.shape, self.bits,
                None if thresholds is None else (thresholds.shape, thresholds.tobytes()),
                self.thermometer)

    def __repr__(self) -> str:
        parts = [str(self.shape), count(self.bits, "bit")]
        if self.pixel_thresholds is not None:
            parts.append("pixel thresholds " + " x ".join(map(str, self.pixel_thresholds.shape)))
        if self.thermometer is not None:
            parts.append(f"thermometer of {' '.join(str(len(row)) for row in self.thermometer)}")
        if self.preprocessing is not None:
            parts.append(repr(self.preprocessing))
        return f"Input({', '.join(parts)})"

    def __reduce__(self):
        # Copies go through the constructor, so that their arrays are read-only too.
        return Input, (self.shape, self.bits, self.pixel_thresholds, self.preprocessing,
                       self.thermometer)


def _canonical(values: object, size: int, bits: int) -> np.ndarray | None:
    """Check pixel thresholds and return them in canonical form."""
    if bits > PIXEL_BITS:
        raise ValueError(f"Input pixel thresholds must be None for elements of more than "
                         f"{PIXEL_BITS} bits, not of {bits}")
    array = integers("Input pixel thresholds", values)
    steps = (1 << bits) - 1
    if array.shape not in ((1, steps), (size, steps)):
        other = f" or ({size}, {steps})" if size > 1 else ""
        raise ValueError(f"Input pixel thresholds must have the shape (1, {steps}){other}, "
                         f"not {array.shape!r}")
    low, high, top = int(array.min()), int(array.max()), 1 << PIXEL_BITS
    if low < 0 or high > top:
        raise ValueError(f"Input pixel thresholds must be in 0 to {top}, "
                         f"not {low if low < 0 else high}")
    falling = np.flatnonzero((array[:, 1:] < array[:, :-1]).any(axis=1))
    if falling.size:
        raise ValueError(f"Input pixel thresholds must not decrease along a row, but those of row "
                         f"{falling[0]} do")
    if (array == array[:1]).all():
        array = array[:1]
        if (array == np.arange(1, 1 << bits) << (PIXEL_BITS - bits)).all():
            return None
    return frozen(array, np.uint16)
