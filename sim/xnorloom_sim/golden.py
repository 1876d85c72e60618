"""Golden model: evaluation of a graph in numpy, from the definitions.

It shares no code with the gateware, so that the two can be compared. :func:`evaluate` multiplies
matrices of odd numbers; :func:`evaluate_packed` counts agreeing bits. A convolution is evaluated on
copies of all its windows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Graph, Score

from .golden_counts import Count, popcounts, products
from .golden_maps import at_outputs, inside, padded, pooled, windows

__all__ = ["Golden", "check_frames", "evaluate", "evaluate_packed", "layer_counts"]

# Elements of the largest temporary array: 16 MiB of float32 for a matrix product; for the count of
# words 1 MiB of uint64, which fits a second-level cache (the fastest of 2**14 to 2**19).
_MATMUL_ELEMENTS = 1 << 22
_PACKED_ELEMENTS = 1 << 17


@dataclass(frozen=True, eq=False)
class Golden:
    """Results of a graph for ``B`` frames.

    Attributes
    ----------
    classes : int64 array of shape ``[B]``
    scores : int64 array of shape ``[B, C]``
    activations : tuple of uint8 arrays of shape ``[B, m]``
        Outputs, 0 or 1, of each layer before the last, in the order of the graph. Those of a
        convolution are its map after pooling, in the order (row, column, channel).
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

    With ``v = 2x - (2**k - 1)`` for the elements and ``w`` = ±1 for the weights, 0 where a synapse
    is absent, the count of a neuron is ``p = (sum(w * v) + N) / 2``, where ``N`` is its largest
    count. Elements outside a map
    have ``v = 0`` where they contribute nothing. The products are exact: float32 if every sum fits
    its mantissa, else float64. The memory in addition to the result is bounded. For ``frames`` and
    the errors see :func:`check_frames`.
    """
    array = check_frames(graph, frames)
    return _run(graph, array, max(graph.input.size, _width(graph)), _MATMUL_ELEMENTS,
                products(graph))


def evaluate_packed(graph: Graph, frames: npt.ArrayLike) -> Golden:
    """Evaluate ``graph`` on ``frames`` by counting the agreeing bits, 64 synapses at a time.

    Each bit plane of the elements is packed to 64-bit words; the count of a neuron is the sum of
    ``2**b`` times the popcount of XNOR over the planes. Arguments, result and errors are those of
    :func:`evaluate`.
    """
    array = check_frames(graph, frames)
    return _run(graph, array, _width(graph), _PACKED_ELEMENTS, popcounts(graph))


def layer_counts(graph: Graph, index: int, elements: npt.NDArray[np.unsignedinteger]
                 ) -> npt.NDArray[np.int64]:
    """Return the counts of layer ``index`` for its inputs ``elements`` of shape ``[B, size]``.

    The shape is ``[B, neurons]``; of a convolution ``[B, rows, columns, neurons]``, before pooling.
    """
    parts = [counts for _, counts in _counts(graph, index, elements, _MATMUL_ELEMENTS,
                                             products(graph))]
    counts = np.concatenate(parts, axis=1)
    return counts if isinstance(graph.layers[index], Conv) else counts[:, 0, 0]


def _width(graph: Graph) -> int:
    """Elements of the largest result of a layer, before pooling."""
    return max(math.prod(_positions(graph, index)) * layer.neurons
               for index, layer in enumerate(graph.layers))


def _positions(graph: Graph, index: int) -> tuple[int, int]:
    """Rows and columns of outputs of a layer, before pooling."""
    layer = graph.layers[index]
    return layer.positions(graph.maps[index]) if isinstance(layer, Conv) else (1, 1)


def _run(graph: Graph, array: npt.NDArray[np.unsignedinteger], width: int, most: int,
         count: Count) -> Golden:
    """Evaluate the layers, for as many frames at a time as ``most`` elements allow.

    ``width`` is the number of elements of a frame, and ``count`` returns the counts.
    """
    scores = np.empty((len(array), graph.classes), np.int64)
    activations = tuple(np.empty((len(array), map.size), np.uint8) for map in graph.maps[1:-1])
    chunk = max(1, most // width)
    for start in range(0, len(array), chunk):
        here = slice(start, start + chunk)
        elements = array[here]
        for index, layer in enumerate(graph.layers):
            for row, counts in _counts(graph, index, elements, most, count):
                if isinstance(layer, Score):
                    scores[here] = counts[:, 0, 0] * layer.scales + layer.offsets
                    continue
                found = activations[index][here].reshape(len(elements), *graph.maps[index + 1])
                if isinstance(layer, Conv):
                    thresholds = at_outputs(layer, graph.maps[index], layer.thresholds,
                                            slice(row, row + counts.shape[1]))
                    fires, first = pooled(layer, counts >= thresholds), row // layer.pool_size[0]
                    found[:, first:first + fires.shape[1]] = fires
                else:
                    found[:] = counts >= layer.thresholds
            if not isinstance(layer, Score):
                elements = activations[index][here]
    # The first of equal scores wins, as in numpy's argmax.
    return Golden(np.argmax(scores, axis=1).astype(np.int64), scores, activations)


def _counts(graph: Graph, index: int, elements: npt.NDArray[np.unsignedinteger], most: int,
            count: Count) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield counts of a layer for some rows of outputs, and the first of these rows.

    The counts have the shape ``[B, rows, columns, neurons]``; the rows are whole areas of the pool,
    and as many as ``most`` elements allow.
    """
    layer, map = graph.layers[index], graph.maps[index]
    rows, columns = _positions(graph, index)
    if not isinstance(layer, Conv):
        yield 0, np.moveaxis(count(index, elements[np.newaxis, :, np.newaxis], None), 0, 1)
        return
    image, high = padded(layer, map, elements), layer.pool_size[0]
    row = max(1, len(elements)) * columns * max(layer.groups * layer.inputs, layer.neurons)
    step = high * max(1, most // (row * high))
    for first in range(0, rows, step):
        here = range(first, min(first + step, rows))
        counts = count(index, windows(layer, image, here, columns),
                       inside(layer, map, here, columns))
        yield first, np.moveaxis(counts, 0, 2).reshape(len(elements), len(here), columns,
                                                       layer.neurons)
