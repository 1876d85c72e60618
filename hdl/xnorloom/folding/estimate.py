"""What a network takes of a chip under a schedule, layer by layer, without synthesis.

Block RAMs are exact: each memory takes the shape of which the fewest are needed, and columns of
equal bits take none. SPRAMs are exact, too: one for each 16 lanes. Cells are an estimate, a sum of
the parts that a layer is made of, each times a constant; see :data:`CONSTANTS`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..gateware import operand_buffer
from ..gateware.layer import weight_bits
from ..graph import Dense, Graph, Layer, Score
from ..schedule import Fold, Schedule
from ..target.device import DEVICES, FAMILIES, LUT_DEPTH
from .cells import argmax_parts, buffer_parts, layer_parts, score_bits, value_bits

__all__ = ["LayerCost", "CONSTANTS", "estimate", "argmax_cost", "buffer_cost", "layer_cost",
           "rams"]

_SHAPES = {"ice40": DEVICES["iCE40UP5K"].bram_shapes, "ecp5": DEVICES["LFE5U-25F"].bram_shapes}

# Cells for each unit of a part, in the order of `parts`. Least squares over 33 layers, buffers and
# comparators of argmax, each by itself, that were synthesised by Yosys 0.70 as builds are, and
# packed by nextpnr 0.11.1 (`--pack-only`), logic cells and TRELLIS_COMB. They come out within 12 %
# of what was packed, but for wired layers on ECP5 (19 %).
CONSTANTS: dict[str, dict[str, float]] = {
    "ice40": {
        "layer": 54, "tree": 1.12, "wait": 1, "total": 1.81, "value": 0.64, "values": 0.35,
        "output": 1, "weights": 1.12, "wired": 0.39, "product": 1, "buffer": 1.01, "turning": 0,
        "registers": 27, "memory": 48, "argmax": 26, "compare": 3.3, "load": 12,
    },
    "ecp5": {
        "layer": 51, "tree": 0.95, "wait": 0, "total": 2.4, "value": 1.2, "values": 0.62,
        "output": 0.5, "weights": 1.15, "wired": 0, "product": 1, "buffer": 0, "turning": 1.09,
        "registers": 25, "memory": 72, "argmax": 10, "compare": 3.2, "load": 12,
    },
}


@dataclass(frozen=True)
class LayerCost:
    """What one layer takes, its operand buffer and the register slice behind it included.

    Parameters
    ----------
    name : str
        The layer, or ``argmax``.
    cells : int
        Logic cells, estimated.
    weight_brams, buffer_brams, value_brams : int
        Block RAMs for weights, for operands, and for thresholds or scales and offsets.
    sprams : int
        SPRAMs for weights.
    """

    name: str
    cells: int
    weight_brams: int = 0
    buffer_brams: int = 0
    value_brams: int = 0
    sprams: int = 0

    @cached_property
    def brams(self) -> int:
        """Block RAMs."""
        return self.weight_brams + self.buffer_brams + self.value_brams


def estimate(graph: Graph, schedule: Schedule, family: str) -> list[LayerCost]:
    """What each layer of ``graph`` takes under ``schedule``, and last what the argmax takes.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}")
    schedule.check(graph)
    width, costs = schedule.input_width, []
    for index, (layer, fold) in enumerate(zip(graph.layers, schedule.folds)):
        planes = graph.planes(index)
        core = layer_cost(layer, fold, planes, family)
        buffer = buffer_cost(layer, fold, planes, width, family)
        costs.append(replace(core, cells=core.cells + buffer.cells,
                             buffer_brams=buffer.buffer_brams))
        width = fold.pe
    return [*costs, argmax_cost(graph, width, family)]


def rams(depth: int, width: int, family: str) -> int:
    """Block RAMs of a memory of ``depth`` words of ``width`` bits.

    Where it is deeper than a block RAM, Yosys lays its parts side by side, without regard to where
    one RAM ends.
    """
    return min(-(-(-(-depth // words) * width) // bits) for words, bits in _SHAPES[family])


def layer_cost(layer: Layer, fold: Fold, planes: int, family: str, *,
               exact: bool = True) -> LayerCost:
    """What ``layer`` takes without the operand buffer in front of it.

    If not ``exact``, columns of equal weights are not looked for, which takes most of the time.
    """
    neuron_folds = fold.neuron_folds(layer)
    weights = values = 0
    if fold.style == "block":
        columns = _weight_columns(layer, fold) if exact else fold.lanes
        weights = rams(fold.depth(layer), columns, family)
    if fold.style in ("block", "spram") and neuron_folds > LUT_DEPTH:
        values = sum(rams(neuron_folds, columns, family)
                     for columns in _value_columns(layer, fold, planes))
    return LayerCost(layer.name, _cells(layer_parts(layer, fold, planes), family),
                     weights, 0, values, fold.sprams)


def buffer_cost(layer: Layer, fold: Fold, planes: int, in_width: int, family: str) -> LayerCost:
    """What the operand buffer of ``layer`` takes that is given words of ``in_width`` bits."""
    brams = 0
    if operand_buffer.kind(layer.inputs, planes, in_width, fold.simd,
                           fold.neuron_folds(layer)) == "memory":
        brams = rams(2 * planes * fold.synapse_folds(layer), fold.simd, family)
    cells = _cells(buffer_parts(layer, fold, planes, in_width), family)
    return LayerCost(layer.name, cells, 0, brams, 0)


def argmax_cost(graph: Graph, lanes: int, family: str) -> LayerCost:
    """What the argmax takes that is given ``lanes`` scores at once."""
    last = graph.layers[-1]
    assert isinstance(last, Score)
    bits = score_bits(last, graph.planes(len(graph.layers) - 1))
    return LayerCost("argmax", _cells(argmax_parts(lanes, bits), family))


def _cells(parts: dict[str, float], family: str) -> int:
    return round(sum(CONSTANTS[family][name] * count for name, count in parts.items()))


def _weight_columns(layer: Layer, fold: Fold) -> int:
    """Columns of the table of weights that are not the same bit in all of its words."""
    words = weight_bits(layer, fold)
    return int((words.min(axis=0) != words.max(axis=0)).sum())


def _value_columns(layer: Layer, fold: Fold, planes: int) -> list[int]:
    """The same of the tables of thresholds, or of offsets and scales."""
    if isinstance(layer, Dense):
        tables = [(layer.thresholds, layer.count_max(planes) + 1)]
    else:
        numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
        tables = [(array, int(array.max())) for array in numbers]
    found = []
    for (array, padding), bits in zip(tables, value_bits(layer, planes)):
        rows = fold.neuron_folds(layer) * fold.pe
        padded = np.pad(array, (0, rows - len(array)), constant_values=padding)
        words = padded.reshape(-1, fold.pe)[..., None] >> np.arange(bits) & 1
        found.append(int((words.min(axis=0) != words.max(axis=0)).sum()))
    return found
