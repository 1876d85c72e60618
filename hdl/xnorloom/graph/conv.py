"""Convolution: neurons that share their weights over the positions of a map."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..support.arguments import integer, integers, text
from .maps import Map
from .neurons import Neurons, binary, set_synapses, within
from .window import Pool, Window, tap_ranges

__all__ = ["MAX_MAP_ELEMENTS", "Borders", "Conv"]

MAX_MAP_ELEMENTS = 1 << 22
"""Elements of the largest map that a convolution reads, or computes before pooling."""


@dataclass(frozen=True, eq=False)
class Borders:
    """Border classes of a window on a map: outputs that see the same taps of their window.

    Attributes
    ----------
    rows, columns : int arrays, shapes (output rows,) and (output columns,)
        Class of each row and of each column of outputs, in the order of their first occurrence.
    row_taps, column_taps : bool arrays, shapes (row classes, kernel rows) and so on
        Taps on the map, for each class.
    """

    rows: np.ndarray
    columns: np.ndarray
    row_taps: np.ndarray
    column_taps: np.ndarray

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.row_taps) * len(self.column_taps)

    @property
    def classes(self) -> np.ndarray:
        """Class of each output, shape (output rows, output columns)."""
        return self.rows[:, None] * len(self.column_taps) + self.columns

    @property
    def taps(self) -> np.ndarray:
        """Taps on the map for each class, bools of shape (classes, kernel rows, columns)."""
        both = self.row_taps[:, None, :, None] & self.column_taps[None, :, None, :]
        return both.reshape(-1, *both.shape[2:])


@dataclass(frozen=True, eq=False, repr=False)
class Conv(Neurons):
    """Binary convolution: neuron ``j`` fires at a position iff its count there is large enough.

    The count is that of the taps that lie on the map; those outside have the code
    ``window.pad``, or count nothing. Neurons of group ``g`` see the channels
    ``g * c / groups`` to ``(g + 1) * c / groups - 1`` of the ``c`` of the map.

    Parameters
    ----------
    name : str
        Name in reports and errors.
    weights : array of 0 and 1, shape (neurons, kernel rows, kernel columns, channels / groups)
        1 stands for +1, 0 for -1.
    thresholds : array of int, shape (neurons,) or (border classes, neurons)
        0 (always fires) to ``N + 1`` (never fires), where ``N`` is the largest count of the class.
        Border classes exist where padding contributes nothing; see :meth:`borders`.
    window : Window
        Kernel, stride, dilation and padding.
    pool : Pool or None
        Pooling of the activations.
    groups : int
        Groups of neurons, each of which sees as many channels of its own.
    present : array of bool in the shape of the weights, or None
        Synapses that exist; ``None`` for all.
    """

    name: str
    weights: np.ndarray
    thresholds: np.ndarray
    window: Window
    pool: Pool | None = None
    groups: int = 1
    present: Any = None

    def __post_init__(self):
        name = text("Layer name", self.name)
        if not isinstance(self.window, Window):
            raise TypeError(f"window of layer {name!r} must be a Window, not {self.window!r}")
        if self.pool is not None and not isinstance(self.pool, Pool):
            raise TypeError(f"pool of layer {name!r} must be a Pool or None, not {self.pool!r}")
        set_synapses(self, binary(
            name, self.weights, "(neurons, kernel rows, kernel columns, channels)"))
        if self.weights.shape[1:3] != self.window.kernel:
            raise ValueError(f"weights of layer {name!r} must have a kernel of "
                             f"{self.window.kernel}, that of its window, not "
                             f"{self.weights.shape[1:3]}")
        groups = integer(f"groups of layer {name!r}", self.groups, 1)
        object.__setattr__(self, "groups", groups)
        if self.neurons % groups:
            raise ValueError(f"groups of layer {name!r} must divide its {self.neurons} neurons, "
                             f"not {groups}")
        thresholds = integers(f"thresholds of layer {name!r}", self.thresholds)
        if thresholds.ndim not in (1, 2) or thresholds.shape[-1] != self.neurons:
            raise ValueError(f"thresholds of layer {name!r} must have the shape ({self.neurons},) "
                             f"or (border classes, {self.neurons}), not {thresholds.shape!r}")
        object.__setattr__(self, "thresholds", within(name, "thresholds", thresholds))
        if self.pool is not None and self.pool.least is not None and (
                self.pool.least.shape != (self.neurons,)):
            raise ValueError(f"pool least of layer {name!r} must have a bool for each of its "
                             f"{self.neurons} neurons, not {len(self.pool.least)}")
        if self.pool is not None and self.pool.size == (1, 1):
            object.__setattr__(self, "pool", None)
        pad = self.window.pad
        if isinstance(pad, tuple) and len(pad) == self.channels == 1:
            object.__setattr__(self, "window", replace(self.window, pad=pad[0]))
        elif isinstance(pad, tuple) and len(pad) != self.channels:
            raise ValueError(f"pad of layer {name!r} must be one code, or one for each of its "
                             f"{self.channels} channels, not {len(pad)} codes")

    def __reduce__(self):
        # Copies go through the constructor, so that their arrays are read-only too.
        return Conv, (self.name, self.weights, self.thresholds, self.window, self.pool,
                      self.groups, self.present)

    def __repr__(self) -> str:
        """Kind, name and size."""
        rows, columns = self.window.kernel
        pool = f", pool {self.pool.size[0]}x{self.pool.size[1]}" if self.pool else ""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return (f"Conv({self.name!r}, {rows}x{columns}x{self.channels}-{self.neurons}"
                f"{self._sparse}{pool}{groups})")

    @property
    def channels(self) -> int:
        """Channels of the map of inputs."""
        return self.weights.shape[3] * self.groups

    @property
    def pool_size(self) -> tuple[int, int]:
        """Rows and columns of a pooled area; (1, 1) without pooling."""
        return (1, 1) if self.pool is None else self.pool.size

    @property
    def least(self) -> np.ndarray:
        """Neurons whose pooled activation is the AND of its area, bools of shape (neurons,)."""
        if self.pool is None or self.pool.least is None:
            return np.zeros(self.neurons, np.bool_)
        return self.pool.least

    def positions(self, map: Map) -> tuple[int, int]:
        """Return the rows and columns of outputs over ``map`` that are computed, before pooling.

        Raises
        ------
        ValueError
            If the layer does not fit the map.
        """
        if map.channels != self.channels:
            raise ValueError(f"layer {self.name!r} has weights for {self.channels} channels, "
                             f"but its input is a map {map} of {map.channels}")
        rows, columns = self.window.outputs(map.rows, map.columns)
        if rows < 1 or columns < 1:
            top, left, bottom, right = self.window.padding
            raise ValueError(f"window of layer {self.name!r} covers "
                             f"{self.window.extent[0]}x{self.window.extent[1]} pixels, more than "
                             f"the {map.rows + top + bottom}x{map.columns + left + right} of its "
                             f"padded input; take a smaller kernel or dilation, or more padding")
        for what, size, elements in (
                ("reads a map of", map, map.size),
                ("computes", Map(rows, columns, self.neurons), rows * columns * self.neurons)):
            if elements > MAX_MAP_ELEMENTS:
                raise ValueError(f"layer {self.name!r} {what} {size} elements, more than "
                                 f"{MAX_MAP_ELEMENTS}; take smaller maps")
        (high, wide) = self.pool_size
        if rows < high or columns < wide:
            raise ValueError(f"pool of layer {self.name!r} covers {high}x{wide} outputs, more than "
                             f"the {rows}x{columns} of its convolution; take a smaller pool")
        return rows // high * high, columns // wide * wide

    def output(self, map: Map) -> Map:
        """Return the map of activations over ``map``, after pooling; errors as `positions`."""
        rows, columns = self.positions(map)
        high, wide = self.pool_size
        return Map(rows // high, columns // wide, self.neurons)

    def borders(self, map: Map) -> Borders:
        """Return the border classes over ``map``: one class unless padding contributes nothing."""
        rows, columns = self.positions(map)
        window = self.window
        if not window.skips:
            return Borders(np.zeros(rows, np.int64), np.zeros(columns, np.int64),
                           np.ones((1, window.kernel[0]), np.bool_),
                           np.ones((1, window.kernel[1]), np.bool_))
        found = []
        for axis, outputs in enumerate((rows, columns)):
            taps = window.kernel[axis]
            first, last = tap_ranges(map[axis], outputs, taps, window.stride[axis],
                                     window.dilation[axis], window.padding[axis])
            # One number for both, so that they are sorted at once.
            keys, places, classes = np.unique(first * (taps + 1) + last, return_index=True,
                                              return_inverse=True)
            if len(keys) * taps > MAX_MAP_ELEMENTS:
                raise ValueError(f"windows of layer {self.name!r} at the border of the map {map} "
                                 f"see {len(keys)} sets of {taps} taps; take less padding")
            order = np.argsort(places)
            low, high = (bound[:, np.newaxis] for bound in divmod(keys[order], taps + 1))
            numbers = np.arange(taps)
            found.append((np.argsort(order)[classes], (numbers >= low) & (numbers < high)))
        (row_classes, row_taps), (column_classes, column_taps) = found
        return Borders(row_classes, column_classes, row_taps, column_taps)

    def class_counts(self, map: Map, planes: int) -> np.ndarray:
        """Return the largest count of each neuron by border class, shape (classes, neurons)."""
        borders, top = self.borders(map), (1 << planes) - 1
        if self.present is None:
            taps = np.outer(borders.row_taps.sum(axis=1), borders.column_taps.sum(axis=1))
            counts = taps.reshape(-1, 1) * self.weights.shape[3] * top
            return np.broadcast_to(counts, (borders.count, self.neurons))
        present = self.present.sum(axis=3, dtype=np.int64)
        rows = np.tensordot(borders.row_taps.astype(np.int64), present, (1, 1))
        counts = np.tensordot(rows, borders.column_taps.astype(np.int64), (2, 1))
        return counts.transpose(0, 2, 1).reshape(-1, self.neurons) * top
