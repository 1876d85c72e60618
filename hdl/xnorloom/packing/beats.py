"""Packing of the words of frames into the beats of packets of an AXI-Stream."""

import numpy as np
import numpy.typing as npt

from ..schedule import Plan
from .frames import pack_frames

__all__ = ["pack_packets"]


def pack_packets(plan: Plan, tdata_width: int, frames: npt.ArrayLike
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Pack frames into packets, one per frame.

    A beat of ``tdata_width`` bits holds ``floor(tdata_width / w)`` words of ``w`` bits, the first
    in its lowest bits, and zeros above. Each frame starts a new beat.

    Parameters
    ----------
    plan : Plan
        The graph under its schedule, whose ``input_width`` is ``w``.
    tdata_width : int
        Bits per beat, a multiple of 8, at least ``w``.
    frames : array of integers or bool, shape (frames, …)
        See :func:`~xnorloom.packing.pack_frames`.

    Returns
    -------
    tdata : array of uint8, shape (frames * beats, tdata_width / 8)
        Beats, the lowest bits in the first byte.
    tlast : array of bool, shape (frames * beats,)
        True for the last beat of each frame.
    """
    width = plan.schedule.input_width
    together = tdata_width // width
    words = pack_frames(plan, frames)
    bits = np.unpackbits(words, axis=1, count=width, bitorder="little")
    beats = -(-plan.words // together)
    count = len(words) // plan.words
    padded = np.zeros((count, beats * together, width), np.uint8)
    padded[:, :plan.words] = bits.reshape(count, plan.words, width)
    filled = np.zeros((count * beats, tdata_width), np.uint8)
    filled[:, :together * width] = padded.reshape(-1, together * width)
    last = np.zeros((count, beats), bool)
    last[:, -1] = True
    return np.packbits(filled, axis=1, bitorder="little"), last.ravel()
