"""Packing of frames into words of the input stream.

A frame is sent as bit planes, the most significant first. A plane has the elements of the frame in
C order, ``input_width`` per word, the first in bit 0. Each plane starts a new word. If the first
layer of the network is a convolution, a frame is sent pixel after pixel, and each pixel likewise:
as bit planes of its channels. With an ``input_width`` of a multiple of the channels, as many pixels
of a row are sent as one; after the last of a row the word has zeros. Words are rows of bytes, the
lowest bits in the first byte.
"""

import numpy as np
import numpy.typing as npt

from ..graph import Graph
from ..graph.pixels import frame_rows
from ..schedule import Plan
from ..schedule.plan import word_pixels
from ..support.arguments import integers

__all__ = ["frame_words", "pack_frames"]


def pack_frames(plan: Plan, frames: npt.ArrayLike) -> np.ndarray:
    """Pack frames into the words of the input stream of ``plan``; see :func:`frame_words`."""
    return frame_words(plan.graph, plan.schedule.input_width, frames)


def frame_words(graph: Graph, width: int, frames: npt.ArrayLike) -> np.ndarray:
    """Pack frames into words of ``width`` bits.

    Parameters
    ----------
    graph : Graph
        Network; its input has the shape and bits of a frame.
    width : int
        Bits per word.
    frames : array of integers or bool, shape (frames, …)
        Elements in 0 to ``2**bits - 1``; see :func:`~xnorloom.graph.pixels.fits` for the shape.

    Returns
    -------
    array of uint8, shape (frames * words, ceil(width / 8))
    """
    frames = integers("Frames", frames, bools=True)
    bits = graph.input.bits
    rows = frame_rows("Frames", graph.input, frames)
    if frames.size and (frames.min() < 0 or frames.max() >> bits):
        raise ValueError(f"Elements of a frame must be in 0 to {(1 << bits) - 1}, "
                         f"not {frames.min() if frames.min() < 0 else frames.max()!s}")
    if graph.by_pixel:
        (_, columns, channels), pixels = graph.maps[0], word_pixels(graph, width)
        rows = rows.reshape(-1, columns * channels)
        # Each row begins a new word.
        rows = np.pad(rows, ((0, 0), (0, -columns % pixels * channels)))
        rows = rows.reshape(-1, pixels * channels)
    elements = rows[:, np.newaxis].astype(np.uint16)
    planes = elements >> np.arange(bits, dtype=np.uint16)[::-1].reshape(1, bits, 1) & 1
    words = -(-rows.shape[1] // width)
    padded = np.zeros((len(rows), bits, words * width), np.uint8)
    padded[..., :rows.shape[1]] = planes
    return np.packbits(padded.reshape(-1, width), axis=1, bitorder="little")
