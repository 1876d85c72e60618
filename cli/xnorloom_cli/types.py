"""Integers on the command line: of any length as text, checked before they are converted."""

import re
import reprlib

__all__ = ["HIGHEST", "LARGEST_SEED", "integer"]

# Exact as a floating-point number, and more cycles, frames or bits a second than there can be.
HIGHEST = 10**12
# nextpnr takes seeds of a signed integer of 32 bits, some builds of it larger ones.
LARGEST_SEED = 2**31 - 1


def integer(text: str, low: int, high: int = HIGHEST, *, ranged: bool = False) -> int:
    """The integer that ``text`` stands for in decimal digits, in ``low`` to ``high``.

    Raises
    ------
    ValueError
        With what it must be, and what it is; ``ranged`` names both bounds, also where only the
        lower one is missed.
    """
    # Python converts no more than some thousand digits.
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
    raise ValueError(f"must be an integer {wanted}, not {reprlib.repr(text)}")
