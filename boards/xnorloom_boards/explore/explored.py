"""Pareto front of a network on a board, with names for its points and a clock."""

from dataclasses import dataclass
from typing import Any

from xnorloom.folding.point import Point
from xnorloom.graph import Graph
from xnorloom.schedule.fold import USUAL_VECTORS

from ..board import Board, find
from ..flow.budget import ResourceBudget
from ..flow.clock_search import first_hz
from ..link.sizes import check_graph
from ..preview import design_resources, point_values

__all__ = ["Explored", "Named", "explore", "explored_values", "step_up"]

# Least factor of the cycles per frame of the next faster point.
_STEP = 0.5


@dataclass(frozen=True)
class Named:
    """Point with its name, such as ``icebreaker-03``, and the resources of the whole design.

    Attributes
    ----------
    name : str
        Name of the board, and number from 1 on, the fastest first.
    point : Point
        The point.
    resources : dict of str to (int, int)
        Estimated and available number of each resource of the chip, with serial port, link and
        clock.
    """

    name: str
    point: Point
    resources: dict[str, tuple[int, int]]

    def used(self, kind: str) -> int:
        """Return the number of a resource, 0 for one that the chip lacks."""
        return self.resources.get(kind, (0, 0))[0]


@dataclass(frozen=True)
class Explored:
    """Pareto front of a network on a board.

    Attributes
    ----------
    board : str
        Name of the board.
    hz : int
        Usual clock of its chip, from which frames per second and times are estimated.
    points : tuple of Named
        The points, the fastest first.
    limit : str
        Reason why no schedule takes fewer cycles per frame than the first.
    """

    board: str
    hz: int
    points: tuple[Named, ...]
    limit: str

    def frames_per_second(self, point: Point) -> float:
        """Return the estimated frames per second of ``point``."""
        return self.hz / point.cycles_per_frame


def explore(graph: Graph, board: Board | str, most_vectors: int = USUAL_VECTORS) -> Explored:
    """Estimate the Pareto front of ``graph`` on ``board``, in seconds.

    Raises
    ------
    NoScheduleError
        If no schedule fits.
    BuildError
        If the frames are too large for the serial link.
    BoardError
        If there is no such board.
    """
    chosen = find(board) if isinstance(board, str) else board
    check_graph(graph, False)
    budget = ResourceBudget(graph, chosen.device, most_vectors=most_vectors)
    found = budget.front()
    points = tuple(
        Named(f"{chosen.name}-{number:02}", point,
              design_resources(point, budget.others(point.loaded), chosen))
        for number, point in enumerate(found.points, 1))
    return Explored(chosen.name, first_hz(chosen), points, found.limit)


def step_up(explored: Explored, named: Named) -> Named | None:
    """Return the next faster point with the least growth of a resource, as a part of the chip's.

    It takes at least half the cycles per frame, unless all faster ones take fewer. ``None`` for the
    fastest.
    """
    cycles = named.point.cycles_per_frame
    faster = [other for other in explored.points if other.point.cycles_per_frame < cycles]
    if not faster:
        return None

    def growth(other: Named) -> float:
        return max((other.used(kind) - used) / there
                   for kind, (used, there) in named.resources.items())

    near = [other for other in faster if other.point.cycles_per_frame >= _STEP * cycles]
    return min(near or faster[-1:], key=growth)


def explored_values(graph: Graph, explored: Explored) -> dict[str, Any]:
    """Return a front as JSON values, an entry of ``boards`` in ``explore.json``."""
    board = find(explored.board)

    def values(named: Named) -> dict[str, Any]:
        up = step_up(explored, named)
        return {
            "name": named.name, **point_values(named.point, named.resources, explored.hz),
            "faster": None if up is None else up.name,
            "schedule": named.point.schedule.as_json(graph), "routed": None}

    return {"board": board.name, "title": board.title, "device": board.device.name,
            "clock": {"hz": explored.hz, "estimated": True}, "limit": explored.limit,
            "points": [values(named) for named in explored.points]}
