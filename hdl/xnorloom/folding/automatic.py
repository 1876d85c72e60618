"""Automatic schedule: the fewest lanes that reach an interval."""

from ..errors import ScheduleError
from ..graph import Graph
from ..schedule import Fold, OperandKind, Schedule, WeightStyle
from ..schedule.layer_plan import operand_kind
from ..support.arguments import integer

__all__ = ["DEFAULT_LANES", "fold_for", "automatic", "default_interval", "smallest_interval"]

# Synapses per cycle without a wanted interval: about the bandwidth of the block RAM of an iCE40
# UP5K (30 RAMs of 16 bits).
DEFAULT_LANES = 512


def default_interval(graph: Graph) -> int:
    """Return the interval that keeps about :data:`DEFAULT_LANES` lanes busy, or the smallest."""
    work = sum(layer.weights.size * graph.planes(i) for i, layer in enumerate(graph.layers))
    return max(smallest_interval(graph), -(-work // DEFAULT_LANES))


def smallest_interval(graph: Graph) -> int:
    """Return the interval of the fully parallel network: a cycle per bit plane of the input."""
    return graph.input.bits


def fold_for(graph: Graph, index: int, interval: int,
             style: WeightStyle | str | None = None) -> Fold:
    """Return the fold of layer ``index`` with the fewest lanes and at most ``interval`` cycles.

    Among folds of equally many lanes it is the one with the fewest flip-flops in accumulators and
    operand buffer. ``style`` ``None`` chooses the cheapest for the depth.
    """
    layer, planes = graph.layers[index], graph.planes(index)
    n, m = layer.inputs, layer.neurons
    if interval < planes:
        raise ScheduleError(f"interval {interval} cannot be reached: layer {layer.name!r} works on "
                            f"{planes} bit planes in turn, so the smallest interval is {planes}")
    if style == WeightStyle.WIRED:
        return Fold(m, n, WeightStyle.WIRED)
    candidates = []
    for neuron_folds in range(1, min(m, interval // planes) + 1):
        pe = -(-m // neuron_folds)
        simd = -(-n // min(n, interval // (planes * neuron_folds)))
        width = simd if index == 0 else 0
        kind = operand_kind(n, planes, width, simd, -(-m // pe))
        buffer = 2 * n * planes if kind is OperandKind.REGISTERS else 0
        accumulators = pe * graph.count_max(index).bit_length()
        candidates.append(((pe * simd, accumulators + buffer), pe, simd))
    _, pe, simd = min(candidates)
    depth = -(-n // simd) * -(-m // pe)
    return Fold(pe, simd, WeightStyle(style) if style else WeightStyle.cheapest(depth))


def automatic(graph: Graph, interval: int | None = None,
              style: WeightStyle | str | None = None) -> Schedule:
    """Return the schedule with the fewest lanes and an interval of at most ``interval``.

    The input stream is as wide as the SIMD of the first layer, which needs no width conversion.

    Parameters
    ----------
    graph : Graph
        The network.
    interval : int or None
        Largest number of cycles per frame; ``None`` for :func:`default_interval`.
    style : WeightStyle, str or None
        Weight style of all layers; ``None`` for the cheapest at each depth.

    Raises
    ------
    ScheduleError
        If no fold reaches the interval; the message names the smallest possible.
    """
    if interval is None:
        interval = default_interval(graph)
    interval = integer("interval", interval)
    if interval < 1:
        raise ScheduleError(f"interval must be at least 1 cycle, not {interval}")
    if style is not None and style not in tuple(WeightStyle):
        raise ScheduleError(f"style must be one of {', '.join(WeightStyle)}, not {style!r}")
    folds = tuple(fold_for(graph, i, interval, style) for i in range(len(graph.layers)))
    return Schedule(folds[0].simd, folds)
