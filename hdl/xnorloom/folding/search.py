"""Search for schedules within a budget of cells, block RAMs and SPRAMs."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from math import isqrt
from typing import NamedTuple

from ..errors import ScheduleError
from ..graph import Conv, Graph
from ..schedule import Fold, LayerPlan, Schedule, WeightStyle
from ..target.device import LUT_DEPTH, Device
from .estimate import LayerCost, argmax_cost, buffer_cost, estimate, layer_cost
from .work import in_turn, work

__all__ = ["Candidate", "Search"]

# Words of the deepest tables that are searched for columns of equal weights.
_SHALLOW = 32
# Upper bound of the weights per cell that look-up tables hold, cells of the popcount included.
_CELL_WEIGHTS = 40


class Candidate(NamedTuple):
    """Folds of the first layers, and their resources."""

    brams: int
    cells: int
    sprams: int
    folds: tuple[Fold, ...]
    input_width: int = 0

    @property
    def schedule(self) -> Schedule:
        """Schedule with an input stream as wide as the operands of the first layer."""
        return Schedule(self.input_width, self.folds)


class Search:
    """Search for schedules of a graph within a budget of a chip.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device
        The chip.
    cells, brams, sprams : int
        Budget.
    register_every : int
        Adder levels between two registers, in all layers.
    vectors : int
        Frames that the schedules process at once; intervals are cycles per batch of them.
    """

    def __init__(self, graph: Graph, device: Device, cells: int, brams: int, sprams: int,
                 register_every: int, vectors: int = 1):
        self._graph, self.device, self.vectors = graph, device, vectors
        self._cells, self._brams, self._sprams = cells, brams, sprams
        self._register_every = register_every
        # The search asks for the same costs and folds many times.
        self._core, self._fold = cache(self._core_cost), cache(Fold)
        self._work = cache(partial(work, graph))
        self._buffers: dict[tuple[int, int, int, int], LayerCost | None] = {}
        # Maps that matter: those of convolutions, and those that may leave gaps in the operands of
        # fully connected layers.
        self._maps = [map if isinstance(layer, Conv) or index and map.pixels > 1 else None
                      for index, (layer, map) in enumerate(zip(graph.layers, graph.maps))]
        self._gaps = [map is not None and not isinstance(layer, Conv)
                      for layer, map in zip(graph.layers, self._maps)]

    def best(self, interval: int) -> Candidate | None:
        """Return the candidate with the fewest cells that fits, in at most ``interval`` cycles."""
        if self._hopeless():
            return None
        found = [candidate for candidate in self._candidates(interval)
                 if candidate.brams <= self._brams and candidate.cells <= self._cells]
        return min(found, key=lambda candidate: (candidate.cells, candidate.brams,
                                                 candidate.sprams), default=None)

    def holds(self, interval: int | None) -> bool:
        """True if any schedule fits, in at most ``interval`` cycles."""
        return self.best(self._slowest() if interval is None else interval) is not None

    def _hopeless(self) -> bool:
        """True if there are more weights than all memories and cells can hold."""
        held = self._brams * self.device.bram_bits + self._sprams * self.device.spram_bits
        return self._weights > held + self._cells * _CELL_WEIGHTS

    @property
    def _weights(self) -> int:
        return sum(layer.weights.size for layer in self._graph.layers)

    def least(self, most: int | None = None) -> Candidate | None:
        """Return the candidate with the smallest interval; ``None`` if none has ``most`` cycles."""
        low, high = 0, self._slowest() if most is None else most
        candidate = self.best(high)
        if candidate is None:
            return None
        found, high = candidate, self.interval(candidate)
        while high - low > 1:
            # Intervals range over orders of magnitude.
            middle = max(low + 1, isqrt(low * high))
            candidate = self.best(middle)
            if candidate is None:
                low = middle
            else:
                found, high = candidate, self.interval(candidate)
        return found

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Return one line with the reason why nothing fits, and what would ``instead``."""
        asked = "" if interval is None else f" at an interval of {interval} cycles"
        what = f"network {self._graph.name!r}{asked} does not fit {self.device.name}"
        limit = self._slowest() if interval is None else interval
        nearest = min(self._candidates(limit, bounded=False), key=self._excess, default=None)
        if nearest is None:
            return f"{what}: {self._bound()}"
        costs = estimate(nearest.schedule.bind(self._graph), self.device)
        device = self.device
        resource, used, there, of = max(
            (("block RAMs", nearest.brams, self._brams, device.brams),
             ("SPRAMs", nearest.sprams, self._sprams, device.sprams),
             ("cells", nearest.cells, self._cells, device.logic_cells)),
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

    def _bound(self) -> str:
        """Return the reason for the least interval of any schedule."""
        cycles, index = max((self._work(index).least, -index)
                            for index in range(len(self._graph.layers)))
        if not self._work(-index).words:
            return f"{cycles} bit planes of the input take {cycles} cycles or more"
        return (f"layer {self._graph.layers[-index].name!r} {in_turn(self._graph, -index)}, which "
                f"takes {cycles:,} cycles or more")

    def _excess(self, candidate: Candidate) -> tuple[float, int]:
        return max(candidate.brams / max(1, self._brams), candidate.sprams / max(1, self._sprams),
                   candidate.cells / max(1, self._cells)), candidate.cells

    def _slowest(self) -> int:
        return self.vectors * max(self._work(index).most
                                  for index in range(len(self._graph.layers)))

    def interval(self, candidate: Candidate) -> int:
        """Return the cycles per batch of ``candidate``."""
        return candidate.schedule.bind(self._graph).interval

    def _candidates(self, interval: int, bounded: bool = True) -> list[Candidate]:
        """Return the Pareto front of candidates in block RAMs, cells and SPRAMs.

        ``bounded`` drops candidates over the budget of block RAMs and cells; that of SPRAMs always
        holds.
        """
        most = (self._brams, self._cells) if bounded else (float("inf"), float("inf"))
        # The next layer depends on the layers before it only through the PE of the last.
        fronts: dict[int, list[Candidate]] = {0: [Candidate(0, 0, 0, ())]}
        for index in range(len(self._graph.layers)):
            following: dict[int, list[Candidate]] = {}
            for width, before in fronts.items():
                for fold in self._folds(index, interval, width):
                    buffer = self._buffer(index, fold, width)
                    if buffer is None:
                        continue
                    core = self._core(index, fold, width if self._gaps[index] else 0)
                    brams, cells = core.brams + buffer.brams, core.cells + buffer.cells
                    found = following.setdefault(fold.pe, [])
                    for first in before:
                        if (first.brams + brams <= most[0] and first.cells + cells <= most[1]
                                and first.sprams + core.sprams <= self._sprams):
                            found.append(Candidate(
                                first.brams + brams, first.cells + cells,
                                first.sprams + core.sprams, (*first.folds, fold),
                                first.input_width or self._work(0).input_width(fold.pe, fold.simd)))
            fronts = {pe: _pareto(found) for pe, found in following.items()}
        argmax = {pe: argmax_cost(self._graph, pe, self.device.family, self.vectors).cells
                  for pe in fronts}
        return [candidate._replace(cells=candidate.cells + argmax[pe])
                for pe, front in fronts.items() for candidate in front]

    def _folds(self, index: int, interval: int, width: int) -> Iterator[Fold]:
        """Yield the folds of a layer with at most ``interval`` cycles and no idle lanes.

        ``width`` is the width of the input words; 0 for that of each fold.
        """
        part = self._work(index, width if self._gaps[index] else None)
        n, m, taps = part.synapses, part.neurons, part.taps
        gaps = self._gaps[index] and n > self._graph.layers[index].inputs
        for pe in part.pes(interval):
            least = part.least_simd(pe, interval)
            if least is None:
                continue
            # Operands as wide as the input words need no registers. A whole layer of constant
            # weights may be smaller than its folds.
            widths = {least, *([width] if least <= width <= n and part.allows(pe, width) else ()),
                      *([n] if pe == m and taps == 1 else ())}
            for simd in sorted(widths):
                # All frames of a batch enter while another is in work.
                if (index == 0 and not part.words
                        and self.vectors * part.turns * -(-n // simd) > interval):
                    continue
                depth = taps * -(-m // pe) * -(-n // simd)
                for style in self._styles(depth, gaps):
                    fold = self._fold(pe, simd, style, self._register_every,
                                      self._slow(style, depth), self.vectors)
                    if fold.sprams <= self._sprams:
                        yield fold

    def _slow(self, style: WeightStyle, depth: int) -> bool:
        """True if reading weights takes so long that a register pays."""
        if self.device.family.slow_block_ram:
            return style.in_ram
        return style is WeightStyle.LUT and depth > LUT_DEPTH

    def _styles(self, depth: int, gaps: bool) -> tuple[WeightStyle, ...]:
        """Return the weight styles for lanes that step through ``depth`` words.

        With ``gaps`` between the pixels of its operands a layer is not in SPRAM.
        """
        if depth == 1:
            return (WeightStyle.WIRED,)
        if self._sprams and not gaps and depth in WeightStyle.SPRAM.depths:
            return WeightStyle.LUT, WeightStyle.BLOCK, WeightStyle.SPRAM
        return WeightStyle.LUT, WeightStyle.BLOCK

    def _core_cost(self, index: int, fold: Fold, width: int) -> LayerCost:
        plan = LayerPlan(self._graph.layers[index], fold, self._graph.planes(index), width or None,
                         map=self._maps[index])
        # Columns of equal weights are rare in deep tables, and finding them takes time.
        return layer_cost(plan, self.device.family, dsps=self.device.dsps,
                          exact=plan.depth <= _SHALLOW)

    def _buffer(self, index: int, fold: Fold, width: int) -> LayerCost | None:
        """Return the cost of an operand buffer; ``None`` for one that no chip has room for."""
        layer = self._graph.layers[index]
        # All else of a fold has no effect on it.
        whole = fold.pe if isinstance(layer, Conv) else fold.pe == layer.neurons
        key = index, fold.simd, whole, width
        if key not in self._buffers:
            width = width or self._work(index).input_width(fold.pe, fold.simd)
            try:
                plan = LayerPlan(layer, fold, self._graph.planes(index), width,
                                 gather=index == 0 and self.vectors > 1, map=self._maps[index])
                self._buffers[key] = buffer_cost(plan, self.device.family)
            except ScheduleError:
                self._buffers[key] = None
        return self._buffers[key]


def _used(cost: LayerCost, resource: str) -> int:
    return {"cells": cost.cells, "SPRAMs": cost.sprams}.get(resource, cost.brams)


def _pareto(candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates without another that needs at most as much of every resource."""
    kept: list[Candidate] = []
    # The fewest cells so far, by number of SPRAMs.
    fewest: dict[int, int] = {}
    for candidate in sorted(candidates, key=lambda entry: (entry.brams, entry.cells, entry.sprams)):
        if all(candidate.cells < cells for sprams, cells in fewest.items()
               if sprams <= candidate.sprams):
            kept.append(candidate)
            fewest[candidate.sprams] = candidate.cells
    return kept
