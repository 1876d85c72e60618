"""Next faster and next smaller schedule, and what keeps a network from being faster."""

from dataclasses import dataclass

from ..graph import Graph
from ..schedule import Schedule
from ..target.device import Device, find_device
from .point import Point, point
from .searches import Searches

__all__ = ["Steps", "steps"]

# Factor of the cycles per frame of a step.
_RATIO = 2 ** 0.5
# Steps down that are tried for one that needs fewer cells.
_TRIES = 4


@dataclass(frozen=True)
class Steps:
    """Point of a network on a chip, and its neighbours.

    Attributes
    ----------
    here : Point
        The point.
    faster : Point or None
        Schedule with the fewest cells of those that take 1.41 times fewer cycles per frame or,
        where none fits, the fastest one; ``None`` if it is no faster.
    slower : Point or None
        Schedule with the fewest cells of those that take up to 1.41, 2, 2.83 or 4 times more
        cycles per frame, the first that needs fewer cells; ``None`` if none does.
    limit : str
        Reason why nothing faster fits, if ``faster`` is ``None``; empty otherwise.
    """

    here: Point
    faster: Point | None
    slower: Point | None
    limit: str


def steps(graph: Graph, device: Device | str, schedule: Schedule, **options) -> Steps:
    """Return the point of ``schedule`` on ``device``, and its neighbours.

    ``options`` are those of :func:`~xnorloom.folding.pareto.front`.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """
    device = find_device(device)
    searches, here = Searches(graph, **options), point(graph, schedule, device)
    cycles = here.cycles_per_frame
    found = searches.best(device, cycles / _RATIO) or searches.least(device)
    faster = None if found is None else point(graph, found.schedule, device)
    if faster is not None and faster.cycles_per_frame >= cycles:
        faster = None
    slower = None
    for power in range(1, _TRIES + 1):
        found = searches.best(device, cycles * _RATIO ** power)
        if found is not None and found.cells < here.cells:
            slower = point(graph, found.schedule, device)
            break
    limit = "" if faster else searches.limit(device, here.interval,
                                                     schedule.folds[0].vectors)
    return Steps(here, faster, slower, limit)
