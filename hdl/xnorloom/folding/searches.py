"""Searches for schedules on chips, of which a part is left to others than the network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from ..graph import Graph
from ..schedule.fold import MOST_VECTORS, USUAL_VECTORS
from ..support.arguments import integer
from ..support.text import count
from ..target.device import Device
from .at_once import tried
from .batch_search import BatchSearch
from .search import Candidate, Search

__all__ = ["Searches"]

# Part by which weights in SPRAM must shorten the interval, since the host has to load them.
_LOADING_PAYS = 0.95

# Most of the cells, as estimated, for a network that processes several frames at once. Its short
# carry chains leave cells of their tiles unused: whole designs of 90 % of an iCE40UP5K were not
# placed, those of 84 % were.
_TOGETHER = 0.72


@dataclass(frozen=True, eq=False)
class Searches:
    """Searches for schedules of a graph, by chip.

    Parameters
    ----------
    graph : Graph
        The network.
    share, reserve_cells, reserve_loader, reserve, register_every, most_vectors
        See :func:`xnorloom.folding.fit.fit`.
    """

    graph: Graph
    share: float = 0.9
    reserve_cells: int = 0
    reserve_loader: int = 0
    reserve: int | Callable[[Device], int] = 0
    register_every: int = 1
    most_vectors: int = USUAL_VECTORS

    def __post_init__(self):
        if not 0 < self.share <= 1:
            raise ValueError(f"fit share must be above 0 and at most 1, not {self.share!r}")
        for name in ("reserve_cells", "reserve_loader"):
            object.__setattr__(self, name, integer(f"fit {name}", getattr(self, name), 0))
        if not callable(self.reserve):
            object.__setattr__(self, "reserve", integer("fit reserve", self.reserve, 0))
        most = integer("fit most_vectors", self.most_vectors, 1, MOST_VECTORS)
        object.__setattr__(self, "most_vectors", most)

    @cached_property
    def of(self) -> Callable[[Device, int], BatchSearch]:
        """Search on a chip, a function of the chip and of the SPRAMs that weights may take."""
        return cache(self._made)

    def best(self, chip: Device, interval: float) -> Candidate | None:
        """Return the candidate with the fewest cells, in at most ``interval`` cycles per frame.

        It has weights in SPRAM only if nothing else fits.
        """
        found = self.of(chip, 0).best(interval)
        return self.of(chip, chip.sprams).best(interval) if found is None and chip.sprams else found

    def least(self, chip: Device) -> Candidate | None:
        """Return the candidate with the fewest cycles per frame, in SPRAM if that pays."""
        unloaded = self.of(chip, 0)
        found = unloaded.least()
        if not chip.sprams:
            return found
        most = _LOADING_PAYS * unloaded.interval(found) if found else None
        return self.of(chip, chip.sprams).least(most) or found

    def limit(self, chip: Device, interval: int, vectors: int) -> str:
        """Return the reason why ``vectors`` at once take no fewer cycles than ``interval``.

        If they can, it is the reason for the fewest cycles that they take. ``vectors`` are those
        of the first layer.
        """
        search = self.of(chip, chip.sprams).of(vectors)
        if search.best(interval - 1) is not None:
            least = search.least()
            assert least is not None
            interval = search.interval(least)
        bound = search.bound(interval - 1)
        if bound is None:
            return search.floor()
        frames = "" if search.frames == 1 else f" for {search.frames} frames"
        return f"an interval of {count(interval - 1, 'cycle')}{frames} needs {bound}"

    def _made(self, chip: Device, sprams: int) -> BatchSearch:
        most = chip.logic_cells - (self.reserve_loader if sprams else 0)
        brams = chip.brams - (self.reserve(chip) if callable(self.reserve) else self.reserve)

        def search(vectors: int) -> Search:
            part = self.share if vectors == 1 else min(self.share, _TOGETHER)
            cells = min(int(part * most), most - self.reserve_cells)
            return Search(self.graph, chip, max(0, cells), max(0, brams), sprams,
                          self.register_every, vectors)

        return BatchSearch(search, tried(self.graph, self.most_vectors))
