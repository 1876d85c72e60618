"""Search for a schedule that fits a board: build one, and a slower one if it does not fit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil

from xnorloom.errors import ToolError
from xnorloom.folding.fit import NoScheduleError
from xnorloom.graph import Graph
from xnorloom.schedule import Plan, Schedule
from xnorloom.support.process import Jobs, Tool
from xnorloom.support.text import count

from ..board import Board
from ..errors import BuildError
from .budget import ResourceBudget
from .clock_search import HOPE, Attempt, choose_clock, first_hz, most_hz
from .place_and_route import CongestionError, ResourceOverflowError, Route, route
from .spreading import spreading
from .synthesis import elaborate, synthesise

__all__ = ["Found", "ScheduleSearch", "fastest_schedule", "first_schedule"]


def first_schedule(budget: ResourceBudget, board: Board, interval: int | None,
                   fps: float | None) -> Schedule:
    """Find the schedule that a build tries first, for an interval, a rate, or the most frames.

    Raises
    ------
    NoScheduleError
        If none fits, or none reaches the interval or the rate.
    """
    if interval is not None or fps is None:
        return budget.schedule(interval)
    return fastest_schedule(budget, board, fps)


def fastest_schedule(budget: ResourceBudget, board: Board, fps: float) -> Schedule:
    """Find the smallest schedule that gives ``fps`` at the typical clock, else the fastest one.

    Raises
    ------
    NoScheduleError
        If no schedule fits, or the fastest one needs a clock that no network reaches on the chip.
    """
    typical = first_hz(board)
    try:
        return budget.schedule(max(1, int(typical / fps)))
    except NoScheduleError:
        schedule = budget.schedule()
    plan = schedule.bind(budget.graph)
    interval = ceil(plan.cycles_per_frame)
    if fps > plan.frames_per_second(most_hz(board)):
        raise NoScheduleError(
            f"network {budget.graph.name!r} does not reach {fps:,.0f} frames a second on board "
            f"{board.name}: the least interval that fits is {interval:,} cycles, "
            f"{plan.frames_per_second(typical):,.0f} frames a second at the usual clock of "
            f"{typical / 1e6:.4g} MHz")
    return schedule


@dataclass(frozen=True, eq=False)
class Found:
    """Plan that fits its board, and its clock.

    Parameters
    ----------
    plan : Plan
        The network under its schedule.
    budget : ResourceBudget
        Resources within which it was found.
    best : Attempt or None
        Its fastest attempt that meets its clock.
    attempts : list of Attempt
        All its attempts.
    """

    plan: Plan
    budget: ResourceBudget
    best: Attempt | None
    attempts: list[Attempt]

    @property
    def fps(self) -> float:
        """Frames per second, 0 if no clock is met."""
        return 0 if self.best is None else self.best.design.hz / self.plan.cycles_per_frame

    @property
    def hz(self) -> float:
        """Fastest clock that is met, or the fastest Fmax if none is."""
        return (max(entry.route.fmax_hz for entry in self.attempts) if self.best is None
                else self.best.design.hz)


@dataclass(frozen=True, eq=False)
class ScheduleSearch:
    """Builds schedules of a network until one fits its board.

    Parameters
    ----------
    graph : Graph
        The network.
    board : Board
        The board.
    scores : bool
        True if the scores are sent with the class.
    seeds : tuple of int
        Seeds of the placer.
    clocks : int
        Clocks of a schedule after which one that is met is fast enough.
    tools : dict of str to Tool
        Programs by step; see :func:`~xnorloom_boards.flow.tools.find_all`.
    jobs : Jobs
        Runs the programs.
    pool : ThreadPoolExecutor
        Threads for the seeds.
    progress : callable
        Called with a line of progress.
    """

    graph: Graph
    board: Board
    scores: bool
    seeds: tuple[int, ...]
    clocks: int
    tools: dict[str, Tool]
    jobs: Jobs
    pool: ThreadPoolExecutor
    progress: Callable[[str], object]

    def run(self, schedule: Schedule, budget: ResourceBudget, tries: int, fps: float
            ) -> Found:
        """Build ``schedule`` and, while that does not fit, slower ones; ``tries`` in all.

        The clock is to give ``fps`` frames per second, if it can.

        Raises
        ------
        BuildError
            If none fits.
        """
        while True:
            plan = schedule.bind(self.graph)
            cycles = plan.cycles_per_frame
            try:
                return Found(plan, budget, *choose_clock(
                    self.board, partial(self._attempt, schedule), fps * cycles, self.progress,
                    self.clocks))
            except ResourceOverflowError as error:
                needed = _needed(error)
                text = (f"network {self.graph.name!r} at an interval of {_interval(plan)} does "
                        f"not fit board {self.board.name} ({self.board.device.name}): {needed}")
                less = budget.less(schedule, error)
                if less is None:
                    raise BuildError(text) from error
                try:
                    budget, schedule = less, less.schedule()
                except NoScheduleError as fault:
                    raise BuildError(f"{text}; {fault}") from fault
                plan, tries = schedule.bind(self.graph), tries - 1
                if not tries:
                    wanted = ceil(max(cycles, plan.cycles_per_frame))
                    raise BuildError(f"{text}; try --interval {wanted}, which is estimated to "
                                     f"fit") from error
                self.progress(f"{needed}; trying an interval of {_interval(plan)}")

    def faster(self, found: Found, fps: float) -> Found:
        """Build faster schedules than that of ``found`` until ``fps`` is reached, or none is left.

        Returns the fastest of all.
        """
        while found.fps < fps:
            try:
                schedule = found.budget.schedule(max(1, int(found.hz // fps)))
            except NoScheduleError:
                # The clock of another schedule may be a little faster.
                schedule = found.budget.schedule()
            plan = schedule.bind(self.graph)
            cycles = plan.cycles_per_frame
            if cycles >= found.plan.cycles_per_frame or fps * cycles > found.hz / HOPE:
                return found
            self.progress(f"{fps:,.0f} frames a second missed at {found.hz / 1e6:.4g} MHz; trying "
                          f"an interval of {_interval(plan)}")
            try:
                other = self.run(schedule, found.budget, 1, fps)
            except BuildError:
                return found
            if other.fps <= found.fps:
                return found
            found = other
        return found

    def _attempt(self, schedule: Schedule, hz: int) -> Attempt:
        """Synthesise for ``hz`` and route with every seed."""
        device = self.board.device
        self.progress(f"designing for {hz / 1e6:.4g} MHz")
        design = elaborate(self.graph, schedule, self.board, hz, scores=self.scores)
        netlist = synthesise(design, device.family, self.tools["synthesis"], self.jobs,
                             self.progress)
        options = spreading(netlist, device) if self.board.spread else []

        def one(seed: int) -> Route | ToolError:
            try:
                return route(design, netlist, device.family, seed, self.tools["routing"],
                             self.jobs, self.progress, options)
            except ToolError as error:
                return error

        results = list(self.pool.map(one, self.seeds))
        routes = [result for result in results if isinstance(result, Route)]
        if not routes:
            errors = [result for result in results if isinstance(result, ToolError)]
            raise next((error for error in errors if isinstance(error, ResourceOverflowError)),
                       errors[0])
        routes.sort(key=lambda entry: -entry.fmax_hz)
        return Attempt(design, netlist, routes[0], tuple(routes))


def _interval(plan: Plan) -> str:
    """Interval of a plan, with the frames that share it."""
    frames = f" for {plan.vectors} frames" if plan.vectors > 1 else ""
    return f"{count(plan.interval, 'cycle')}{frames}"


def _needed(error: ResourceOverflowError) -> str:
    """Resources that a design needs and a chip lacks."""
    if isinstance(error, CongestionError):
        used, available = error.resources.get("logic_cells", (0, 0))
        return (f"its {used:,} of {available:,} logic cells cannot be placed and routed "
                f"({str(error).partition(',')[0]})")
    return "it needs " + " and ".join(
        f"{used:,} {name.replace('_', ' ')} where there are {available:,}"
        for name, (used, available) in error.resources.items() if used > available)
