# amaranth: UnusedElaboratable=no
"""Build of a network for a board: schedule, netlist, place and route, clock, bitstream, reports."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.export.names import file_stem
from xnorloom.folding.fit import NoScheduleError
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Plan, Schedule
from xnorloom.schedule.fold import USUAL_VECTORS
from xnorloom.support.arguments import integer
from xnorloom.support.lock import directory_lock
from xnorloom.support.process import Jobs
from xnorloom.support.staging import staged

from .board import Board
from .errors import BuildError
from .expected_time import expected_seconds, expected_text
from .flow.budget import ResourceBudget
from .flow.clock_search import MOST_CLOCKS, Attempt
from .flow.place_and_route import Route, pack
from .flow.schedule_search import Found, ScheduleSearch, first_schedule
from .flow.synthesis import Design, Netlist
from .flow.tools import find_all
from .link.sizes import check_graph
from .report import page
from .report.estimated import renamed
from .report.floorplan import Floorplan
from .report.values import build_values
from .step_times import StepTimes

__all__ = ["Build", "build"]

Progress = Callable[[str], object]

_MOST_FPS = 1e12
# Schedules to try if any interval will do.
_TRIES = 4


@dataclass(frozen=True, eq=False)
class Build:
    """Network built for a board.

    Parameters
    ----------
    graph : Graph
        The network.
    schedule : Schedule
        Its schedule.
    board : Board
        The board.
    design : Design
        Elaborated design, with its clock and serial port.
    netlist : Netlist
        Design after synthesis; its file is in the cache.
    route : Route
        Fastest result of all seeds.
    bitstream : bytes
        Bitstream for the board.
    values : dict
        Contents of ``build.json``.
    files : tuple of Path
        Files written, the bitstream first.
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
          most_vectors: int = USUAL_VECTORS, fps: float | None = None,
          seeds: Sequence[int] = (0,), clocks: int = MOST_CLOCKS, scores: bool = False,
          progress: Progress | None = None) -> Build:
    """Build ``graph`` for ``board`` and write bitstream and reports into ``directory``.

    All files appear, or none. Steps whose results are in the cache are not repeated.

    Parameters
    ----------
    graph : Graph
        The network.
    board : Board
        The board.
    directory : path
        Output directory, made if missing.
    schedule : Schedule or None
        How to fold; ``None`` for the schedule that :func:`~xnorloom.folding.fit.fit` finds.
    interval : int or None
        Cycles per frame, at most. Without ``interval``, ``schedule`` and ``fps`` it is the least
        that fits; a design that turns out larger than its estimate is followed by a slower one.
    most_vectors : int
        Most frames at once, unless ``schedule`` is given. Latency is least with 1.
    fps : float or None
        Frames per second that must be reached. If the clock turns out too slow, a faster schedule
        follows, unless ``schedule`` is given.
    seeds : sequence of int
        Seeds of the placer; the fastest result is kept.
    clocks : int
        Clocks to try, 1 to 8: as soon as one is met after so many, no faster one is tried.
    scores : bool
        True if the scores are sent with the class.
    progress : callable or None
        Called with lines of progress, from several threads.

    Raises
    ------
    NoScheduleError
        If no schedule is estimated to fit.
    BuildError
        If the design turns out too large or too slow, or its frames are too large for the serial
        link. The message says what it needs, what the board has, and what fits.
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
    clocks = integer("build clocks", clocks, 1, MOST_CLOCKS)
    check_graph(graph, scores)
    family, say = board.device.family, StepTimes(progress)
    tools = find_all(family)
    budget, tries = ResourceBudget(graph, board.device, most_vectors=most_vectors,
                                   link=board.link), 1
    fixed, first = schedule is not None, schedule
    if first is None:
        say("folding the network")
        first = first_schedule(budget, board, interval, fps)
        tries = 1 if interval is not None else _TRIES
    plan = first.bind(graph)
    if progress is not None:
        # It is no step that takes time.
        text = expected_text(expected_seconds(plan, board, len(seeds)))
        progress(f"expecting {text} on an idle machine, less with steps in the cache")
    with contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
        staging = stack.enter_context(staged(directory, _names(graph, board)))
        # Left in reverse order: programs end before the threads that wait for them.
        pool = stack.enter_context(ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)))
        jobs = stack.enter_context(Jobs(say))
        search = ScheduleSearch(graph, board, scores, seeds, clocks, tools, jobs, pool, say)
        found = search.run(first, budget, tries, fps or 0)
        if fps is not None and not fixed:
            found = search.faster(found, fps)
        schedule, best, attempts = found.plan.schedule, found.best, found.attempts
        if best is None:
            raise BuildError(_too_slow(graph, board, found))
        if fps is not None and found.fps < fps:
            raise BuildError(_missed(graph, board, found, fps, fixed))
        say("packing the bitstream")
        bitstream = pack(best.route, family, tools["packing"], jobs)
        values = build_values(graph, schedule, board, best, attempts, tools, bitstream,
                              found.budget)
        values |= say.values()
        names = _write(staging, graph, schedule, best, bitstream, values, board)
        # Held until all files have their names.
        last.enter_context(directory_lock(directory))
    directory = Path(directory)
    return Build(graph, schedule, board, best.design, best.netlist, best.route, bitstream, values,
                 tuple(directory / name for name in names))


def _too_slow(graph: Graph, board: Board, found: Found) -> str:
    last = found.attempts[-1]
    line = last.route.line_fmax_hz
    if line is not None and line < last.design.baud:
        return (f"network {graph.name!r} misses the clock of SPI on board {board.name}: it is "
                f"{last.design.baud / 1e6:.4g} MHz and reaches {line / 1e6:.4g} MHz; "
                f"build with a lower --baud")
    text = (f"network {graph.name!r} misses its clock on board {board.name}: it was built for "
            f"{last.design.hz / 1e6:.4g} MHz and reaches {last.route.fmax_hz / 1e6:.4g} MHz; try "
            f"more seeds")
    # A register after each adder of the popcounts is the most that there can be.
    most = all(fold.register_every == 1 for fold in found.plan.schedule.folds)
    return text if most else f"{text}, or a fold with register_every 1"


def _missed(graph: Graph, board: Board, found: Found, fps: float, fixed: bool) -> str:
    hz = round(found.hz)
    text = (f"network {graph.name!r} reaches {found.fps:,.0f} frames a second on board "
            f"{board.name} ({hz / 1e6:.4g} MHz, {_interval(found)}), not {fps:,.0f}")
    needed = int(hz // fps)
    if needed < 1:
        return f"{text}; at this clock a frame in every cycle is {hz:,} a second"
    try:
        found.budget.schedule(needed)
    except NoScheduleError as fault:
        return f"{text}; at this clock it would take an interval of {needed} cycles, but {fault}"
    # A schedule that was not given was followed by faster ones already.
    return f"{text}; try --interval {needed}" if fixed else f"{text}; try more seeds"


def _interval(found: Found) -> str:
    plan = found.plan
    frames = "a frame" if plan.vectors == 1 else f"per {plan.vectors} frames"
    return f"{plan.interval:,} cycles {frames}"


def _names(graph: Graph, board: Board) -> list[str]:
    """Names of the files of a build: the bitstream first, the constraints fifth."""
    stem, family = f"{file_stem(graph)}-{board.name}", board.device.family
    return [f"{stem}.{family.bitstream_suffix}", "build.json", "report.html", "schedule.json",
            f"{stem}.{family.constraints_suffix}", "synthesis.log", "routing.log"]


def _write(staging: Path, graph: Graph, schedule: Schedule, best: Attempt, bitstream: bytes,
           values: dict[str, Any], board: Board) -> list[str]:
    values["files"] = names = _names(graph, board)
    texts = {names[4]: best.design.constraints[1], "synthesis.log": best.netlist.log,
             "routing.log": best.route.log, "build.json": json.dumps(values, indent=2) + "\n",
             "report.html": page.page(values, _places(schedule.bind(graph), best, values,
                                                       board))}
    for file, text in texts.items():
        (staging / file).write_text(text, encoding="utf-8")
    (staging / names[0]).write_bytes(bitstream)
    schedule.save(staging / "schedule.json", graph)
    return names


def _places(plan: Plan, best: Attempt, values: dict[str, Any], board: Board) -> Floorplan:
    """Places of the cells, with the names of the parts in the report."""
    parts = [(part["name"], part["layer"]) for part in values["parts"]]
    tiles = renamed(Network(plan), best.route.placement)
    known = {name for name, _ in parts}
    parts += [(name, False) for name in sorted({tile.part for tile in tiles} - known)]
    return Floorplan(board.device.name, board.device.family, parts, tiles)
