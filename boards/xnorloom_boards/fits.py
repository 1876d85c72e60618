"""Estimate of a network on a board: the schedule that fits its chip, without synthesis."""

from dataclasses import dataclass

from xnorloom.folding.fit import NoScheduleError
from xnorloom.graph import Graph

from .board import Board
from .flow.budget import ResourceBudget
from .flow.clock_search import first_hz
from .link.sizes import check_graph

__all__ = ["Fit", "fit_on"]


@dataclass(frozen=True)
class Fit:
    """Estimate of a network on a board.

    Parameters
    ----------
    interval : float or None
        Least cycles per frame of the schedules that fit; ``None`` if none does.
    hz : int
        Usual clock of networks on the chip.
    frames_per_second : float or None
        Frames per second at that clock.
    reason : str
        Why none fits; empty if one does.
    """

    interval: float | None
    hz: int
    frames_per_second: float | None
    reason: str = ""


def fit_on(graph: Graph, board: Board) -> Fit:
    """Estimate ``graph`` on ``board``, by the schedule that a build begins with.

    Raises
    ------
    BuildError
        If the frames of the network are too large for the serial link of any board.
    """
    check_graph(graph, False)
    hz = first_hz(board)
    try:
        plan = ResourceBudget(graph, board.device).schedule().bind(graph)
    except NoScheduleError as error:
        return Fit(None, hz, None, str(error))
    return Fit(plan.cycles_per_frame, hz, plan.frames_per_second(hz))
