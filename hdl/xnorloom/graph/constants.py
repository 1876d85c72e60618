"""Neurons and classes of a graph that are the same for every input."""

import numpy as np
import numpy.typing as npt

from ..support.text import count
from .graph import Graph
from .layers import Dense, Score

__all__ = ["constant_neurons", "constant_warnings"]

_Ranges = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]

# Largest pixel.
_WHITE = 255


def constant_neurons(graph: Graph) -> tuple[npt.NDArray[np.bool_], ...]:
    """Find the constant neurons of each layer; of the last, the classes of constant score.

    A neuron is constant if every count that it can reach, with the constants of the layer before,
    lies on the same side of its threshold.
    """
    return _constant(_ranges(graph))


def constant_warnings(graph: Graph) -> list[str]:
    """Describe layers of which more than half the neurons are constant, and a constant class."""
    lines, ranges = [], _ranges(graph)
    for layer, constant in zip(graph.layers[:-1], _constant(ranges)):
        number = int(constant.sum())
        if number == layer.neurons:
            lines.append(f"layer {layer.name}: {_all(number)} constant, so that the network "
                         f"ignores its input")
            break
        if 2 * number > layer.neurons:
            lines.append(f"layer {layer.name}: {number:,} of {count(layer.neurons, 'neuron')} "
                         f"are constant")
    low, high = ranges[-1]
    for number in range(graph.classes):
        others = np.delete(high, number)
        # The first of equal scores wins.
        least = others + (np.arange(len(others)) < number)
        if (low[number] >= least).all() and graph.classes > 1:
            lines.append(f"the class is {number} for every input")
    return lines


def _all(number: int) -> str:
    return "its only neuron is" if number == 1 else f"all {number:,} neurons are"


def _constant(ranges: _Ranges) -> tuple[npt.NDArray[np.bool_], ...]:
    return tuple(low == high for low, high in ranges)


def _ranges(graph: Graph) -> _Ranges:
    """Bounds of the activations of each dense layer, and of the scores."""
    low, high = _input_range(graph)
    ranges = []
    for index, layer in enumerate(graph.layers):
        top = (1 << graph.planes(index)) - 1
        weights = layer.weights.astype(np.float64)
        # A synapse counts its element where the weight is 1, else the complement to the top.
        least, most = ((weights @ (one - (top - other))).astype(np.int64) + (top - other).sum()
                       for one, other in ((low, high), (high, low)))
        if isinstance(layer, Dense):
            low, high = ((counts >= layer.thresholds).astype(np.int64) for counts in (least, most))
        else:
            assert isinstance(layer, Score)
            low, high = (counts * layer.scales + layer.offsets for counts in (least, most))
        ranges.append((low, high))
    return ranges


def _input_range(graph: Graph) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bounds of the elements of the input."""
    thresholds = graph.input.pixel_thresholds
    if thresholds is None:
        return (np.zeros(graph.input.size, np.int64),
                np.full(graph.input.size, (1 << graph.input.bits) - 1))
    bounds = [(thresholds <= pixel).sum(axis=1, dtype=np.int64) for pixel in (0, _WHITE)]
    low, high = (np.broadcast_to(bound, graph.input.size) for bound in bounds)
    return low, high
