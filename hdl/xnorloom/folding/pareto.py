"""Pareto front of a network on a chip: speed, latency, cells and memories against each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, inf

from ..graph import Graph
from ..schedule import Schedule
from ..target.device import Device, find_device
from .fit import NoScheduleError, refusal
from .point import Point, point
from .search import Search
from .searches import Searches

__all__ = ["Front", "front"]

# Factor from one interval that is tried to the next.
_RATIO = 2 ** 0.5
# Intervals without a better point after which a search for several frames at once ends.
_IDLE = 2
# Parts of the latency, cells and block RAMs of a faster point that another one must stay below. The
# cells are within the error of the estimate otherwise.
_LATENCY, _CELLS, _BRAMS = 0.8, 0.85, 0.7


@dataclass(frozen=True)
class Front:
    """Points of a network on a chip, of which none is as good as another in all respects.

    Attributes
    ----------
    points : tuple of Point
        The points, from the fewest cycles per frame to the most.
    limit : str
        Reason why no schedule takes fewer cycles per frame than the first.
    """

    points: tuple[Point, ...]
    limit: str


def front(graph: Graph, device: Device | str, **options) -> Front:
    """Return the Pareto front of ``graph`` on ``device``.

    The points differ in cycles per frame, latency, cells, block RAMs and SPRAMs. For intervals in
    steps of a factor of 1.41 from the least one, and for each number of frames at once, they are
    the schedules with the fewest cells, with the fewest memories, and with the least share of the
    chip. A point is left out unless it has, compared with each faster one, 20 % less latency, 15 %
    fewer cells, 30 % fewer block RAMs, or fewer SPRAMs.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device or str
        The chip, or its name.
    **options
        ``share``, ``reserve_cells``, ``reserve_loader``, ``reserve``, ``register_every`` and
        ``most_vectors`` of :func:`~xnorloom.folding.fit.fit`.

    Raises
    ------
    NoScheduleError
        If no schedule fits.
    """
    device = find_device(device)
    searches = Searches(graph, **options)
    batches = [searches.of(device, sprams) for sprams in sorted({0, device.sprams})]
    leasts = [(batch.interval(least), least) for batch in batches if (least := batch.least())]
    if not leasts:
        raise NoScheduleError(refusal(searches, device, None))
    collected = _Collected(graph, device)
    collected.add(least.schedule for _, least in leasts)
    first = min(leasts)[0]
    for vectors in batches[0].vectors:
        for batch in batches:
            collected.search(batch.of(vectors), first)
    points = collected.best()
    return Front(points, searches.limit(device, points[0].interval,
                                          points[0].schedule.folds[0].vectors))


class _Collected:
    """Points of a network on a chip."""

    def __init__(self, graph: Graph, device: Device):
        self._graph, self._device = graph, device
        self._points: dict[Schedule, Point] = {}

    def search(self, search: Search, first: float) -> None:
        """Add the schedules of a search, from ``first`` cycles per frame on.

        Those of several frames at once are added while any is better than all before.
        """
        if search.vectors == 1 and (least := search.least()):
            self.add([least.schedule, *self._chosen(search, search.slowest)])
        interval, idle = first * search.frames, 0
        # One frame at once is the cheapest, down to the smallest networks.
        idles = _IDLE if search.vectors > 1 else inf
        while idle < idles and interval < _RATIO * search.slowest:
            found = self._chosen(search, ceil(interval))
            idle = 0 if self.add(found) or not found else idle + 1
            interval *= _RATIO

    def _chosen(self, search: Search, interval: int) -> list[Schedule]:
        found = search.chosen(interval, _fewest_cells, _fewest_memories, self._share)
        return [candidate.schedule for candidate in found]

    def add(self, schedules: Iterable[Schedule]) -> bool:
        """Add schedules; return True if one of them is better in anything than all before."""
        before, better = list(self._points.values()), False
        for schedule in dict.fromkeys(schedules):
            if schedule not in self._points:
                added = self._points[schedule] = point(self._graph, schedule, self._device)
                better |= not any(self._covers(other, added) for other in before)
        return better

    def best(self) -> tuple[Point, ...]:
        """Return the points that no other makes superfluous, from the fewest cycles per frame on.
        """
        kept: list[Point] = []
        for entry in sorted(self._points.values(), key=lambda point: (
                point.cycles_per_frame, point.cells, point.brams, point.sprams, point.latency)):
            if not any(self._covers(other, entry) for other in kept):
                kept.append(entry)
        return tuple(kept)

    @staticmethod
    def _covers(other: Point, point: Point) -> bool:
        """True if ``other`` makes ``point`` superfluous."""
        return (other.cycles_per_frame <= point.cycles_per_frame
                and _LATENCY * other.latency <= point.latency
                and _CELLS * other.cells <= point.cells
                and _BRAMS * other.brams <= point.brams
                and other.sprams <= point.sprams)

    def _share(self, brams: int, cells: int, sprams: int) -> tuple[float, int]:
        device = self._device
        return max(cells / device.logic_cells, brams / device.brams,
                   sprams / max(1, device.sprams)), cells


def _fewest_cells(brams: int, cells: int, sprams: int) -> tuple[int, ...]:
    return cells, brams, sprams


def _fewest_memories(brams: int, cells: int, sprams: int) -> tuple[int, ...]:
    return sprams, brams, cells
