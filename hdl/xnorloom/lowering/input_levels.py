"""What the first layer of a source sees of a pixel: the element's bits and the levels they mean."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from .segment import Section

__all__ = ["Elements", "quantize"]

# Parts of a level's distance that count as rounding of the source.
_ROUNDING = 1e-3
_MOST_BITS = 8


@dataclass(frozen=True, eq=False)
class Elements:
    """What a linear layer sees: element ``i`` of value ``x`` in the integer graph is, in the
    source, ``direction[i] * (half * (2x - (2**planes - 1)) + middle[i])``, off by at most
    ``error``; ``x`` is in ``least[i]`` to ``largest[i]``."""

    planes: int
    half: float
    middle: npt.NDArray[np.float64]
    direction: npt.NDArray[np.int8]
    least: npt.NDArray[np.int64]
    largest: npt.NDArray[np.int64]
    error: float
    dtype: np.dtype


def quantize(front: Section, levels: np.ndarray) -> tuple[Elements, npt.NDArray[np.int64]]:
    """Tabulate the section in front of the first layer for the ``levels`` that an element has.

    ``levels`` are the source's numbers for the 256 pixels, or for the top bit of a pixel. Returns
    the elements, and the cuts that make them of pixels, as of :class:`~xnorloom.graph.Input`.

    Raises
    ------
    SourceError
        If elements do not rise or fall in even steps, the same for all.
    """
    shape = front.program.shape
    frames = np.broadcast_to(levels.reshape(-1, *[1] * len(shape)), (len(levels), *shape))
    table = front.evaluate(np.ascontiguousarray(frames))
    values = table.astype(np.float64)
    if not np.isfinite(values).all():
        state, element = np.argwhere(~np.isfinite(values))[0]
        raise SourceError(f"element {element} of the input must be finite behind {front.tensor}, "
                          f"but is {values[state, element]} for {_level(levels, int(state))}")
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
    error = np.abs(steps - codes).max(axis=0)
    top = int(codes.max())
    if error.max() > _ROUNDING or top >= 1 << _MOST_BITS:
        element = int(np.argmax(error))
        found = ", ".join(f"{value:.6g}" for value in np.unique(values[:, element])[:4])
        raise SourceError(f"elements of the input must reach the first layer with two values, or "
                          f"in even steps of one size, at most {1 << _MOST_BITS} of them, but "
                          f"element {element} has {found} … where the step is {step:.6g}")
    falls = np.argwhere(np.diff(codes, axis=0) < 0)
    if falls.size:
        state, element = falls[0]
        raise SourceError(f"elements of the input must rise or fall with the pixel, but element "
                          f"{element} turns at {_level(levels, int(state) + 1)}")
    planes = top.bit_length()
    most = (1 << planes) - 1
    # The smallest state with at least each code; a word of two states stands for the top bit.
    state = (codes[:, :, np.newaxis] < np.arange(1, most + 1)).sum(axis=0)
    cuts = state * (256 // len(levels))
    elements = Elements(planes, step / 2, low + step / 2 * most, direction, codes.min(axis=0),
                        codes.max(axis=0), float(error.max() * step), table.dtype)
    return elements, cuts


def _step(values: npt.NDArray[np.float64]) -> float:
    """The distance of two levels, from columns that have at least two."""
    spread = np.ptp(values, axis=0)
    differences = np.abs(np.diff(values, axis=0)) / spread
    # There are 256 levels at most: what is much less than the 255th part is rounding.
    smallest = np.where(differences > 1 / 4096, differences, 1).min(axis=0)
    return float(np.median(spread / np.rint(1 / smallest)))


def _level(levels: np.ndarray, state: int) -> str:
    return f"pixel {state}" if len(levels) == 256 else f"bit {state}"
