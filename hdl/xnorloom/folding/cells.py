"""Parts of layers, counted; the estimate of their cells is a weighted sum of them."""

from functools import cache
from math import expm1, log1p

import numpy as np
from amaranth.hdl import Shape

from ..gateware.counting import tree
from ..gateware.counting.code import is_coded
from ..gateware.multiplier import fits_mac16
from ..gateware.wired import operand_weights, program_thresholds, solution
from ..graph import Conv, Layer, Score
from ..packing import score_shape
from ..schedule import LayerPlan, OperandKind, WeightStyle
from ..sharing import FIRST_INPUT, Add, estimated
from ..target.device import LUT_DEPTH

__all__ = ["argmax_parts", "buffer_parts", "layer_parts", "score_bits", "value_bits",
           "value_rows"]


# Synapses of neurons that share counts, up to which the program is compiled for its estimate: that
# of 64 x 64 takes up to half a second, that of 784 x 64 ten. Those of larger layers are estimated.
_COMPILED = 1 << 13


# The search asks for the same trees many times.
_tree_cells = cache(tree.cells)


def _tree(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of the popcount of a neuron, with its XNOR gates and its waits.

    Waits are cells of flip-flops alone. XNOR gates of weights in look-up tables are counted with
    the weights.
    """
    fold = plan.fold
    logic, waits = _tree_cells(fold.simd, is_coded(plan), fold.register_every)
    gates: float = 0
    if fold.style.in_ram:
        # Leaves of three bits absorb one of the gates of SPRAM. A product of a masked layer is a
        # function of three bits, which no leaf absorbs.
        spared = fold.style is WeightStyle.SPRAM and not plan.masked
        gates = (0.75 if spared else 1) * fold.simd
    elif not plan.masked:
        # The carry of a coded leaf does not absorb an XNOR gate with one.
        logic += fold.simd / 3
    return {"tree": logic, "gates": gates, "wait": waits}


def _tables(plan: LayerPlan) -> float:
    """Return the look-up tables of weights in them.

    Weight, presence and XNOR gate of a lane are one function of address and activation. Lanes of an
    activation share it if their weights are equal in all steps, which is frequent in few steps.
    """
    fold, columns = plan.fold, (3.0 if plan.masked else 2.0) ** min(plan.depth, 64)
    # Different ones of as many random columns.
    distinct = -columns * expm1(fold.pe / plan.lane_groups * log1p(-1 / columns))
    return fold.simd * plan.lane_groups * distinct * max(1, plan.depth / LUT_DEPTH)


def _shared_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of neurons that share counts: cells of the program, and of its registers."""
    every = plan.fold.register_every
    if plan.layer.synapses > _COMPILED:
        cells, levels = _estimated(plan)
        held = levels / every if every else 0
    else:
        found = solution(plan)
        # The carry input of an adder takes a cell, unless it is constant.
        cells = sum(node.width + (isinstance(node, Add) and node.carry >= FIRST_INPUT)
                    for node in found.program.nodes)
        held = found.pipeline(every).waits() if every else 0
    return {"shared": plan.vectors * cells, "wait": plan.vectors * held}


def _estimated(plan: LayerPlan) -> tuple[float, float]:
    """Return the cells of the program, and the registers if one follows each level."""
    operands, thresholds = operand_weights(plan), program_thresholds(plan)
    return _of_operands(operands.tobytes(), operands.shape,
                        None if thresholds is None else tuple(thresholds.tolist()))


# The search asks for the same layers many times.
@cache
def _of_operands(operands: bytes, shape: tuple[int, int],
                 thresholds: tuple[int, ...] | None) -> tuple[float, float]:
    return estimated(np.frombuffer(operands, np.int8).reshape(shape), thresholds)


def value_bits(layer: Layer, planes: int) -> tuple[int, ...]:
    """Return the bits of a threshold, or of an offset, or of an offset and a scale."""
    if not isinstance(layer, Score):
        return (max(1, layer.count_max(planes)).bit_length() + 1,)
    numbers = (layer.offsets, layer.scales) if layer.scaled else (layer.offsets,)
    return tuple(Shape.cast(range(int(n.min()), int(n.max()) + 1)).width for n in numbers)


def value_rows(plan: LayerPlan) -> int:
    """Return the rows of the tables of :func:`value_bits`: one per neuron fold.

    With several levels, each has rows of its own, a power of two.
    """
    levels = 1 if isinstance(plan.layer, Score) else len(plan.levels)
    return plan.neuron_folds if levels == 1 else levels << (plan.neuron_folds - 1).bit_length()


def score_bits(layer: Score, planes: int) -> int:
    """Return the bits of a score."""
    return score_shape(layer, planes).width


def layer_parts(plan: LayerPlan, dsps: int = 0) -> dict[str, float]:
    """Return the parts of a layer and of the register slice after it.

    Of its multipliers, as many as there are ``dsps`` are no part.
    """
    layer, fold, rows = plan.layer, plan.fold, value_rows(plan)
    element = score_bits(layer, plan.planes) if isinstance(layer, Score) else 1
    # Each vector has processing elements of its own.
    elements = fold.pe * plan.vectors
    count = plan.count_max.bit_length()
    outputs: dict[str, float] = {
        "output": 2 * fold.pe * plan.out_vectors * element,
        # A gate before the output register, which pools.
        "pool": elements if plan.repeats * plan.vectors > plan.out_vectors else 0,
    }
    if plan.shares:
        if plan.shares_numbers:
            outputs |= _after_counts(plan, elements, element)
        return {**_shared_parts(plan), **outputs}
    tree = _tree(plan)
    # The highest bit of a threshold is a constant, except where a neuron always fires.
    values = value_bits(layer, plan.planes) if isinstance(layer, Score) else (count,)
    parts: dict[str, float] = {
        "layer": 1,
        "tree": elements * tree["tree"],
        "gates": elements * tree["gates"],
        "wait": (plan.vectors * (fold.pe * tree["wait"] + fold.read_latency * fold.simd)
                 + fold.read_register * plan.weight_width),
        "total": elements * count if plan.steps > 1 else 0,
        "double": elements * count if plan.planes > 1 else 0,
        # Gates before the accumulator.
        "half": elements * fold.simd.bit_length() if plan.half else 0,
        "value": elements * sum(values) / (1 if rows > 1 else 3),
        **outputs,
    }
    match fold.style:
        case WeightStyle.LUT:
            parts["weights"] = _tables(plan)
        case WeightStyle.SPRAM:
            parts["load"] = 1
    if 1 < rows and (rows <= LUT_DEPTH or fold.style is WeightStyle.LUT):
        # No more than one for each function of the row.
        columns = min(fold.pe * sum(values), 1 << min(rows, 64))
        parts["values"] = columns * max(1, rows / LUT_DEPTH)
    if layer.scaled and rows > 1:
        scale = values[-1]
        rest = max(0, elements - dsps) if fits_mac16(count, scale, element) else elements
        parts["product"] = rest * scale * count
    elif layer.scaled:
        # Tables of products per four bits of the count.
        parts["table"] = elements * element * -(-count // 4)
    return parts


def _after_counts(plan: LayerPlan, elements: int, element: int) -> dict[str, float]:
    """Return the parts that finish shared counts of bit planes, or scale them."""
    layer, count = plan.layer, plan.count_max.bit_length()
    numbers = sum(value_bits(layer, plan.planes)) if isinstance(layer, Score) else count
    return {"layer": 1, "total": elements * count if plan.steps > 1 else 0,
            "double": elements * count if plan.planes > 1 else 0,
            # Constants: thresholds or offsets, and tables of products per four bits of the count.
            "value": 0 if layer.scaled else elements * numbers / 3,
            "table": elements * element * -(-count // 4) if layer.scaled else 0}


def buffer_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of the operand buffer before a layer."""
    match plan.operands:
        case OperandKind.DIRECT:
            return {}
        case OperandKind.MEMORY:
            return {"memory": 1, **(_gathered(plan.vectors) if plan.gather else {})}
        case OperandKind.RING:
            return _ring_parts(plan)
    assert plan.in_width is not None
    received = -(-plan.size // plan.in_width) * plan.in_width
    sent = plan.synapse_folds * plan.fold.simd
    bits = plan.vectors * plan.planes
    return {"registers": 1, "buffer": bits * (received + sent),
            "turning": bits * sent if plan.steps > 1 else 0,
            **(_gathered(plan.vectors) if plan.gather else {})}


def _ring_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of a ring besides its block RAM, and of what makes its words."""
    layer, map, window = plan.layer, plan.ring.view.map, plan.ring.view.window
    assert isinstance(layer, Conv)
    steps = [*plan.output_words, plan.neuron_folds, *plan.ring.pool, plan.planes, *window.kernel,
             plan.tap_words]
    padded = any(window.padding)
    if padded:
        # Places of the tap, which may lie outside the map.
        steps += [map.rows, map.columns]
    # Addresses of writes and reads, words that are ahead, and words that are held.
    addresses = 4 * (plan.ring.words.bit_length() + 1)
    return {"ring": 1, "counter": addresses + _counters(steps),
            "pad": plan.operand_width if padded and not window.skips else 0,
            **_width_parts(plan), **_spread_parts(plan, layer)}


def _counters(steps: list[int]) -> int:
    return sum((count - 1).bit_length() for count in steps)


def _width_parts(plan: LayerPlan) -> dict[str, float]:
    """Return the parts of a buffer that gives the pixels of a map another width, if any."""
    assert plan.in_width is not None and plan.map is not None
    channels = plan.map.channels
    width = channels if plan.ring.view.columns else plan.operand_width
    if plan.in_width == width:
        return {}
    words = -(-channels // width)
    received, sent = -(-channels // plan.in_width) * plan.in_width, words * width
    return {"registers": 1, "buffer": plan.in_pixels * (received + sent),
            "turning": plan.in_pixels * sent if words > 1 else 0}


def _spread_parts(plan: LayerPlan, layer: Conv) -> dict[str, float]:
    """Return the parts of a line buffer and a shift register, if there are any."""
    assert plan.map is not None
    if not plan.ring.view.columns:
        return {}
    rows, columns = layer.window.extent
    words, width = plan.in_words // plan.map.rows, plan.in_pixels * plan.map.channels
    steps, kept, controls = [words, plan.planes], 0, 1
    if plan.ring.view.rows:
        # The last word; those of the rows before are in block RAM, except of single words.
        inner = words * plan.planes
        kept += width * (1 if inner > 1 else 2 * rows - 1)
        # The address of a write is that of the read before it.
        steps += [plan.map.rows, inner, inner]
        controls += 1
    high = layer.window.kernel[0] if plan.ring.view.rows else 1
    before = ((plan.vectors - 1) * layer.window.stride[1] + columns - 1) // plan.in_pixels
    kept += (before * plan.planes + 1) * width * high
    return {"spread": kept, "spread control": controls, "spread counter": _counters(steps)}


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
