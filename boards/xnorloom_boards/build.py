"""A network on a board: schedule, netlist, place and route, clock, bitstream, reports."""

import contextlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError, XnorloomError
from xnorloom.folding.fit import FitError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.arguments import integer
from xnorloom.support.lock import directory_lock
from xnorloom.support.staging import staged

from .board import Board
from .flow.budget import Room
from .flow.clock_search import Attempt, choose_clock, first_hz
from .flow.place_and_route import CrampedError, NoFitError, Route, pack, route
from .flow.synthesis import Design, Netlist, elaborate, synthesise
from .flow.tools import Jobs, Tool, find_all
from .report import page
from .report.values import build_values

__all__ = ["Build", "BuildError", "build"]

Progress = Callable[[str], object]

# Of bitstreams and constraints.
_SUFFIXES = {"ice40": ("bin", "pcf"), "ecp5": ("bit", "lpf")}
_MOST_FPS = 1e12
# How much faster than usual a clock may be wanted for it to be tried; some come out 20 % faster.
_HOPE = 1.25
# Schedules that are tried, where any may be taken, until one turns out to fit.
_TRIES = 4


class BuildError(XnorloomError):
    """A design that is too large for its board, or too slow."""


@dataclass(frozen=True, eq=False)
class Build:
    """What became of a network on a board.

    Parameters
    ----------
    graph, schedule, board
        What was built.
    design : Design
        As Amaranth made it, with its clock and serial port.
    netlist : Netlist
        As Yosys mapped it; its file is in the cache.
    route : Route
        The best of all seeds.
    bitstream : bytes
        For the board.
    values : dict
        The contents of ``build.json``.
    files : tuple of Path
        What was written, the bitstream first.
    """

    graph: Graph
    schedule: Schedule
    board: Board
    design: Design
    netlist: Netlist
    route: Route
    bitstream: bytes
    values: dict[str, Any]
    files: tuple[Path, ...]


def build(graph: Graph, board: Board, *, directory: str | os.PathLike[str],
          schedule: Schedule | None = None, interval: int | None = None,
          fps: float | None = None, seeds: Sequence[int] = (0,), scores: bool = False,
          progress: Progress | None = None) -> Build:
    """Build ``graph`` for ``board`` and write bitstream and reports into ``directory``.

    All files appear, or none. Steps that were done before are taken from the cache.

    Parameters
    ----------
    schedule : Schedule
        How to fold; ``None`` for the one that :func:`~xnorloom.folding.fit.fit` finds.
    interval : int
        Cycles per frame, at most; without it, ``schedule`` and ``fps``, the least that fits: where
        a design turns out larger than it was estimated, the next one is taken by itself.
    fps : float
        Frames per second that must be reached.
    seeds : sequence of int
        Starts of the placer; the fastest result is kept.
    scores : bool
        Whether the scores are sent with the class.
    progress : callable
        Called with a line on what is being done, from several threads.

    Raises
    ------
    FitError
        If no schedule is estimated to fit.
    BuildError
        If the design turns out too large or too slow; the message says what was needed, what there
        is, and what fits.
    ToolError
        If a program is missing or fails.
    """
    if schedule is not None and interval is not None:
        raise ValueError("build takes a schedule or an interval, not both")
    if fps is not None and not 0 < fps <= _MOST_FPS:
        raise ValueError(f"build fps must be above 0 and at most {_MOST_FPS:.0e}, not {fps!r}")
    seeds = tuple(dict.fromkeys(integer("Seed", seed, 0) for seed in seeds))
    if not seeds:
        raise ValueError("build must have at least one seed")
    family, say = board.device.family, progress or (lambda text: None)
    tools = find_all(family)
    room, tries = Room.usual(graph, board.device), 1
    if schedule is None:
        say("folding the network")
        if interval is None and fps is not None:
            schedule = _fast(room, board, fps)
        else:
            schedule, tries = room.schedule(interval), _TRIES if interval is None else 1
    schedule.bind(graph)
    with contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
        staging = stack.enter_context(staged(directory, _names(graph, board)))
        # Left in the order of their lines from below: programs end before those who wait for them.
        pool = stack.enter_context(ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)))
        jobs = stack.enter_context(Jobs(say))
        works = _Works(graph, board, scores, seeds, tools, jobs, pool, say)
        schedule, best, attempts = works.fitting(schedule, room, tries, fps or 0)
        if best is None:
            raise BuildError(_too_slow(graph, board, attempts))
        if fps is not None and best.design.hz < fps * schedule.bind(graph).interval:
            raise BuildError(_missed(graph, schedule, board, best, fps, room))
        say("packing the bitstream")
        bitstream = pack(best.route, family, tools["packing"], jobs)
        values = build_values(graph, schedule, board, best, attempts, tools, bitstream)
        names = _write(staging, graph, schedule, best, bitstream, values, board)
        # Held until all files have their names.
        last.enter_context(directory_lock(directory))
    directory = Path(directory)
    return Build(graph, schedule, board, best.design, best.netlist, best.route, bitstream, values,
                 tuple(directory / name for name in names))


def _fast(room: Room, board: Board, fps: float) -> Schedule:
    """The smallest schedule for ``fps`` at the usual clock, else the fastest one if it may do."""
    usual = first_hz(board)
    try:
        return room.schedule(max(1, int(usual / fps)))
    except FitError:
        schedule = room.schedule()
    interval = schedule.bind(room.graph).interval
    if fps * interval > _HOPE * usual:
        raise FitError(f"network {room.graph.name!r} does not reach {fps:,.0f} frames a second on "
                       f"board {board.name}: the least interval that fits is {interval:,} cycles, "
                       f"{usual / interval:,.0f} frames a second at the usual clock of "
                       f"{usual / 1e6:.4g} MHz")
    return schedule


@dataclass(frozen=True, eq=False)
class _Works:
    """All that it takes to try a schedule."""

    graph: Graph
    board: Board
    scores: bool
    seeds: tuple[int, ...]
    tools: dict[str, Tool]
    jobs: Jobs
    pool: ThreadPoolExecutor
    say: Callable[[str], object]

    def fitting(self, schedule: Schedule, room: Room, tries: int, fps: float
                ) -> tuple[Schedule, Attempt | None, list[Attempt]]:
        """The first of ``tries`` schedules that fits, ``schedule`` and slower ones, with its clock.

        Raises
        ------
        BuildError
            If none does.
        """
        while True:
            interval = schedule.bind(self.graph).interval
            try:
                return schedule, *choose_clock(self.board, partial(self._attempt, schedule),
                                               fps * interval)
            except NoFitError as error:
                needed = _needed(error)
                text = (f"network {self.graph.name!r} at an interval of {interval:,} cycles does "
                        f"not fit board {self.board.name} ({self.board.device.name}): {needed}")
                smaller = room.less(schedule, error)
                if smaller is None:
                    raise BuildError(text) from error
                try:
                    room, schedule = smaller, smaller.schedule()
                except FitError as fault:
                    raise BuildError(f"{text}; {fault}") from fault
                interval, tries = max(interval, schedule.bind(self.graph).interval), tries - 1
                if not tries:
                    raise BuildError(f"{text}; try --interval {interval}, which is estimated to "
                                     f"fit") from error
                self.say(f"{needed}; trying an interval of {interval:,} cycles")

    def _attempt(self, schedule: Schedule, hz: int) -> Attempt:
        """Synthesise and route at ``hz`` with all seeds."""
        family = self.board.device.family
        self.say(f"designing for {hz / 1e6:.4g} MHz")
        design = elaborate(self.graph, schedule, self.board, hz, scores=self.scores)
        netlist = synthesise(design, family, self.tools["synthesis"], self.jobs, self.say)

        def one(seed: int) -> Route | ToolError:
            try:
                return route(design, netlist, family, seed, self.tools["routing"], self.jobs,
                             self.say)
            except ToolError as error:
                return error

        results = list(self.pool.map(one, self.seeds))
        routes = [result for result in results if isinstance(result, Route)]
        if not routes:
            errors = [result for result in results if isinstance(result, ToolError)]
            raise next((error for error in errors if isinstance(error, NoFitError)), errors[0])
        routes.sort(key=lambda entry: -entry.fmax_hz)
        self.say(f"routed: {routes[0].fmax_hz / 1e6:.4g} MHz")
        return Attempt(design, netlist, routes[0], tuple(routes))


def _needed(error: NoFitError) -> str:
    """What a design needs and a chip does not have."""
    if isinstance(error, CrampedError):
        used, there = error.resources.get("logic_cells", (0, 0))
        return (f"its {used:,} of {there:,} logic cells cannot be placed and routed "
                f"({str(error).partition(',')[0]})")
    return "it needs " + " and ".join(
        f"{used:,} {name.replace('_', ' ')} where there are {there:,}"
        for name, (used, there) in error.resources.items() if used > there)


def _too_slow(graph: Graph, board: Board, attempts: Sequence[Attempt]) -> str:
    last = attempts[-1]
    return (f"network {graph.name!r} misses its clock on board {board.name}: it was built for "
            f"{last.design.hz / 1e6:.4g} MHz and reaches {last.route.fmax_hz / 1e6:.4g} MHz; try "
            f"more seeds, or a fold with register_every 1")


def _missed(graph: Graph, schedule: Schedule, board: Board, best: Attempt, fps: float,
            room: Room) -> str:
    interval, hz = schedule.bind(graph).interval, best.design.hz
    text = (f"network {graph.name!r} reaches {hz / interval:,.0f} frames a second on board "
            f"{board.name} ({hz / 1e6:.4g} MHz, {interval:,} cycles a frame), not {fps:,.0f}")
    needed = int(hz // fps)
    if needed < 1:
        return f"{text}; at this clock a frame in every cycle is {hz:,} a second"
    try:
        room.schedule(needed)
    except FitError as fault:
        return f"{text}; at this clock it would take an interval of {needed} cycles, but {fault}"
    return f"{text}; try --interval {needed}"


def _names(graph: Graph, board: Board) -> list[str]:
    """The files that a build writes: the bitstream first, the constraints fifth."""
    stem = f"{re.sub(r'[^A-Za-z0-9_.]+', '_', graph.name).strip('_.') or 'network'}-{board.name}"
    bitstream, constraints = _SUFFIXES[board.device.family]
    return [f"{stem}.{bitstream}", "build.json", "report.html", "schedule.json",
            f"{stem}.{constraints}", "synthesis.log", "routing.log"]


def _write(staging: Path, graph: Graph, schedule: Schedule, best: Attempt, bitstream: bytes,
           values: dict[str, Any], board: Board) -> list[str]:
    values["files"] = names = _names(graph, board)
    texts = {names[4]: best.design.constraints[1], "synthesis.log": best.netlist.log,
             "routing.log": best.route.log, "build.json": json.dumps(values, indent=2) + "\n",
             "report.html": page.page(values)}
    for file, text in texts.items():
        (staging / file).write_text(text, encoding="utf-8")
    (staging / names[0]).write_bytes(bitstream)
    schedule.save(staging / "schedule.json", graph)
    return names
