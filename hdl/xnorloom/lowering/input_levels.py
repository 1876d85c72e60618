"""Levels of a linear layer's inputs, and the quantization of pixels that gives them."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..support.text import printable
from .expansion import Expansion
from .segment import Segment

__all__ = ["InputLevels", "input_levels"]

# Deviation that counts as rounding of the source, as a fraction of the distance of two levels.
_ROUNDING = 1e-3
_MOST_BITS = 8


@dataclass(frozen=True, eq=False)
class InputLevels:
    """Values of a linear layer's inputs in the source, as a function of those in the graph.

    Input ``i`` of value ``x`` in the integer graph is
    ``direction[i] * (half * (2x - (2**planes - 1)) + middle[i])`` in the source.

    Parameters
    ----------
    planes : int
        Bits of ``x``.
    half : float
        Half the distance of two levels.
    middle : float64 array, shape (inputs,)
        Middle of the levels.
    direction : int8 array, shape (inputs,)
        -1 where the source's value falls as ``x`` rises, else +1.
    least, largest : int64 array, shape (inputs,)
        Range of ``x``.
    error : float
        Largest deviation of the source from the formula.
    dtype : numpy dtype
        Data type in the source.
    """

    planes: int
    half: float
    middle: npt.NDArray[np.float64]
    direction: npt.NDArray[np.int8]
    least: npt.NDArray[np.int64]
    largest: npt.NDArray[np.int64]
    error: float
    dtype: np.dtype


def input_levels(segment: Segment | Expansion,
                 levels: np.ndarray) -> tuple[InputLevels, npt.NDArray[np.int64]]:
    """Tabulate the segment before the first layer.

    Parameters
    ----------
    segment : Segment
        Steps from the input to the first layer.
    levels : array
        Numbers that the source receives for the 256 pixels, or for the two values of a pixel's top
        bit.

    Returns
    -------
    InputLevels, int64 array
        Levels of the inputs, and the pixel thresholds of :class:`~xnorloom.graph.Input`.

    Raises
    ------
    SourceError
        If elements do not rise or fall in even steps of one size.
    """
    size = math.prod(segment.program.shape)
    frames = np.broadcast_to(levels[:, np.newaxis], (len(levels), size))
    table = segment.evaluate(np.ascontiguousarray(frames))
    values = table.astype(np.float64)
    if not np.isfinite(values).all():
        state, element = np.argwhere(~np.isfinite(values))[0]
        raise SourceError(f"element {element} of the input must be finite after "
                          f"{printable(segment.tensor)}, "
                          f"but is {values[state, element]} for {_level(levels, int(state))}")
    deviation = _deviation(segment, levels, np.ascontiguousarray(frames), values)
    direction = np.where(values[-1] < values[0], -1, 1).astype(np.int8)
    values *= direction
    low, spread = values.min(axis=0), np.ptp(values, axis=0)
    constant = spread <= _ROUNDING * spread.max()
    if constant.all():
        raise SourceError("the input must make a difference, but every pixel gives the first layer "
                          "the same")
    step = _step(values[:, ~constant])
    steps = np.where(constant, 0, (values - low) / step)
    codes = np.rint(steps).astype(np.int64)
    error = np.abs(steps - codes).max(axis=0) + deviation / step
    top = int(codes.max())
    if error.max() > _ROUNDING or top >= 1 << _MOST_BITS:
        element = int(np.argmax(error))
        found = ", ".join(f"{value:.6g}" for value in np.unique(values[:, element])[:4])
        raise SourceError(f"elements of the input must reach the first layer with two values, or "
                          f"in even steps of one size, at most {1 << _MOST_BITS} of them, but "
                          f"element {element} has {found} … where the step is {step:.6g}; "
                          f"quantize the input in the steps of its pixels, or not at all")
    falls = np.argwhere(np.diff(codes, axis=0) < 0)
    if falls.size:
        state, element = falls[0]
        raise SourceError(f"elements of the input must rise or fall with the pixel, but element "
                          f"{element} turns at {_level(levels, int(state) + 1)}")
    planes = top.bit_length()
    if planes > 1 and isinstance(segment, Expansion):
        element = int(np.argmax(codes.max(axis=0)))
        raise SourceError(f"elements of the input must have two values where a pixel gives "
                          f"several, as in a thermometer, but element {element} of "
                          f"{printable(segment.tensor)} has {len(np.unique(codes[:, element]))}; "
                          f"compare it with one cut, or take each pixel once")
    most = (1 << planes) - 1
    # The smallest state with at least each code; the two states of a word are those of the top bit.
    state = (codes[:, :, np.newaxis] < np.arange(1, most + 1)).sum(axis=0)
    thresholds = state * (256 // len(levels))
    inputs = InputLevels(planes, step / 2, low + step / 2 * most, direction, codes.min(axis=0),
                         codes.max(axis=0), float(error.max() * step), table.dtype)
    return inputs, thresholds


def _deviation(segment: Segment | Expansion, levels: np.ndarray, frames: np.ndarray,
               values: npt.NDArray[np.float64]) -> float:
    """Bound the differences between libraries; refuse input elements that these decide."""
    if not segment.deviates:
        return 0.0
    moved = np.abs([segment.evaluate(frames, sign).astype(np.float64) - values for sign in (-1, 1)])
    wrong = np.argwhere(~(moved <= _ROUNDING / 256 * np.ptp(values, axis=0).max()))
    if wrong.size:
        _, state, element = wrong[0]
        raise SourceError(f"element {element} of the input must be the same in all libraries after "
                          f"{printable(segment.tensor)}, but for {_level(levels, int(state))} "
                          f"their rounding decides")
    return float(moved.max())


def _step(values: npt.NDArray[np.float64]) -> float:
    """Distance of two levels, from columns with at least two levels each."""
    spread = np.ptp(values, axis=0)
    differences = np.abs(np.diff(values, axis=0)) / spread
    # There are at most 256 levels, so that a difference far below 1/255 is rounding.
    smallest = np.where(differences > 1 / 4096, differences, 1).min(axis=0)
    return float(np.median(spread / np.rint(1 / smallest)))


def _level(levels: np.ndarray, state: int) -> str:
    return f"pixel {state}" if len(levels) == 256 else f"bit {state}"
