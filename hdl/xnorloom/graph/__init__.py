"""Integer graph of a trained network, independent of hardware."""

from .graph import Graph
from .input import MAX_INPUT_BITS, PIXEL_BITS, Input
from .layers import Dense, Layer, Score

__all__ = ["Dense", "Graph", "Input", "Layer", "MAX_INPUT_BITS", "PIXEL_BITS", "Score"]
