"""What layers are made of, counted: the parts that an estimate of their cells is a sum of."""

from functools import cache

from amaranth.hdl import Shape

from ..gateware import operand_buffer
from ..gateware.layer import read_latency, score_shape
from ..gateware.popcount import levels
from ..graph import Dense, Layer, Score
from ..schedule import Fold
from ..target.device import LUT_DEPTH

__all__ = ["argmax_parts", "buffer_parts", "layer_parts", "score_bits", "value_bits"]

# A LUT4 with the activation on one input holds eight weights.
_LUT_WORDS = 8


@cache
def _tree(simd: int, every: int, absorbs: bool) -> tuple[int, int]:
    """Cells of a popcount of ``simd`` products, and flip-flops that only wait.

    ``absorbs`` says whether the leaves compute the products, too.
    """
    cells = waits = 0
    nodes = [(simd, levels(simd))]
    while nodes:
        size, level = nodes.pop()
        if level == 1 or size <= 1:
            cells += {0: 0, 1: int(absorbs), 2: 2, 3: 4 if absorbs else 2}[size]
            continue
        # Two counts and one bit more, with a cell to bring in the carry and one for the last.
        half = size // 2
        cells += half.bit_length() + 2
        stages = (level - 1) // every if every else 0
        waits += max(0, stages - 1)
        cells += int(absorbs)
        nodes += [(half, level - 1), (size - 1 - half, level - 1)]
    return cells, waits


def value_bits(layer: Layer, planes: int) -> tuple[int, ...]:
    """Bits of a threshold, or of an offset and perhaps of a scale."""
    if isinstance(layer, Dense):
        return ((layer.count_max(planes) + 1).bit_length(),)
    numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
    return tuple(Shape.cast(range(int(n.min()), int(n.max()) + 1)).width for n in numbers)


def score_bits(layer: Score, planes: int) -> int:
    """Bits of a score."""
    return score_shape(layer, planes).width


def layer_parts(layer: Layer, fold: Fold, planes: int) -> dict[str, float]:
    """The parts of a layer and of the register slice behind."""
    neuron_folds, synapse_folds = fold.neuron_folds(layer), fold.synapse_folds(layer)
    depth, steps = neuron_folds * synapse_folds, synapse_folds * planes
    count = layer.count_max(planes).bit_length()
    tree, waits = _tree(fold.simd, fold.register_every, fold.style in ("block", "spram"))
    values = value_bits(layer, planes)
    element = 1 if isinstance(layer, Dense) else score_bits(layer, planes)
    parts: dict[str, float] = {
        "layer": 1,
        "tree": fold.pe * tree,
        "wait": (fold.pe * waits + read_latency(fold) * fold.simd
                 + fold.read_register * fold.lanes),
        "total": fold.pe * count if steps > 1 else 0,
        "value": fold.pe * sum(values) / (1 if neuron_folds > 1 else 3),
        "output": 2 * fold.pe * element,
    }
    if fold.style == "lut":
        parts["weights"] = fold.lanes * max(1, depth / _LUT_WORDS)
    elif fold.style == "wired":
        parts["wired"] = fold.lanes
    elif fold.style == "spram":
        parts["load"] = 1
    if 1 < neuron_folds and (neuron_folds <= LUT_DEPTH or fold.style == "lut"):
        parts["values"] = fold.pe * sum(values) * max(1, neuron_folds / _LUT_WORDS)
    if layer.scaled:
        # A multiplier, or two tables of products for each four bits of the count.
        bits = values[1] * count if neuron_folds > 1 else element * 2 * -(-count // 4)
        parts["product"] = fold.pe * bits
    return parts


def buffer_parts(layer: Layer, fold: Fold, planes: int, in_width: int) -> dict[str, float]:
    """The parts of the operand buffer in front of a layer."""
    kind = operand_buffer.kind(layer.inputs, planes, in_width, fold.simd, fold.neuron_folds(layer))
    if kind == "direct":
        return {}
    if kind == "memory":
        return {"memory": 1}
    taken = -(-layer.inputs // in_width) * in_width
    given = fold.synapse_folds(layer) * fold.simd
    turns = planes * fold.synapse_folds(layer) > 1
    return {"registers": 1, "buffer": planes * (taken + given),
            "turning": planes * given if turns else 0}


def argmax_parts(lanes: int, bits: int) -> dict[str, float]:
    """The parts of an argmax of ``lanes`` scores of ``bits`` bits at once."""
    return {"argmax": 1, "compare": lanes * bits}
