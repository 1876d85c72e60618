"""Ring of a convolution: the words of its input that it holds, and the windows over them."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from ..graph import Conv, Map
from ..target.device import LUT_DEPTH
from .fold import Fold, WeightStyle
from .reach import Reach
from .view import View, view
from .zero_padding import whole_thresholds

__all__ = ["Ring"]

# A search makes many plans of a layer, which have these in common.
_reach = lru_cache(256)(Reach)
_whole_thresholds = lru_cache(256)(whole_thresholds)


@dataclass(frozen=True, eq=False)
class Ring:
    """Operand buffer of a convolution under its fold.

    Notation as in :mod:`xnorloom.schedule.layer_plan`.

    Parameters
    ----------
    layer : Conv
        The convolution.
    fold : Fold
        Its fold; ``vectors`` are outputs side by side at once.
    map : Map
        Map of inputs.
    planes : int
        Bit planes of a pixel.
    in_pixels : int
        Pixels side by side per input word.

    Attributes
    ----------
    view : View
        Map of the words in the ring, and the window over them.

    Raises
    ------
    ScheduleError
        If no hardware takes so many synapses, outputs or pixels at once.
    """

    layer: Conv
    fold: Fold
    map: Map
    planes: int
    in_pixels: int
    view: View = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "view", view(self.layer, self.map, self.fold.simd,
                                              self.fold.vectors, self.in_pixels))

    @property
    def pool(self) -> tuple[int, int]:
        """Rows and columns of a pooled area, in words of ``vectors`` outputs."""
        rows, columns = self.layer.pool_size
        return rows, max(1, columns // self.fold.vectors)

    @cached_property
    def reach(self) -> Reach:
        """Rows and columns of the map in the ring that are needed, output by output."""
        return _reach(self.view.window, self.pool, self.view.map)

    @cached_property
    def lane_groups(self) -> int:
        """Groups of channels that the processing elements take at once."""
        groups = self.layer.groups
        return max(1, self.fold.pe * groups // self.layer.neurons) if groups > 1 else 1

    @property
    def width(self) -> int:
        """Bits of a word: SIMD for each vector, and each group that is taken at once."""
        return self.fold.vectors * self.fold.simd * self.lane_groups

    @cached_property
    def pixel_words(self) -> int:
        """Words per bit plane of a pixel of ``view.map``."""
        return -(-self.view.map.channels // self.width)

    @cached_property
    def words(self) -> int:
        """Words of the ring: the least power of two for the rows it holds."""
        # A row of outputs waits for its words while those of a gap do not come.
        rows = self.reach.rows + self.view.gap + (self.view.gap > 0)
        words = rows * self.view.map.columns * self.planes * self.pixel_words
        return 1 << (words - 1).bit_length()

    def received(self, in_width: int, in_words: int) -> int:
        """Return the cycles in which the ring takes a frame.

        ``in_width`` is the bits of a pixel per input word, and ``in_words`` the words of a frame
        for each bit plane if a pixel is one word wide.
        """
        words = -(-self.map.channels // in_width)
        if not self.view.columns:
            words = max(words, self.pixel_words)
        return in_words * self.planes * words

    @property
    def half(self) -> int:
        """Count of a word outside the map, see :mod:`~.zero_padding`; 0 if it counts nothing.

        It takes a gate per bit of the count of a step, and thresholds in one row per neuron fold.
        It is used where that table fits in a look-up table per bit, or is in larger ones, and one
        with rows for each level would take more.
        """
        return 0 if self._whole is None else self._word_synapses // 2

    @cached_property
    def levels(self) -> np.ndarray:
        """Distinct threshold vectors of border classes, shape (levels, neurons).

        There is one where words outside the map count as :attr:`half`.
        """
        return self._levels[0]

    @cached_property
    def level_of(self) -> np.ndarray:
        """Level of each output before pooling, shape (rows, columns)."""
        classes = self.layer.borders(self.map).classes
        # Thresholds may be the same for all classes.
        return self._levels[1][classes * (self.layer.thresholds.ndim - 1)]

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self.layer.thresholds.reshape(-1, self.layer.neurons)
        if len(rows) == 1:
            return rows, np.zeros(1, np.int64)
        if self._whole is not None:
            return self._whole[np.newaxis], np.zeros(len(rows), np.int64)
        return self._distinct

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct threshold vectors of the layer, and that of each border class."""
        levels, places = np.unique(self.layer.thresholds, axis=0, return_inverse=True)
        return levels, places.reshape(-1)

    @cached_property
    def _whole(self) -> np.ndarray | None:
        """Thresholds of all outputs, if words outside the map count as :attr:`half`."""
        layer, folds = self.layer, -(-self.layer.neurons // self.fold.pe)
        if (not self.view.window.skips or layer.thresholds.ndim == 1
                or self._word_synapses % 2):
            return None
        levels = len(self._distinct[0])
        pays = (levels > 1 and levels << (folds - 1).bit_length() > LUT_DEPTH
                and (folds <= LUT_DEPTH or self.fold.style is WeightStyle.LUT))
        return _whole_thresholds(layer, self.map, self.planes) if pays else None

    @property
    def _word_synapses(self) -> int:
        """Synapses of each word, 1 if the words of a tap have different ones."""
        size, simd = self.view.synapses.shape[1], self.fold.simd
        return 1 if size > simd and size % simd else min(size, simd)
