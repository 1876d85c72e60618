"""The option ``--seed``: seeds of the placer."""

import argparse
from argparse import ArgumentTypeError

from xnorloom.support.text import quoted

from .types import integer

__all__ = ["add_seeds"]

# nextpnr takes seeds of 32 bits with sign; only some of its builds take larger ones.
_LARGEST_SEED = 2**31 - 1


def add_seeds(parser: argparse._ActionsContainer) -> None:
    """Add ``--seed``, a tuple of numbers."""
    parser.add_argument("--seed", type=_seeds, metavar="N,...", default="0",
                        help="place and route with each of these seeds and keep the fastest "
                             "(default: %(default)s)")


def _seeds(text: str) -> tuple[int, ...]:
    """Seeds in a list such as ``1,2,3``."""
    try:
        return tuple(integer(part, 0, _LARGEST_SEED) for part in text.split(","))
    except ArgumentTypeError:
        raise ArgumentTypeError(f"must be integers in 0 to {_LARGEST_SEED} with commas between "
                                f"them, not {quoted(text)}") from None
