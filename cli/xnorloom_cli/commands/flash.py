"""``xnorloom flash``: a bitstream into the flash or the chip of a board."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from xnorloom.support.text import printable

from ..console import Console
from ..parser import add_board
from ..types import path

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "write a bitstream into a board"
DESCRIPTION = "Write a bitstream into the flash of a board, with openFPGALoader."
EXAMPLES = [
    "xnorloom flash --board icebreaker build/tfc-icebreaker.bin",
    "xnorloom flash --board ulx3s_25f --volatile build/sfc-ulx3s_25f.bit"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``flash``."""
    parser.add_argument("bitstream", type=path, metavar="BITSTREAM", help="file that build wrote")
    add_board(parser)
    parser.add_argument("--volatile", action="store_true",
                        help="configure the chip until power goes, instead of writing the flash; "
                             "an iCE40 needs a board that is wired or set for it: an iCEstick must "
                             "be modified, an iCE40-HX8K board needs its jumpers moved")


def run(arguments: Namespace, console: Console) -> int:
    """Program the board."""
    from xnorloom_boards import board
    from xnorloom_boards.flow.program import check_bitstream, program
    from xnorloom_boards.flow.tools import find_programmer

    chosen, bitstream = board.find(arguments.board), Path(arguments.bitstream)
    check_bitstream(bitstream, chosen)
    programmer = find_programmer()
    for note in (chosen.note, chosen.volatile_note if arguments.volatile else ""):
        if note:
            console.say(f"Board: {note}")
    program(chosen, bitstream, volatile=arguments.volatile, programmer=programmer,
            note=console.note)
    where = "configuration" if arguments.volatile else "flash"
    console.result({"board": chosen.name, "bitstream": str(bitstream),
                    "bytes": bitstream.stat().st_size, "volatile": arguments.volatile,
                    "loader": programmer.version},
                   f"wrote {printable(bitstream)} into the {where} of {chosen.title}\n\n"
                   f"Next: xnorloom run MODEL --board {chosen.name} --data mnist:bundled")
    return 0
