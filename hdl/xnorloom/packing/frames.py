"""Frames to the words of the input stream, and words of the output stream to results; weights to
the words with which SPRAMs are loaded.

A frame is sent one bit plane after the other, the most significant first. A plane is the frame's
elements in C order, ``input_width`` to a word, the first in bit 0; each plane starts a new word.
Words are rows of bytes, the lowest bits in the first byte.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..gateware.argmax import label_width
from ..gateware.layer import score_shape, weight_bits
from ..graph import Graph, Layer, Score
from ..schedule import Fold, Schedule
from ..support.arguments import integers
from ..target.device import SPRAM_WIDTH

__all__ = ["Field", "load_words", "pack_frames", "result_fields", "unpack_results", "weight_words"]


def pack_frames(graph: Graph, schedule: Schedule, frames: npt.ArrayLike) -> np.ndarray:
    """Pack frames into the words of the input stream.

    Parameters
    ----------
    frames : array of integers or bool, shape (frames, \\*input shape) or (frames, size)
        Elements in 0 to ``2**bits - 1``.

    Returns
    -------
    array of uint8, shape (frames * words, ceil(input_width / 8))
    """
    frames = integers("Frames", frames, bools=True)
    size, bits, width = graph.input.size, graph.input.bits, schedule.input_width
    if frames.shape[1:] not in (graph.input.shape, (size,)):
        raise ValueError(f"Frames must have the shape (frames, "
                         f"{', '.join(map(str, graph.input.shape))}), not {frames.shape!r}")
    if frames.size and (frames.min() < 0 or frames.max() >> bits):
        raise ValueError(f"Elements of a frame must be in 0 to {(1 << bits) - 1}, "
                         f"not {frames.min() if frames.min() < 0 else frames.max()!s}")
    elements = frames.reshape(len(frames), 1, size).astype(np.uint16)
    planes = elements >> np.arange(bits, dtype=np.uint16)[::-1].reshape(1, bits, 1) & 1
    words = -(-size // width)
    padded = np.zeros((len(frames), bits, words * width), np.uint8)
    padded[..., :size] = planes
    return np.packbits(padded.reshape(-1, width), axis=1, bitorder="little")


def load_words(graph: Graph, schedule: Schedule) -> np.ndarray:
    """The words that a network must be loaded with: those of its layers of style ``spram``.

    Returns
    -------
    array of uint16, shape (words,)
        As of :func:`weight_words`, layer by layer; none if no layer has this style.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """
    schedule.check(graph)
    words = [weight_words(layer, fold) for layer, fold in zip(graph.layers, schedule.folds)
             if fold.style == "spram"]
    return np.concatenate([np.zeros(0, np.uint16), *words])


def weight_words(layer: Layer, fold: Fold) -> np.ndarray:
    """Weights of a layer as the contents of RAMs of 16 bits, one RAM after the other.

    At address ``j * synapse_folds + k`` lane ``p * simd + s`` has the weight (1 for +1, 0 for -1)
    of neuron ``j * pe + p`` for input ``k * simd + s``, or 1 where one of them does not exist. RAM
    ``r`` holds lanes ``16 * r`` to ``16 * r + 15`` from bit 0 on, with 0 for those beyond the last.

    Returns
    -------
    array of uint16, shape (ceil(lanes / 16) * depth,)
    """
    bits = weight_bits(layer, fold)
    rams = -(-fold.lanes // SPRAM_WIDTH)
    padded = np.pad(bits, ((0, 0), (0, rams * SPRAM_WIDTH - fold.lanes)))
    columns = padded.reshape(len(bits), rams, SPRAM_WIDTH).swapaxes(0, 1)
    octets = np.packbits(columns.reshape(-1, SPRAM_WIDTH), axis=1, bitorder="little")
    return octets.view("<u2").ravel().astype(np.uint16)


@dataclass(frozen=True)
class Field:
    """A part of an output word: ``width`` bits from ``low_bit`` on, perhaps two's complement."""

    name: str
    low_bit: int
    width: int
    signed: bool


def result_fields(graph: Graph, scores: bool) -> list[Field]:
    """What an output word holds: the class, and on request the score of each class."""
    final = graph.layers[-1]
    assert isinstance(final, Score)
    fields = [Field("class", 0, label_width(graph.classes), False)]
    shape = score_shape(final, graph.planes(len(graph.layers) - 1))
    for index in range(graph.classes if scores else 0):
        low_bit = fields[0].width + index * shape.width
        fields.append(Field(f"score of class {index}", low_bit, shape.width, shape.signed))
    return fields


def unpack_results(graph: Graph, outputs: np.ndarray, *,
                   scores: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """Unpack words of the output stream.

    Parameters
    ----------
    outputs : array of uint8, shape (frames, bytes)
    scores : bool
        Whether the words hold scores beside the class.

    Returns
    -------
    classes : array of int64, shape (frames,)
    scores : array of int64, shape (frames, classes), or None
    """
    fields = result_fields(graph, scores)
    size = -(-(fields[-1].low_bit + fields[-1].width) // 8)
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
