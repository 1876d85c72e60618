"""Thermometer code of an input: several one-bit elements for each 8-bit pixel."""

from collections.abc import Sequence

import numpy as np

from ..support.text import count

__all__ = ["Cuts", "cut_rows", "pixel_shape"]

Cuts = tuple[tuple[int, ...], ...]
"""Cuts of each channel of a pixel, or one row for all channels."""

_LARGEST = 256


def cut_rows(values: object, shape: tuple[int, ...], bits: int) -> Cuts:
    """Check the cuts of an input of ``shape`` and return them in canonical form.

    Parameters
    ----------
    values : sequence of int, or of sequences of int
        A row for all channels, or one for each. Equal rows become one.
    shape : tuple of int
        Shape of the elements, channels last.
    bits : int
        Bits of an element, which must be 1.

    Raises
    ------
    TypeError
        If a cut is not an integer.
    ValueError
        If a row is empty or decreases, a cut is not in 0 to 256, or the channels do not fit.
    """
    rows = _rows(values)
    first = rows[0]
    if bits != 1:
        raise ValueError(f"Input with a thermometer must have elements of 1 bit, not of {bits}")
    if len(shape) == 2:
        raise ValueError(
            f"Input with a thermometer must have channels, as (rows, columns, "
            f"channels) or in a single dimension, not the shape {shape!r}"
        )
    for number, row in enumerate(rows):
        where = f"row {number} of the thermometer" if len(rows) > 1 else "the thermometer"
        if not row:
            raise ValueError(
                f"Each channel of a thermometer must have at least one cut, but {where} has none"
            )
        wrong = [cut for cut in row if not 0 <= cut <= _LARGEST]
        if wrong:
            raise ValueError(f"Cuts of a thermometer must be in 0 to {_LARGEST}, not {wrong[0]}")
        if list(row) != sorted(row):
            raise ValueError(
                f"Cuts of a thermometer must not decrease along a row, but those of "
                f"{where} do: {', '.join(map(str, row[:8]))}"
                f"{' …' if len(row) > 8 else ''}"
            )
    channels, together = shape[-1], sum(map(len, rows))
    if len(rows) > 1:
        if together != channels:
            raise ValueError(f"Thermometer of {count(together, 'cut')} in {len(rows)} rows must "
                             f"fit the {count(channels, 'channel')} of the input, one for each "
                             f"cut")
    elif channels % together:
        raise ValueError(f"Thermometer of {count(together, 'cut')} must divide the "
                         f"{count(channels, 'channel')} of the input, one for each cut of each "
                         f"channel of a pixel")
    return (first,) if all(row == first for row in rows) else rows


def pixel_shape(cuts: Cuts, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the pixels of an input; a single channel of several axes has none."""
    first = cuts[0]
    channels = shape[-1] // len(first) if len(cuts) == 1 else len(cuts)
    return shape[:-1] if channels == 1 and len(shape) > 1 else (*shape[:-1], channels)


def _rows(values: object) -> Cuts:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise TypeError(
            f"Thermometer must be a sequence of cuts, or one for each channel, not {values!r}"
        )
    rows = values if any(isinstance(row, (Sequence, np.ndarray)) for row in values) else [values]
    return tuple(_row(row) for row in rows)


def _row(row: object) -> tuple[int, ...]:
    cuts = row.tolist() if isinstance(row, np.ndarray) else row
    if isinstance(cuts, str) or not isinstance(cuts, Sequence):
        raise TypeError(f"Rows of a thermometer must be sequences of cuts, not {cuts!r}")
    for cut in cuts:
        if isinstance(cut, (bool, np.bool_)) or not isinstance(cut, (int, np.integer)):
            raise TypeError(f"Cuts of a thermometer must be integers, not {cut!r}")
    return tuple(map(int, cuts))
