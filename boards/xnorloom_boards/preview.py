"""Estimate of a build: its schedule, speed and resources, without synthesis."""

from dataclasses import dataclass
from typing import Any

from xnorloom.folding.estimate import LayerCost, estimate
from xnorloom.folding.point import Point
from xnorloom.folding.steps import Steps
from xnorloom.folding.summary import schedule_values
from xnorloom.graph import Graph
from xnorloom.schedule import Plan, Schedule
from xnorloom.schedule.fold import USUAL_VECTORS

from .board import Board
from .expected_time import expected_seconds
from .flow.budget import ResourceBudget
from .flow.clock_search import first_hz
from .flow.schedule_search import first_schedule
from .link.sizes import check_graph

__all__ = ["Preview", "design_resources", "point_values", "preview", "preview_values"]


@dataclass(frozen=True, eq=False)
class Preview:
    """Estimate of a network on a board.

    Attributes
    ----------
    board : Board
        The board.
    plan : Plan
        The network under the schedule that a build would try first.
    hz : int
        Usual clock of the chip, for which a build would be made first.
    costs : list of LayerCost
        Resources of each layer and of the argmax.
    others : (int, int)
        Cells and block RAMs of serial port, link and clock.
    steps : Steps
        The next faster and the next smaller schedule.
    seconds : (int, int)
        Time of the build on an idle machine, at least and at most.
    """

    board: Board
    plan: Plan
    hz: int
    costs: list[LayerCost]
    others: tuple[int, int]
    steps: Steps
    seconds: tuple[int, int]

    @property
    def resources(self) -> dict[str, tuple[int, int]]:
        """Estimated and available number of each resource of the chip, for the whole design."""
        return design_resources(self.steps.here, self.others, self.board)

    @property
    def fits(self) -> bool:
        """True if the chip has all resources."""
        return all(used <= there for used, there in self.resources.values())


def preview(graph: Graph, board: Board, *, schedule: Schedule | None = None,
            interval: int | None = None, most_vectors: int = USUAL_VECTORS,
            fps: float | None = None, seeds: int = 1) -> Preview:
    """Estimate what :func:`~xnorloom_boards.build.build` would try first. Writes nothing.

    Parameters are those of a build, but for the number of ``seeds``.

    Raises
    ------
    NoScheduleError
        If no schedule is estimated to fit.
    BuildError
        If the frames are too large for the serial link.
    """
    check_graph(graph, False)
    budget = ResourceBudget(graph, board.device, most_vectors=most_vectors, link=board.link)
    if schedule is None:
        schedule = first_schedule(budget, board, interval, fps)
    plan, steps = schedule.bind(graph), budget.steps(schedule)
    return Preview(board, plan, first_hz(board), estimate(plan, board.device),
                   budget.others(steps.here.loaded), steps, expected_seconds(plan, board, seeds))


def design_resources(point: Point, others: tuple[int, int],
                     board: Board) -> dict[str, tuple[int, int]]:
    """Return the estimated and the available number of each resource, for a whole design."""
    device = board.device
    found = {"logic_cells": (point.cells + others[0], device.logic_cells),
             "brams": (point.brams + others[1], device.brams),
             "sprams": (point.sprams, device.sprams), "dsps": (point.dsps, device.dsps)}
    return {kind: pair for kind, pair in found.items() if pair[1]}


def point_values(point: Point, resources: dict[str, tuple[int, int]], hz: int) -> dict[str, Any]:
    """Return speed and resources of a point as JSON values; the clock ``hz`` is an estimate."""
    return {
        "interval_cycles": point.interval, "frames_per_interval": point.vectors,
        "cycles_per_frame": point.cycles_per_frame, "latency_cycles": point.latency,
        "latency_seconds": point.latency / hz, "frames_per_second": hz / point.cycles_per_frame,
        "slowest": list(point.slowest) or ["input"],
        "resources": {kind: {"used": used, "available": there}
                      for kind, (used, there) in resources.items()}}


def preview_values(found: Preview) -> dict[str, Any]:
    """Return a preview as JSON values, those of ``build --dry-run --json``."""
    graph, board, steps = found.plan.graph, found.board, found.steps

    def neighbour(point: Point | None) -> dict[str, Any] | None:
        if point is None:
            return None
        return {**point_values(point, design_resources(point, found.others, board), found.hz),
                "schedule": point.schedule.as_json(graph)}

    return {
        "dry_run": True,
        "model": {"name": graph.name, "digest": graph.digest},
        "board": {"name": board.name, "title": board.title, "device": board.device.name},
        "clock": {"hz": found.hz, "estimated": True},
        "fits": found.fits,
        **point_values(steps.here, found.resources, found.hz),
        "layers": [{"name": cost.name, "cells": cost.cells, "weight_brams": cost.weight_brams,
                    "buffer_brams": cost.buffer_brams, "value_brams": cost.value_brams,
                    "sprams": cost.sprams} for cost in found.costs],
        "others": {"cells": found.others[0], "brams": found.others[1]},
        "schedule": schedule_values(found.plan),
        "faster": neighbour(steps.faster), "slower": neighbour(steps.slower),
        "limit": steps.limit,
        "build_seconds": {"least": found.seconds[0], "most": found.seconds[1]}}
