"""The schedule for a chip: the least interval that its memories and cells allow."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from ..errors import XnorloomError
from ..gateware.timing import timing
from ..graph import Graph
from ..schedule import RAM_STYLES, Fold, Schedule
from ..support.arguments import integer
from ..target.device import DEVICES, LUT_DEPTH, SPRAM_DEPTH, Device
from .estimate import LayerCost, argmax_cost, buffer_cost, estimate, layer_cost

__all__ = ["FitError", "fit"]

_SHALLOW = 32
# More weights than shallow tables come to for each cell of the tree behind them.
_CELL_WEIGHTS = 40


class FitError(XnorloomError):
    """A network that does not fit a chip, or not at the wanted interval."""


class _Plan(NamedTuple):
    """Folds of the first layers and what they take."""

    brams: int
    cells: int
    sprams: int
    folds: tuple[Fold, ...]

    @property
    def schedule(self) -> Schedule:
        """With an input as wide as the first layer takes it."""
        return Schedule(self.folds[0].simd, self.folds)


def fit(graph: Graph, device: Device, *, interval: int | None = None, share: float = 0.9,
        reserve_cells: int = 0, reserve: int | Callable[[Device], int] = 0,
        register_every: int = 1) -> Schedule:
    """A schedule of ``graph`` that fits ``device``.

    Weights are in SPRAM, which must be loaded, only if they fit no other way.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device
        The chip.
    interval : int or None
        Cycles per frame, at most; of the schedules that reach it the one with the fewest cells is
        taken. ``None`` for the least that fits.
    share : float
        Share of the cells of the chip that the network may take.
    reserve_cells : int
        Cells that it must leave to others, if that is more.
    reserve : int or callable
        Block RAMs that it must leave to others; as a function, of any chip.
    register_every : int
        Adder levels between registers of all layers. Routed, TFC on an iCE40UP5K runs at 45 MHz
        with 1 and 34 MHz with 2, while cells differ by one in a hundred.

    Raises
    ------
    FitError
        If there is none. The message says what was needed, what there is, and what fits.
    """
    if not 0 < share <= 1:
        raise ValueError(f"fit share must be above 0 and at most 1, not {share!r}")
    reserve_cells = integer("fit reserve_cells", reserve_cells, 0)
    if not callable(reserve):
        reserve = integer("fit reserve", reserve, 0)
    if interval is not None:
        interval = integer("fit interval", interval, 1)

    def search_of(chip: Device, sprams: int) -> _Search:
        cells = min(int(share * chip.logic_cells), chip.logic_cells - reserve_cells)
        brams = chip.brams - (reserve(chip) if callable(reserve) else reserve)
        return _Search(graph, chip, max(0, cells), max(0, brams), sprams, register_every)

    for sprams in _sprams(device):
        search = search_of(device, sprams)
        plan = search.least() if interval is None else search.best(interval)
        if plan is not None:
            return plan.schedule
    raise FitError(search.refusal(interval, lambda: _nearest(search, search_of, interval)))


def _sprams(device: Device) -> tuple[int, ...]:
    """How many SPRAMs a network may take: none at first, and all if it fits no other way."""
    return (0, device.sprams) if device.sprams else (0,)


class _Search:
    """Looks for schedules within a number of cells, block RAMs and SPRAMs."""

    def __init__(self, graph: Graph, device: Device, cells: int, brams: int, sprams: int,
                 register_every: int):
        self._graph, self.device = graph, device
        self._cells, self._brams, self._sprams = cells, brams, sprams
        self._register_every = register_every
        # Costs and folds are asked for again and again.
        self._core, self._buffer = cache(self._core_cost), cache(self._buffer_cost)
        self._fold = cache(Fold)

    def best(self, interval: int) -> _Plan | None:
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

    def least(self) -> _Plan | None:
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
        costs = estimate(self._graph, plan.schedule, self.device.family)
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

    def _excess(self, plan: _Plan) -> tuple[float, int]:
        return max(plan.brams / max(1, self._brams), plan.sprams / max(1, self._sprams),
                   plan.cells / max(1, self._cells)), plan.cells

    def _slowest(self) -> int:
        return max(layer.weights.size * self._graph.planes(index)
                   for index, layer in enumerate(self._graph.layers))

    def interval(self, plan: _Plan) -> int:
        """Cycles per frame."""
        return timing(self._graph, plan.schedule).interval

    def _plans(self, interval: int, bounded: bool = True) -> list[_Plan]:
        """Plans of which no other takes fewer block RAMs, fewer cells and fewer SPRAMs, too.

        ``bounded`` leaves out what does not fit; SPRAMs are never more than there are.
        """
        most = (self._brams, self._cells) if bounded else (float("inf"), float("inf"))
        # Of the layers so far the next one sees the number of neurons at once only.
        plans: dict[int, list[_Plan]] = {0: [_Plan(0, 0, 0, ())]}
        for index in range(len(self._graph.layers)):
            following: dict[int, list[_Plan]] = {}
            for width, before in plans.items():
                for fold in self._folds(index, interval, width):
                    core, buffer = self._core(index, fold), self._buffer(index, fold, width)
                    brams, cells = core.brams + buffer.brams, core.cells + buffer.cells
                    found = following.setdefault(fold.pe, [])
                    for plan in before:
                        if (plan.brams + brams <= most[0] and plan.cells + cells <= most[1]
                                and plan.sprams + core.sprams <= self._sprams):
                            found.append(_Plan(plan.brams + brams, plan.cells + cells,
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

    def _slow(self, style: str, depth: int) -> bool:
        """Whether weights take so long to be read that they are worth a register."""
        if self.device.family == "ecp5":
            return style in RAM_STYLES
        return style == "lut" and depth > LUT_DEPTH

    def _styles(self, depth: int) -> tuple[str, ...]:
        """Where the weights may be if each lane steps through so many."""
        if depth == 1:
            return ("wired",)
        if self._sprams and depth <= SPRAM_DEPTH:
            return "lut", "block", "spram"
        return "lut", "block"

    def _core_cost(self, index: int, fold: Fold) -> LayerCost:
        layer = self._graph.layers[index]
        # Columns of equal weights are rare in deep tables, and looking for them takes time.
        shallow = fold.neuron_folds(layer) * fold.synapse_folds(layer) <= _SHALLOW
        return layer_cost(layer, fold, self._graph.planes(index), self.device.family,
                          exact=shallow)

    def _buffer_cost(self, index: int, fold: Fold, width: int) -> LayerCost:
        return buffer_cost(self._graph.layers[index], fold, self._graph.planes(index),
                           width or fold.simd, self.device.family)


def _nearest(search: _Search, search_of: Callable[[Device, int], _Search],
             interval: int | None) -> str:
    """What would fit instead: a larger interval, or another chip."""
    least = search.least() if interval is not None else None
    if least is not None:
        return f"the least interval that fits is {search.interval(least)} cycles"
    chips = sorted(DEVICES.values(), key=lambda device: device.logic_cells)
    others = [search_of(chip, sprams) for chip in chips for sprams in _sprams(chip)]
    # What the largest cannot hold none can.
    for other in others if others[-1].holds(interval) else ():
        if interval is not None and other.holds(interval):
            return f"the smallest chip that it fits is {other.device.name}"
        least = other.least() if interval is None else None
        if least is not None:
            return (f"the smallest chip that it fits is {other.device.name}, at an interval of "
                    f"{other.interval(least)} cycles")
    return f"it fits none of {', '.join(DEVICES)}"


def _used(cost: LayerCost, resource: str) -> int:
    return {"cells": cost.cells, "SPRAMs": cost.sprams}.get(resource, cost.brams)


def _pareto(plans: list[_Plan]) -> list[_Plan]:
    """Those of which no other takes fewer of all."""
    kept: list[_Plan] = []
    # By the number of SPRAMs, the fewest cells of those before that take no more of them.
    fewest: dict[int, int] = {}
    for plan in sorted(plans, key=lambda plan: (plan.brams, plan.cells, plan.sprams)):
        if all(plan.cells < cells for sprams, cells in fewest.items() if sprams <= plan.sprams):
            kept.append(plan)
            fewest[plan.sprams] = plan.cells
    return kept
