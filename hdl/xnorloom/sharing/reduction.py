"""Reduction of a matrix of weights: what need not be counted, or only once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..support.arguments import integers

__all__ = ["Reduction", "reduce"]


@dataclass(frozen=True, eq=False)
class Reduction:
    """Distinct rows of a matrix, and what each neuron is made of.

    Attributes
    ----------
    rows : int8 array, shape (rows, inputs)
        Different rows, none zero and none the complement of another.
    row : int array, shape (neurons,)
        Row of each neuron; -1 for a neuron without synapses, or one whose threshold is constant.
    sign : int array, shape (neurons,)
        1, or -1 for a neuron with the complement of its row.
    constant : bool array, shape (neurons,)
        True if a neuron always fires, or never.
    """

    rows: npt.NDArray[np.int8]
    row: npt.NDArray[np.int64]
    sign: npt.NDArray[np.int64]
    constant: npt.NDArray[np.bool_]

    @property
    def shared(self) -> int:
        """Neurons whose count is that of another neuron, or its complement."""
        return int(np.count_nonzero(self.row >= 0)) - len(self.rows)

    @cached_property
    def unfelt(self) -> npt.NDArray[np.int64]:
        """Inputs that make no difference to any result."""
        return np.flatnonzero(~self.rows.any(axis=0))


def reduce(weights: npt.ArrayLike, thresholds: npt.ArrayLike | None = None) -> Reduction:
    """Return the rows of a matrix that have to be counted.

    A neuron with ``n`` synapses always fires with a threshold of 0, and never with ``n + 1``. For
    any other threshold each of its inputs makes a difference in some vector, since its count
    depends on all of them alike.

    Parameters
    ----------
    weights : array of -1, 0 and 1, shape (neurons, inputs)
        Weights; 0 for an absent synapse.
    thresholds : array of int, shape (neurons,), or None
        Thresholds; ``None`` if counts themselves are wanted.

    Raises
    ------
    TypeError, ValueError
        If the arrays have other shapes or values.
    """
    matrix = integers("Weights", weights)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"Weights must have the shape (neurons, inputs), not {matrix.shape!r}")
    if np.abs(matrix).max() > 1:
        raise ValueError(f"Weights must be -1, 0 or 1, not {matrix[np.abs(matrix) > 1][0]!s}")
    matrix = matrix.astype(np.int8)
    synapses = np.count_nonzero(matrix, axis=1)
    constant = np.zeros(len(matrix), np.bool_)
    if thresholds is not None:
        limits = integers("Thresholds", thresholds)
        if limits.shape != (len(matrix),):
            raise ValueError(f"Thresholds must have the shape ({len(matrix)},), "
                             f"not {limits.shape!r}")
        constant = (limits <= 0) | (limits > synapses)
    # The first weight of a row is positive.
    first = np.take_along_axis(matrix, (matrix != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    sign = np.where(first < 0, -1, 1).astype(np.int64)
    counted = ~constant & (synapses > 0)
    rows, places = np.unique((matrix * sign[:, None].astype(np.int8))[counted], axis=0,
                             return_inverse=True)
    row = np.full(len(matrix), -1, np.int64)
    row[counted] = places.reshape(-1)
    return Reduction(rows.astype(np.int8), row, sign, constant)
