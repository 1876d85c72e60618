"""``xnorloom boards``: the boards, and how fast a model would be on each."""

from argparse import ArgumentParser, Namespace

from ..console import Console
from ..inputs import load
from ..parser import add_model

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "list the boards, and which of them a model fits"
DESCRIPTION = (
    "List the boards with chip, resources, serial port and programmer. With a model, also estimate "
    "its speed on each, by the schedule that build begins with and the usual clock of the chip. "
    "Nothing is synthesised; large models take some seconds per chip.")
EXAMPLES = ["xnorloom boards", "xnorloom boards tfc", "xnorloom boards net.onnx --input u8/255"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``boards``."""
    add_model(parser, optional=True)


def run(arguments: Namespace, console: Console) -> int:
    """Print the list."""
    from xnorloom_boards import board, fits

    from ..tables.boards import boards_text, boards_values, fits_text, fits_values

    boards = [board.find(name) for name in board.names()]
    if arguments.model is None:
        console.result(boards_values(boards), boards_text(boards))
        return 0
    graph, found = load(arguments, console).graph, {}
    chips: dict[str, fits.Fit] = {}
    with console.progress("boards", len(boards), " boards") as progress:
        for index, entry in enumerate(boards):
            # Several boards have the same chip; their clocks may differ.
            key = f"{entry.device.name} {entry.clock_hz}"
            if key not in chips:
                chips[key] = fits.fit_on(graph, entry)
            found[entry.name] = chips[key]
            progress(index + 1, len(boards))
    console.result(fits_values(graph, boards, found), fits_text(graph, boards, found))
    return 0
