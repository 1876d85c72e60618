"""Neurons and classes of a graph that are the same for every input."""

import numpy as np
import numpy.typing as npt

from ..support.text import count
from .conv import Conv
from .graph import Graph
from .layers import Dense, Score
from .maps import Map
from .pixels import encode

__all__ = ["constant_neurons", "constant_warnings"]

_Range = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

# Largest pixel.
_WHITE = 255


def constant_neurons(graph: Graph) -> tuple[npt.NDArray[np.bool_], ...]:
    """Find the constant neurons of each layer; of the last, the classes of constant score.

    A neuron is constant if every count that it can reach, with the constants of the layer before,
    lies on the same side of its threshold. One of a convolution is constant if all its outputs are,
    and are equal; its inputs are taken to have the bounds of their channel at all positions.
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


def _constant(ranges: list[_Range]) -> tuple[npt.NDArray[np.bool_], ...]:
    return tuple(low == high for low, high in ranges)


def _ranges(graph: Graph) -> list[_Range]:
    """Bounds of the activations of each neuron, and of the scores."""
    low, high = _input_range(graph)
    ranges = []
    for index, layer in enumerate(graph.layers):
        top, map = (1 << graph.planes(index)) - 1, graph.maps[index]
        if isinstance(layer, Conv):
            ranges.append(_conv_range(layer, map, top, low, high))
            low, high = (np.tile(bound, graph.maps[index + 1].pixels) for bound in ranges[-1])
            continue
        weights = layer.weights.astype(np.float64)
        # A synapse counts its element where the weight is 1, else the complement to the top.
        counts = (top - low).sum(), (top - high).sum()
        if layer.present is not None:
            present = layer.present.astype(np.float64)
            counts = tuple((present @ (top - bound)).astype(np.int64) for bound in (low, high))
        least, most = ((weights @ (one - (top - other))).astype(np.int64) + complement
                       for one, other, complement in ((low, high, counts[1]),
                                                      (high, low, counts[0])))
        if isinstance(layer, Dense):
            low, high = ((counts >= layer.thresholds).astype(np.int64) for counts in (least, most))
        else:
            assert isinstance(layer, Score)
            low, high = (counts * layer.scales + layer.offsets for counts in (least, most))
        ranges.append((low, high))
    return ranges


def _conv_range(layer: Conv, map: Map, top: int, low: npt.NDArray[np.int64],
                high: npt.NDArray[np.int64]) -> _Range:
    """Bounds of the activations of each neuron of a convolution, over all positions.

    ``low`` and ``high`` are those of the elements of the map, which are at most ``top``.
    """
    low, high = (low.reshape(map.pixels, -1).min(axis=0), high.reshape(map.pixels, -1).max(axis=0))
    if layer.window.pad is not None:
        pad = np.asarray(layer.window.pad)
        low, high = np.minimum(low, pad), np.maximum(high, pad)
    borders, window = layer.borders(map), layer.window
    thresholds = layer.thresholds.reshape(-1, layer.neurons)
    weights = layer.weights.reshape(layer.groups, -1, layer.weights.shape[3]).astype(np.float64)
    present = (np.ones_like(weights) if layer.present is None else
               layer.present.reshape(weights.shape).astype(np.float64))
    bits = []
    for one, other in ((low, high), (high, low)):
        # As for a dense layer, for each tap; then for each border class.
        one, other = (bound.reshape(layer.groups, -1, 1) for bound in (one, top - other))
        taps = (weights @ (one - other) + present @ other).reshape(
            layer.neurons, *window.kernel)
        rows = np.tensordot(borders.row_taps, taps, (1, 1))
        counts = np.tensordot(rows, borders.column_taps, (2, 1)).transpose(0, 2, 1)
        bits.append(counts.reshape(-1, layer.neurons) >= thresholds)
    return bits[0].all(axis=0).astype(np.int64), bits[1].any(axis=0).astype(np.int64)


def _input_range(graph: Graph) -> _Range:
    """Bounds of the elements of the input."""
    if graph.input.thermometer is not None:
        black = np.full((1, graph.input.pixel_count), 0, np.uint8)
        low, high = (
            encode(graph.input, pixels)[0].astype(np.int64) for pixels in (black, black + _WHITE)
        )
        return low, high
    thresholds = graph.input.pixel_thresholds
    if thresholds is None:
        return (np.zeros(graph.input.size, np.int64),
                np.full(graph.input.size, (1 << graph.input.bits) - 1))
    bounds = [(thresholds <= pixel).sum(axis=1, dtype=np.int64) for pixel in (0, _WHITE)]
    low, high = (np.broadcast_to(bound, graph.input.size) for bound in bounds)
    return low, high
