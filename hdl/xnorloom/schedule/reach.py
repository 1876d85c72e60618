"""Pixels that the windows of a convolution need, output by output, and the rows a ring holds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..graph import Map, Window

__all__ = ["Reach"]


@dataclass(frozen=True)
class Reach:
    """Pixels of ``map`` that a convolution needs for its pooled outputs, in their order.

    A ring receives the pixels of frames one after the other, and frees them row by row: when all
    outputs of a row are computed, those rows that the next one does not need.

    Parameters
    ----------
    window : Window
        Window of the convolution.
    pool : pair of int
        Rows and columns of a pooled area; (1, 1) without pooling.
    map : Map
        Map of inputs.
    """

    window: Window
    pool: tuple[int, int]
    map: Map

    @cached_property
    def outputs(self) -> tuple[int, int]:
        """Rows and columns of outputs, after pooling."""
        rows, columns = self.window.outputs(self.map.rows, self.map.columns)
        return rows // self.pool[0], columns // self.pool[1]

    @cached_property
    def need_rows(self) -> np.ndarray:
        """Last row of the map that each row of outputs needs."""
        return self._need(0)

    @cached_property
    def need_columns(self) -> np.ndarray:
        """Last column of the map that each output of a row needs."""
        return self._need(1)

    def _need(self, axis: int) -> np.ndarray:
        window = self.window
        last = (np.arange(1, self.outputs[axis] + 1) * self.pool[axis] - 1) * window.stride[axis]
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
        step = self.pool[0] * self.window.stride[0]
        places = np.arange(self.outputs[0]) * step - self.window.padding[0]
        return np.clip(places, 0, self.map.rows)

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
        """Rows with which no output waits for room, not even between two frames.

        Rows arrive evenly, ``h / H`` of them in the time of each of the ``H`` rows of outputs, and
        so early that each is there when it is first needed. Then the ring holds the most at the end
        of some row of outputs, before its rows are free.
        """
        outputs, arriving = self.outputs[0], self.map.rows
        rows = np.arange(outputs)
        # In parts of a row, ``outputs`` of them.
        early = ((self.need_rows + 1) * outputs - rows * arriving).max()
        held = early + (rows + 1) * arriving - self.bases * outputs
        return int(-(-held.max() // outputs))
