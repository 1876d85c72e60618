"""FPGA boards: bitstreams of networks, and the host side of the serial link."""

from .board import Board, find, names
from .errors import BoardError

__all__ = ["Board", "BoardError", "find", "names"]
