"""Average pools: depthwise convolutions and a division, merged into linear layers beside them.

An average of ±1 takes many values. Where the next layer is linear, the two are one linear layer
whose weights are repeated over each area; so are a convolution without overlaps and an average
after it. Where a threshold follows, the average stays the depthwise convolution that it is.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import SourceError
from ..graph import Window
from .program import INPUT, Conv, Dense, Elementwise, Move, Step, Value, apply

__all__ = ["areas", "merge_averages", "quotient"]


class _Areas(Conv):
    """Sums of areas."""


class _Quotient(Elementwise):
    """Division of sums by the pixels of an area."""


def areas(name: str, tensor: str, input: Value, channels: int, window: Window,
          dtype: np.dtype) -> Conv:
    """Make the sums over ``window``, which has no padding, of each channel of an average pool."""
    weights = np.ones((channels, *window.kernel, 1), dtype)
    return _Areas(name, tensor, input, weights, window, groups=channels)


def quotient(name: str, tensor: str, input: Value, pixels: int, dtype: np.dtype) -> Elementwise:
    """Make the averages from the sums of areas of ``pixels``."""
    divisor = dtype.type(pixels)
    return _Quotient(name, tensor, (input,), lambda x: x / divisor)


def merge_averages(steps: Sequence[Step], shape: tuple[int, ...],
                   dtype: np.dtype) -> tuple[Step, ...]:
    """Merge each average into the linear layer after or before it, with only moves between.

    The numbers of the steps stay; those that are not needed become moves that do nothing. The
    merged layer has name and tensor of the later one.

    Parameters
    ----------
    steps : sequence of steps
        Steps of a program, each on the result of the one before.
    shape : tuple of int
        Shape of an input frame.
    dtype : numpy dtype
        Type of the input.

    Raises
    ------
    SourceError
        If the two are not one layer of weights of one magnitude, since areas or windows overlap,
        pixels are left out, or there is padding.
    """
    done = list(steps)
    for number, step in enumerate(steps):
        if not isinstance(step, _Areas):
            continue
        after, before = _beside(done, number, 1), _beside(done, number, -1)
        if after is not None and isinstance(done[after], Dense):
            _into_dense(done, number, after, _maps(done, shape, dtype))
        elif after is not None and isinstance(done[after], Conv):
            _into_conv(done, number, after, _maps(done, shape, dtype))
        elif before is not None and isinstance(done[before], Conv):
            _after_conv(done, before, number, _maps(done, shape, dtype))
    return tuple(done)


def _beside(steps: list[Step], number: int, way: int) -> int | None:
    """Number of the next step, or of the one before, that is no move and no division."""
    number += way
    while 0 <= number < len(steps):
        if not isinstance(steps[number], (Move, _Quotient)):
            return number
        number += way
    return None


def _maps(steps: list[Step], shape: tuple[int, ...],
          dtype: np.dtype) -> dict[Value, tuple[int, ...]]:
    """Shapes of the frames of all values."""
    results = {INPUT: np.zeros((1, *shape), dtype)}
    with np.errstate(all="ignore"):
        for number, step in enumerate(steps):
            results[Value(number)] = apply(step, results)
    return {value: result.shape[1:] for value, result in results.items()}


def _whole(step: Conv, side: tuple[int, ...], after: str) -> None:
    """Check that the areas of an average cover a map, each pixel once."""
    if step.window.stride != step.window.kernel:
        raise SourceError(f"{step.name} must average areas side by side, as {after} follows, not "
                          f"areas of {_sizes(step.window.kernel)} with a stride of "
                          f"{_sizes(step.window.stride)}: set the stride to the size")
    if any(length % size for length, size in zip(side, step.window.kernel)):
        raise SourceError(f"{step.name} must average areas that divide its map of "
                          f"{_sizes(side[:2])}, as {after} follows, not areas of "
                          f"{_sizes(step.window.kernel)}: the pixels that are left out would have "
                          f"a weight 0, which has no XNOR")


def _sizes(pair: tuple[int, ...]) -> str:
    return f"{pair[0]}x{pair[1]}"


def _idle(steps: list[Step], first: int, last: int) -> None:
    """Make the steps from ``first`` to before ``last`` moves that do nothing."""
    for number in range(first, last):
        step = steps[number]
        steps[number] = Move(step.name, f"{step.tensor}/merged", Value(number - 1), lambda x: x)


def _order(steps: list[Step], before: int, after: int,
           shapes: dict[Value, tuple[int, ...]]) -> np.ndarray:
    """Elements of the result of one step, where the moves to another bring them."""
    shape = shapes[Value(before)]
    order = np.arange(np.prod(shape, dtype=int)).reshape(1, *shape)
    for step in steps[before + 1:after]:
        if isinstance(step, Move):
            order = step.function(order)
    return order[0]


def _same_map(steps: list[Step], before: int, after: int,
              shapes: dict[Value, tuple[int, ...]]) -> None:
    """Check that moves between two steps on maps change nothing."""
    order, shape = _order(steps, before, after, shapes), shapes[Value(before)]
    if not np.array_equal(order, np.arange(order.size).reshape(shape)):
        raise SourceError(f"{steps[after].name} must follow {steps[before].name} on the same map, "
                          f"with no move of its elements between")


def _into_dense(steps: list[Step], number: int, after: int,
                shapes: dict[Value, tuple[int, ...]]) -> None:
    step, dense = steps[number], steps[after]
    assert isinstance(step, Conv) and isinstance(dense, Dense)
    before = shapes[Value(number - 1)]
    _whole(step, before, dense.name)
    averaged = shapes[Value(number)]
    weights = np.empty_like(dense.weights)
    weights[_order(steps, number, after, shapes).reshape(-1)] = dense.weights
    rows, columns = step.window.kernel
    tiled = weights.reshape(*averaged, -1).repeat(rows, axis=0).repeat(columns, axis=1)
    tiled = tiled / weights.dtype.type(rows * columns)
    _idle(steps, number, after)
    # Flat frames for the product.
    steps[number] = Move(step.name, f"{step.tensor}/merged", Value(number - 1),
                         lambda x: x.reshape(len(x), -1))
    steps[after] = replace(dense, weights=tiled.reshape(-1, weights.shape[1]))


def _into_conv(steps: list[Step], number: int, after: int,
               shapes: dict[Value, tuple[int, ...]]) -> None:
    step, conv = steps[number], steps[after]
    assert isinstance(step, Conv) and isinstance(conv, Conv)
    _same_map(steps, number, after, shapes)
    window, (rows, columns) = conv.window, step.window.kernel
    if step.window.stride != step.window.kernel or any(window.padding):
        _whole(step, shapes[Value(number - 1)], conv.name)
    if window.dilation != (1, 1):
        raise SourceError(f"{conv.name} must have no dilation, as {step.name} precedes it")
    (down, across), (top, left, bottom, right) = window.stride, window.padding
    weights = conv.weights.repeat(rows, axis=1).repeat(columns, axis=2)
    weights = weights / weights.dtype.type(rows * columns)
    merged = Window((window.kernel[0] * rows, window.kernel[1] * columns),
                    (down * rows, across * columns),
                    padding=(top * rows, left * columns, bottom * rows, right * columns))
    _idle(steps, number, after)
    steps[after] = replace(conv, weights=weights, window=merged)


def _after_conv(steps: list[Step], before: int, number: int,
                shapes: dict[Value, tuple[int, ...]]) -> None:
    conv, step = steps[before], steps[number]
    assert isinstance(conv, Conv) and isinstance(step, Conv)
    _same_map(steps, before, number, shapes)
    window, (rows, columns) = conv.window, step.window.kernel
    apart = window.stride == window.kernel and window.dilation == (1, 1)
    if not apart or any(window.padding):
        raise SourceError(f"{step.name} must average a convolution whose windows do not overlap, "
                          f"such as 1x1, without padding, or activations, not the sums of "
                          f"{conv.name}: average after a sign")
    high, wide = window.kernel
    down, across = step.window.stride
    weights = np.tile(conv.weights, (1, rows, columns, 1))
    weights = weights / weights.dtype.type(rows * columns)
    merged = Window((high * rows, wide * columns), (high * down, wide * across))
    _idle(steps, before, number)
    steps[number] = replace(conv, name=step.name, tensor=step.tensor, weights=weights,
                            input=Value(number - 1), window=merged)
    # The division is in the weights.
    last = next(place for place in range(number, len(steps))
                if isinstance(steps[place], _Quotient))
    steps[last] = Move(step.name, steps[last].tensor, Value(last - 1), lambda x: x)
