"""Segments of a program: finds the steps between two linear layers, and follows the elements."""

import numpy as np

from ..errors import SourceError
from ..frontend.program import (
    INPUT,
    Conv,
    Dense,
    Elementwise,
    Join,
    MaxPool,
    Move,
    Program,
    Value,
    operands,
)
from .expansion import Expansion, expansion_of
from .layout import Layout, layout_of
from .segment import Segment, inputs_of, name_of, refuse_constants, refuse_positions

__all__ = ["frame_shapes", "segment_of"]


def segment_of(program: Program, target: Value) -> Segment | Expansion:
    """Find the segment of ``program`` that ends in ``target``.

    It is an :class:`Expansion` if its steps make several elements of a pixel.

    Raises
    ------
    SourceError
        If it has two origins, or one of its steps mixes, repeats or drops elements, or treats
        positions of a map differently.
    """
    steps, origin = _steps(program, target)
    start = program.steps[origin.step] if origin != INPUT else None
    if start is None and (expansion := expansion_of(program, target, steps)) is not None:
        return expansion
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
                                  f"after its sign, not {name_of(program, origin)}: a maximum of "
                                  f"numbers of several bits is not supported; put a convolution "
                                  f"before it")
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
            found = np.bincount(index[value].reshape(-1), minlength=elements)
            fault = ("takes some several times, as circular padding and concatenation do"
                     if found.max() > 1 else f"lacks {int((found == 0).sum())}")
            raise SourceError(f"{name_of(program, target)} must have each of the {elements} "
                              f"elements of {name_of(program, origin)} once, in any order, but "
                              f"{fault}")
    order, shown_order = (np.argsort(index[value].reshape(-1)) for value in (target, shown))
    return Segment(program, origin, target, steps, shape, channels, pool, order, shown,
                   shown_order, found, constants)


def frame_shapes(program: Program) -> dict[Value, tuple[int, ...]]:
    """Return the shape of a frame of each value."""
    shapes = {INPUT: tuple(program.shape)}
    for number, step in enumerate(program.steps):
        if isinstance(step, Elementwise):
            shape = _broadcast(step, shapes)
        elif isinstance(step, Move):
            shape = step.function(np.zeros((1, *shapes[step.input]), np.bool_)).shape[1:]
        elif isinstance(step, Join):
            shape = step.function(*(np.zeros((1, *shapes[value]), np.bool_)
                                    for value in step.inputs)).shape[1:]
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


def _broadcast(step: Elementwise, shapes: dict[Value, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape of a frame of a step, which is refused later if its constants enlarge it."""
    frames = [(1, *shapes[value]) for value in inputs_of(step)]
    constants = [operand.shape for operand in step.inputs if not isinstance(operand, Value)]
    try:
        return np.broadcast_shapes(*frames, *constants)[1:]
    except ValueError:
        return frames[0][1:]


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
                needed.update(value.step for value in inputs_of(step))
    if INPUT.step in needed:
        origins.add(INPUT.step)
    if len(origins) > 1:
        last = next(number for number in steps if len(inputs_of(program.steps[number])) > 1)
        names = " and ".join(name_of(program, Value(number)) for number in sorted(origins))
        raise SourceError(f"{program.steps[last].name} must depend on one layer, not on {names}: "
                          f"branches that join again are not supported; train the network without "
                          f"skip connections")
    return tuple(reversed(steps)), Value(origins.pop())


def _index(program: Program, number: int, index: dict[Value, np.ndarray]) -> np.ndarray:
    """Find the element numbers of a step's result from those of its operands."""
    step = program.steps[number]
    if isinstance(step, Move):
        return step.function(index[step.input][np.newaxis])[0]
    if isinstance(step, Join):
        raise SourceError(f"{step.name} must join parts of one tensor: branches that join again "
                          f"are not supported; train the network as one chain of layers")
    assert isinstance(step, Elementwise)
    if not all(value in index for value in inputs_of(step)):
        raise SourceError(f"{step.name} must combine each element with itself, not with values "
                          f"from before a pool: branches that join again are not supported; "
                          f"train the network without skip connections")
    first, *others = (index[value] for value in inputs_of(step))
    if not all(np.array_equal(first, other) for other in others):
        raise SourceError(f"{step.name} must combine each element with itself, not with others")
    refuse_constants(step, first.shape)
    zeros = {value: np.zeros((1, *first.shape), np.float32) for value in inputs_of(step)}
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
        refuse_positions(step)
    return operand if constant.size == operand.size else constant
