"""Automatic schedule: the fewest lanes that reach an interval."""

from ..errors import ScheduleError
from ..graph import Conv, Graph
from ..schedule import Fold, OperandKind, Schedule, WeightStyle
from ..schedule.fold import USUAL_VECTORS
from ..schedule.operand_kind import operand_kind
from ..support.arguments import integer
from .at_once import ALONE, AtOnce, at_once, tried
from .work import in_turn, input_width, least_cycles, options, work

__all__ = ["DEFAULT_LANES", "fold_for", "automatic", "default_interval", "smallest_interval"]

# Synapses per cycle without a wanted interval: about the bandwidth of the block RAM of an iCE40
# UP5K (30 RAMs of 16 bits).
DEFAULT_LANES = 512


def default_interval(graph: Graph) -> int:
    """Return the interval that keeps about ``DEFAULT_LANES`` lanes busy, or the smallest."""
    parts = (work(graph, index) for index in range(len(graph.layers)))
    lanes = sum(part.turns * part.neurons * part.synapses for part in parts)
    return max(_shortest(graph, 1), -(-lanes // DEFAULT_LANES))


def smallest_interval(graph: Graph) -> int:
    """Return the interval of the fully parallel network.

    A layer takes a cycle per bit plane of its input, a convolution one per bit plane of each pixel
    that it receives, and with padding or groups one per bit plane of each tap of each output. Where
    the first layers can compute up to ``USUAL_VECTORS`` outputs side by
    side at once, they take so many cycles fewer.
    """
    return min(_shortest(graph, first) for first in _choices(graph))


def _choices(graph: Graph) -> list[int]:
    """Return the vectors that the first layer can have for one frame at a time."""
    maps = any(isinstance(layer, Conv) for layer in graph.layers)
    return tried(graph, USUAL_VECTORS if maps else 1)


def _shortest(graph: Graph, first: int) -> int:
    """Return the smallest interval if the first layer, a convolution, has ``first`` vectors."""
    parts = at_once(graph, first) or ()
    return max(least_cycles(graph, index, part) for index, part in enumerate(parts))


def fold_for(graph: Graph, index: int, interval: int,
             style: WeightStyle | str | None = None, width: int | None = None,
             at_once: AtOnce = ALONE) -> Fold:
    """Return the fold of layer ``index`` with the fewest lanes and at most ``interval`` cycles.

    Among folds of equally many lanes it is the one with the fewest flip-flops in accumulators and
    operand buffer. ``style`` ``None`` chooses the cheapest for the depth. ``width`` is the number
    of elements per input word, which matters after a convolution. ``at_once`` is what a convolution
    computes at once.
    """
    layer, planes = graph.layers[index], graph.planes(index)
    if interval < least_cycles(graph, index, at_once):
        raise ScheduleError(f"interval {interval} cannot be reached: layer {layer.name!r} "
                            f"{in_turn(graph, index, at_once)}, so the smallest interval is "
                            f"{smallest_interval(graph)}")
    parts = options(graph, index, width, at_once)
    if style == WeightStyle.WIRED:
        # The last is the whole kernel, if the layer takes it at once.
        return Fold(layer.neurons, parts[-1].synapses, WeightStyle.WIRED, vectors=at_once.vectors)
    candidates = []
    for part in parts:
        n, m = part.synapses, part.neurons
        for pe in part.pes(interval):
            simd = part.least_simd(pe, interval)
            if simd is None:
                continue
            words, buffer = part.input_width(pe, simd), part.spread
            if not part.words:
                kind = operand_kind(n, planes, simd if index == 0 else 0, simd, -(-m // pe))
                buffer = 2 * n * planes if kind is OperandKind.REGISTERS else 0
            elif index and words != width:
                buffer += words
            accumulators = pe * graph.count_max(index).bit_length()
            depth = part.taps * -(-n // simd) * -(-m // pe)
            candidates.append(((pe * simd, accumulators + buffer), pe, simd, depth))
    _, pe, simd, depth = min(candidates)
    return Fold(pe, simd, WeightStyle(style) if style else WeightStyle.cheapest(depth),
                vectors=at_once.vectors)


def automatic(graph: Graph, interval: int | None = None,
              style: WeightStyle | str | None = None) -> Schedule:
    """Return the schedule with the fewest lanes and an interval of at most ``interval``.

    The input stream is as wide as the operands of the first layer, which needs no width conversion.
    The first convolutions compute several outputs at once only if they must.

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
    least = max(interval, smallest_interval(graph))
    first = next(first for first in _choices(graph) if _shortest(graph, first) <= least)
    folds: list[Fold] = []
    for index, part in enumerate(at_once(graph, first) or ()):
        width = folds[-1].pe if folds else None
        folds.append(fold_for(graph, index, interval, style, width, part))
    return Schedule(input_width(graph, folds[0]), tuple(folds))
