"""Shape of the elements between two layers."""

from typing import NamedTuple

from .input import Input

__all__ = ["Map", "input_map"]


class Map(NamedTuple):
    """Shape of a map: elements in the order (row, column, channel). A vector has one pixel."""

    rows: int
    columns: int
    channels: int

    @property
    def pixels(self) -> int:
        """Positions, of ``channels`` elements each."""
        return self.rows * self.columns

    @property
    def size(self) -> int:
        """Elements."""
        return self.rows * self.columns * self.channels

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}x{self.channels}"


def input_map(input: Input) -> Map:
    """Return the map of a frame: its shape (rows, columns) or (rows, columns, channels).

    Frames with one axis, or more than three, are vectors.
    """
    match input.shape:
        case rows, columns:
            return Map(rows, columns, 1)
        case rows, columns, channels:
            return Map(rows, columns, channels)
        case _:
            return Map(1, 1, input.size)
