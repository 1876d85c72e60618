"""What a schedule comes to in cycles: formulas, exact to the cycle.

Notation: a layer of ``m`` neurons with ``n`` inputs of ``K`` bit planes, folded with PE and SIMD,
has ``SF = ceil(n / SIMD)`` synapse folds and ``NF = ceil(m / PE)`` neuron folds and works for
``F = NF * SF * K`` cycles on a frame. A score layer with scales other than 1 multiplies its counts
in a cycle of their own.
"""

from dataclasses import dataclass

from ..graph import Graph
from ..schedule import Fold, Schedule
from . import argmax, layer, operand_buffer, stream

__all__ = ["LayerTiming", "Timing", "timing"]


@dataclass(frozen=True)
class LayerTiming:
    """One layer under its fold.

    ``cycles`` is ``F``, ``depth`` the weight words a lane steps through (``NF * SF``), ``buffer``
    the kind of operand buffer in front (:data:`xnorloom.gateware.operand_buffer.KINDS`),
    ``latency`` the cycles from the last input word of a frame to the last output word.
    """

    name: str
    synapse_folds: int
    neuron_folds: int
    planes: int
    cycles: int
    depth: int
    buffer: str
    latency: int


@dataclass(frozen=True)
class Timing:
    """A network under its schedule.

    ``words`` input words make a frame. In an idle network whose input words come back to back the
    result is valid ``latency`` cycles after the first word was transferred; with the input never
    waiting and the output always ready a frame enters and leaves every ``interval`` cycles.
    """

    words: int
    latency: int
    interval: int
    layers: tuple[LayerTiming, ...]


def timing(graph: Graph, schedule: Schedule) -> Timing:
    """Compute the timing of ``graph`` under ``schedule``.

    ``interval = max(F of each layer, words)`` and ``latency = (words - 1) + sum over layers of
    (latency of the layer + 1) + latency of the argmax``; the 1 is the register slice behind each
    layer.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """
    schedule.check(graph)
    width = schedule.input_width
    words = graph.planes(0) * -(-graph.input.size // width)
    layers = []
    for index, fold in enumerate(schedule.folds):
        layers.append(_layer(graph, index, fold, width))
        width = fold.pe
    latency = words - 1 + sum(entry.latency + stream.BUFFER_LATENCY for entry in layers)
    latency += argmax.latency(schedule.folds[-1].pe)
    interval = max(words, *(entry.cycles for entry in layers))
    return Timing(words, latency, interval, tuple(layers))


def _layer(graph: Graph, index: int, fold: Fold, width: int) -> LayerTiming:
    entry, planes = graph.layers[index], graph.planes(index)
    synapse_folds, neuron_folds = fold.synapse_folds(entry), fold.neuron_folds(entry)
    cycles = neuron_folds * synapse_folds * planes
    kind = operand_buffer.kind(entry.inputs, planes, width, fold.simd, neuron_folds)
    latency = layer.latency(fold, synapse_folds * planes, entry.scaled)
    if kind != "direct":
        # The first operand follows the last input word, the last one cycles - 1 later.
        latency += operand_buffer.LATENCY + cycles - 1
    return LayerTiming(entry.name, synapse_folds, neuron_folds, planes, cycles,
                       neuron_folds * synapse_folds, kind, latency)
