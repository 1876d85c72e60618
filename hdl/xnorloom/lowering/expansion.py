"""Steps from the input to the first linear layer that make several elements of a pixel.

A thermometer compares each pixel with several cuts. Its source takes a pixel several times, by
broadcasting it to constants, by repeating it or by joining several results. Each element depends on
one pixel.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import (
    INPUT,
    Elementwise,
    Join,
    Move,
    Program,
    Value,
    apply,
    operands,
)
from ..support.text import printable
from .segment import inputs_of, name_of, refuse_constants

__all__ = ["Expansion", "expansion_of"]


@dataclass(frozen=True, eq=False)
class Expansion:
    """Steps from the input to a value whose elements depend on one pixel each.

    Parameters
    ----------
    program : Program
        Program of the steps.
    target : Value
        Last value.
    steps : tuple of int
        Numbers of the steps, in order.
    pixels : int64 array, shape (elements,)
        Pixel, in a flattened frame of the input, of each element in a flattened frame of the
        target.
    """

    program: Program
    target: Value
    steps: tuple[int, ...]
    pixels: npt.NDArray[np.int64]

    @property
    def origin(self) -> Value:
        """First value: the input."""
        return INPUT

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """Elements in the order of the target."""
        return np.arange(len(self.pixels))

    @property
    def tensor(self) -> str:
        """Name of the target in the source, or of what it is a rearrangement of."""
        value = self.target
        while value != INPUT and not name_of(self.program, value, "tensor"):
            value = inputs_of(self.program.steps[value.step])[0]
        return name_of(self.program, value, "tensor")

    @property
    def deviates(self) -> bool:
        """True if libraries compute any of the steps differently."""
        return any(isinstance(step, Elementwise) and step.error is not None
                   for step in map(self.program.steps.__getitem__, self.steps))

    def evaluate(self, values: np.ndarray, deviation: int = 0) -> np.ndarray:
        """Compute the elements of frames ``values``, shape (B, pixels), as (B, elements).

        For ``deviation`` see :meth:`.segment.Segment.evaluate`.
        """
        results = {INPUT: values.reshape(-1, *self.program.shape)}
        with np.errstate(all="ignore"):
            for number in self.steps:
                step = self.program.steps[number]
                found = apply(step, results)
                if deviation and isinstance(step, Elementwise) and step.error is not None:
                    error = step.error(*operands(step, results))
                    found = found + np.asarray(deviation * error, found.dtype)
                results[Value(number)] = found
        return results[self.target].reshape(len(values), -1)


def expansion_of(program: Program, target: Value, steps: tuple[int, ...]) -> Expansion | None:
    """Follow the pixels through ``steps``, from the input to ``target``.

    Returns
    -------
    Expansion or None
        None if no step makes more elements of a pixel and none joins several results.

    Raises
    ------
    SourceError
        If an element depends on several pixels, or a pixel on no element.
    """
    size = math.prod(program.shape)
    index = {INPUT: np.arange(size).reshape(1, *program.shape)}
    more = False
    for number in steps:
        step = program.steps[number]
        if isinstance(step, Elementwise):
            found = _broadcast(step, index)
        elif isinstance(step, (Move, Join)):
            found = apply(step, index)
        else:
            return None
        more |= isinstance(step, Join) or found.size > size
        index[Value(number)] = found
    if not more:
        return None
    pixels = index[target].reshape(-1)
    missing = np.setdiff1d(np.arange(size), pixels)
    if missing.size:
        raise SourceError(f"{name_of(program, target)} must have an element of each of the {size} "
                          f"pixels of the input, but lacks {missing.size}, first of pixel "
                          f"{missing[0]}")
    return Expansion(program, target, steps, pixels)


def _broadcast(step: Elementwise, index: dict[Value, np.ndarray]) -> np.ndarray:
    """Return the pixels of the elements of a step, shape (1, …)."""
    given = [index[value] for value in inputs_of(step)]
    refuse_constants(step, given[0].shape[1:])
    zeros = {value: np.zeros(index[value].shape, np.float32) for value in inputs_of(step)}
    with np.errstate(all="ignore"):
        shape = np.asarray(step.function(*operands(step, zeros))).shape
    try:
        first, *others = (np.broadcast_to(array, shape) for array in given)
    except ValueError:
        shape = ()
    if shape[:1] != (1,):
        raise SourceError(f"{printable(step.name)} must treat all frames alike, and makes frames "
                          f"of the shape {shape[1:]!r} of {given[0].shape[1:]!r}")
    if not all(np.array_equal(first, other) for other in others):
        raise SourceError(f"{step.name} must combine each pixel with itself, not with others")
    return first
