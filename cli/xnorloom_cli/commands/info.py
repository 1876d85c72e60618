"""``xnorloom info``: what a model is made of."""

from argparse import Namespace

from ..console import Console
from ..inputs import load
from ..tables.model import model_text, model_values

__all__ = ["run"]


def run(arguments: Namespace, console: Console) -> int:
    """Tell the layers of a model; returns the exit status."""
    graph = load(arguments, console).graph
    console.result(model_values(graph), model_text(graph))
    return 0
