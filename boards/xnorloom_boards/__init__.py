"""Boards: from a network to a bitstream, and the host's side of the serial link to it."""

from .board import Board, BoardError, find, names

__all__ = ["Board", "BoardError", "find", "names"]
