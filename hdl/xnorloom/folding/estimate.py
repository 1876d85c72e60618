"""What a network takes of a chip under a schedule, layer by layer, without synthesis.

Block RAMs are exact: each memory takes the shape of which the fewest are needed, and columns of
equal bits take none. SPRAMs are exact, too: one for each 16 lanes. Cells are an estimate, a sum of
the parts that a layer is made of, each times a constant; see :data:`CONSTANTS`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..graph import Dense, Graph, Score
from ..packing import weight_bits
from ..schedule import LayerPlan, OperandKind, Plan, WeightStyle
from ..target.device import LUT_DEPTH
from ..target.family import Family
from .cells import argmax_parts, buffer_parts, layer_parts, score_bits, value_bits

__all__ = ["LayerCost", "CONSTANTS", "estimate", "argmax_cost", "buffer_cost", "layer_cost",
           "rams"]

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


def estimate(plan: Plan, family: Family | str) -> list[LayerCost]:
    """Return the cost of each layer of ``plan``, and last that of the argmax.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    if family not in tuple(Family):
        raise ValueError(f"family must be one of {', '.join(Family)}, not {family!r}")
    family, costs = Family(family), []
    for layer in plan.layers:
        core, buffer = layer_cost(layer, family), buffer_cost(layer, family)
        costs.append(replace(core, cells=core.cells + buffer.cells,
                             buffer_brams=buffer.buffer_brams))
    return [*costs, argmax_cost(plan.graph, plan.schedule.folds[-1].pe, family)]


def rams(depth: int, width: int, family: Family) -> int:
    """Block RAMs of a memory of ``depth`` words of ``width`` bits.

    Where it is deeper than a block RAM, Yosys lays its parts side by side, without regard to where
    one RAM ends.
    """
    return min(-(-(-(-depth // words) * width) // bits) for words, bits in family.block_ram_shapes)


def layer_cost(plan: LayerPlan, family: Family, *, exact: bool = True) -> LayerCost:
    """Return the cost of a layer without its operand buffer.

    Unless ``exact``, columns of equal weights are not searched for, which takes most of the time.
    """
    fold = plan.fold
    weights = values = 0
    if fold.style is WeightStyle.BLOCK:
        columns = _weight_columns(plan) if exact else fold.lanes
        weights = rams(plan.depth, columns, family)
    if fold.style.in_ram and plan.neuron_folds > LUT_DEPTH:
        values = sum(rams(plan.neuron_folds, columns, family) for columns in _value_columns(plan))
    return LayerCost(plan.layer.name, _cells(layer_parts(plan), family), weights, 0, values,
                     fold.sprams)


def buffer_cost(plan: LayerPlan, family: Family) -> LayerCost:
    """Return the cost of the operand buffer of a layer."""
    brams = 0
    if plan.operands is OperandKind.MEMORY:
        brams = rams(2 * plan.steps, plan.fold.simd, family)
    return LayerCost(plan.layer.name, _cells(buffer_parts(plan), family), 0, brams, 0)


def argmax_cost(graph: Graph, lanes: int, family: Family) -> LayerCost:
    """What the argmax takes that is given ``lanes`` scores at once."""
    last = graph.layers[-1]
    assert isinstance(last, Score)
    bits = score_bits(last, graph.planes(len(graph.layers) - 1))
    return LayerCost("argmax", _cells(argmax_parts(lanes, bits), family))


def _cells(parts: dict[str, float], family: Family) -> int:
    return round(sum(CONSTANTS[family][name] * count for name, count in parts.items()))


def _weight_columns(plan: LayerPlan) -> int:
    """Return the columns of the table of weights that are not the same bit in all words."""
    words = weight_bits(plan)
    return int((words.min(axis=0) != words.max(axis=0)).sum())


def _value_columns(plan: LayerPlan) -> list[int]:
    """Return the same for the tables of thresholds, or of offsets and scales."""
    layer, fold = plan.layer, plan.fold
    if isinstance(layer, Dense):
        tables = [(layer.thresholds, plan.count_max + 1)]
    else:
        numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
        tables = [(array, int(array.max())) for array in numbers]
    found = []
    for (array, padding), bits in zip(tables, value_bits(layer, plan.planes)):
        rows = plan.neuron_folds * fold.pe
        padded = np.pad(array, (0, rows - len(array)), constant_values=padding)
        words = padded.reshape(-1, fold.pe)[..., None] >> np.arange(bits) & 1
        found.append(int((words.min(axis=0) != words.max(axis=0)).sum()))
    return found
