"""Validation of constructor arguments, and immutable arrays."""

import operator
from typing import SupportsIndex, cast

import numpy as np
import numpy.typing as npt

from .text import quoted

__all__ = ["frozen", "integer", "integers", "text"]


def integer(what: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return ``value`` as an ``int`` if it is an integer, not a bool, in ``low`` to ``high``.

    Raises
    ------
    TypeError, ValueError
        Naming ``what``, the range and the value.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(cast(SupportsIndex, value))
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {quoted(value)}") from None
    if low is not None and high is not None and not low <= number <= high:
        raise ValueError(f"{what} must be in {low} to {high}, not {number}")
    if low is not None and number < low:
        raise ValueError(f"{what} must be at least {low}, not {number}")
    return number


def integers(what: str, values: object, wanted: str = "integers", *,
             bools: bool = False) -> np.ndarray:
    """Return ``values`` as an array of an integer type, or of bool if ``bools`` are allowed.

    An empty array may have any type.

    Raises
    ------
    TypeError, ValueError
        Naming ``what``, the ``wanted`` type and the type found.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{what} must be {wanted}, in rows of one length") from None
    if array.size and array.dtype.kind not in ("iub" if bools else "iu"):
        found = array.dtype if array.dtype.kind != "O" else "objects or of too large integers"
        raise TypeError(f"{what} must be {wanted}, not an array of {found}")
    return array


def text(what: str, value: object) -> str:
    """Return ``value`` if it is a printable string that is not empty.

    Raises
    ------
    TypeError, ValueError
        Naming ``what`` and the value.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {quoted(value)}")
    if not value or not value.isprintable():
        raise ValueError(f"{what} must be a printable string that is not empty, not "
                         f"{quoted(value)}")
    return value


def frozen(array: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Return a read-only copy of ``array`` in ``dtype`` and C order."""
    array = array.astype(dtype, order="C")
    array.flags.writeable = False
    return array
