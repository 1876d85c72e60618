"""Tensors in a trace: constants, and values of the program."""

from dataclasses import dataclass

import numpy as np

from ...graph import Window
from ..program import Value

__all__ = ["Border", "Known", "Patches", "Tracked", "array_of", "frame_shape"]


@dataclass(frozen=True, eq=False)
class Border:
    """Padding of a tensor that is left to the convolution after it.

    Parameters
    ----------
    name : str
        Name of the node that pads.
    amounts : tuple of pairs of int
        Elements before and after those of each axis but the batch.
    value : numpy scalar
        Number of the elements.
    """

    name: str
    amounts: tuple[tuple[int, int], ...]
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Patches:
    """Elements under each window of a convolution, in the order (row, column, channel).

    Parameters
    ----------
    name : str
        Name of the node that takes patches.
    maps : Tracked
        Maps (rows, columns, channels) of which they are.
    window : Window
        The window.
    pad : float
        Number outside the map.
    """

    name: str
    maps: "Tracked"
    window: Window
    pad: float


@dataclass(frozen=True, eq=False)
class Tracked:
    """Tensor that depends on the input.

    Parameters
    ----------
    value : Value
        Value of the program.
    sample : array
        The tensor for one frame of zeros, batch first; shows the shape of a frame and the type.
    raw : bool
        True if its numbers are still those of the input.
    end : str or None
        ``"scores"``, ``"classes"`` or ``"largest"`` for the result of an operator that can only be
        the last, such as Softmax, ArgMax and the values of TopK; ``value`` is then that of the
        scores before it.
    before : Tracked or None
        For the result of an elementwise function that keeps the order of scores, such as Sigmoid,
        the scores before it.
    kept_by : str
        Operator of that function.
    border : Border or None
        Padding that ``sample`` has and ``value`` lacks.
    patches : Patches or None
        For patches, which only a product may take; ``value`` is then that of their maps.
    """

    value: Value
    sample: np.ndarray
    raw: bool = False
    end: str | None = None
    before: "Tracked | None" = None
    kept_by: str = ""
    border: Border | None = None
    patches: Patches | None = None


Known = Tracked | np.ndarray | None
"""Tensor that depends on the input, constant, or None for an input that is left out."""


def array_of(known: Tracked | np.ndarray) -> np.ndarray:
    """Return a constant, or the sample of a tracked tensor."""
    return known.sample if isinstance(known, Tracked) else known


def frame_shape(tracked: Tracked) -> str:
    """Return the shape of a frame, for messages."""
    return str(tracked.sample.shape[1:])
