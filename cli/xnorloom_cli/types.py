"""Argument types: functions that convert a text or raise a message with the requirement."""

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence

from xnorloom.support.text import quoted

__all__ = ["OneOf", "directory", "integer", "natural", "path", "positive"]

# Exact as a floating-point number. No command has more cycles, frames or bits per second.
_HIGHEST = 10**12


def integer(text: str, low: int, high: int = _HIGHEST, *, ranged: bool = False) -> int:
    """Convert decimal digits to an integer in ``low`` to ``high``.

    If ``ranged``, messages name both bounds, otherwise the one that is violated.
    """
    # Python converts at most some thousand digits.
    digits = re.fullmatch(r"0*([0-9]+)", text)
    value = int(digits[1]) if digits and len(digits[1]) <= len(str(high)) else None
    if value is not None and low <= value <= high:
        return value
    if ranged:
        wanted = f"in {low} to {high}"
    elif digits is None or value is not None and value < low:
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


def path(text: str) -> str:
    """Path of a file, or a name, that is not empty."""
    if not text:
        raise ArgumentTypeError("must not be empty")
    return text


def directory(text: str) -> str:
    """Path of a directory that is not empty."""
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
