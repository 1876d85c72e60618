"""Integer graph of a trained network, independent of hardware."""

from .conv import Borders, Conv
from .graph import Graph
from .input import MAX_INPUT_BITS, PIXEL_BITS, Input
from .layers import Dense, Layer, Score
from .maps import Map, input_map
from .window import Pool, Window

__all__ = ["Borders", "Conv", "Dense", "Graph", "Input", "Layer", "MAX_INPUT_BITS", "Map",
           "PIXEL_BITS", "Pool", "Score", "Window", "input_map"]
