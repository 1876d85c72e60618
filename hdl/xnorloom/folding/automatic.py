"""The automatic schedule: a wanted interval with the fewest lanes."""

from ..errors import ScheduleError
from ..gateware import operand_buffer
from ..graph import Graph
from ..schedule import STYLES, Fold, Schedule
from ..support.arguments import integer
from ..target.device import LUT_DEPTH

__all__ = ["DEFAULT_LANES", "fold_for", "automatic", "default_interval", "smallest_interval",
           "style_for"]

# Synapses per cycle that a network gets when nobody asks for an interval: about what an engine
# in an iCE40 UP5K can be fed with from its block RAM (30 RAMs of 16 bits).
DEFAULT_LANES = 512


def default_interval(graph: Graph) -> int:
    """The interval that keeps about :data:`DEFAULT_LANES` lanes busy, at least the smallest."""
    work = sum(layer.weights.size * graph.planes(i) for i, layer in enumerate(graph.layers))
    return max(smallest_interval(graph), -(-work // DEFAULT_LANES))


def smallest_interval(graph: Graph) -> int:
    """The interval of the fully parallel network: one cycle for each bit plane of the input."""
    return graph.input.bits


def style_for(depth: int) -> str:
    """The cheapest weight style for ``depth`` weight words per lane."""
    if depth == 1:
        return "wired"
    return "lut" if depth <= LUT_DEPTH else "block"


def fold_for(graph: Graph, index: int, interval: int, style: str | None = None) -> Fold:
    """The fold of layer ``index`` with the fewest lanes that works at most ``interval`` cycles.

    Among folds of equally many lanes the one with the fewest flip-flops for accumulators and
    operand buffer wins. ``style`` ``None`` chooses by :func:`style_for`.
    """
    layer, planes = graph.layers[index], graph.planes(index)
    n, m = layer.inputs, layer.neurons
    if interval < planes:
        raise ScheduleError(f"interval {interval} cannot be reached: layer {layer.name!r} works on "
                            f"{planes} bit planes in turn, so the smallest interval is {planes}")
    if style == "wired":
        return Fold(m, n, "wired")
    candidates = []
    for neuron_folds in range(1, min(m, interval // planes) + 1):
        pe = -(-m // neuron_folds)
        simd = -(-n // min(n, interval // (planes * neuron_folds)))
        width = simd if index == 0 else 0
        kind = operand_buffer.kind(n, planes, width, simd, -(-m // pe))
        buffer = 2 * n * planes if kind == "registers" else 0
        accumulators = pe * graph.count_max(index).bit_length()
        candidates.append(((pe * simd, accumulators + buffer), pe, simd))
    _, pe, simd = min(candidates)
    depth = -(-n // simd) * -(-m // pe)
    return Fold(pe, simd, style or style_for(depth))


def automatic(graph: Graph, interval: int | None = None, style: str | None = None) -> Schedule:
    """Make a schedule whose interval is at most ``interval``, with the fewest lanes.

    The input stream is as wide as the first layer's SIMD, so its words arrive as they are used.

    Parameters
    ----------
    interval : int
        Wanted cycles per frame; :func:`default_interval` when ``None``.
    style : str
        The weight style of every layer; ``None`` takes the cheapest for each depth.

    Raises
    ------
    ScheduleError
        If no fold reaches the interval; the message names the smallest that can be.
    """
    if interval is None:
        interval = default_interval(graph)
    interval = integer("interval", interval)
    if interval < 1:
        raise ScheduleError(f"interval must be at least 1 cycle, not {interval}")
    if style is not None and style not in STYLES:
        raise ScheduleError(f"style must be one of {', '.join(STYLES)}, not {style!r}")
    folds = tuple(fold_for(graph, i, interval, style) for i in range(len(graph.layers)))
    return Schedule(folds[0].simd, folds)
