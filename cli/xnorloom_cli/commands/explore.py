"""``xnorloom explore``: speed against resources of a model on boards."""

import shlex
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule.fold import USUAL_VECTORS
from xnorloom.support.text import count, printable

from ..console import Console, timed
from ..inputs import load
from ..parser import add_model
from ..seeds import add_seeds
from ..types import directory, path, positive
from ..vectors import add_vectors

if TYPE_CHECKING:
    from xnorloom_boards.explore import Explored, State

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "show what a model costs on boards, from the fastest schedule to the smallest"
DESCRIPTION = (
    "Estimate the Pareto front of a model on boards, in seconds: frames per second, latency, logic "
    "cells and memories. Prints a table and writes explore.json, explore.png and a schedule file "
    "for each point, which build takes. With --build it also places and routes chosen points, and "
    "goes on where it was interrupted.")
EXAMPLES = [
    "xnorloom explore tfc --board icebreaker",
    "xnorloom explore tfc --board icebreaker,ulx3s_25f -o front",
    "xnorloom explore tfc --board icebreaker -o front --build 4",
    "xnorloom explore tfc --board icebreaker -o front --build 4 --scheduler tcp://10.0.0.1:8786",
    "xnorloom explore net.onnx --input u8/255 --board hx8k_evn --vectors 1"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``explore``."""
    add_model(parser)
    # The names are written out because the catalog takes long to import.
    parser.add_argument("--board", dest="boards", type=_boards, required=True,
                        metavar="NAME[,NAME...]",
                        help="boards to compare, such as icebreaker,ulx3s_25f")
    parser.add_argument("-o", "--output", type=directory, metavar="DIR",
                        help="directory for the files, new or that of an exploration of the same "
                             "model; default: named after the model")
    add_vectors(parser)
    group = parser.add_argument_group("builds")
    group.add_argument("--build", type=positive, metavar="N",
                       help="also build N points of each board, from the fastest to the smallest; "
                            "needs the extra boards")
    add_seeds(group)
    group.add_argument("--scheduler", type=path, metavar="ADDRESS",
                       help="build on the Dask cluster of this scheduler, such as "
                            "tcp://10.0.0.1:8786, in place of the cores of this machine; needs the "
                            "extra dask")


def _boards(text: str) -> tuple[str, ...]:
    """Names of boards in a list; they are looked up later."""
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise ArgumentTypeError("must be names of boards with commas between them, such as "
                                "icebreaker,ulx3s_25f")
    for name in names:
        if names.count(name) > 1:
            raise ArgumentTypeError(f"must name each board once, {printable(name)} is there "
                                    f"{names.count(name)} times")
    return names


def run(arguments: Namespace, console: Console) -> int:
    """Explore a model on boards."""
    from xnorloom_boards.board import find
    from xnorloom_boards.explore.state import check_directory

    from ..tables.explore import explore_text

    if arguments.scheduler is not None and arguments.build is None:
        raise XnorloomError("argument --scheduler: only allowed with --build")
    for name in arguments.boards:
        find(name)
    graph = load(arguments, console).graph
    folder = Path(arguments.output or _directory(graph))
    before = check_directory(folder, graph)
    state = _estimated(arguments, console, graph, folder)
    state.resume(before, arguments.seed if arguments.build else None)
    paths = _write(state, console)
    if arguments.build:
        _build(arguments, console, state)
        paths = _write(state, console)
    values = {**state.values(), "directory": str(folder), "files": [str(path) for path in paths]}
    commands = {named.name: _command(arguments, entry.board, folder / f"{named.name}.json")
                for entry in state.explored for named in entry.points}
    for board in values["boards"]:
        for point in board["points"]:
            point["command"] = commands[point["name"]]
    text = "\n".join([
        explore_text(state), "",
        *(f"wrote {printable(path)}" for path in paths if path.suffix == ".png"
          or path.name == "explore.json"),
        f"wrote {printable(folder)}/NAME.json, the schedule of each point NAME", "",
        f"Next: {next(iter(commands.values()))}"])
    console.result(values, text)
    return 0


def _estimated(arguments: Namespace, console: Console, graph: Graph, folder: Path) -> "State":
    """Estimate the fronts of all boards.

    Raises
    ------
    XnorloomError
        If the model fits none.
    """
    from xnorloom.folding.fit import NoScheduleError
    from xnorloom.support.workers import results
    from xnorloom_boards.errors import BuildError
    from xnorloom_boards.explore import State, explore

    most = arguments.vectors or USUAL_VECTORS
    jobs = [(graph, board, most) for board in arguments.boards]
    found: dict[str, Explored] = {}
    state = State(folder, graph)
    with console.progress("exploring", len(jobs), " boards") as progress:
        for index, result in results(explore, jobs, refused=(NoScheduleError, BuildError)):
            board = arguments.boards[index]
            if isinstance(result, Exception):
                state.refused[board] = str(result)
            else:
                found[board] = result
            progress(len(found) + len(state.refused), len(jobs))
    if not found:
        raise XnorloomError(next(iter(state.refused.values())))
    state.explored += [found[board] for board in arguments.boards if board in found]
    return state


def _build(arguments: Namespace, console: Console, state: "State") -> None:
    """Build the chosen points that are not built yet; each result is written when it is there."""
    from xnorloom.support.cluster import cluster_results
    from xnorloom.support.staging import staged
    from xnorloom.support.workers import results
    from xnorloom_boards.explore import build_point, chosen, routed_values

    points = [(entry.board, named) for entry in state.explored
              for named in chosen(entry, arguments.build) if named.name not in state.routed]
    calls = [(state.graph, board, named.point.schedule, arguments.seed) for board, named in points]
    say = timed(console.note)
    if not points:
        return
    say(f"building {count(len(points), 'point')}")
    found = (results(build_point, calls) if arguments.scheduler is None
             else cluster_results(arguments.scheduler, build_point, calls))
    for done, (index, built) in enumerate(found, 1):
        name = points[index][1].name
        if built.files:
            with staged(state.directory / name, built.files) as staging:
                for file, content in built.files.items():
                    (staging / file).write_bytes(content)
        state.routed[name] = routed_values(built, arguments.seed)
        state.save()
        result = "does not fit" if built.refused else f"{built.values['clock']['hz'] / 1e6:.4g} MHz"
        say(f"{done} of {len(points)}: {name}, {result}")


def _write(state: "State", console: Console) -> list[Path]:
    """Write all files of an exploration, and return their paths."""
    from xnorloom.support.staging import staged

    names = [f"{named.name}.json" for entry in state.explored for named in entry.points]
    with staged(state.directory, ["explore.json", "explore.png", *names]) as staging:
        for entry in state.explored:
            for named in entry.points:
                named.point.schedule.save(staging / f"{named.name}.json", state.graph)
        drawn = _draw(staging / "explore.png", state, console)
        State = type(state)
        State(staging, state.graph, state.explored, state.refused, state.routed).save()
    return [state.directory / name for name in ("explore.json", *drawn, *names)]


def _draw(path: Path, state: "State", console: Console) -> Iterable[str]:
    """Draw the picture; a warning says how, if matplotlib is missing."""
    from xnorloom.support.extras import install_hint

    try:
        import matplotlib  # noqa: F401
    except ImportError:
        console.warn(f"explore.png needs matplotlib, which is not installed: "
                     f"{install_hint('plot')}")
        return ()
    from ..front_picture import draw

    draw(path, state)
    return (path.name,)


def _command(arguments: Namespace, board: str, schedule: Path) -> str:
    """Command that builds a point."""
    options = ["--input", arguments.input] if arguments.input is not None else []
    if arguments.score_bits is not None:
        options += ["--score-bits", str(arguments.score_bits)]
    return printable(shlex.join(["xnorloom", "build", arguments.model, *options, "--board", board,
                                 "--fold", str(schedule)]))


def _directory(graph: Graph) -> str:
    """Default directory, named after the model."""
    from xnorloom.export.names import file_stem

    return f"{file_stem(graph).replace('.', '_')}-explore"
