"""Frames, results and weights as words."""

from .frames import Field, load_words, pack_frames, result_fields, unpack_results, weight_words

__all__ = ["Field", "load_words", "pack_frames", "result_fields", "unpack_results",
           "weight_words"]
