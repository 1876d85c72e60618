"""Matrices of constant weights whose wired neurons are counted."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Dense, Graph

__all__ = ["MATRICES", "Matrix", "matrix"]

MATRICES = ("64 × 64 of TFC", "64 × 64 random", "784 × 64 of TFC", "256 × 256 of SFC")
"""Inputs, neurons and origin."""

_MODELS = Path(__file__).resolve().parents[2] / "models"
_LAYERS = {MATRICES[0]: ("tfc", 1), MATRICES[2]: ("tfc", 0), MATRICES[3]: ("sfc", 1)}


@dataclass(frozen=True, eq=False)
class Matrix:
    """Weights and thresholds of a layer.

    Attributes
    ----------
    weights : array of -1 and 1, shape (neurons, inputs)
        Weights.
    thresholds : array of int, shape (neurons,)
        Thresholds on the number of inputs that agree with their weight.
    """

    weights: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.int64]


@cache
def matrix(name: str) -> Matrix:
    """Return one of :data:`MATRICES`."""
    if name not in _LAYERS:
        rng = np.random.default_rng(1)
        return Matrix(rng.choice([-1, 1], (64, 64)), rng.integers(28, 37, 64))
    model, place = _LAYERS[name]
    layer = Graph.load(_MODELS / f"{model}.bnn").layers[place]
    assert isinstance(layer, Dense)
    return Matrix(2 * layer.weights.astype(np.int64) - 1, layer.thresholds.astype(np.int64))
