"""Folds of each layer, and their costs, for the search."""

from collections.abc import Hashable, Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from ..errors import ScheduleError
from ..graph import Conv, Graph
from ..schedule import Fold, LayerPlan, WeightStyle
from ..target.device import LUT_DEPTH, Device
from .at_once import AtOnce
from .estimate import LayerCost, buffer_cost, layer_cost
from .work import Work, options

__all__ = ["Table", "Tables"]

# Words of the deepest tables that are searched for columns of equal weights.
_SHALLOW = 32


class Table(NamedTuple):
    """Folds of a layer by PE, and their costs.

    Attributes
    ----------
    widths : tuple of int
        PE of the layer before.
    folds : dict of int to pair of list of Fold and int array
        Folds, and their costs, as :func:`xnorloom.folding.fronts.extended` takes them.
    least : int array, shape (2,)
        Fewest block RAMs, and fewest cells, of any fold.
    """

    widths: tuple[int, ...]
    folds: dict[int, tuple[list[Fold], np.ndarray]]
    least: np.ndarray


class Tables:
    """Tables of the layers of a graph on a chip.

    ``of(interval)`` is the list of those with folds of at most ``interval`` cycles, or ``None`` if
    a layer has none.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device
        The chip.
    sprams : int
        SPRAMs that a layer may take.
    register_every : int
        Adder levels between two registers, in all layers.
    at_once : sequence of AtOnce
        What each layer computes at once; intervals are cycles per batch of frames.
    """

    def __init__(self, graph: Graph, device: Device, sprams: int, register_every: int,
                 at_once: Sequence[AtOnce]):
        self._graph, self._device, self._at_once = graph, device, at_once
        self._sprams, self._register_every = sprams, register_every
        # The search asks for the same costs and folds many times.
        self._core, self._fold = cache(self._core_cost), cache(Fold)
        self._options = cache(self._works)
        self.of = lru_cache(4)(self._all)
        self._buffers: dict[tuple, LayerCost | None] = {}
        # Maps that matter: those of convolutions, and those that may leave gaps in the operands of
        # fully connected layers.
        self._maps = [map if isinstance(layer, Conv) or index and map.pixels > 1 else None
                      for index, (layer, map) in enumerate(zip(graph.layers, graph.maps))]
        self._overlaps = any(isinstance(layer, Conv) for layer in graph.layers)
        self._gaps = [map is not None and not isinstance(layer, Conv)
                      for layer, map in zip(graph.layers, self._maps)]

    def _works(self, index: int, width: int | None = None) -> list[Work]:
        return options(self._graph, index, width, self._at_once[index])

    def _all(self, interval: int) -> list[Table] | None:
        """Return the folds of each layer and their costs; ``None`` if a layer has none."""
        tables, widths = [], (0,)
        for index in range(len(self._graph.layers)):
            table = self._table(index, interval, widths)
            if not table.folds:
                return None
            tables.append(table)
            widths = tuple(table.folds)
        return tables

    def _table(self, index: int, interval: int, widths: tuple[int, ...]) -> Table:
        after: dict[int, dict[Fold, list[Sequence[int]]]] = {}
        for fold, places in self._folds(index, interval, widths):
            after.setdefault(fold.pe, {}).setdefault(fold, []).append(places)
        folds, least, buffers = {}, np.full(2, np.iinfo(np.int64).max), {}
        for pe, entries in after.items():
            # In the order of SIMD and style, which is that of each width too.
            ordered = sorted(entries, key=lambda fold: fold.simd)
            costs = np.full((3, len(ordered), len(widths)), -1, np.int64)
            for number, fold in enumerate(ordered):
                key = fold.simd, self._buffer_key(index, fold)
                if key not in buffers:
                    buffers[key] = self._buffers_after(index, fold, widths)
                for places in entries[fold]:
                    core = self._core(index, fold, widths[places[0]] if self._gaps[index] else 0)
                    used = buffers[key][:, places] + np.array(
                        [[core.brams], [core.cells], [core.sprams]])
                    # No chip has room for some buffers.
                    used[:, buffers[key][0, places] < 0] = -1
                    costs[:, number, places] = used
            there = costs[0] >= 0
            if there.any():
                folds[pe] = ordered, costs
                least = np.minimum(least, costs[:2, there].min(axis=1))
        return Table(widths, folds, least)

    def _buffers_after(self, index: int, fold: Fold, widths: tuple[int, ...]) -> np.ndarray:
        """Return the costs of operand buffers after each of ``widths``, negative without room."""
        layer, kinds = self._graph.layers[index], widths
        if isinstance(layer, Conv) and widths != (0,):
            # Words of many widths take as many registers.
            part = self._part(index, fold.simd)
            same, channels = part.input_width(fold.pe, fold.simd), part.channels
            kinds = [0 if width == same else -(-channels // width) * width for width in widths]
        costs = {kind: self._buffer(index, fold, width)
                 for kind, width in dict(zip(kinds, widths)).items()}
        used = {kind: (-1, 0, 0) if cost is None else (cost.brams, cost.cells, 0)
                for kind, cost in costs.items()}
        return np.array([used[kind] for kind in kinds]).T

    def _folds(self, index: int, interval: int,
               widths: tuple[int, ...]) -> Iterator[tuple[Fold, Sequence[int]]]:
        """Yield the folds of a layer with at most ``interval`` cycles and no idle lanes.

        ``widths`` are those of the input words; 0 for that of each fold. With each fold are the
        places in ``widths`` after which it is possible.
        """
        if self._gaps[index]:
            for place, width in enumerate(widths):
                gaps = self._options(index, width)[0].synapses > self._graph.layers[index].inputs
                for fold, _ in self._gapless(index, interval, (width,), width, gaps):
                    yield fold, (place,)
        else:
            yield from self._gapless(index, interval, widths)

    def _gapless(self, index: int, interval: int, widths: tuple[int, ...],
                 width: int | None = None,
                 gaps: bool = False) -> Iterator[tuple[Fold, Sequence[int]]]:
        """Yield the same for operands of which all ``widths`` make as many words."""
        everywhere = range(len(widths))
        narrow: set[int] = set()
        for part in self._options(index, width):
            n, m = part.synapses, part.neurons
            for pe in part.pes(interval):
                least = part.least_simd(pe, interval)
                if least is None:
                    continue
                # Operands as wide as the input words need no registers. A whole layer of constant
                # weights may be smaller than its folds.
                most = min(n, least + part.most_wider(pe)) if self._overlaps else n
                simds: dict[int, Sequence[int]] = {
                    wide: (place,) for place, wide in enumerate(widths)
                    if least <= wide <= most and part.allows(pe, wide)}
                # Wider words take more cells, and shift registers besides.
                if pe not in narrow:
                    simds[least] = everywhere
                if pe == m and part.taps == 1:
                    simds[n] = everywhere
                narrow.add(pe)
                for simd in sorted(simds):
                    for fold in self._styled(index, part, pe, simd, interval, gaps):
                        yield fold, simds[simd]

    def _styled(self, index: int, part: Work, pe: int, simd: int, interval: int,
                gaps: bool) -> Iterator[Fold]:
        """Yield the folds of each weight style."""
        words = -(-part.synapses // simd)
        vectors = self._at_once[index].vectors
        # All frames of a batch enter while another is in work.
        if index == 0 and not part.words and vectors * part.turns * words > interval:
            return
        depth = part.taps * -(-part.neurons // pe) * words
        for style in self._styles(depth, gaps):
            fold = self._fold(pe, simd, style, self._register_every, self._slow(style, depth),
                              vectors)
            if self._sprams_of(index, fold) <= self._sprams:
                yield fold

    def _sprams_of(self, index: int, fold: Fold) -> int:
        if not fold.style.loadable:
            return 0
        # Layers in SPRAM have operands without gaps, as words of single bits make them.
        return LayerPlan(self._graph.layers[index], fold, self._graph.planes(index),
                         1 if self._gaps[index] else None, map=self._maps[index],
                         in_pixels=self._at_once[index].pixels).sprams

    def _slow(self, style: WeightStyle, depth: int) -> bool:
        """True if reading weights takes so long that a register pays."""
        if self._device.family.slow_block_ram:
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
                         map=self._maps[index], in_pixels=self._at_once[index].pixels)
        # Columns of equal weights are rare in deep tables, and finding them takes time.
        return layer_cost(plan, self._device.family, dsps=self._device.dsps,
                          exact=plan.depth <= _SHALLOW)

    def _buffer_key(self, index: int, fold: Fold) -> Hashable:
        """Return all that a buffer depends on, besides its SIMD and the width of words."""
        layer = self._graph.layers[index]
        if isinstance(layer, Conv):
            return self._part(index, fold.simd).lane_groups(fold.pe), -(-layer.neurons // fold.pe)
        return fold.pe == layer.neurons

    def _buffer(self, index: int, fold: Fold, width: int) -> LayerCost | None:
        """Return the cost of an operand buffer; ``None`` for one that no chip has room for."""
        key = index, fold.simd, self._buffer_key(index, fold), width
        if key not in self._buffers:
            try:
                plan = LayerPlan(self._graph.layers[index], fold, self._graph.planes(index),
                                 width or self._part(index, fold.simd).input_width(fold.pe,
                                                                                   fold.simd),
                                 gather=(index == 0 and fold.vectors > 1 and not self._overlaps),
                                 map=self._maps[index], in_pixels=self._at_once[index].pixels)
                self._buffers[key] = buffer_cost(plan, self._device.family)
            except ScheduleError:
                self._buffers[key] = None
        return self._buffers[key]

    def _part(self, index: int, simd: int) -> Work:
        return next(part for part in self._options(index) if simd <= part.synapses)
