"""Estimate of the cells of a program in milliseconds, without the search for shared counts."""

import numpy as np
import numpy.typing as npt

from .compile import spanning
from .reduction import reduce

__all__ = ["estimated"]

# Cells of layers of 200 to 25,000 cells, fitted to 38 searches: random rows, alike and not, with
# all synapses and with 4 % of them, and layers of the models. The errors were 4 % (root mean
# square) and 10 % at most.
_CELLS, _LENGTH, _ROWS, _INPUTS = 2.452, 0.782, 0.18, 0.079
# Registers per cell if one follows each level. Layers of few synapses have few levels. The errors
# were 33 %, of registers that are a quarter of the cells at most.
_REGISTERS, _DENSITY = 0.495, 1.31


def estimated(weights: npt.ArrayLike,
              thresholds: npt.ArrayLike | None = None) -> tuple[float, float]:
    """Return the cells of the program of a layer, and those that hold registers alone.

    Cells are the bits of all tables and adders, with carry inputs. They follow from the length of
    the spanning tree, before rows are added to it and counts are shared. Registers are those after
    each level; with one after every ``k`` levels there are a ``k``-th of them.

    Parameters
    ----------
    weights, thresholds : array of int
        See :func:`~.solve.solve`.

    Raises
    ------
    TypeError, ValueError
        If the arrays have other shapes or values.
    """
    reduction = reduce(weights, thresholds)
    rows = reduction.rows
    if not rows.size:
        return 0, 0
    felt = rows.shape[1] - len(reduction.unfelt)
    cells = (_CELLS * spanning(rows).length()**_LENGTH * len(rows)**_ROWS * felt**_INPUTS)
    density = np.count_nonzero(rows) / (len(rows) * felt)
    return cells, cells * _REGISTERS * density**_DENSITY
