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
    Conv,
    Dense,
    Elementwise,
    MaxPool,
    Move,
    Program,
    Step,
    Value,
    operands,
)
from .layout import Layout, layout_of

__all__ = ["Segment", "frame_shapes", "segment_of"]

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
        return _name(self.program, self.shown, "tensor")

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
                for value in _inputs(step):
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
            _refuse_positions(step)
        return layout.frames(values)

    @property
    def deviates(self) -> bool:
        """True if libraries compute any of the steps differently."""
        return any(isinstance(step, Elementwise) and step.error is not None
                   for step in map(self.program.steps.__getitem__, self.steps))


def _channels(result: _Result) -> np.ndarray:
    array, layout = result
    return array if layout is None else layout.values(array)


def segment_of(program: Program, target: Value) -> Segment:
    """Find the segment of ``program`` that ends in ``target``.

    Raises
    ------
    SourceError
        If it has two origins, or one of its steps mixes, repeats or drops elements, or treats
        positions of a map differently.
    """
    steps, origin = _steps(program, target)
    start = program.steps[origin.step] if origin != INPUT else None
    shape = frame_shapes(program)[origin]
    size = int(np.prod(shape, dtype=int))
    channels = shape[-1] if start is not None else size
    # Element numbers pass through the same steps as the elements.
    index = {origin: np.arange(size).reshape(shape)}
    layouts: list[Layout] = []
    found, constants = {}, {}
    pool = (1, 1)
    for number in steps:
        step = program.steps[number]
        if isinstance(step, MaxPool):
            here = index[step.input]
            if not isinstance(start, Conv) or not np.array_equal(
                    here, np.arange(here.size).reshape(here.shape)):
                raise SourceError(f"{step.name} must pool the channels of a convolution, before or "
                                  f"after its sign, not {_name(program, origin)}: a maximum of "
                                  f"numbers of several bits is not supported")
            shape = here.shape[0] // step.size[0], here.shape[1] // step.size[1], here.shape[2]
            pool = pool[0] * step.size[0], pool[1] * step.size[1]
            index[Value(number)] = np.arange(np.prod(shape, dtype=int)).reshape(shape)
            # Values before the pool are other elements.
            index = {Value(number): index[Value(number)]}
            continue
        index[Value(number)] = _index(program, number, index)
        if isinstance(step, Elementwise):
            layout = layout_of(index[Value(number)] % channels)
            layout = next((one for one in layouts if one.whole.shape == layout.whole.shape
                           and np.array_equal(one.whole, layout.whole)), layout)
            layouts.append(layout)
            found[number] = layout
            constants[number] = tuple(_reduced(step, layout, operand) for operand in step.inputs)
    elements = int(np.prod(shape, dtype=int))
    shown = target
    while shown != origin and isinstance(step := program.steps[shown.step], Move) and (
            not step.tensor):
        shown = step.input
    if shown not in index:
        shown = target
    for value in (target, shown):
        if not np.array_equal(np.sort(index[value].reshape(-1)), np.arange(elements)):
            raise SourceError(f"{_name(program, target)} must have each of the {elements} "
                              f"elements of {_name(program, origin)} once, in any order")
    order, shown_order = (np.argsort(index[value].reshape(-1)) for value in (target, shown))
    return Segment(program, origin, target, steps, shape, channels, pool, order, shown,
                   shown_order, found, constants)


def frame_shapes(program: Program) -> dict[Value, tuple[int, ...]]:
    """Return the shape of a frame of each value."""
    shapes = {INPUT: tuple(program.shape)}
    for number, step in enumerate(program.steps):
        if isinstance(step, Elementwise):
            shape = shapes[_inputs(step)[0]]
        elif isinstance(step, Move):
            shape = step.function(np.zeros((1, *shapes[step.input]), np.bool_)).shape[1:]
        elif isinstance(step, Dense):
            shape = (step.weights.shape[1],)
        elif isinstance(step, MaxPool):
            rows, columns, channels = shapes[step.input]
            shape = rows // step.size[0], columns // step.size[1], channels
        else:
            rows, columns, _ = shapes[step.input]
            shape = (*step.window.outputs(rows, columns), len(step.weights))
        shapes[Value(number)] = shape
    return shapes


def _steps(program: Program, target: Value) -> tuple[tuple[int, ...], Value]:
    needed, origins = {target.step}, set()
    steps = []
    for number in range(target.step, -1, -1):
        if number in needed:
            step = program.steps[number]
            if isinstance(step, (Dense, Conv)):
                origins.add(number)
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


def _inputs(step: Step) -> list[Value]:
    given = step.inputs if isinstance(step, Elementwise) else (step.input,)
    return [operand for operand in given if isinstance(operand, Value)]


def _index(program: Program, number: int, index: dict[Value, np.ndarray]) -> np.ndarray:
    """Find the element numbers of a step's result from those of its operands."""
    step = program.steps[number]
    if isinstance(step, Move):
        return step.function(index[step.input][np.newaxis])[0]
    assert isinstance(step, Elementwise)
    if not all(value in index for value in _inputs(step)):
        raise SourceError(f"{step.name} must combine each element with itself, not with values "
                          f"from before a pool: branches that join again are not supported")
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
        shape = np.asarray(step.function(*operands(step, zeros))).shape[1:]
    if shape != first.shape:
        raise SourceError(f"{step.name} must keep the shape of frames, {first.shape!r}, but makes "
                          f"it {shape!r}")
    return first


def _reduced(step: Elementwise, layout: Layout,
             operand: object) -> np.ndarray | np.generic | None:
    if isinstance(operand, Value):
        return None
    assert isinstance(operand, (np.ndarray, np.generic))
    constant = layout.constant(np.asarray(operand))
    if constant is None:
        _refuse_positions(step)
    return operand if constant.size == operand.size else constant


def _refuse_positions(step: Elementwise) -> NoReturn:
    raise SourceError(f"{step.name} must treat all positions of a map alike, but its parameters "
                      f"differ between positions of a channel: a convolution has one threshold "
                      f"for each channel; make them the same, or use a fully connected layer")


def _name(program: Program, value: Value, what: str = "name") -> str:
    return "the input" if value == INPUT else getattr(program.steps[value.step], what)
