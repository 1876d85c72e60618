"""``xnorloom build``: bitstream and reports of a model on a board."""

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.schedule.fold import USUAL_VECTORS
from xnorloom.support.text import printable

from ..console import Console
from ..inputs import load
from ..parser import add_board, add_fold, add_link, add_model
from ..seeds import add_seeds
from ..types import directory, integer, megahertz, positive
from ..vectors import add_vectors

if TYPE_CHECKING:
    from xnorloom_boards.board import Board

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "make the bitstream of a model for a board"
DESCRIPTION = (
    "Synthesise, place and route a model with its serial link for a board, and write the "
    "bitstream, build.json and report.html. If the command fails, it leaves no files. Needs the "
    "extra boards.")
EXAMPLES = [
    "xnorloom build tfc --board icebreaker -o build",
    "xnorloom build tfc --board icebreaker --dry-run",
    "xnorloom build models/sfc.bnn --board ulx3s_25f --seed 1,2,3",
    "xnorloom build net.onnx --input u8/255 --board hx8k_evn --fps 500000"]

# xnorloom_boards.flow.clock_search.MOST_CLOCKS, which --help does not import.
_MOST_CLOCKS = 8
# Largest rate of any link: xnorloom_boards.link.kind.LinkKind.fastest of SPI.
_FASTEST_BAUD = 30_000_000


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``build``."""
    add_model(parser)
    add_board(parser)
    parser.add_argument("-o", "--output", type=directory, metavar="DIR",
                        help="directory for the files; default: named after model and board")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--interval", type=positive, metavar="C",
                        help="at most C cycles per frame; default: as few as the chip allows")
    add_fold(either)
    add_vectors(parser)
    parser.add_argument("--fps", type=positive, metavar="F",
                        help="at least F frames per second, or no bitstream")
    add_seeds(parser)
    parser.add_argument("--clocks", type=_clocks, metavar="N", default=_MOST_CLOCKS,
                        help="stop the search for the fastest clock as soon as one is met after N "
                             "clocks, 1 to 8; each takes a synthesis, and a place and route "
                             "(default: %(default)s)")
    parser.add_argument("--first-clock", type=megahertz, metavar="MHZ",
                        help="clock to try first, or the next slower one of the board's PLL; "
                             "default: the usual one of the chip. A large design that misses it "
                             "is placed and routed again")
    parser.add_argument("--spread", action="store_true",
                        help="place with room between the cells, and route by negotiation "
                             "(router2 of nextpnr): for large designs that the default router "
                             "works on for hours, on a chip with room to spare")
    parser.add_argument("--scores", action="store_true",
                        help="the board sends the scores of all classes beside the class")
    add_link(parser)
    parser.add_argument("--baud", type=_baud, metavar="B",
                        help="rate of the link, halved until the clock is fast enough: a bit of "
                             "the serial port takes four cycles, a bit of SPI a quarter of one. "
                             "Bridges of type FT2232H reach 12000000, with SPI 30000000 (default: "
                             "that of the board)")
    parser.add_argument("--dry-run", action="store_true",
                        help="print schedule and estimate of the first attempt; build and write "
                             "nothing")


def _clocks(text: str) -> int:
    """Clocks to try."""
    return integer(text, 1, _MOST_CLOCKS, ranged=True)


def _baud(text: str) -> int:
    """Rate of a link."""
    return integer(text, 9_600, _FASTEST_BAUD, ranged=True)


def run(arguments: Namespace, console: Console) -> int:
    """Build the bitstream."""
    from xnorloom_boards import board, build
    from xnorloom_boards.link.kind import LinkKind
    from xnorloom_boards.report.values import build_text

    chosen = board.find(arguments.board).with_link(LinkKind(arguments.link))
    usual = chosen.baud
    if arguments.baud is not None:
        if arguments.baud > chosen.link.fastest:
            raise XnorloomError(f"argument --baud: must be at most "
                                f"{chosen.link.fastest:,} with link {chosen.link}, not "
                                f"{arguments.baud:,}")
        chosen = replace(chosen, baud=arguments.baud)
    chosen = replace(chosen, first_hz=arguments.first_clock, spread=arguments.spread)
    graph = load(arguments, console).graph
    schedule = None if arguments.fold is None else Schedule.load(arguments.fold, graph)
    if arguments.dry_run:
        return _preview(arguments, console, graph, chosen, schedule)
    with console.steps() as step:
        made = build.build(
            graph, chosen, directory=arguments.output or _directory(graph, chosen.name),
            interval=arguments.interval, schedule=schedule,
            most_vectors=arguments.vectors or USUAL_VECTORS, fps=arguments.fps,
            seeds=arguments.seed, clocks=arguments.clocks, scores=arguments.scores,
            progress=step)
    values: dict[str, Any] = {**made.values, "directory": str(made.files[0].parent),
                              "files": [str(path) for path in made.files]}
    bitstream = printable(shlex.quote(str(made.files[0])))
    lines = [build_text(made.values), "", *(f"wrote {printable(path)}" for path in made.files), "",
             f"Next: xnorloom flash --board {chosen.name} {bitstream}"]
    if made.values["link"]["baud"] != usual:
        rate = made.values["link"]["baud"]
        lines.append(f"{chosen.link.heading}: {rate:,} {chosen.link.unit}; run and serve need "
                     f"--baud {rate}")
    if chosen.link is not LinkKind.UART:
        lines.append(f"Link: run needs --link {chosen.link}, serve the --port of run")
    if chosen.note:
        lines.append(f"Board: {chosen.note}")
    console.result(values, "\n".join(lines))
    return 0


def _preview(arguments: Namespace, console: Console, graph: Graph, chosen: "Board",
             schedule: Schedule | None) -> int:
    """Print the estimate of the first attempt."""
    from xnorloom_boards.preview import preview, preview_values

    from ..tables.preview import preview_text

    found = preview(graph, chosen, schedule=schedule, interval=arguments.interval,
                    most_vectors=arguments.vectors or USUAL_VECTORS, fps=arguments.fps,
                    seeds=len(arguments.seed))
    console.result(preview_values(found), preview_text(found, arguments.fps))
    return 0


def _directory(graph: Graph, board: str) -> str:
    """Default directory, named after model and board."""
    from xnorloom.export.names import file_stem

    return f"{file_stem(graph).replace('.', '_')}-{board}"
