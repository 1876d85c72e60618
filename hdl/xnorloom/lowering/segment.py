"""Segments of a program between two linear layers, evaluated on tables instead of frames.

The elementwise arithmetic after a linear layer is a function of one integer per neuron, its count.
The table of that function is a batch of frames: in frame ``p`` every neuron has the count ``p``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import (
    INPUT,
    Conv,
    Dense,
    Elementwise,
    MaxPool,
    Move,
    Program,
    Value,
    apply,
    operands,
)

__all__ = ["Segment", "segment_of"]


@dataclass(frozen=True, eq=False)
class Segment:
    """Steps from an origin, the input or a :class:`Dense`, to a value, without a Dense between.

    Parameters
    ----------
    program : Program
        Program of the steps.
    origin, target : Value
        First and last value.
    steps : tuple of int
        Numbers of the steps, in order.
    order : int64 array, shape (elements,)
        ``order[j]`` is the index, in a flattened frame of the target, of the only element that
        depends on element ``j`` of the origin.
    """

    program: Program
    origin: Value
    target: Value
    steps: tuple[int, ...]
    order: npt.NDArray[np.int64]

    @property
    def tensor(self) -> str:
        """Name of the target in the source."""
        return _name(self.program, self.target, "tensor")

    def evaluate(self, values: np.ndarray, deviation: int = 0) -> np.ndarray:
        """Compute the target ``[B, elements]``, in the order of the origin, from ``values`` of it.

        Division by zero and overflow give the results of the source. With a ``deviation`` of -1 or
        +1, functions that libraries compute differently give their smallest or largest results.
        """
        results = {self.origin: values}
        with np.errstate(all="ignore"):
            for number in self.steps:
                step = self.program.steps[number]
                result = apply(step, results)
                if deviation and isinstance(step, Elementwise) and step.error is not None:
                    error = step.error(*operands(step, results))
                    result = result + np.asarray(deviation * error, result.dtype)
                results[Value(number)] = result
        return results[self.target].reshape(len(values), -1)[:, self.order]

    @property
    def deviates(self) -> bool:
        """True if libraries compute any of the steps differently."""
        return any(isinstance(step, Elementwise) and step.error is not None
                   for step in map(self.program.steps.__getitem__, self.steps))


def segment_of(program: Program, target: Value) -> Segment:
    """Find the segment of ``program`` that ends in ``target``.

    Raises
    ------
    SourceError
        If it has two origins, or one of its steps mixes, repeats or drops elements.
    """
    steps, origin = _steps(program, target)
    start = program.steps[origin.step] if origin != INPUT else None
    shape = (start.weights.shape[1],) if isinstance(start, Dense) else program.shape
    # Element numbers pass through the same steps as the elements.
    index = {origin: np.arange(np.prod(shape, dtype=int)).reshape(shape)}
    for number in steps:
        index[Value(number)] = _index(program, number, index)
    places = index[target].reshape(-1)
    if not np.array_equal(np.sort(places), np.arange(index[origin].size)):
        raise SourceError(f"{_name(program, target)} must have each of the {index[origin].size} "
                          f"elements of {_name(program, origin)} once, in any order")
    return Segment(program, origin, target, steps, np.argsort(places))


def _steps(program: Program, target: Value) -> tuple[tuple[int, ...], Value]:
    needed, origins = {target.step}, set()
    steps = []
    for number in range(target.step, -1, -1):
        if number in needed:
            step = program.steps[number]
            if isinstance(step, Dense):
                origins.add(number)
            elif isinstance(step, (Conv, MaxPool)):
                raise SourceError(f"{step.name} must not work on maps: convolutions and pools are "
                                  f"not lowered yet")
            else:
                steps.append(number)
                needed.update(value.step for value in _inputs(step))
    if INPUT.step in needed:
        origins.add(INPUT.step)
    if len(origins) > 1:
        last = next(number for number in steps if len(_inputs(program.steps[number])) > 1)
        names = " and ".join(_name(program, Value(number)) for number in sorted(origins))
        raise SourceError(f"{program.steps[last].name} must depend on one layer, not on {names}: "
                          f"branches that join again are not supported")
    return tuple(reversed(steps)), Value(origins.pop())


def _inputs(step: Elementwise | Move) -> list[Value]:
    operands = (step.input,) if isinstance(step, Move) else step.inputs
    return [operand for operand in operands if isinstance(operand, Value)]


def _index(program: Program, number: int, index: dict[Value, np.ndarray]) -> np.ndarray:
    """Find the element numbers of a step's result from those of its operands."""
    step = program.steps[number]
    if isinstance(step, Move):
        return step.function(index[step.input][np.newaxis])[0]
    assert isinstance(step, Elementwise)
    first, *others = (index[value] for value in _inputs(step))
    if not all(np.array_equal(first, other) for other in others):
        raise SourceError(f"{step.name} must combine each element with itself, not with others")
    for operand in step.inputs:
        if isinstance(operand, Value):
            continue
        if operand.dtype.kind == "f" and np.isnan(operand).any():
            raise SourceError(f"{step.name} must have numbers as its parameters, but has a "
                              f"constant that is NaN")
        if operand.ndim > first.ndim + 1 or (
                operand.ndim == first.ndim + 1 and operand.shape[:1] != (1,)):
            raise SourceError(f"{step.name} must treat all frames alike, but has a constant of "
                              f"the shape {operand.shape!r} for frames of {first.shape!r}")
    zeros = {value: np.zeros((1, *first.shape), np.float32) for value in _inputs(step)}
    with np.errstate(all="ignore"):
        shape = apply(step, zeros).shape[1:]
    if shape != first.shape:
        raise SourceError(f"{step.name} must keep the shape of frames, {first.shape!r}, but makes "
                          f"it {shape!r}")
    return first


def _name(program: Program, value: Value, what: str = "name") -> str:
    return "the input" if value == INPUT else getattr(program.steps[value.step], what)
