"""Steps through the words of a convolution: nest of counters, read address, and tables over them.
"""

from typing import NamedTuple

import numpy as np
from amaranth.hdl import C, Cat, Module, Mux, Signal, Value

from ..schedule import LayerPlan
from .primitives import count

__all__ = ["Steps", "steps", "table"]


class _Level(NamedTuple):
    """Counter of the nest: its name, its steps, and the words that the address moves in each."""

    name: str
    steps: int
    stride: int


class Steps(NamedTuple):
    """Registers and flags of the steps, valid in the cycle of the read.

    Attributes
    ----------
    address : Signal
        Address of the word in the ring.
    index : dict of str to Value
        Counts by the name of their level: ``row`` and ``column`` of the output, and those that were
        asked for and have more than one step.
    output : Value
        True while the last word of an output is read.
    last_column, last_row : Value
        True in the last output of a row, and in the last row of outputs.
    """

    address: Signal
    index: dict[str, Value]
    output: Value
    last_column: Value
    last_row: Value


def steps(m: Module, plan: LayerPlan, step: Value, seen: set[str]) -> Steps:
    """Add the counters and the read address of a convolution to ``m``.

    They advance while ``step`` is high. The levels in ``seen`` keep counts of their own; of others,
    those that move the address alike are counted as one.
    """
    levels = _merged(_levels(plan), seen)
    output: Value = step
    flags, index = {}, {}
    end: Value = step
    for level in reversed(levels):
        if level.name == "column":
            output = end
        index[level.name], flags[level.name] = count(m, level.steps, end, name=level.name)
        end = end & flags[level.name]

    # The address moves by the stride of the outermost level that steps, less what the levels inside
    # it have moved.
    size, pixel = plan.ring.words, plan.planes * plan.ring.pixel_words
    moves, moved = {}, 0
    for level in reversed(levels):
        moves[level.name] = (level.stride - moved) % size
        moved += (level.steps - 1) * level.stride
    top, left = plan.ring.view.window.padding[:2]
    address = Signal(range(size), init=-(top * plan.ring.view.map.columns + left) * pixel % size)
    move: Value = C((plan.ring.view.map.pixels * pixel - moved) % size, len(address))
    for level in levels:
        if level.steps > 1:
            move = Mux(flags[level.name], move, C(moves[level.name], len(address)))
    with m.If(step):
        m.d.sync += address.eq(address + move)
    return Steps(address, index, output, flags["column"], flags["row"])


def table(m: Module, values: np.ndarray, *indices: Value, name: str) -> Value:
    """Return the element of ``values`` at ``indices``, one for each axis; none is negative.

    The most frequent element is the default, so that only the others take logic.
    """
    found, counts = np.unique(values, return_counts=True)
    default = int(found[np.argmax(counts)])
    value = Signal(range(int(found[-1]) + 1), name=name)
    m.d.comb += value.eq(default)
    if len(found) > 1:
        with m.Switch(Cat(indices)):
            for other in found[found != default]:
                with m.Case(*(_joined(place, indices) for place in np.argwhere(values == other))):
                    m.d.comb += value.eq(int(other))
    return value


def _joined(place: np.ndarray, indices: tuple[Value, ...]) -> int:
    """Return the number that ``Cat(indices)`` is at a place."""
    number, shift = 0, 0
    for part, index in zip(place, indices):
        number |= int(part) << shift
        shift += len(index)
    return number


def _levels(plan: LayerPlan) -> list[_Level]:
    """Return the levels of a frame, outermost first."""
    window, (pool_rows, pool_columns) = plan.ring.view.window, plan.ring.pool
    rows, columns = plan.output_words
    pixel = plan.planes * plan.ring.pixel_words
    row, groups = plan.ring.view.map.columns * pixel, plan.ring.pixel_words // plan.tap_words
    return [
        _Level("row", rows, pool_rows * window.stride[0] * row),
        _Level("column", columns, pool_columns * window.stride[1] * pixel),
        _Level("group", groups, plan.tap_words),
        _Level("fold", plan.neuron_folds // groups, 0),
        _Level("pool_row", pool_rows, window.stride[0] * row),
        _Level("pool_column", pool_columns, window.stride[1] * pixel),
        _Level("plane", plan.planes, plan.ring.pixel_words),
        _Level("kernel_row", window.kernel[0], window.dilation[0] * row),
        _Level("kernel_column", window.kernel[1], window.dilation[1] * pixel),
        _Level("word", plan.tap_words, 1),
    ]


def _merged(levels: list[_Level], seen: set[str]) -> list[_Level]:
    """Return the levels that need a counter: ``row``, ``column``, and others of several steps."""
    alone, merged = seen | {"row", "column"}, []
    for level in levels:
        outer = merged[-1] if merged else level
        if level.steps == 1 and level.name not in ("row", "column"):
            continue
        if not {outer.name, level.name} & alone and outer.stride == level.steps * level.stride:
            merged[-1] = _Level(outer.name, outer.steps * level.steps, level.stride)
        else:
            merged.append(level)
    return merged
