"""The option ``--vectors``: most frames at once."""

from argparse import ArgumentParser

from xnorloom.schedule.fold import MOST_VECTORS, USUAL_VECTORS

from .types import integer

__all__ = ["add_vectors"]


def add_vectors(parser: ArgumentParser) -> None:
    """Add ``--vectors``; without it the value is ``None``."""
    parser.add_argument("--vectors", type=_vectors, metavar="B",
                        help="process at most B frames at once; with 1 the latency is least, with "
                             "more the frames per second rise; networks with convolutions take one "
                             "frame at a time, the first of them at most B of its outputs "
                             f"(default: {USUAL_VECTORS})")


def _vectors(text: str) -> int:
    """Number of frames at once."""
    return integer(text, 1, MOST_VECTORS)
