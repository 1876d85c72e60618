"""Edges of the map under a window: taps outside it, elements that stand there, threshold levels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import C, Module, Value

from ..graph.window import tap_ranges
from ..schedule import LayerPlan
from .window_steps import table

__all__ = ["Edges"]


@dataclass(frozen=True, eq=False)
class Edges:
    """Tables of the edges of the map of a convolution, over the steps of its window.

    Parameters
    ----------
    plan : LayerPlan
        The convolution under its fold.
    """

    plan: LayerPlan

    @cached_property
    def outside(self) -> tuple[np.ndarray, np.ndarray]:
        """Taps outside the map along each axis, bools of shape (outputs, pool, taps)."""
        window, map, pool = self.plan.ring.view.window, self.plan.ring.view.map, self.plan.ring.pool
        found = []
        for axis, outputs in enumerate(np.multiply(self.plan.output_words, pool)):
            first, last = tap_ranges(map[axis], outputs, window.kernel[axis], window.stride[axis],
                                     window.dilation[axis], window.padding[axis])
            taps = np.arange(window.kernel[axis])
            outside = (taps < first[:, None]) | (taps >= last[:, None])
            found.append(outside.reshape(-1, pool[axis], len(taps)))
        rows, columns = found
        return rows, columns

    @property
    def any(self) -> bool:
        """True if some tap is outside the map."""
        return any(bool(outside.any()) for outside in self.outside)

    @cached_property
    def pads(self) -> np.ndarray:
        """Bits that stand outside the map, shape (planes, pixel_words, operand_width)."""
        plan, code = self.plan, self.plan.ring.view.window.pad
        codes = np.zeros(plan.ring.pixel_words * plan.operand_width, np.int64)
        codes[:plan.ring.view.map.channels] = 0 if code is None else code
        shifts = np.arange(plan.planes)[::-1, None]
        return (codes >> shifts & 1).reshape(plan.planes, plan.ring.pixel_words, -1)

    @cached_property
    def classes(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes of rows and columns of outputs with equal levels, each shape (outputs, pool)."""
        levels, pool = self.plan.ring.level_of, self.plan.ring.pool
        rows, columns = (np.unique(values, axis=0, return_inverse=True)[1].reshape(-1, size)
                         for values, size in zip((levels, levels.T), pool))
        return rows, columns

    @property
    def seen(self) -> set[str]:
        """Levels of the steps with which the tables vary."""
        seen = set()
        for outside, classes, axis in zip(self.outside, self.classes, ("row", "column")):
            if outside.any():
                seen |= {f"pool_{axis}", f"kernel_{axis}"}
            elif classes.any():
                seen |= {f"pool_{axis}"}
        if self.plan.ring.view.window.pad is not None:
            if (self.pads != self.pads[:1]).any():
                seen |= {"plane"}
            if (self.pads != self.pads[:, :1]).any():
                seen |= {"group", "word"}
        return seen

    def is_outside(self, m: Module, index: dict[str, Value]) -> Value:
        """Return true if the tap is outside the map."""
        rows, columns = (
            table(m, outside.astype(int), *_select(index, axis, f"pool_{axis}", f"kernel_{axis}"),
                  name=f"outside_{axis}")
            for outside, axis in zip(self.outside, ("row", "column")))
        return rows | columns

    def pad(self, m: Module, index: dict[str, Value]) -> Value:
        """Return the word that stands outside the map."""
        plan = self.plan
        pads = self.pads.reshape(plan.planes, -1, plan.tap_words, plan.operand_width)
        weights = 1 << np.arange(plan.operand_width).astype(object)
        return table(m, (pads * weights).sum(axis=-1),
                     *_select(index, "plane", "group", "word"), name="pad")

    def level(self, m: Module, index: dict[str, Value]) -> Value:
        """Return the threshold level of the output, before pooling."""
        classes = [table(m, classes, *_select(index, axis, f"pool_{axis}"), name=f"class_{axis}")
                   for classes, axis in zip(self.classes, ("row", "column"))]
        levels = self.plan.ring.level_of
        for axis, values in enumerate(self.classes):
            levels = np.take(levels, np.unique(values.reshape(-1), return_index=True)[1], axis)
        return table(m, levels, *classes, name="level")


def _select(index: dict[str, Value], *names: str) -> list[Value]:
    """Return the counts of levels; those of one step have no register."""
    return [index.get(name, C(0, 0)) for name in names]
