"""Parser of the command line, and the arguments that several commands share."""

import argparse
from typing import Any, NoReturn

from xnorloom.errors import XnorloomError
from xnorloom.frontend import FORMATS
from xnorloom.schedule import WeightStyle

from .types import OneOf, board, board_or_sim, directory, integer, path, positive

__all__ = ["Help", "Parser", "add_board", "add_connection", "add_data", "add_data_options",
           "add_fold", "add_link", "add_model", "add_schedule", "DATA"]

DATA = ("mnist:test, mnist:train, mnist:bundled (500 images, no download), fashion:test, "
        "fashion:train, a .npz file with the array 'images' (8-bit pixels, sample index first) "
        "and optionally 'labels', an image file, or a folder of images, or of a folder of them for "
        "each class, named by its number")


class Parser(argparse.ArgumentParser):
    """Argument parser that raises :class:`XnorloomError` for wrong arguments."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; refuse unknown arguments here, so that the message names the help of a command."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        raise XnorloomError(f"{message} (see {self.prog} --help)")


class Help(argparse.HelpFormatter):
    """Help formatter that keeps the line breaks of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return text
        return super()._fill_text(text, width, indent)


def add_model(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add ``MODEL``, ``--input`` and ``--score-bits``, which `inputs.load` reads.

    If ``optional``, the model may be left out.
    """
    parser.add_argument(
        "model", type=path, metavar="MODEL", nargs="?" if optional else None,
        help="model file (.bnn), name of a bundled model (tfc, sfc, sfc8, sfc8-fashion, "
             "sparse-mnist, mnist-cnn, mnist-cnn-accurate, fashion-cnn, cnv-digits or vowels), or "
             "model of another tool: " + ", ".join(
                 f"{' or '.join(row.suffixes)} ({row.tools})" for row in FORMATS if row.reader))
    group = parser.add_argument_group("models of other tools")
    group.add_argument(
        "--input", metavar="PIXEL",
        help="value of a pixel in the source model: u8 (0 to 255), u8/255, another formula such as "
             "'(u8/255-0.1307)/0.3081', or the top bit as bipolar (-1 and +1) or bits (0 and 1); "
             "may be omitted if the model file declares it")
    group.add_argument(
        "--score-bits", type=_score_bits, metavar="B",
        help="limit the scale of each class to B bits, 1 to 24, for smaller scores, and report how "
             "many decisions change; default: the smallest scales that change none")


def _score_bits(text: str) -> int:
    return integer(text, 1, 24, ranged=True)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and its options, which `inputs.load_frames` reads."""
    parser.add_argument("--data", type=path, required=True, metavar="DATA", help=DATA)
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-dir``, ``--limit``, ``--resize`` and ``--invert``."""
    parser.add_argument("--data-dir", type=directory, metavar="DIR",
                        help="directory of the data set's files, instead of cache and download")
    parser.add_argument("--limit", type=positive, metavar="N", help="use only the first N images")
    parser.add_argument("--resize", action="store_true",
                        help="scale image files to the size of the input; otherwise they must have "
                             "it")
    parser.add_argument("--invert", action="store_true",
                        help="swap black and white in image files; networks for MNIST expect "
                             "bright strokes on a dark background")


def add_schedule(parser: argparse.ArgumentParser) -> None:
    """Add ``--interval``, ``--fold`` and ``--style``, which `inputs.make_schedule` reads."""
    group = parser.add_argument_group(
        "schedule", "without --interval and --fold: about 512 synapses per cycle")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--interval", type=positive, metavar="C",
                        help="at most C cycles between frames, with as few lanes as possible")
    add_fold(either)
    group.add_argument("--style", type=OneOf(tuple(WeightStyle)), metavar="STYLE",
                       help=f"weight style of every layer: {', '.join(WeightStyle)}; default: the "
                            f"cheapest for the depth of each layer")


def add_fold(group: argparse._ActionsContainer) -> None:
    """Add ``--fold``."""
    group.add_argument("--fold", type=path, metavar="FILE",
                       help="schedule file that compile wrote, edited or not")


def add_board(parser: argparse._ActionsContainer, *, simulated: bool = False,
              required: bool = True) -> None:
    """Add ``--board``; if ``simulated``, the simulated board may be given, too."""
    # The names are written out because the catalog takes long to import.
    names = ["icebreaker", "icestick", "hx8k_evn", "upduino_v3", "ulx3s_25f", "ulx3s_85f",
             "colorlight_5a_75b", "orangecrab_25f", "ecp5_evn"]
    more = "; or sim, a simulated board that needs no hardware" if simulated else ""
    parser.add_argument("--board", type=board_or_sim if simulated else board,
                        required=required, metavar="NAME",
                        help=f"{', '.join(names[:-1])} or {names[-1]}{more}")


def add_link(parser: argparse._ActionsContainer, *, default: str | None = "uart") -> None:
    """Add ``--link``; with ``default`` None the caller sees whether it was given."""
    parser.add_argument("--link", type=OneOf(("uart", "spi")), default=default, metavar="LINK",
                        help="wires of the board: uart, its serial port, or spi, through the USB "
                             "bridge of an icebreaker or hx8k_evn, some 12 times as fast (default: "
                             "uart)")


def add_connection(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Add ``--link``, ``--port`` and ``--baud``; without ``required`` those not given are None."""
    add_link(parser, default="uart" if required else None)
    parser.add_argument("--port", type=path, default="auto" if required else None, metavar="PORT",
                        help="serial port, such as /dev/ttyUSB1 or COM3; for SPI the URL of a "
                             "bridge, such as ftdi://ftdi:2232h/1; or auto, which finds the board "
                             "by its USB numbers (default: auto)")
    parser.add_argument("--baud", type=positive, metavar="B",
                        help="baud rate, or clock of SPI; default: that of the board")
