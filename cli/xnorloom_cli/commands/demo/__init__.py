"""``xnorloom demo``: a bundled network from its model file to a bitstream, explained."""

from argparse import ArgumentParser, Namespace

from ...console import Console
from ...types import directory

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "see a network recognise digits in simulated gateware"
DESCRIPTION = (
    "Take the bundled network TFC and bundled MNIST images through every step: schedule, "
    "cycle-accurate simulation of the gateware, comparison with the golden model, Verilog, a "
    "picture of some digits, and a bitstream. Needs no download.")
EXAMPLES = ["xnorloom demo", "xnorloom demo --out somewhere"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    parser.add_argument("--out", type=directory, metavar="DIR", default="xnorloom-demo",
                        help="directory for the files (default: ./%(default)s)")


def run(arguments: Namespace, console: Console) -> int:
    """Run the demo. Returns 1 if a frame differs from the golden model."""
    from .demo import show

    return show(arguments.out, console)
