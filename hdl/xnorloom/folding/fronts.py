"""Pareto fronts of the resources that the first layers of a network take."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..schedule import Fold

__all__ = ["Budget", "Front", "extended"]

# Bits for the place of a choice in the order of all; cells have the bits above.
_PLACE_BITS = 30


@dataclass(frozen=True)
class Budget:
    """Most block RAMs, cells and SPRAMs."""

    brams: int
    cells: int
    sprams: int

    def less(self, brams: int, cells: int) -> "Budget":
        """Return what is left of this budget; negative if there is too little."""
        return Budget(self.brams - brams, self.cells - cells, self.sprams)


@dataclass(frozen=True, eq=False)
class Front:
    """Folds of the first layers, of which none needs more of all resources than another.

    Attributes
    ----------
    brams, cells, sprams : int array, shape (rows,)
        Resources, in the order of block RAMs, cells and SPRAMs.
    before : tuple of Front
        Fronts of the layers before the last.
    folds : tuple of Fold
        Folds of the last layer.
    origins : int array, shape (3, rows)
        Front, fold and row in the front before.
    """

    brams: np.ndarray
    cells: np.ndarray
    sprams: np.ndarray
    before: "tuple[Front, ...]" = ()
    folds: tuple[Fold, ...] = ()
    origins: np.ndarray | None = None

    @classmethod
    def empty(cls) -> "Front":
        """Return the front of no layers."""
        none = np.zeros(1, np.int64)
        return cls(none, none, none)

    def chosen(self, row: int) -> tuple[Fold, ...]:
        """Return the folds of a row, of all layers."""
        if self.origins is None:
            return ()
        front, fold, place = self.origins[:, row]
        return *self.before[front].chosen(place), self.folds[fold]


def extended(before: Sequence[Front], folds: Sequence[Fold], costs: np.ndarray,
             budget: Budget) -> Front | None:
    """Return the front of one more layer; ``None`` if nothing is within ``budget``.

    Among rows of equal resources the one of the first front is kept, then that of the first fold.

    Parameters
    ----------
    before : sequence of Front
        Fronts of the layers before.
    folds : sequence of Fold
        Folds of the layer.
    costs : int array, shape (3, folds, fronts)
        Block RAMs, cells and SPRAMs of each fold after each front, negative where it cannot be.
    budget : Budget
        Most of each resource.
    """
    sizes = [len(front.cells) for front in before]
    fronts, rows = np.repeat(np.arange(len(before)), sizes), np.concatenate(
        [np.arange(size) for size in sizes])
    costs = costs[:, :, fronts]
    brams, cells, sprams = (
        np.concatenate([getattr(front, name) for front in before]) + cost
        for name, cost in zip(("brams", "cells", "sprams"), costs))
    # The first in the order of fronts, folds and rows is kept.
    shape = len(before), len(folds), max(sizes)
    places = np.ravel_multi_index((fronts, np.arange(len(folds))[:, None], rows), shape)
    inside = ((costs[0] >= 0) & (brams <= budget.brams) & (cells <= budget.cells)
              & (sprams <= budget.sprams))
    if not inside.any():
        return None
    brams, sprams = brams[inside], sprams[inside]
    keys = np.full((sprams.max() + 1, brams.max() + 1), np.iinfo(np.int64).max)
    np.minimum.at(keys, (sprams, brams), cells[inside] << _PLACE_BITS | places[inside])
    sprams, brams = np.nonzero(_on_front(keys >> _PLACE_BITS))
    cells, places = np.divmod(keys[sprams, brams], 1 << _PLACE_BITS)
    order = np.lexsort((sprams, cells, brams))
    return Front(brams[order], cells[order], sprams[order], tuple(before), tuple(folds),
                 np.array(np.unravel_index(places[order], shape)))


def _on_front(cells: np.ndarray) -> np.ndarray:
    """Return which entries of a table by SPRAMs and block RAMs have fewer cells than all others.

    These others are the entries with at most as many SPRAMs and block RAMs.
    """
    most = np.iinfo(np.int64).max >> _PLACE_BITS
    least = np.minimum.accumulate(np.minimum.accumulate(cells, axis=1), axis=0)
    others = np.full(cells.shape, most)
    others[1:] = least[:-1]
    others[:, 1:] = np.minimum(others[:, 1:], np.minimum.accumulate(cells, axis=1)[:, :-1])
    return cells < others
