"""Layout of feature maps: channels as tiles in a grid, in whole pixels of the picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Map

__all__ = ["Grid", "grid", "mosaic"]

# Pixels of the picture between two tiles, and for an element at most.
_GAP, _LARGEST = 5, 14
# Elements of a vector in a row, and pixels for the height of a map of one row.
_VECTOR, _LINE = 64, 12
# Channels that are drawn.
_MOST = 4096


@dataclass(frozen=True)
class Grid:
    """Tiles of the channels of a map.

    Attributes
    ----------
    rows, columns : int
        Tiles below and beside each other.
    tile : pair of int
        Elements of a tile that are drawn, (rows, columns).
    element : pair of int
        Pixels of the picture for an element, (rows, columns); as many of both, but in a map of one
        row.
    every : int
        Each tile has every ``every``-th row and column of its map.
    channels : int
        Tiles; those of the first channels.
    """

    rows: int
    columns: int
    tile: tuple[int, int]
    element: tuple[int, int]
    every: int
    channels: int

    @property
    def width(self) -> int:
        """Pixels of the picture from the left tile to the right one."""
        return _length(self.columns, self.tile[1] * self.element[1])

    @property
    def height(self) -> int:
        """Pixels of the picture from the upper tile to the lower one."""
        return _length(self.rows, self.tile[0] * self.element[0])


def _length(tiles: int, side: int) -> int:
    return tiles * (side + _GAP) - _GAP


def grid(map: Map, width: int, height: int) -> Grid:
    """Return the grid with the largest elements, of as few rows as they allow.

    Vectors have rows of 64 elements, if they fit. The grid is at most ``width`` pixels wide,
    and ``height`` high if elements of one pixel allow that. Larger maps are thinned.
    """
    every = max(-(-map.columns // width), -(-map.rows // height))
    channels = min(map.channels, _MOST)
    tile = -(-map.rows // every), -(-map.columns // every)
    most = min(channels, (width + _GAP) // (tile[1] + _GAP))
    grids = []
    for columns in range(most, 0, -1):
        rows = -(-channels // columns)
        across, down = ((length + _GAP) // tiles - _GAP
                        for length, tiles in ((width, columns), (height, rows)))
        scale = max(1, min(across // tile[1], down // tile[0], _LARGEST))
        high = max(scale, min(down, _LINE)) if tile[0] == 1 < tile[1] else scale
        grids.append(Grid(rows, columns, tile, (high, scale), every, channels))
    fitting = [made for made in grids if made.height <= height]
    lines = [made for made in fitting if map.pixels == 1 and made.columns == _VECTOR]
    return max(lines or fitting or grids[:1],
               key=lambda made: (made.element, -made.rows, -made.columns))


def mosaic(elements: npt.NDArray[np.int64], grid: Grid, gap: int) -> npt.NDArray[np.int64]:
    """Return a map of shape (rows, columns, channels) as tiles; ``gap`` is between them."""
    side = tuple(length * pixels for length, pixels in zip(grid.tile, grid.element))
    image = np.full((grid.height, grid.width), gap, elements.dtype)
    thin = elements[::grid.every, ::grid.every]
    large = thin.repeat(grid.element[0], axis=0).repeat(grid.element[1], axis=1)
    for channel in range(grid.channels):
        row, column = (place * (length + _GAP)
                       for place, length in zip(divmod(channel, grid.columns), side))
        image[row:row + side[0], column:column + side[1]] = large[..., channel]
    return image
