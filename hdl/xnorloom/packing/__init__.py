"""Packing of frames, results and weights into words."""

from .beats import pack_packets
from .frames import frame_words, pack_frames
from .results import (
    Field,
    label_width,
    pack_results,
    result_fields,
    result_width,
    score_shape,
    unpack_results,
)
from .weights import load_words, weight_bits, weight_words

__all__ = ["Field", "frame_words", "label_width", "load_words", "pack_frames", "pack_packets",
           "pack_results", "result_fields", "result_width", "score_shape", "unpack_results",
           "weight_bits", "weight_words"]
