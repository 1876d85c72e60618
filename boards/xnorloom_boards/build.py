"""A network on a board: schedule, netlist, place and route, clock, bitstream, reports."""

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.checks import integer
from xnorloom.commands.staging import staged
from xnorloom.errors import ToolError, XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.timing import timing

from . import html
from .board import Board
from .buildreport import build_values
from .clocking import Attempt, choose_clock, first_hz
from .device import Device
from .estimate import estimate, rams
from .fit import FitError, fit
from .routing import NoFitError, Route, pack, route
from .synthesis import Design, Netlist, elaborate, synthesise
from .tools import Jobs, Tool, find_all

__all__ = ["Build", "BuildError", "build", "link_brams"]

Progress = Callable[[str], object]

_SUFFIXES = {"ice40": "bin", "ecp5": "bit"}
# Share of the cells of a chip that all may take by the estimate; beyond it the router finds no way,
# or a long one, and the estimate is off by some percent.
_SHARE = 0.96
_MOST = 0.9
# What serial port, link and clock take, as measured on both families.
_LINK_CELLS = 450


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


def link_brams(graph: Graph, family: str) -> int:
    """Block RAMs for the frame that the link keeps, however it may be cut into words."""
    return rams(-(-graph.input.size * graph.input.bits // 4), 8, family)


def _share(device: Device) -> float:
    """Share of the cells that a network may take."""
    return max(0.01, min(_MOST, _SHARE - _LINK_CELLS / device.logic_cells))


def build(graph: Graph, board: Board, *, directory: str | os.PathLike[str],
          schedule: Schedule | None = None, interval: int | None = None,
          fps: float | None = None, seeds: Sequence[int] = (0,), scores: bool = False,
          progress: Progress | None = None) -> Build:
    """Build ``graph`` for ``board`` and write bitstream and reports into ``directory``.

    All files appear, or none. Steps that were done before are taken from the cache.

    Parameters
    ----------
    schedule : Schedule
        How to fold; ``None`` for the one that :func:`~xnorloom_boards.fit.fit` finds.
    interval : int
        Cycles per frame, at most; without it and ``schedule``, the least that fits.
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
    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f"build fps must be above 0, not {fps!r}")
    seeds = tuple(dict.fromkeys(integer("Seed", seed, 0) for seed in seeds))
    if not seeds:
        raise ValueError("build must have at least one seed")
    family, say = board.device.family, progress or (lambda text: None)
    tools = find_all(family)
    if schedule is None:
        say("folding the network")
        if interval is None and fps is not None:
            interval = max(1, int(first_hz(board) / fps))
        schedule = fit(graph, board.device, interval=interval, share=_share(board.device),
                       reserve=link_brams(graph, family))
    schedule.check(graph)
    with contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
        staging = stack.enter_context(staged(directory))
        # Left in the order of their lines from below: programs end before those who wait for them.
        pool = stack.enter_context(ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)))
        jobs = stack.enter_context(Jobs(say))
        works = _Works(graph, schedule, board, scores, seeds, tools, jobs, pool, say)
        best, attempts = choose_clock(board, works.attempt)
        if best is None:
            raise BuildError(_too_slow(graph, board, attempts))
        if fps is not None and best.design.hz < fps * timing(graph, schedule).interval:
            raise BuildError(_missed(graph, schedule, board, best, fps))
        say("packing the bitstream")
        bitstream = pack(best.route, family, tools["packing"], jobs)
        values = build_values(graph, schedule, board, best, attempts, tools, bitstream)
        names = _write(staging, graph, schedule, best, bitstream, values, board)
        # Held until all files have their names.
        last.enter_context(_alone(Path(directory)))
    directory = Path(directory)
    return Build(graph, schedule, board, best.design, best.netlist, best.route, bitstream, values,
                 tuple(directory / name for name in names))


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Wait until no other process is in this context with the same directory."""
    try:
        import fcntl
    except ModuleNotFoundError:
        # Windows has none; there the files of two builds at once may come from either.
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True, eq=False)
class _Works:
    """All that an attempt at a clock needs."""

    graph: Graph
    schedule: Schedule
    board: Board
    scores: bool
    seeds: tuple[int, ...]
    tools: dict[str, Tool]
    jobs: Jobs
    pool: ThreadPoolExecutor
    say: Callable[[str], object]

    def attempt(self, hz: int) -> Attempt:
        """Synthesise and route at ``hz`` with all seeds."""
        family = self.board.device.family
        self.say(f"designing for {hz / 1e6:.4g} MHz")
        design = elaborate(self.graph, self.schedule, self.board, hz, scores=self.scores)
        netlist = synthesise(design, family, self.tools["synthesis"], self.jobs, self.say)

        def one(seed: int) -> Route | ToolError:
            try:
                return route(design, netlist, family, seed, self.tools["routing"], self.jobs,
                             self.say)
            except ToolError as error:
                return error

        results = list(self.pool.map(one, self.seeds))
        for result in results:
            if isinstance(result, NoFitError):
                raise BuildError(self._too_large(result)) from result
        routes = [result for result in results if isinstance(result, Route)]
        if not routes:
            [error, *_] = [result for result in results if isinstance(result, ToolError)]
            raise error
        routes.sort(key=lambda entry: -entry.fmax_hz)
        self.say(f"routed: {routes[0].fmax_hz / 1e6:.4g} MHz")
        return Attempt(design, netlist, routes[0], tuple(routes))

    def _too_large(self, error: NoFitError) -> str:
        over = {name: (used, there) for name, (used, there) in error.resources.items()
                if used > there}
        needed = " and ".join(f"{used:,} {name.replace('_', ' ')} where there are {there:,}"
                              for name, (used, there) in over.items())
        device = self.board.device
        interval = timing(self.graph, self.schedule).interval
        text = (f"network {self.graph.name!r} at an interval of {interval:,} cycles does not fit "
                f"board {self.board.name} ({device.name}): it needs {needed}")
        used, there = error.resources.get("logic_cells", (0, 1))
        share = _share(device)
        if used > there:
            # As far as the estimate was off here it will be off for the next one.
            guessed = sum(cost.cells for cost in estimate(self.graph, self.schedule, device.family))
            share = min(share, 0.95 * guessed / used)
        try:
            nearest = fit(self.graph, device, share=share,
                          reserve=link_brams(self.graph, device.family))
        except FitError as fault:
            return f"{text}; {fault}"
        found = max(interval, timing(self.graph, nearest).interval)
        return f"{text}; try --interval {found}, which is estimated to fit"


def _too_slow(graph: Graph, board: Board, attempts: Sequence[Attempt]) -> str:
    last = attempts[-1]
    return (f"network {graph.name!r} misses its clock on board {board.name}: it was built for "
            f"{last.design.hz / 1e6:.4g} MHz and reaches {last.route.fmax_hz / 1e6:.4g} MHz; try "
            f"more seeds, or a fold with register_every 1")


def _missed(graph: Graph, schedule: Schedule, board: Board, best: Attempt, fps: float) -> str:
    interval, hz = timing(graph, schedule).interval, best.design.hz
    text = (f"network {graph.name!r} reaches {hz / interval:,.0f} frames a second on board "
            f"{board.name} ({hz / 1e6:.4g} MHz, {interval:,} cycles a frame), not {fps:,.0f}")
    needed = int(hz // fps)
    try:
        fit(graph, board.device, interval=max(1, needed), share=_share(board.device),
            reserve=link_brams(graph, board.device.family))
    except FitError as fault:
        return f"{text}; at this clock it would take an interval of {needed} cycles, but {fault}"
    return f"{text}; try --interval {needed}"


def _write(staging: Path, graph: Graph, schedule: Schedule, best: Attempt, bitstream: bytes,
           values: dict[str, Any], board: Board) -> list[str]:
    stem = f"{re.sub(r'[^A-Za-z0-9_.]+', '_', graph.name).strip('_.') or 'network'}-{board.name}"
    name = f"{stem}.{_SUFFIXES[board.device.family]}"
    constraints, content = best.design.constraints
    values["files"] = [name, "build.json", "report.html", "schedule.json",
                       f"{stem}{Path(constraints).suffix}", "synthesis.log", "routing.log"]
    values["digests"]["bitstream"] = hashlib.sha256(bitstream).hexdigest()
    (staging / name).write_bytes(bitstream)
    (staging / "build.json").write_text(json.dumps(values, indent=2) + "\n")
    (staging / "report.html").write_text(html.page(values))
    schedule.save(staging / "schedule.json", graph)
    (staging / f"{stem}{Path(constraints).suffix}").write_text(content)
    (staging / "synthesis.log").write_text(best.netlist.log)
    (staging / "routing.log").write_text(best.route.log)
    return values["files"]
