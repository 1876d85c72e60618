"""Packing of frames, results and weights into words."""

from .frames import frame_words, pack_frames
from .results import Field, label_width, result_fields, score_shape, unpack_results
from .weights import load_words, weight_bits, weight_words

__all__ = ["Field", "frame_words", "label_width", "load_words", "pack_frames", "result_fields",
           "score_shape", "unpack_results", "weight_bits", "weight_words"]
