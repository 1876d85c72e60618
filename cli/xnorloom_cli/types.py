"""Argument types: functions that convert a text or raise a message with the requirement."""

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from decimal import Decimal

from xnorloom.support.text import quoted

__all__ = ["OneOf", "board", "board_or_sim", "directory", "integer", "megahertz", "natural", "path",
           "positive"]

# Exact as a floating-point number. No command has more cycles, frames or bits per second.
_HIGHEST = 10**12
# Decimal digits, in groups or not, such as 1_000; with an exponent also a fraction, such as 2.5e3.
_INTEGER = re.compile(r"[0-9]+(_[0-9]+)*((\.[0-9]+)?[eE]\+?[0-9]{1,2})?")

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def integer(text: str, low: int, high: int = _HIGHEST, *, ranged: bool = False) -> int:
    """Convert a number such as ``300000``, ``300_000`` or ``3e5`` to an integer in ``low`` to
    ``high``.

    If ``ranged``, messages name both bounds, otherwise the one that is violated.
    """
    value = Decimal(text.replace("_", "")) if _INTEGER.fullmatch(text) else None
    # Compared before it is converted: Python converts at most some thousand digits.
    if value is not None and low <= value <= high and value == int(value):
        return int(value)
    if ranged:
        wanted = f"in {low} to {high}"
    elif value is None or value <= high:
        wanted = f"of at least {low}"
    else:
        wanted = f"of at most {high}"
    raise ArgumentTypeError(f"must be an integer {wanted}, not {quoted(text)}")


def positive(text: str) -> int:
    """Integer of at least 1."""
    return integer(text, 1)


def natural(text: str) -> int:
    """Integer of at least 0."""
    return integer(text, 0)


def megahertz(text: str) -> int:
    """Frequency such as ``80`` or ``62.5``, 1 to 1000 MHz, in hertz, rounded down."""
    value = Decimal(text) if _DECIMAL.fullmatch(text) else None
    if value is None or not 1 <= value <= 1000:
        raise ArgumentTypeError(f"must be a number of MHz in 1 to 1000, not {quoted(text)}")
    return int(value * 1_000_000)


def path(text: str) -> str:
    """Path of a file, or a name, that is not empty."""
    if not text:
        raise ArgumentTypeError("must not be empty")
    return text


def directory(text: str) -> str:
    """Path of a directory that is not empty."""
    return path(text)


def board(text: str) -> str:
    """Name of a board."""
    return path(text)


def board_or_sim(text: str) -> str:
    """Name of a board, or of the simulated one."""
    return path(text)


class OneOf:
    """One of the words in ``choices``."""

    def __init__(self, choices: Sequence[str]):
        self.choices = tuple(choices)

    def __call__(self, text: str) -> str:
        if text not in self.choices:
            raise ArgumentTypeError(f"must be one of {', '.join(self.choices)}, not "
                                    f"{quoted(text)}")
        return text
