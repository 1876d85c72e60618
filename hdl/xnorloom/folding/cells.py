"""Parts of layers, counted; the estimate of their cells is a weighted sum of them."""

from functools import cache

from amaranth.hdl import Shape

from ..gateware.popcount import levels
from ..graph import Dense, Layer, Score
from ..packing import score_shape
from ..schedule import LayerPlan, OperandKind, WeightStyle
from ..target.device import LUT_DEPTH

__all__ = ["argmax_parts", "buffer_parts", "layer_parts", "score_bits", "value_bits"]


@cache
def _tree(simd: int, every: int, absorbs: bool) -> tuple[int, int]:
    """Return the cells of a popcount of ``simd`` products, and its flip-flops of pure delay.

    With ``absorbs`` the leaves also compute the products.
    """
    cells = waits = 0
    nodes = [(simd, levels(simd))]
    while nodes:
        size, level = nodes.pop()
        if level == 1 or size <= 1:
            cells += {0: 0, 1: int(absorbs), 2: 2, 3: 4 if absorbs else 2}[size]
            continue
        # Two counts and one bit, with a cell to feed the carry in and one for the last carry.
        half = size // 2
        cells += half.bit_length() + 2
        stages = (level - 1) // every if every else 0
        waits += max(0, stages - 1)
        cells += int(absorbs)
        nodes += [(half, level - 1), (size - 1 - half, level - 1)]
    return cells, waits


def value_bits(layer: Layer, planes: int) -> tuple[int, ...]:
    """Return the bits of a threshold, or of an offset, or of an offset and a scale."""
    if isinstance(layer, Dense):
        return ((layer.count_max(planes) + 1).bit_length(),)
    numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
    return tuple(Shape.cast(range(int(n.min()), int(n.max()) + 1)).width for n in numbers)


def score_bits(layer: Score, planes: int) -> int:
    """Return the bits of a score."""
    return score_shape(layer, planes).width


def layer_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of a layer and of the register slice after it."""
    layer, fold, neuron_folds = plan.layer, plan.fold, plan.neuron_folds
    # Each frame has processing elements of its own.
    elements = fold.pe * plan.vectors
    count = plan.count_max.bit_length()
    tree, waits = _tree(fold.simd, fold.register_every, fold.style.in_ram)
    values = value_bits(layer, plan.planes)
    element = 1 if isinstance(layer, Dense) else score_bits(layer, plan.planes)
    parts: dict[str, float] = {
        "layer": 1,
        "tree": elements * tree,
        "wait": (elements * waits + fold.read_latency * fold.simd * plan.vectors
                 + fold.read_register * fold.lanes),
        "total": elements * count if plan.steps > 1 else 0,
        "value": elements * sum(values) / (1 if neuron_folds > 1 else 3),
        "output": 2 * elements * element,
    }
    match fold.style:
        case WeightStyle.LUT:
            parts["weights"] = fold.lanes * max(1, plan.depth / LUT_DEPTH)
        case WeightStyle.WIRED:
            parts["wired"] = fold.lanes * plan.vectors
        case WeightStyle.SPRAM:
            parts["load"] = 1
    if 1 < neuron_folds and (neuron_folds <= LUT_DEPTH or fold.style is WeightStyle.LUT):
        parts["values"] = fold.pe * sum(values) * max(1, neuron_folds / LUT_DEPTH)
    if layer.scaled:
        # A multiplier, or two tables of products per four bits of the count.
        bits = values[1] * count if neuron_folds > 1 else element * 2 * -(-count // 4)
        parts["product"] = elements * bits
    return parts


def buffer_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of the operand buffer before a layer."""
    match plan.operands:
        case OperandKind.DIRECT:
            return {}
        case OperandKind.MEMORY:
            return {"memory": 1, **(_gathered(plan.vectors) if plan.gather else {})}
    assert plan.in_width is not None
    received = -(-plan.layer.inputs // plan.in_width) * plan.in_width
    sent = plan.synapse_folds * plan.fold.simd
    bits = plan.vectors * plan.planes
    return {"registers": 1, "buffer": bits * (received + sent),
            "turning": bits * sent if plan.steps > 1 else 0,
            **(_gathered(plan.vectors) if plan.gather else {})}


def _gathered(vectors: int) -> dict[str, float]:
    """Return the parts that a batch buffer of ``vectors`` columns has besides."""
    return {"column": vectors}


def argmax_parts(lanes: int, bits: int, vectors: int = 1, label: int = 0) -> dict[str, float]:
    """Return the parts of an argmax of ``lanes`` scores of ``bits`` bits per word.

    With several ``vectors`` results of ``label`` bits are sent one after the other.
    """
    parts: dict[str, float] = {"argmax": 1,
                               "compare": lanes * bits * vectors}
    if vectors > 1:
        parts["result"] = vectors * (label + 1)
    return parts
