"""Counts of neurons, by matrix products and by popcounts, in numpy, for the golden model."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Graph, Layer

__all__ = ["Count", "popcounts", "products"]

# float32 represents every integer up to this magnitude, so a dot product that cannot exceed it is
# exact in any order of summation.
_FLOAT32_EXACT = 1 << 24

Count = Callable[[int, np.ndarray, np.ndarray | None], npt.NDArray[np.int64]]
"""Function of the number of a layer, windows of shape ``[groups, B, positions, inputs]``, and which
elements contribute, bools ``[positions, inputs]`` or ``None`` for all.

It returns the counts, shape ``[groups, B, positions, neurons / groups]``.
"""


def products(graph: Graph) -> Count:
    """Return the function that counts by matrix products."""
    signed, synapses = [], []
    for index, layer in enumerate(graph.layers):
        exact = np.float32 if graph.count_max(index) < _FLOAT32_EXACT else np.float64
        weights = _grouped(layer, layer.weights).astype(exact).transpose(0, 2, 1)
        values = 2 * weights - 1
        present = None
        if layer.present is not None:
            present = _grouped(layer, layer.present).astype(exact).transpose(0, 2, 1)
            values *= present
        signed.append(np.ascontiguousarray(values))
        synapses.append(present)

    def count(index: int, elements: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        weights, top = signed[index], (1 << graph.planes(index)) - 1
        values = elements.astype(weights.dtype)
        values *= 2
        values -= top
        if valid is not None:
            values *= valid
        # Synapses that are present and on the map, of each position, and of each neuron.
        here = np.ones((1, elements.shape[-1])) if valid is None else valid
        largest = here.sum(axis=1, dtype=np.int64)[:, np.newaxis]
        if synapses[index] is not None:
            largest = _product(here.astype(weights.dtype), synapses[index]).astype(np.int64)
            largest = largest[:, np.newaxis]
        groups, frames, positions, inputs = values.shape
        dots = _product(values.reshape(groups, frames * positions, inputs), weights)
        counts = dots.reshape(groups, frames, positions, -1).astype(np.int64)
        counts += largest * top
        counts //= 2
        return counts

    return count


def popcounts(graph: Graph) -> Count:
    """Return the function that counts agreeing bits."""
    packed = [_by_word(_grouped(layer, layer.weights)) for layer in graph.layers]
    synapses = [None if layer.present is None else _by_word(_grouped(layer, layer.present))
                for layer in graph.layers]

    def count(index: int, elements: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        weights, present = packed[index], synapses[index]
        counts = np.zeros((*elements.shape[:3], weights.shape[2]), np.int64)
        # What lies outside the map counts nothing. Nor does the padding of the last word, which is
        # 0 on both sides and would count as agreement.
        masks = _words(np.ones((1, elements.shape[3]), np.uint8) if valid is None else valid)
        for plane in range(graph.planes(index)):
            words = _words((elements >> plane) & 1)
            agreeing = np.zeros(counts.shape, np.uint32)
            for word in range(len(weights)):
                bits = ~(words[..., word, np.newaxis] ^ weights[word][:, np.newaxis, np.newaxis])
                if present is not None:
                    bits &= present[word][:, np.newaxis, np.newaxis]
                agreeing += np.bitwise_count(bits & masks[:, word, np.newaxis])
            counts += agreeing.astype(np.int64) << plane
        return counts

    return count


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiply integers in floats that hold every sum, so that no result is invalid."""
    # OpenBLAS computes with the padding of its blocks too, and what lies there can set the flags
    # of floats: https://github.com/numpy/numpy/issues/24067.
    with np.errstate(all="ignore"):
        return left @ right


def _grouped(layer: Layer, synapses: np.ndarray) -> np.ndarray:
    """Bring an array in the shape of the weights to ``[groups, neurons / groups, inputs]``."""
    groups = layer.groups if isinstance(layer, Conv) else 1
    return synapses.reshape(groups, layer.neurons // groups, layer.inputs)


def _by_word(bits: np.ndarray) -> npt.NDArray[np.uint64]:
    """Pack the last axis of ``bits`` into words, which become the first axis."""
    return np.ascontiguousarray(np.moveaxis(_words(bits), 2, 0))


def _words(bits: np.ndarray) -> npt.NDArray[np.uint64]:
    """Pack the last axis of ``bits`` into 64-bit words, the first bit lowest, padded with 0."""
    octets = np.packbits(bits, axis=-1, bitorder="little")
    rest = [(0, 0)] * (octets.ndim - 1) + [(0, -octets.shape[-1] % 8)]
    return np.pad(octets, rest).view("<u8").astype(np.uint64)
