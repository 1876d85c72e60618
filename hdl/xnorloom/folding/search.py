"""Search for schedules within a number of cells, block RAMs and SPRAMs."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from ..graph import Graph
from ..schedule import Fold, LayerPlan, Schedule, WeightStyle
from ..target.device import LUT_DEPTH, Device
from ..target.family import Family
from .estimate import LayerCost, argmax_cost, buffer_cost, estimate, layer_cost

__all__ = ["Candidate", "Search"]

_SHALLOW = 32
# More weights than shallow tables come to for each cell of the tree behind them.
_CELL_WEIGHTS = 40


class Candidate(NamedTuple):
    """Folds of the first layers and what they take."""

    brams: int
    cells: int
    sprams: int
    folds: tuple[Fold, ...]

    @property
    def schedule(self) -> Schedule:
        """With an input as wide as the first layer takes it."""
        return Schedule(self.folds[0].simd, self.folds)


class Search:
    """Looks for schedules within a number of cells, block RAMs and SPRAMs."""

    def __init__(self, graph: Graph, device: Device, cells: int, brams: int, sprams: int,
                 register_every: int):
        self._graph, self.device = graph, device
        self._cells, self._brams, self._sprams = cells, brams, sprams
        self._register_every = register_every
        # Costs and folds are asked for again and again.
        self._core, self._buffer = cache(self._core_cost), cache(self._buffer_cost)
        self._fold = cache(Fold)

    def best(self, interval: int) -> Candidate | None:
        """The plan with the fewest cells that fits, and works at most ``interval`` cycles."""
        if self._hopeless():
            return None
        plans = [plan for plan in self._plans(interval)
                 if plan.brams <= self._brams and plan.cells <= self._cells]
        return min(plans, key=lambda plan: (plan.cells, plan.brams, plan.sprams), default=None)

    def holds(self, interval: int | None) -> bool:
        """Whether anything fits, and works at most ``interval`` cycles."""
        return self.best(self._slowest() if interval is None else interval) is not None

    def _hopeless(self) -> bool:
        """Whether there are more weights than all memories and cells could hold."""
        held = self._brams * self.device.bram_bits + self._sprams * self.device.spram_bits
        return self._weights > held + self._cells * _CELL_WEIGHTS

    @property
    def _weights(self) -> int:
        return sum(layer.weights.size for layer in self._graph.layers)

    def least(self) -> Candidate | None:
        """The plan with the least interval, ``None`` if nothing fits."""
        low, high = 0, self._slowest()
        plan = self.best(high)
        if plan is None:
            return None
        found, high = plan, self.interval(plan)
        while high - low > 1:
            middle = (low + high) // 2
            plan = self.best(middle)
            if plan is None:
                low = middle
            else:
                found, high = plan, self.interval(plan)
        return found

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Why nothing fits, in one line, and what would ``instead``."""
        asked = "" if interval is None else f" at an interval of {interval} cycles"
        what = f"network {self._graph.name!r}{asked} does not fit {self.device.name}"
        plan = min(self._plans(self._slowest() if interval is None else interval, bounded=False),
                   key=self._excess, default=None)
        if plan is None:
            planes = self._graph.input.bits
            return f"{what}: {planes} bit planes of the input take {planes} cycles or more"
        costs = estimate(plan.schedule.bind(self._graph), self.device.family)
        device = self.device
        resource, used, there, of = max((("block RAMs", plan.brams, self._brams, device.brams),
                                         ("SPRAMs", plan.sprams, self._sprams, device.sprams),
                                         ("cells", plan.cells, self._cells, device.logic_cells)),
                                        key=lambda entry: entry[1] / max(1, entry[2]))
        left = f"there are {there:,}" if there == of else f"{there:,} of {of:,} are left"
        most = max(costs, key=lambda cost: _used(cost, resource))
        memories, held = "block RAMs", self._brams * self.device.bram_bits
        if self._sprams:
            memories, held = f"{memories} and SPRAMs", held + self._sprams * self.device.spram_bits
        store = (f"of {self._weights:,} weights its {memories} hold {held:,}, and "
                 if self._weights > held else "")
        return (f"{what}: {store}it needs {used:,} {resource} where {left}, layer "
                f"{most.name!r} alone {_used(most, resource):,}; {instead()}")

    def _excess(self, plan: Candidate) -> tuple[float, int]:
        return max(plan.brams / max(1, self._brams), plan.sprams / max(1, self._sprams),
                   plan.cells / max(1, self._cells)), plan.cells

    def _slowest(self) -> int:
        return max(layer.weights.size * self._graph.planes(index)
                   for index, layer in enumerate(self._graph.layers))

    def interval(self, plan: Candidate) -> int:
        """Cycles per frame."""
        return plan.schedule.bind(self._graph).interval

    def _plans(self, interval: int, bounded: bool = True) -> list[Candidate]:
        """Plans of which no other takes fewer block RAMs, fewer cells and fewer SPRAMs, too.

        ``bounded`` leaves out what does not fit; SPRAMs are never more than there are.
        """
        most = (self._brams, self._cells) if bounded else (float("inf"), float("inf"))
        # Of the layers so far the next one sees the number of neurons at once only.
        plans: dict[int, list[Candidate]] = {0: [Candidate(0, 0, 0, ())]}
        for index in range(len(self._graph.layers)):
            following: dict[int, list[Candidate]] = {}
            for width, before in plans.items():
                for fold in self._folds(index, interval, width):
                    core, buffer = self._core(index, fold), self._buffer(index, fold, width)
                    brams, cells = core.brams + buffer.brams, core.cells + buffer.cells
                    found = following.setdefault(fold.pe, [])
                    for plan in before:
                        if (plan.brams + brams <= most[0] and plan.cells + cells <= most[1]
                                and plan.sprams + core.sprams <= self._sprams):
                            found.append(Candidate(plan.brams + brams, plan.cells + cells,
                                               plan.sprams + core.sprams, (*plan.folds, fold)))
            plans = {pe: _pareto(found) for pe, found in following.items()}
        return [plan._replace(cells=plan.cells + argmax_cost(self._graph, pe, self.device.family)
                              .cells)
                for pe, found in plans.items() for plan in found]

    def _folds(self, index: int, interval: int, width: int) -> Iterator[Fold]:
        """Folds of a layer that work at most ``interval`` cycles, none with lanes to spare.

        ``width`` is that of the words that come, 0 if it may be any: then it is the fold's own.
        """
        layer, planes = self._graph.layers[index], self._graph.planes(index)
        n, m = layer.inputs, layer.neurons
        for pe in sorted({-(-m // folds) for folds in range(1, min(m, interval // planes) + 1)}):
            steps = interval // (planes * -(-m // pe))
            if not steps:
                continue
            least = -(-n // min(n, steps))
            # As wide as the words that come, the operands need no registers.
            for simd in sorted({least, width} if least <= width <= n else {least}):
                depth = -(-m // pe) * -(-n // simd)
                for style in self._styles(depth):
                    fold = self._fold(pe, simd, style, self._register_every,
                                      self._slow(style, depth))
                    if fold.sprams <= self._sprams:
                        yield fold

    def _slow(self, style: WeightStyle, depth: int) -> bool:
        """True if weights take so long to be read that they are worth a register."""
        if self.device.family is Family.ECP5:
            return style.in_ram
        return style is WeightStyle.LUT and depth > LUT_DEPTH

    def _styles(self, depth: int) -> tuple[WeightStyle, ...]:
        """Return the weight styles for lanes that step through ``depth`` words."""
        if depth == 1:
            return (WeightStyle.WIRED,)
        if self._sprams and depth in WeightStyle.SPRAM.depths:
            return WeightStyle.LUT, WeightStyle.BLOCK, WeightStyle.SPRAM
        return WeightStyle.LUT, WeightStyle.BLOCK

    def _core_cost(self, index: int, fold: Fold) -> LayerCost:
        plan = LayerPlan(self._graph.layers[index], fold, self._graph.planes(index))
        # Columns of equal weights are rare in deep tables, and searching for them takes time.
        return layer_cost(plan, self.device.family, exact=plan.depth <= _SHALLOW)

    def _buffer_cost(self, index: int, fold: Fold, width: int) -> LayerCost:
        plan = LayerPlan(self._graph.layers[index], fold, self._graph.planes(index), width or None)
        return buffer_cost(plan, self.device.family)


def _used(cost: LayerCost, resource: str) -> int:
    return {"cells": cost.cells, "SPRAMs": cost.sprams}.get(resource, cost.brams)


def _pareto(plans: list[Candidate]) -> list[Candidate]:
    """Those of which no other takes fewer of all."""
    kept: list[Candidate] = []
    # By the number of SPRAMs, the fewest cells of those before that take no more of them.
    fewest: dict[int, int] = {}
    for plan in sorted(plans, key=lambda plan: (plan.brams, plan.cells, plan.sprams)):
        if all(plan.cells < cells for sprams, cells in fewest.items() if sprams <= plan.sprams):
            kept.append(plan)
            fewest[plan.sprams] = plan.cells
    return kept
