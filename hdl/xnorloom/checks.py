"""Checks of arguments that many constructors share."""

import operator
from typing import SupportsIndex, cast

import numpy as np

__all__ = ["integer", "integers"]


def integer(what: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return ``value`` as an ``int`` if it is an integer, no bool, in ``low`` to ``high``.

    Raises
    ------
    TypeError, ValueError
        Naming ``what``, the wanted range and the value.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(cast(SupportsIndex, value))
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {value!r}") from None
    if low is not None and high is not None and not low <= number <= high:
        raise ValueError(f"{what} must be in {low} to {high}, not {number}")
    if low is not None and number < low:
        raise ValueError(f"{what} must be at least {low}, not {number}")
    return number


def integers(what: str, values: object, wanted: str = "integers", *,
             bools: bool = False) -> np.ndarray:
    """Return ``values`` as an array of an integer type, or of bool if ``bools`` are taken too.

    An array of no elements may be of any type.

    Raises
    ------
    TypeError, ValueError
        Naming ``what``, what is ``wanted`` and what was found.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{what} must be {wanted}, in rows of one length") from None
    if array.size and array.dtype.kind not in ("iub" if bools else "iu"):
        found = array.dtype if array.dtype.kind != "O" else "objects or of too large integers"
        raise TypeError(f"{what} must be {wanted}, not an array of {found}")
    return array
