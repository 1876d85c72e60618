"""Golden model: evaluation of a graph in numpy, from the definitions.

It shares no code with the gateware, so that the two can be compared. :func:`evaluate` multiplies
matrices of odd numbers; :func:`evaluate_packed` counts agreeing bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Dense, Graph

__all__ = ["Golden", "check_frames", "evaluate", "evaluate_packed"]

# Elements of the largest temporary array: 16 MiB of float32 for a matrix product; for the count of
# words 1 MiB of uint64, which fits a second-level cache (the fastest of 2**14 to 2**19).
_MATMUL_ELEMENTS = 1 << 22
_PACKED_ELEMENTS = 1 << 17
# float32 represents every integer up to this magnitude, so a dot product that cannot exceed it is
# exact in any order of summation.
_FLOAT32_EXACT = 1 << 24


@dataclass(frozen=True, eq=False)
class Golden:
    """Results of a graph for ``B`` frames.

    Attributes
    ----------
    classes : int64 array of shape ``[B]``
    scores : int64 array of shape ``[B, C]``
    activations : tuple of uint8 arrays of shape ``[B, m]``
        Outputs, 0 or 1, of each dense layer in the order of the graph.
    """

    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64]
    activations: tuple[npt.NDArray[np.uint8], ...]


def check_frames(graph: Graph, frames: npt.ArrayLike) -> npt.NDArray[np.unsignedinteger]:
    """Return ``frames`` as an array of shape ``[B, size]`` if they fit the input of ``graph``.

    Parameters
    ----------
    frames : integers or bools of shape ``[B, *shape]`` or ``[B, size]``, as an array or lists
        Elements of ``graph.input``, each at least 0 and less than ``2**bits``.

    Raises
    ------
    TypeError
        If ``graph`` is not a :class:`~xnorloom.graph.Graph`, or the elements are not integers.
    ValueError
        If the shape does not fit, or an element is out of range.
    """
    if not isinstance(graph, Graph):
        raise TypeError(f"graph must be a Graph, not {graph!r}")
    try:
        array = np.asarray(frames)
    except ValueError:
        raise ValueError("frames must be an array, not lists of different lengths") from None
    if array.dtype.kind not in "bui":
        raise TypeError(f"frames must be an array of integers, not of {array.dtype}")
    shape, size, bits = graph.input.shape, graph.input.size, graph.input.bits
    if array.shape[1:] not in (shape, (size,)):
        wanted = ", ".join(str(d) for d in shape)
        other = f" or (frames, {size})" if shape != (size,) else ""
        raise ValueError(f"frames must have the shape (frames, {wanted}){other}, "
                         f"not {array.shape!r}")
    for value in (int(array.min()), int(array.max())) if array.size else ():
        if value < 0 or value >> bits:
            raise ValueError(f"elements of frames must be in 0 to {(1 << bits) - 1}, as the input "
                             f"has {bits} bit{'s' if bits > 1 else ''}, not {value}")
    smallest = np.min_scalar_type((1 << bits) - 1)
    return array.reshape(len(array), size).astype(smallest, copy=False)


def evaluate(graph: Graph, frames: npt.ArrayLike) -> Golden:
    """Evaluate ``graph`` on ``frames`` in ±1 arithmetic, by matrix products.

    With ``v = 2x - (2**k - 1)`` for the elements and ``w`` = ±1 for the weights, the count of a
    neuron is ``p = (sum(w * v) + N) / 2``. The products are exact: float32 if every sum fits its
    mantissa, else float64. The memory in addition to the result is bounded. For ``frames`` and the
    errors see :func:`check_frames`.
    """
    array = check_frames(graph, frames)
    signed = []
    for index, layer in enumerate(graph.layers):
        exact = np.float32 if graph.count_max(index) < _FLOAT32_EXACT else np.float64
        signed.append(np.ascontiguousarray((2 * layer.weights.astype(exact) - 1).T))

    def count(index: int, elements: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.int64]:
        weights = signed[index]
        values = elements.astype(weights.dtype)
        values *= 2
        values -= (1 << graph.planes(index)) - 1
        return ((values @ weights).astype(np.int64) + graph.count_max(index)) // 2

    width = max(graph.input.size, *(layer.neurons for layer in graph.layers))
    return _run(graph, array, max(1, _MATMUL_ELEMENTS // width), count)


def evaluate_packed(graph: Graph, frames: npt.ArrayLike) -> Golden:
    """Evaluate ``graph`` on ``frames`` by counting the agreeing bits, 64 synapses at a time.

    Each bit plane of the elements is packed to 64-bit words; the count of a neuron is the sum of
    ``2**b`` times the popcount of XNOR over the planes. Arguments, result and errors are those of
    :func:`evaluate`.
    """
    array = check_frames(graph, frames)
    packed = [np.ascontiguousarray(_words(layer.weights).T) for layer in graph.layers]

    def count(index: int, elements: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.int64]:
        layer, weights = graph.layers[index], packed[index]
        counts = np.zeros((len(elements), layer.neurons), np.int64)
        # The padding of the last word is 0 on both sides and would count as agreement.
        masks = _words(np.ones((1, layer.inputs), np.uint8))[0]
        for plane in range(graph.planes(index)):
            words = _words(((elements >> plane) & 1).astype(np.uint8))
            agreeing = np.zeros(counts.shape, np.uint32)
            for word, mask in enumerate(masks):
                xnor = ~(words[:, word, np.newaxis] ^ weights[word]) & mask
                agreeing += np.bitwise_count(xnor)
            counts += agreeing.astype(np.int64) << plane
        return counts

    width = max(layer.neurons for layer in graph.layers)
    return _run(graph, array, max(1, _PACKED_ELEMENTS // width), count)


def _words(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Pack the rows of ``bits`` into 64-bit words, the first bit lowest, padded with 0."""
    octets = np.packbits(bits, axis=1, bitorder="little")
    return np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8))).view("<u8").astype(np.uint64)


_Count = Callable[[int, npt.NDArray[np.unsignedinteger]], npt.NDArray[np.int64]]


def _run(graph: Graph, array: npt.NDArray[np.unsignedinteger], chunk: int,
         count: _Count) -> Golden:
    """Evaluate the layers for ``chunk`` frames at a time; ``count`` returns the counts."""
    scores = np.empty((len(array), graph.classes), np.int64)
    activations = tuple(np.empty((len(array), layer.neurons), np.uint8)
                        for layer in graph.layers[:-1])
    for start in range(0, len(array), chunk):
        here = slice(start, start + chunk)
        elements = array[here]
        for index, layer in enumerate(graph.layers):
            counts = count(index, elements)
            if isinstance(layer, Dense):
                elements = (counts >= layer.thresholds).astype(np.uint8)
                activations[index][here] = elements
            else:
                scores[here] = counts * layer.scales + layer.offsets
    # The first of equal scores wins, as in numpy's argmax.
    return Golden(np.argmax(scores, axis=1).astype(np.int64), scores, activations)
