"""Quantization of 8-bit pixels to the elements of an input."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..support.arguments import integer
from .input import PIXEL_BITS, Input

__all__ = ["encode", "fits", "frame_rows", "top_bits"]

# Elements looked up at once; numpy makes a 64-bit index of each.
_CHUNK_ELEMENTS = 1 << 20


def fits(input: Input, shape: Sequence[int]) -> bool:
    """True if frames of ``shape`` are unambiguous frames of ``input``.

    Both have as many elements, and the same axes longer than 1 unless one of them has just one.
    """
    found, wanted = ([side for side in sides if side > 1] for sides in (shape, input.shape))
    flat = min(len(found), len(wanted)) <= 1
    return bool(shape) and math.prod(shape) == input.size and (found == wanted or flat)


def frame_rows(name: str, input: Input, frames: np.ndarray) -> np.ndarray:
    """Flatten frames to shape (frames, size).

    Raises
    ------
    ValueError
        If the shape of ``frames`` does not fit ``input`` (see :func:`fits`); the message begins
        with ``name``.
    """
    if not fits(input, frames.shape[1:]):
        wanted = ", ".join(map(str, input.shape))
        other = f" or (frames, {input.size})" if input.shape != (input.size,) else ""
        raise ValueError(f"{name} must have the shape (frames, {wanted}){other}, "
                         f"not {frames.shape!r}")
    return frames.reshape(len(frames), input.size)


def encode(input: Input, pixels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Quantize ``pixels`` to the elements of ``input``.

    Parameters
    ----------
    input : Input
        Input of at most 8 bits per element.
    pixels : array of uint8, shape (frames, …)
        Images; see :func:`fits` for their shape.

    Returns
    -------
    array of uint8, of the shape of ``pixels``
        Top bits of each pixel, or the number of its element's pixel thresholds that it reaches.

    Raises
    ------
    TypeError, ValueError
        If the elements have more bits than pixels, or ``pixels`` has another type or shape.
    """
    if not isinstance(input, Input):
        raise TypeError(f"input must be an Input, not {input!r}")
    if input.bits > PIXEL_BITS:
        raise ValueError(f"input must have at most {PIXEL_BITS} bits, as pixels have, "
                         f"not {input.bits}")
    array, size = _pixels("pixels", pixels), input.size
    flat = frame_rows("pixels", input, array)
    if input.pixel_thresholds is None:
        return top_bits(array, input.bits)
    table = _table(input.pixel_thresholds)
    rows = np.arange(size) if len(table) > 1 else 0
    elements = np.empty_like(flat)
    chunk = max(1, _CHUNK_ELEMENTS // size)
    for start in range(0, len(flat), chunk):
        elements[start:start + chunk] = table[rows, flat[start:start + chunk]]
    return elements.reshape(array.shape)


def top_bits(pixels: npt.ArrayLike, bits: int) -> npt.NDArray[np.uint8]:
    """Return the top ``bits`` bits of each pixel; one bit is 1 iff the pixel is at least 128.

    Raises
    ------
    TypeError, ValueError
        If ``bits`` is not in 1 to 8, or ``pixels`` is not an array of uint8.
    """
    bits = integer("bits", bits, 1, PIXEL_BITS)
    return _pixels("images", pixels) >> np.uint8(PIXEL_BITS - bits)


def _pixels(what: str, values: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    array = np.asarray(values)
    if array.dtype != np.uint8:
        raise TypeError(f"{what} must be of type uint8, not {array.dtype}")
    return array


def _table(thresholds: np.ndarray) -> npt.NDArray[np.uint8]:
    """Element of each pixel value, one row per row of thresholds."""
    pixels = np.arange(1 << PIXEL_BITS)
    return np.stack([np.searchsorted(row, pixels, side="right")
                     for row in thresholds]).astype(np.uint8)
