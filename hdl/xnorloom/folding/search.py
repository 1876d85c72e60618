"""Search for schedules within a budget of cells, block RAMs and SPRAMs."""

from collections.abc import Callable
from functools import cache
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from ..graph import Conv, Graph
from ..schedule import Fold, Schedule
from ..target.device import Device
from .at_once import at_once
from .bound import Bound, bound_of
from .estimate import argmax_cost
from .fronts import Budget, Front, extended
from .tables import Tables
from .work import in_turn, input_width, least_cycles, work

__all__ = ["Candidate", "Search"]

# Upper bound of the weights per cell that look-up tables hold, cells of the popcount included.
_CELL_WEIGHTS = 40
# Factor by which the budget widens in the search for the nearest schedule that does not fit.
_WIDER = 1.1


class Candidate(NamedTuple):
    """Folds of all layers, their resources, and the input words that the first layer takes."""

    brams: int
    cells: int
    sprams: int
    folds: tuple[Fold, ...]
    input_width: int

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
        Frames that the schedules process at once; intervals are cycles per batch of them. In a
        network with convolutions the outputs that the first computes at once, of one frame.

    Raises
    ------
    ValueError
        If some layer cannot work on what as many vectors of the first give it.
    """

    def __init__(self, graph: Graph, device: Device, cells: int, brams: int, sprams: int,
                 register_every: int, vectors: int = 1):
        self._graph, self.device, self.vectors = graph, device, vectors
        self._cells, self._brams, self._sprams = cells, brams, sprams
        found = at_once(graph, vectors)
        if found is None:
            raise ValueError(f"Search vectors of graph {graph.name!r} must be such that all its "
                             f"layers take them, not {vectors}")
        self._at_once = found
        self._tables = Tables(graph, device, sprams, register_every, found).of
        # Searches for the least interval ask for the same ones again.
        self._best = cache(self._fewest_cells)

    @property
    def frames(self) -> int:
        """Frames of a batch."""
        return 1 if any(isinstance(layer, Conv) for layer in self._graph.layers) else self.vectors

    def best(self, interval: int) -> Candidate | None:
        """Return the candidate with the fewest cells that fits, in at most ``interval`` cycles."""
        return self._best(interval)

    def _fewest_cells(self, interval: int) -> Candidate | None:
        if self._hopeless():
            return None
        return self._choice(interval, self._budget,
                            lambda brams, cells, sprams: (cells, brams, sprams))

    def chosen(self, interval: int, *keys: Callable[[int, int, int], Any]) -> list[Candidate]:
        """Return the candidate that fits, in at most ``interval`` cycles, with the least of a key.

        There is one for each of ``keys``, of block RAMs, cells and SPRAMs; none if nothing fits.
        """
        rows = [] if self._hopeless() else self._rows(interval, self._budget)
        return [self._candidate(*min(rows, key=lambda row: key(*row[:3])))
                for key in keys] if rows else []

    @property
    def _budget(self) -> Budget:
        return Budget(self._brams, self._cells, self._sprams)

    def holds(self, interval: int | None) -> bool:
        """True if any schedule fits, in at most ``interval`` cycles."""
        return self.best(self.slowest if interval is None else interval) is not None

    def _hopeless(self) -> bool:
        """True if there are more weights than all memories and cells can hold."""
        held = self._brams * self.device.bram_bits + self._sprams * self.device.spram_bits
        return self._weights > held + self._cells * _CELL_WEIGHTS

    @property
    def _weights(self) -> int:
        # Those that are present: absent ones of wired layers take no room.
        return self._graph.synapses

    def least(self, most: int | None = None) -> Candidate | None:
        """Return the candidate with the smallest interval; ``None`` if none has ``most`` cycles."""
        low, high = 0, self.slowest if most is None else most
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

    def bound(self, interval: int | None) -> Bound | None:
        """Return the resource that no schedule of at most ``interval`` cycles has enough of.

        It is that of the schedule which is the least beyond the budget. ``None`` if there is none:
        no lanes suffice.
        """
        nearest = self._nearest(self.slowest if interval is None else interval)
        if nearest is None:
            return None
        return bound_of(nearest, self._graph, self.device,
                        {"block RAMs": self._brams, "SPRAMs": self._sprams, "cells": self._cells})

    def refusal(self, interval: int | None, instead: Callable[[], str]) -> str:
        """Return one line with the reason why nothing fits, and what would ``instead``."""
        asked = "" if interval is None else f" at an interval of {interval} cycles"
        what = f"network {self._graph.name!r}{asked} does not fit {self.device.name}"
        bound = self.bound(interval)
        if bound is None:
            return f"{what}: {self.floor()}"
        memories, held = "block RAMs", self._brams * self.device.bram_bits
        if self._sprams:
            memories, held = f"{memories} and SPRAMs", held + self._sprams * self.device.spram_bits
        store = (f"of {self._weights:,} weights its {memories} hold {held:,}, and "
                 if self._weights > held else "")
        return f"{what}: {store}it needs {bound}; {instead()}"

    def floor(self) -> str:
        """Return the reason for the least interval of any schedule."""
        graph = self._graph
        cycles, index = max((least_cycles(graph, index, part), -index)
                            for index, part in enumerate(self._at_once))
        if cycles == 1:
            return "a frame in every cycle is the most"
        if not work(graph, -index).words:
            return f"{cycles} bit planes of the input take {cycles} cycles or more"
        return (f"layer {graph.layers[-index].name!r} "
                f"{in_turn(graph, -index, self._at_once[-index])}, which takes {cycles:,} cycles "
                f"or more")

    @property
    def shortest(self) -> int:
        """Fewest cycles per batch of any schedule, whether it fits or not."""
        return max(least_cycles(self._graph, index, part)
                   for index, part in enumerate(self._at_once))

    def _nearest(self, interval: int) -> Candidate | None:
        """Return the candidate that is the least beyond the budget; ``None`` if there is none."""
        def excess(brams: int, cells: int, sprams: int) -> tuple[float, int]:
            return max(brams / max(1, self._brams), sprams / max(1, self._sprams),
                       cells / max(1, self._cells)), cells

        # A wider budget has more candidates, which take time. One is the nearest of all if it is
        # beyond the budget by no more than the wider one is.
        tables = self._tables(interval)
        if tables is None:
            return None
        brams, cells = np.sum([table.least for table in tables], axis=0).tolist()
        part = excess(brams, cells, 0)[0]
        while True:
            part *= _WIDER
            wide = Budget(int(part * max(1, self._brams)), int(part * max(1, self._cells)),
                          self._sprams)
            found = self._choice(interval, wide, excess)
            if found is not None:
                return found

    @property
    def slowest(self) -> int:
        """Largest interval of any schedule without idle lanes."""
        return self.frames * max(work(self._graph, index).most
                                  for index in range(len(self._graph.layers)))

    def interval(self, candidate: Candidate) -> int:
        """Return the cycles per batch of ``candidate``."""
        return candidate.schedule.bind(self._graph).interval

    def _choice(self, interval: int, budget: Budget,
                key: Callable[[int, int, int], tuple]) -> Candidate | None:
        """Return the candidate within ``budget`` with the least ``key``; ``None`` if none is.

        ``key`` is of block RAMs, cells and SPRAMs, and grows with each.
        """
        row = min(self._rows(interval, budget), default=None, key=lambda row: key(*row[:3]))
        return None if row is None else self._candidate(*row)

    def _candidate(self, brams: int, cells: int, sprams: int, front: Front,
                   row: int) -> Candidate:
        folds = front.chosen(row)
        return Candidate(brams, cells, sprams, folds, input_width(self._graph, folds[0]))

    def _rows(self, interval: int, budget: Budget) -> list[tuple[int, int, int, Front, int]]:
        """Return block RAMs, cells and SPRAMs within ``budget``, and their place in a front."""
        tables = self._tables(interval)
        if tables is None:
            return []
        # The layers after one need as many at least.
        rest = np.cumsum([table.least for table in reversed(tables)], axis=0)[::-1]
        # The next layer depends on the layers before it only through the PE of the last.
        fronts = {0: Front.empty()}
        for index, table in enumerate(tables):
            left = budget.less(*map(int, rest[index + 1])) if index + 1 < len(tables) else budget
            places = [table.widths.index(width) for width in fronts]
            before, fronts = tuple(fronts.values()), {}
            for pe, (folds, costs) in table.folds.items():
                front = extended(before, folds, costs[:, :, places], left)
                if front is not None:
                    fronts[pe] = front
            if not fronts:
                return []
        found = []
        for pe, front in fronts.items():
            argmax = argmax_cost(self._graph, pe, self.device.family, self.frames).cells
            for row, (brams, cells, sprams) in enumerate(zip(
                    front.brams.tolist(), (front.cells + argmax).tolist(), front.sprams.tolist())):
                if cells <= budget.cells:
                    found.append((brams, cells, sprams, front, row))
        return found
