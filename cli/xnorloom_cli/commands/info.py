"""``xnorloom info``: the layers and sizes of a model."""

from argparse import ArgumentParser, Namespace

from ..console import Console
from ..inputs import load
from ..parser import add_model

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "show the layers of a model"
DESCRIPTION = "Show the layers, shapes, synapses and weight bits of a model."
EXAMPLES = ["xnorloom info tfc", "xnorloom info models/sfc.bnn --json"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``info``."""
    add_model(parser)


def run(arguments: Namespace, console: Console) -> int:
    """Print the summary of a model."""
    from xnorloom.graph.summary import graph_text, graph_values

    graph = load(arguments, console).graph
    console.result(graph_values(graph), graph_text(graph))
    return 0
