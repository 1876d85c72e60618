"""Common representation of source models: a program of steps on batches of frames.

A step works on arrays whose first axis is the batch, and treats all frames alike. There are six
kinds of steps, all that :mod:`xnorloom.lowering.lower` has to know of a source: elementwise
arithmetic, rearranging elements, joining several results, products with constant weights,
convolutions with constant weights and maxima over areas of a map.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..graph import Window
from ..support.text import clipped, count, quoted
from .windows import convolve, max_pool

__all__ = ["INPUT", "Conv", "Dense", "Elementwise", "Join", "MaxPool", "Move", "Operand", "Program",
           "Step", "Value", "apply", "operands"]


@dataclass(frozen=True)
class Value:
    """Result of step number ``step``, or the input of the program."""

    step: int


INPUT = Value(-1)
Operand = Value | np.ndarray | np.generic


class _Named:
    """Base of the steps: the name is for messages, printable and short whatever the source says."""

    name: str

    def __post_init__(self):
        object.__setattr__(self, "name", clipped(self.name))


@dataclass(frozen=True, eq=False)
class Elementwise(_Named):
    """``function(*inputs)``; each element of the result depends on that element of the inputs.

    Parameters
    ----------
    name : str
        Name of the step in the source, for messages.
    tensor : str
        Name of the result in the source, for comparison with a run of the source; empty if the
        source has no such tensor, as for a map whose channels a frontend has put last.
    inputs : tuple of Value and of arrays or numpy scalars
        At least one Value. Arrays are constants and broadcast against frames as in numpy; their
        batch axis, if any, has size 1.
    function : callable
        Maps arrays, batch first, to an array of the broadcast shape, with the data type and the
        rounding of the source.
    error : callable or None
        Maps the same arrays to the largest deviation of any library from ``function``, for a
        function that libraries compute differently, such as Sigmoid; None if all agree.
    """

    name: str
    tensor: str
    inputs: tuple[Operand, ...]
    function: Callable[..., np.ndarray]
    error: Callable[..., np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Move(_Named):
    """``function(input)``; the elements of each frame in another shape or order, or some of them.

    ``function`` takes arrays of any type, batch first. For the other fields see
    :class:`Elementwise`. Between two linear layers, the steps together must keep each element.
    """

    name: str
    tensor: str
    input: Value
    function: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Join(_Named):
    """``function(*inputs)``; the elements of several frames together, each as it is.

    Only results of elementwise arithmetic on the input are joined, as a thermometer does. For the
    other fields see :class:`Move`.

    Parameters
    ----------
    inputs : tuple of Value
        Values that are joined.
    """

    name: str
    tensor: str
    inputs: tuple[Value, ...]
    function: Callable[..., np.ndarray]


@dataclass(frozen=True, eq=False)
class Dense(_Named):
    """``input @ weights + bias`` for frames of shape ``(inputs,)``.

    Parameters
    ----------
    name, tensor : str
        See :class:`Elementwise`.
    input : Value
        Elements that take two values or, at the first layer, evenly spaced ones;
        :mod:`xnorloom.lowering.lower` checks that.
    weights : float array, shape (inputs, neurons)
        Each column has one magnitude and two signs.
    bias : float array, shape (neurons,), or None
        Bias that the source adds within its sum, so that it is rounded with it. A bias added to
        the finished sum is an :class:`Elementwise`.
    """

    name: str
    tensor: str
    input: Value
    weights: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating] | None = None


@dataclass(frozen=True, eq=False)
class Conv(_Named):
    """Convolution of frames of shape ``(rows, columns, channels)``, channel last.

    Neurons of group ``g`` see the channels ``g * c / groups`` to ``(g + 1) * c / groups - 1`` of
    the ``c`` of the frame. The result has the shape ``(output rows, output columns, neurons)``.

    Parameters
    ----------
    name, tensor : str
        See :class:`Elementwise`.
    input : Value
        Elements as those of :class:`Dense`.
    weights : float array, shape (neurons, kernel rows, kernel columns, channels / groups)
        Each neuron has one magnitude and two signs.
    window : Window
        Kernel, stride, dilation and padding; its ``pad`` is not used.
    pad : number or float array, shape (channels,)
        Number of the source that stands outside the map.
    groups : int
        Groups of neurons and channels; divides both.
    bias : float array, shape (neurons,), or None
        See :class:`Dense`.
    """

    name: str
    tensor: str
    input: Value
    weights: npt.NDArray[np.floating]
    window: Window
    pad: npt.NDArray[np.floating] | float = 0.0
    groups: int = 1
    bias: npt.NDArray[np.floating] | None = None


@dataclass(frozen=True, eq=False)
class MaxPool(_Named):
    """Maxima over areas side by side of frames of shape ``(rows, columns, channels)``.

    The result has the shape ``(rows // size[0], columns // size[1], channels)``: rows and columns
    beyond the last whole area are dropped. For the other fields see :class:`Elementwise`.

    Parameters
    ----------
    size : pair of int
        Rows and columns of an area, which are the stride, too.
    """

    name: str
    tensor: str
    input: Value
    size: tuple[int, int]


Step = Elementwise | Move | Join | Dense | Conv | MaxPool


@dataclass(frozen=True, eq=False)
class Program:
    """Computation of a source model, from its input to the scores of the classes.

    Parameters
    ----------
    name : str
        Name of the network.
    shape : tuple of int
        Shape of an input frame, without the batch.
    dtype : numpy dtype
        Data type of the input.
    steps : tuple of steps
        Each uses the input and the results of earlier steps.
    output : Value
        Scores; the class is the first index of the largest. A single number per frame stands for
        two classes; see :mod:`xnorloom.lowering.decision`.
    declared_preprocessing : str or None
        Preprocessing of the input if the source declares it; see
        :mod:`xnorloom.frontend.preprocessing`.
    notes : tuple of str
        Remarks on how the source was read, for the user.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    steps: tuple[Step, ...]
    output: Value
    declared_preprocessing: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        steps = count(len(self.steps), "step")
        return f"Program({quoted(self.name)}, {self.shape} {self.dtype}, {steps})"

    def run(self, frames: np.ndarray) -> list[np.ndarray]:
        """Compute the results of all steps, in float arithmetic, for frames ``[B, *shape]``."""
        results = {INPUT: frames}
        # Overflows and divisions by zero give infinities and NaN, as in the source.
        with np.errstate(all="ignore"):
            for number, step in enumerate(self.steps):
                results[Value(number)] = apply(step, results)
        return [results[Value(number)] for number in range(len(self.steps))]


def apply(step: Step, results: Mapping[Value, np.ndarray]) -> np.ndarray:
    """Compute the result of ``step`` from the ``results`` of earlier steps."""
    if isinstance(step, Dense):
        product = results[step.input] @ step.weights
        return product if step.bias is None else product + step.bias
    if isinstance(step, Conv):
        product = convolve(results[step.input], step.weights, step.window, step.pad, step.groups)
        return product if step.bias is None else product + step.bias
    if isinstance(step, MaxPool):
        return max_pool(results[step.input], step.size)
    if isinstance(step, Move):
        return step.function(results[step.input])
    if isinstance(step, Join):
        return step.function(*(results[value] for value in step.inputs))
    return np.asarray(step.function(*operands(step, results)))


def operands(step: Elementwise,
             results: Mapping[Value, np.ndarray]) -> list[np.ndarray | np.generic]:
    """Return the arrays that ``step`` works on."""
    return [results[operand] if isinstance(operand, Value) else operand
            for operand in step.inputs]
