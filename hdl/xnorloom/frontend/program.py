"""The common description that every frontend makes of its source: a program on batches of frames.

A step works on arrays whose first axis is the batch, and does to every frame the same. There are
only three kinds, and these are all that :mod:`xnorloom.lowering.lower` needs to know about a
source: elementwise arithmetic, moving elements, and a product with constant weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["INPUT", "Dense", "Elementwise", "Move", "Operand", "Program", "Step", "Value", "apply"]


@dataclass(frozen=True)
class Value:
    """The result of step number ``step``, or the input of the program."""

    step: int


INPUT = Value(-1)
Operand = Value | np.ndarray | np.generic


@dataclass(frozen=True, eq=False)
class Elementwise:
    """``function(*inputs)``: each element of the result depends on that element of the inputs.

    Parameters
    ----------
    name : str
        What the source calls the step, for messages.
    tensor : str
        What the source calls the result, for comparisons with a run of the source.
    inputs : tuple of Value and of arrays or numpy scalars
        At least one is a Value. Arrays are constants and broadcast against frames as numpy does;
        none has the batch as an axis of more than one.
    function : callable
        From arrays, batch first, to an array of the broadcast shape, in the data type and with the
        rounding of the source.
    """

    name: str
    tensor: str
    inputs: tuple[Operand, ...]
    function: Callable[..., np.ndarray]


@dataclass(frozen=True, eq=False)
class Move:
    """``function(input)``: the elements of each frame in another shape or order, none twice.

    ``function`` takes arrays of any type, batch first. The other fields are as of
    :class:`Elementwise`.
    """

    name: str
    tensor: str
    input: Value
    function: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Dense:
    """``input @ weights + bias``, for frames of the shape ``(inputs,)``.

    Parameters
    ----------
    name, tensor : str
        As of :class:`Elementwise`.
    input : Value
        Elements that :mod:`xnorloom.lowering.lower` must find to have two values, or, at the
        first layer, evenly spaced ones.
    weights : float array, shape (inputs, neurons)
        Of one magnitude and two signs in each column.
    bias : float array, shape (neurons,), or None
        What the source adds in the course of its sum, and so rounds with it. What it adds to the
        whole sum is an :class:`Elementwise`.
    """

    name: str
    tensor: str
    input: Value
    weights: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating] | None = None


Step = Elementwise | Move | Dense


@dataclass(frozen=True, eq=False)
class Program:
    """What a source computes, from an input to the scores of the classes.

    Parameters
    ----------
    name : str
        Name of the network.
    shape : tuple of int
        Shape of a frame of the input, without the batch.
    dtype : numpy dtype
        Of the input, as the source takes it.
    steps : tuple of steps
        Each uses the input and the results of steps before it.
    output : Value
        The scores; the class is the first index of the largest.
    proof : str or None
        What the input means, as of :mod:`xnorloom.frontend.preprocessing`, if the source
        itself says so.
    notes : tuple of str
        What a person should know about how the source was read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    steps: tuple[Step, ...]
    output: Value
    proof: str | None = None
    notes: tuple[str, ...] = ()

    def run(self, frames: np.ndarray) -> list[np.ndarray]:
        """The results of all steps, in float arithmetic, of frames of shape ``[B, *shape]``."""
        results = {INPUT: frames}
        # What overflows or divides by zero gives infinities and NaN, as in the source.
        with np.errstate(all="ignore"):
            for number, step in enumerate(self.steps):
                results[Value(number)] = apply(step, results)
        return [results[Value(number)] for number in range(len(self.steps))]


def apply(step: Step, results: Mapping[Value, np.ndarray]) -> np.ndarray:
    """What ``step`` makes of the ``results`` of those before it."""
    if isinstance(step, Dense):
        product = results[step.input] @ step.weights
        return product if step.bias is None else product + step.bias
    if isinstance(step, Move):
        return step.function(results[step.input])
    return np.asarray(step.function(*(
        results[operand] if isinstance(operand, Value) else operand for operand in step.inputs)))
