"""Estimate of the resources of a network, layer by layer, without synthesis.

Block RAMs are exact: each memory has the shape that needs the fewest, and columns of equal bits
need none. SPRAMs are exact: one per 16 bits of a weight word. Cells are estimated: the sum of the
parts of a layer, each times a constant of the family (``CONSTANTS``), is within 13 % of the
packed cells of a fully connected layer, and within 15 % of those of a convolution, or 30 cells.
Exceptions are small depthwise convolutions, of which it is up to 35 % too high on ECP5. ``make
calibrate`` compares layers and networks. The shared counts of layers of
more than 8,192 synapses follow from a formula, see :func:`xnorloom.sharing.estimated`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..gateware.counting.code import rom_bits
from ..gateware.threshold import complement
from ..graph import Conv, Graph, Score
from ..packing import label_width
from ..schedule import LayerPlan, OperandKind, Plan, WeightStyle
from ..target.device import LUT_DEPTH, Device
from ..target.family import Family
from .cells import argmax_parts, buffer_parts, layer_parts, score_bits, value_bits, value_rows

__all__ = ["LayerCost", "CONSTANTS", "estimate", "argmax_cost", "buffer_cost", "layer_cost",
           "rams"]

# Cells per unit of each part (see cells.py), fitted to layers, buffers and argmax comparators, each
# synthesised alone by Yosys 0.70 with the options of builds and packed by nextpnr 0.11.1
# (`--pack-only`). Cells are ICESTORM_LC or TRELLIS_COMB. ECP5 multiplies in DSPs.
CONSTANTS: dict[Family, dict[str, float]] = {
    Family.ICE40: {
        "layer": 60, "tree": 1, "gates": 1, "wait": 1, "total": 1.2, "value": 1.1, "values": 0.75,
        "output": 1, "weights": 1.12, "product": 1.6, "table": 0.85, "buffer": 1.01,
        "turning": 0, "registers": 27, "memory": 48, "argmax": 26, "compare": 3.3, "load": 12,
        "shared": 1.05, "column": 18, "result": 4, "pool": 1, "ring": 14, "counter": 1.4, "pad": 1,
        "spread": 1, "spread control": 8, "spread counter": 1.4, "half": 1,
        "double": 0.7, "select": 1,
    },
    Family.ECP5: {
        "layer": 50, "tree": 0.9, "gates": 1.15, "wait": 0, "total": 2.4, "value": 0.8,
        "values": 0.35, "output": 0.5, "weights": 0.95, "product": 0, "table": 0.75, "buffer": 0,
        "turning": 1.09, "registers": 25, "memory": 72, "argmax": 10, "compare": 3.2, "load": 12,
        "shared": 1.05, "column": 10, "result": 4, "pool": 1, "ring": 10, "counter": 1.1, "pad": 1,
        "spread": 0, "spread control": 8, "spread counter": 1.1, "half": 1,
        "double": 0.6, "select": 1,
    },
}


@dataclass(frozen=True)
class LayerCost:
    """Resources of a layer with its operand buffer and register slice.

    Parameters
    ----------
    name : str
        Name of the layer, or ``argmax``.
    cells : int
        Estimated logic cells.
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
        """Block RAMs in all."""
        return self.weight_brams + self.buffer_brams + self.value_brams


def estimate(plan: Plan, target: Device | Family | str) -> list[LayerCost]:
    """Return the cost of each layer of ``plan``, and at the end that of the argmax.

    ``target`` is a chip, or a family for a chip without DSPs.

    Raises
    ------
    ValueError
        If the family does not exist.
    """
    family = target.family if isinstance(target, Device) else target
    dsps = target.dsps if isinstance(target, Device) else 0
    if family not in tuple(Family):
        raise ValueError(f"family must be one of {', '.join(Family)}, not {family!r}")
    family, costs = Family(family), []
    for layer in plan.layers:
        core, buffer = layer_cost(layer, family, dsps=dsps), buffer_cost(layer, family)
        costs.append(replace(core, cells=core.cells + buffer.cells,
                             buffer_brams=buffer.buffer_brams))
    return [*costs, argmax_cost(plan.graph, plan.schedule.folds[-1].pe, family, plan.vectors)]


def rams(depth: int, width: int, family: Family) -> int:
    """Return the block RAMs of a memory of ``depth`` words of ``width`` bits.

    Yosys splits a memory that is deeper than a block RAM, and packs the columns of all parts side
    by side, across the borders of parts.
    """
    return _memory(depth, width, family)[0]


def _memory(depth: int, width: int, family: Family) -> tuple[int, int]:
    """Return the block RAMs of a memory, and the parts of its depth, between which it selects."""
    found = ((-(-depth // words), bits) for words, bits in family.block_ram_shapes)
    return min((-(-(parts * width) // bits), parts) for parts, bits in found)


def layer_cost(plan: LayerPlan, family: Family, *, dsps: int = 0,
               exact: bool = True) -> LayerCost:
    """Return the cost of a layer without its operand buffer.

    ``dsps`` are the DSPs of the chip. ``exact`` finds columns of equal weights, which takes most of
    the time.
    """
    fold = plan.fold
    weights = values = 0
    parts = layer_parts(plan, dsps)
    if fold.style is WeightStyle.BLOCK:
        columns = _weight_columns(plan) if exact else plan.weight_width
        weights, deep = _memory(plan.depth, columns, family)
        parts["select"] = columns * (deep - 1)
    if fold.style.in_ram and value_rows(plan) > LUT_DEPTH:
        values = sum(rams(value_rows(plan), columns, family) for columns in _value_columns(plan))
    return LayerCost(plan.layer.name, _cells(parts, family), weights, 0, values, plan.sprams)


def buffer_cost(plan: LayerPlan, family: Family) -> LayerCost:
    """Return the cost of the operand buffer of a layer."""
    brams = 0
    if plan.operands is OperandKind.MEMORY:
        # A memory for each column of a batch buffer, else one for all frames of a word.
        columns = plan.vectors if plan.gather else 1
        width = plan.fold.simd * plan.vectors // columns
        brams = columns * rams(2 * plan.steps, width, family)
    elif plan.operands is OperandKind.RING:
        brams = rams(plan.ring.words, plan.operand_width, family) + _line_brams(plan, family)
    return LayerCost(plan.layer.name, _cells(buffer_parts(plan), family), 0, brams, 0)


def _line_brams(plan: LayerPlan, family: Family) -> int:
    """Return the block RAMs of a line buffer, which keeps rows of the map before the last."""
    layer, map = plan.layer, plan.map
    assert isinstance(layer, Conv) and map is not None
    words = plan.in_words // map.rows * plan.planes
    if not plan.ring.view.rows or words == 1:
        return 0
    return rams(words, (layer.window.extent[0] - 1) * plan.in_pixels * map.channels, family)


def argmax_cost(graph: Graph, lanes: int, family: Family, vectors: int = 1) -> LayerCost:
    """Return the cost of an argmax with ``lanes`` scores per word, of ``vectors`` frames."""
    last = graph.layers[-1]
    assert isinstance(last, Score)
    bits = score_bits(last, graph.planes(len(graph.layers) - 1))
    return LayerCost("argmax", _cells(argmax_parts(
        lanes, bits, vectors, label_width(graph.classes)), family))


def _cells(parts: dict[str, float], family: Family) -> int:
    return round(sum(CONSTANTS[family][name] * count for name, count in parts.items()))


def _weight_columns(plan: LayerPlan) -> int:
    """Return the number of columns of the weight table with different bits."""
    words = rom_bits(plan)
    return int((words.min(axis=0) != words.max(axis=0)).sum())


def _value_columns(plan: LayerPlan) -> list[int]:
    """Return the same for the table of thresholds, or for those of offsets and scales."""
    layer, fold = plan.layer, plan.fold
    if isinstance(layer, Score):
        numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
        tables = [(array[None], int(array.max())) for array in numbers]
    else:
        never = complement(np.array([plan.count_max + 1]), plan.count_max)
        tables = [(complement(plan.levels, plan.count_max), int(never[0]))]
    found = []
    for (array, padding), bits in zip(tables, value_bits(layer, plan.planes)):
        rows = plan.neuron_folds * fold.pe
        padded = np.pad(array, ((0, 0), (0, rows - array.shape[1])), constant_values=padding)
        table = padded.reshape(-1, fold.pe)
        if len(table) < value_rows(plan):
            # Rows between those of two levels.
            table = np.pad(table, ((0, 1), (0, 0)))
        words = table[..., None] >> np.arange(bits) & 1
        found.append(int((words.min(axis=0) != words.max(axis=0)).sum()))
    return found
