"""Fields of the output words, and unpacking of results."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape

from ..graph import Graph, Score

__all__ = ["Field", "label_width", "pack_results", "result_fields", "result_width", "score_shape",
           "unpack_results"]


def label_width(classes: int) -> int:
    """Return the number of bits of a class: ``max(1, ceil(log2(classes)))``."""
    return max(1, (classes - 1).bit_length())


def score_shape(layer: Score, planes: int) -> Shape:
    """Return the shape of the scores of ``layer``."""
    low, high = layer.score_range(planes)
    return Shape.cast(range(low, high + 1))


@dataclass(frozen=True)
class Field:
    """Field of an output word: ``width`` bits from ``low_bit`` on, two's complement if signed."""

    name: str
    low_bit: int
    width: int
    signed: bool


def result_fields(graph: Graph, scores: bool) -> list[Field]:
    """Return the fields of an output word: the class, and with ``scores`` each class's score."""
    final = graph.layers[-1]
    assert isinstance(final, Score)
    fields = [Field("class", 0, label_width(graph.classes), False)]
    shape = score_shape(final, graph.planes(len(graph.layers) - 1))
    for index in range(graph.classes if scores else 0):
        low_bit = fields[0].width + index * shape.width
        fields.append(Field(f"score of class {index}", low_bit, shape.width, shape.signed))
    return fields


def result_width(graph: Graph, scores: bool) -> int:
    """Return the bits of an output word."""
    last = result_fields(graph, scores)[-1]
    return last.low_bit + last.width


def pack_results(graph: Graph, classes: np.ndarray, scores: np.ndarray | None) -> list[int]:
    """Pack classes and scores, if any, into output words: the inverse of :func:`unpack_results`."""
    columns = [classes, *(() if scores is None else np.asarray(scores).T)]
    words = [0] * len(classes)
    for field, column in zip(result_fields(graph, scores is not None), columns):
        for frame, value in enumerate(column):
            words[frame] |= (int(value) & ((1 << field.width) - 1)) << field.low_bit
    return words


def unpack_results(graph: Graph, outputs: np.ndarray, *,
                   scores: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """Unpack words of the output stream.

    Parameters
    ----------
    outputs : array of uint8, shape (frames, bytes)
        A word per frame, the lowest bits in the first byte.
    scores : bool
        True if words hold the scores after the class.

    Returns
    -------
    classes : array of int64, shape (frames,)
    scores : array of int64, shape (frames, classes), or None
    """
    fields = result_fields(graph, scores)
    size = -(-result_width(graph, scores) // 8)
    outputs = np.asarray(outputs)
    if outputs.dtype != np.uint8:
        raise TypeError(f"Output words must be bytes (uint8), not an array of {outputs.dtype}")
    if outputs.ndim != 2 or outputs.shape[1] != size:
        raise ValueError(f"Output words must have the shape (frames, {size}), "
                         f"not {outputs.shape!r}")
    bits = np.unpackbits(outputs, axis=1, bitorder="little")
    values = [_field(bits, field) for field in fields]
    return values[0], np.stack(values[1:], axis=1) if scores else None


def _field(bits: np.ndarray, field: Field) -> np.ndarray:
    part = bits[:, field.low_bit:field.low_bit + field.width].astype(np.int64)
    value = part @ (1 << np.arange(field.width, dtype=np.int64))
    if field.signed:
        value -= (value >> (field.width - 1)) << field.width
    return value
