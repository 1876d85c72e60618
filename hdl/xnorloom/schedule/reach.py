"""Pixels that the windows of a convolution need, output by output, and the rows a ring holds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..graph import Conv, Map

__all__ = ["Reach"]


@dataclass(frozen=True, eq=False)
class Reach:
    """Pixels of ``map`` that ``conv`` needs for its pooled outputs, in the order of the outputs.

    A ring receives the pixels of frames one after the other, and frees them row by row: when all
    outputs of a row are computed, those rows that the next one does not need.

    Parameters
    ----------
    conv : Conv
        The convolution.
    map : Map
        Its map of inputs.
    """

    conv: Conv
    map: Map

    @cached_property
    def need_rows(self) -> np.ndarray:
        """Last row of the map that each row of outputs needs."""
        return self._need(0)

    @cached_property
    def need_columns(self) -> np.ndarray:
        """Last column of the map that each output of a row needs."""
        return self._need(1)

    def _need(self, axis: int) -> np.ndarray:
        window = self.conv.window
        outputs = self.conv.output(self.map)[axis]
        last = ((np.arange(outputs) + 1) * self.conv.pool_size[axis] - 1) * window.stride[axis]
        places = last - window.padding[axis] + window.extent[axis] - 1
        return np.clip(places, 0, self.map[axis] - 1)

    @cached_property
    def needed(self) -> np.ndarray:
        """Pixels of a frame that each output needs, up to the last of them, in their order."""
        pixels = self.need_rows[:, None] * self.map.columns + self.need_columns + 1
        return pixels.reshape(-1)

    @cached_property
    def bases(self) -> np.ndarray:
        """First row of the map that each row of outputs needs."""
        window = self.conv.window
        outputs = self.conv.output(self.map).rows
        step = self.conv.pool_size[0] * window.stride[0]
        return np.clip(np.arange(outputs) * step - window.padding[0], 0, self.map.rows)

    @cached_property
    def freed(self) -> np.ndarray:
        """Rows of the map that are free after each row of outputs; after the last, all."""
        return np.diff(self.bases, append=self.map.rows)

    @cached_property
    def least_rows(self) -> int:
        """Fewest rows without which the outputs of some row would wait for ever."""
        return int((self.need_rows - self.bases).max()) + 1

    @cached_property
    def rows(self) -> int:
        """Rows with which no output waits for room, not even between two frames."""
        next_needs = self.need_rows[1:] - self.bases[:-1] + 1
        between = self.map.rows - self.bases[-1] + self.need_rows[0] + 1
        return int(max(self.least_rows, between, *next_needs))
