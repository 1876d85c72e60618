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
    signed = []
    for index, layer in enumerate(graph.layers):
        exact = np.float32 if graph.count_max(index) < _FLOAT32_EXACT else np.float64
        weights = _grouped(layer).astype(exact)
        signed.append(np.ascontiguousarray((2 * weights - 1).transpose(0, 2, 1)))

    def count(index: int, elements: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        weights, top = signed[index], (1 << graph.planes(index)) - 1
        values = elements.astype(weights.dtype)
        values *= 2
        values -= top
        largest = np.array(elements.shape[-1] * top)
        if valid is not None:
            values *= valid
            largest = valid.sum(axis=1, keepdims=True) * top
        groups, frames, positions, inputs = values.shape
        dots = values.reshape(groups, frames * positions, inputs) @ weights
        counts = dots.reshape(groups, frames, positions, -1).astype(np.int64)
        counts += largest
        counts //= 2
        return counts

    return count


def popcounts(graph: Graph) -> Count:
    """Return the function that counts agreeing bits."""
    packed = [np.ascontiguousarray(np.moveaxis(_words(_grouped(layer)), 2, 0))
              for layer in graph.layers]

    def count(index: int, elements: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        weights = packed[index]
        counts = np.zeros((*elements.shape[:3], weights.shape[2]), np.int64)
        # What lies outside the map counts nothing. Nor does the padding of the last word, which is
        # 0 on both sides and would count as agreement.
        masks = _words(np.ones((1, elements.shape[3]), np.uint8) if valid is None else valid)
        for plane in range(graph.planes(index)):
            words = _words((elements >> plane) & 1)
            agreeing = np.zeros(counts.shape, np.uint32)
            for word in range(len(weights)):
                bits = words[..., word, np.newaxis] ^ weights[word][:, np.newaxis, np.newaxis]
                agreeing += np.bitwise_count(~bits & masks[:, word, np.newaxis])
            counts += agreeing.astype(np.int64) << plane
        return counts

    return count


def _grouped(layer: Layer) -> npt.NDArray[np.uint8]:
    """Weights of shape ``[groups, neurons / groups, inputs]``."""
    groups = layer.groups if isinstance(layer, Conv) else 1
    return layer.weights.reshape(groups, layer.neurons // groups, layer.inputs)


def _words(bits: np.ndarray) -> npt.NDArray[np.uint64]:
    """Pack the last axis of ``bits`` into 64-bit words, the first bit lowest, padded with 0."""
    octets = np.packbits(bits, axis=-1, bitorder="little")
    rest = [(0, 0)] * (octets.ndim - 1) + [(0, -octets.shape[-1] % 8)]
    return np.pad(octets, rest).view("<u8").astype(np.uint64)
