"""Conversion of 8-bit pixels to the elements of an input."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..support.arguments import integer
from .input import PIXEL_BITS, Input

__all__ = ["encode", "fits", "frame_rows", "pixels_fit", "top_bits"]

# Elements looked up at once; numpy makes a 64-bit index of each.
_CHUNK_ELEMENTS = 1 << 20


def fits(input: Input, shape: Sequence[int]) -> bool:
    """True if frames of ``shape`` are unambiguous frames of ``input``.

    Both have as many elements, and the same axes longer than 1 unless one of them has just one.
    """
    return _fit(shape, input.shape)


def pixels_fit(input: Input, shape: Sequence[int]) -> bool:
    """True if images of ``shape`` are unambiguous pixels of ``input``, as :func:`fits` says.

    They have the shape of its frames, but for a thermometer, whose cuts are no axis of the images.
    """
    return _fit(shape, input.pixel_shape)


def _fit(shape: Sequence[int], into: Sequence[int]) -> bool:
    found, wanted = ([side for side in sides if side > 1] for sides in (shape, into))
    flat = min(len(found), len(wanted)) <= 1
    return bool(shape) and math.prod(shape) == math.prod(into) and (found == wanted or flat)


def frame_rows(name: str, input: Input, frames: np.ndarray) -> np.ndarray:
    """Flatten frames to shape (frames, size).

    Raises
    ------
    ValueError
        If the shape of ``frames`` does not fit ``input`` (see :func:`fits`); the message begins
        with ``name``.
    """
    return _flattened(name, input.shape, frames)


def _flattened(name: str, shape: tuple[int, ...], frames: np.ndarray) -> np.ndarray:
    size = math.prod(shape)
    if not _fit(frames.shape[1:], shape):
        wanted = ", ".join(map(str, shape))
        other = f" or (frames, {size})" if shape != (size,) else ""
        raise ValueError(f"{name} must have the shape (frames, {wanted}){other}, "
                         f"not {frames.shape!r}")
    return frames.reshape(len(frames), size)


def encode(input: Input, pixels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Quantize ``pixels`` to the elements of ``input``.

    Parameters
    ----------
    input : Input
        Input of at most 8 bits per element.
    pixels : array of uint8, shape (frames, …)
        Images; see :func:`pixels_fit` for their shape.

    Returns
    -------
    array of uint8, of the shape of ``pixels``
        Top bits of each pixel, or the number of its element's pixel thresholds that it reaches. For
        a thermometer 1 for each cut that a pixel reaches, else 0, in the shape (frames, size) if
        ``pixels`` is flat, else (frames, …) of the shape of ``input``.

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
    flat = _flattened("pixels", input.pixel_shape, array)
    if input.thermometer is not None:
        elements = _reached(input, flat)
        return elements if array.ndim == 2 else elements.reshape(len(array), *input.shape)
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


def _reached(input: Input, flat: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Compare pixels of shape (frames, pixels) with their cuts; returns (frames, size)."""
    assert input.thermometer is not None
    rows = input.thermometer
    channels = 1 if len(rows) == 1 else len(rows)
    lengths = [len(row) for row in rows]
    cuts = np.concatenate(rows).astype(np.uint16)
    pixels = flat.reshape(-1, channels)
    elements = np.empty((len(pixels), len(cuts)), np.uint8)
    chunk = max(1, _CHUNK_ELEMENTS // len(cuts))
    for start in range(0, len(pixels), chunk):
        part = np.repeat(pixels[start : start + chunk], lengths, axis=1)
        elements[start : start + chunk] = part >= cuts
    return elements.reshape(len(flat), input.size)


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
