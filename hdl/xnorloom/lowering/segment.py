"""Segments of a program between two linear layers, evaluated on tables instead of frames.

The elementwise arithmetic after a linear layer is a function of one integer per neuron, its count.
The table of that function is a batch of frames: in frame ``p`` every neuron has the count ``p``.
After a convolution a frame of the table has one element for each neuron, not for each position.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import (
    INPUT,
    Elementwise,
    Join,
    MaxPool,
    Move,
    Program,
    Step,
    Value,
    operands,
)
from .layout import Layout

__all__ = ["Segment", "inputs_of", "name_of", "refuse_constants", "refuse_positions"]

# Values of the channels (B, channels), or reduced frames of a layout, which stay so while they can.
_Result = tuple[np.ndarray, Layout | None]


@dataclass(frozen=True, eq=False)
class Segment:
    """Steps from an origin, the input or a linear layer, to a value, without one between.

    Parameters
    ----------
    program : Program
        Program of the steps.
    origin, target : Value
        First and last value.
    steps : tuple of int
        Numbers of the steps, in order.
    map : tuple of int
        Shape of a frame of the origin after pooling; channel last after a convolution.
    channels : int
        Elements of a frame of the origin that have a function of their own: the neurons of a linear
        layer, or all elements of the input.
    pool : pair of int
        Rows and columns of the areas of all pools together; (1, 1) for none.
    order : int64 array, shape (elements,)
        ``order[j]`` is the index, in a flattened frame of the target, of the only element that
        depends on element ``j`` of the pooled origin.
    shown : Value
        Last value with a name in the source; the target has the same elements in another order.
    shown_order : int64 array, shape (elements,)
        As ``order``, for the frames of ``shown``.
    layouts : dict of int to Layout
        Reduced frames of the inputs of each elementwise step.
    constants : dict of int to tuple
        Operands of each elementwise step that are constants, reduced, and None for the others.
    """

    program: Program
    origin: Value
    target: Value
    steps: tuple[int, ...]
    map: tuple[int, ...]
    channels: int
    pool: tuple[int, int]
    order: npt.NDArray[np.int64]
    shown: Value
    shown_order: npt.NDArray[np.int64]
    layouts: dict[int, Layout]
    constants: dict[int, tuple[np.ndarray | np.generic | None, ...]]

    @property
    def tensor(self) -> str:
        """Name of the target in the source."""
        return name_of(self.program, self.shown, "tensor")

    def evaluate(self, values: np.ndarray, deviation: int = 0, *,
                 before_pool: bool = False) -> np.ndarray:
        """Compute the target ``[B, channels]``, in the order of the origin, from ``values`` of it.

        All positions of a channel have the same value. ``values`` may list the channels several
        times, as a preactivation does for border classes; the target has the same shape. Division
        by zero and overflow give the results of the source. With a ``deviation`` of -1 or +1,
        functions that libraries compute differently give their smallest or largest results. With
        ``before_pool`` the result is the input of the last pool, or the origin if there is none.
        """
        results = self._results(values.reshape(-1, self.channels), deviation)
        target = self.target
        if before_pool:
            pools = [step for step in map(self.program.steps.__getitem__, self.steps)
                     if isinstance(step, MaxPool)]
            target = pools[-1].input if pools else self.origin
        return _channels(results[target]).reshape(len(values), -1)

    def trace(self, values: np.ndarray) -> Iterator[tuple[Step, np.ndarray]]:
        """Yield each step with its result ``[B, channels]``."""
        results = self._results(values, 0)
        for number in self.steps:
            yield self.program.steps[number], _channels(results[Value(number)])

    def _results(self, values: np.ndarray, deviation: int) -> dict[Value, _Result]:
        results: dict[Value, _Result] = {self.origin: (values, None)}
        for number in self.steps:
            step = self.program.steps[number]
            if isinstance(step, Elementwise):
                layout = self.layouts[number]
                given = {}
                for value in inputs_of(step):
                    array, before = results[value]
                    given[value] = (array if before is layout
                                    else layout.frames(_channels(results[value])))
                made = self._apply(number, step, layout, given, deviation)
                results[Value(number)] = made, layout
            else:
                assert isinstance(step, (Move, MaxPool))
                results[Value(number)] = results[step.input]
        return results

    def _apply(self, number: int, step: Elementwise, layout: Layout,
               given: dict[Value, np.ndarray], deviation: int) -> np.ndarray:
        taken = [given[operand] if isinstance(operand, Value) else constant
                 for operand, constant in zip(step.inputs, self.constants[number])]
        with np.errstate(all="ignore"):
            try:
                result = np.asarray(step.function(*taken))
                fits = result.shape[1:] == layout.units.shape
            except (ValueError, RuntimeError, IndexError):
                fits = False
            if not fits:
                # The function knows the shape of whole frames.
                return self._apply_whole(step, layout, given, deviation)
            if deviation and step.error is not None:
                result = result + np.asarray(deviation * step.error(*taken), result.dtype)
        return result

    def _apply_whole(self, step: Elementwise, layout: Layout, given: dict[Value, np.ndarray],
                     deviation: int) -> np.ndarray:
        """Compute whole frames, and reduce them."""
        wholes = {value: layout.values(array)[:, layout.whole] for value, array in given.items()}
        taken = operands(step, wholes)
        result = np.asarray(step.function(*taken))
        if deviation and step.error is not None:
            result = result + np.asarray(deviation * step.error(*taken), result.dtype)
        flat, units = result.reshape(len(result), -1), layout.whole.reshape(-1)
        values = flat[:, np.unique(units, return_index=True)[1]]
        if not np.array_equal(values[:, units], flat, equal_nan=True):
            refuse_positions(step)
        return layout.frames(values)

    @property
    def deviates(self) -> bool:
        """True if libraries compute any of the steps differently."""
        return any(isinstance(step, Elementwise) and step.error is not None
                   for step in map(self.program.steps.__getitem__, self.steps))


def _channels(result: _Result) -> np.ndarray:
    array, layout = result
    return array if layout is None else layout.values(array)


def inputs_of(step: Step) -> list[Value]:
    """Return the operands of a step that are not constants."""
    given = step.inputs if isinstance(step, (Elementwise, Join)) else (step.input,)
    return [operand for operand in given if isinstance(operand, Value)]


def refuse_constants(step: Elementwise, frame: tuple[int, ...]) -> None:
    """Check the constants of a step on frames of the shape ``frame``.

    Raises
    ------
    SourceError
        If one is not a number, or has values of its own for some frames.
    """
    for operand in step.inputs:
        if isinstance(operand, Value):
            continue
        if operand.dtype.kind == "f" and np.isnan(operand).any():
            raise SourceError(f"{step.name} must have numbers as its parameters, but has a "
                              f"constant that is NaN")
        if operand.ndim > len(frame) + 1 or (
                operand.ndim == len(frame) + 1 and operand.shape[:1] != (1,)):
            raise SourceError(f"{step.name} must treat all frames alike, but has a constant of "
                              f"the shape {operand.shape!r} for frames of {frame!r}")


def refuse_positions(step: Elementwise) -> NoReturn:
    """Raise the error of a step that treats positions of a map differently."""
    raise SourceError(f"{step.name} must treat all positions of a map alike, but its parameters "
                      f"differ between positions of a channel: a convolution has one threshold "
                      f"for each channel; make them the same, or use a fully connected layer")


def name_of(program: Program, value: Value, what: str = "name") -> str:
    """Return the name of the step of a value, or that of its tensor, for messages."""
    return "the input" if value == INPUT else getattr(program.steps[value.step], what)
