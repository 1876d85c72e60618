"""The input of a graph: the shape of a frame, and how its elements come from 8-bit pixels."""

import math
from dataclasses import dataclass

import numpy as np

from ..support.arguments import frozen, integer, integers, text

__all__ = ["Input", "MAX_INPUT_BITS", "PIXEL_BITS"]

MAX_INPUT_BITS = 16
PIXEL_BITS = 8


@dataclass(frozen=True, eq=False)
class Input:
    """What one frame is: ``shape`` elements of ``bits`` bits each, unsigned.

    Two inputs are equal when shape, bits and cuts are.

    Parameters
    ----------
    shape : tuple of int
        Shape of a frame; the first layer sees it flattened in C order.
    bits : int
        Bits per element, 1 to 16. One bit stands for ±1.
    cuts : array of int, shape (1, 2**bits - 1) or (size, 2**bits - 1), or None
        How an element comes from an 8-bit pixel: it is the number of its cuts that the pixel
        reaches, so 0 is always reached and 256 never. A row, for all elements or for one of them,
        does not decrease. Only for up to 8 bits. ``None``: the top ``bits`` bits of the pixel.
        Kept in the one shape and form that means the same: equal rows become one, and the cuts of
        the top bits ``None``.
    meaning : str or None
        What the source model took for a pixel, such as ``u8/255``. Decides no result.
    """

    shape: tuple[int, ...]
    bits: int = 1
    cuts: np.ndarray | None = None
    meaning: str | None = None

    def __post_init__(self):
        if not isinstance(self.shape, tuple):
            raise TypeError(f"Input shape must be a tuple of integers, not {self.shape!r}")
        if not self.shape:
            raise ValueError("Input shape must have at least one dimension, not ()")
        shape = tuple(integer("Each dimension of an input shape", d, 1) for d in self.shape)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "bits", integer("Input bits", self.bits, 1, MAX_INPUT_BITS))
        if self.cuts is not None:
            object.__setattr__(self, "cuts", _cuts(self.cuts, self.size, self.bits))
        if self.meaning is not None:
            text("Input meaning", self.meaning)

    @property
    def size(self) -> int:
        """Elements per frame."""
        return math.prod(self.shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Input):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple:
        cuts = None if self.cuts is None else (self.cuts.shape, self.cuts.tobytes())
        return self.shape, self.bits, cuts

    def __reduce__(self):
        # Copies go through the constructor too: their arrays are as constant as these.
        return Input, (self.shape, self.bits, self.cuts, self.meaning)


def _cuts(values: object, size: int, bits: int) -> np.ndarray | None:
    """Cuts in the form that an input keeps."""
    if bits > PIXEL_BITS:
        raise ValueError(f"Input cuts must be None for elements of more than {PIXEL_BITS} bits, "
                         f"not of {bits}")
    array = integers("Input cuts", values)
    steps = (1 << bits) - 1
    if array.shape not in ((1, steps), (size, steps)):
        other = f" or ({size}, {steps})" if size > 1 else ""
        raise ValueError(f"Input cuts must have the shape (1, {steps}){other}, "
                         f"not {array.shape!r}")
    low, high, top = int(array.min()), int(array.max()), 1 << PIXEL_BITS
    if low < 0 or high > top:
        raise ValueError(f"Input cuts must be in 0 to {top}, not {low if low < 0 else high}")
    falling = np.flatnonzero((array[:, 1:] < array[:, :-1]).any(axis=1))
    if falling.size:
        raise ValueError(f"Input cuts must not decrease along a row, but those of row "
                         f"{falling[0]} do")
    if (array == array[:1]).all():
        array = array[:1]
        if (array == np.arange(1, 1 << bits) << (PIXEL_BITS - bits)).all():
            return None
    return frozen(array, np.uint16)
