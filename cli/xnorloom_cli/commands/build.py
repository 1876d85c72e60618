"""``xnorloom build``: a bitstream of a model for a board, with reports, in a directory."""

import reprlib
import shlex
from argparse import Namespace
from typing import Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule

from ..console import Console, timed
from ..inputs import load
from ..types import LARGEST_SEED, integer

__all__ = ["run"]


def run(arguments: Namespace, console: Console) -> int:
    """Build a bitstream; returns the exit status."""
    from xnorloom_boards import board, build
    from xnorloom_boards.report.values import build_text

    chosen = board.find(arguments.board)
    seeds = _seeds(arguments.seed)
    graph = load(arguments, console).graph
    made = build.build(
        graph, chosen, directory=_directory(arguments, graph), interval=arguments.interval,
        schedule=_schedule(graph, arguments), fps=arguments.fps, seeds=seeds,
        scores=arguments.scores, progress=timed(console.note, after=" ..."))
    values: dict[str, Any] = {**made.values, "directory": str(made.files[0].parent),
                              "files": [str(path) for path in made.files]}
    bitstream = shlex.quote(str(made.files[0]))
    lines = [build_text(made.values), "", *(f"wrote {path}" for path in made.files), "",
             f"Next: xnorloom flash --board {chosen.name} {bitstream}"]
    if chosen.note:
        lines.append(f"Board: {chosen.note}")
    console.result(values, "\n".join(lines))
    return 0


def _directory(arguments: Namespace, graph: Graph) -> str:
    """The directory that was given, or one named after model and board."""
    if arguments.output is not None:
        return arguments.output
    name = "".join(letter if letter.isalnum() else "_" for letter in graph.name)
    return f"{name}-{arguments.board}"


def _schedule(graph: Graph, arguments: Namespace) -> Schedule | None:
    if arguments.fold is None:
        return None
    return Schedule.load(arguments.fold, graph)


def _seeds(text: str) -> tuple[int, ...]:
    """The numbers in a list such as ``1,2,3``."""
    try:
        return tuple(integer(part, 0, LARGEST_SEED) for part in text.split(","))
    except ValueError:
        raise XnorloomError(f"argument --seed: must be integers in 0 to {LARGEST_SEED} with commas "
                            f"between them, not {reprlib.repr(text)}") from None
