"""The option ``--vectors``: most frames at once."""

from argparse import ArgumentParser, Namespace

from xnorloom.graph import Conv, Graph
from xnorloom.schedule.fold import MOST_VECTORS, USUAL_VECTORS

from .console import Console
from .types import integer

__all__ = ["add_vectors", "most_vectors"]


def add_vectors(parser: ArgumentParser) -> None:
    """Add ``--vectors``, which :func:`most_vectors` reads."""
    parser.add_argument("--vectors", type=_vectors, metavar="B",
                        help="process at most B frames at once; with 1 the latency is least, with "
                             "more the frames per second rise; networks with convolutions take one "
                             f"frame at a time (default: {USUAL_VECTORS})")


def most_vectors(arguments: Namespace, graph: Graph, console: Console) -> int:
    """Most frames at once; warns of a number that the network cannot have."""
    if arguments.vectors is None:
        return USUAL_VECTORS
    if arguments.vectors > 1 and any(isinstance(layer, Conv) for layer in graph.layers):
        console.warn(f"--vectors {arguments.vectors} has no effect: convolutions take one frame at "
                     f"a time")
    return arguments.vectors


def _vectors(text: str) -> int:
    """Number of frames at once."""
    return integer(text, 1, MOST_VECTORS)
