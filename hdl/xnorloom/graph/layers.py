"""Layers of the integer graph: binary weights with thresholds, or with scales and offsets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..support.arguments import frozen, integers, text

__all__ = ["Dense", "Layer", "Score"]

# Keeps sums and packed values of these integers within 64 bits.
_MAX_VALUE = 1 << 40


def _weights(name: str, weights: object) -> np.ndarray:
    array = integers(f"weights of layer {name!r}", weights,
                     "integers 0 or 1 (1 stands for +1)", bools=True)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"weights of layer {name!r} must have a shape (neurons, inputs) with no "
                         f"zero in it, not {array.shape!r}")
    # Not compared element by element, which would take three times the memory of the weights.
    if array.min() < 0 or array.max() > 1:
        wrong = array[(array != 0) & (array != 1)]
        raise ValueError(f"weights of layer {name!r} must be 0 or 1 (1 stands for +1), "
                         f"not {wrong[0]!s}")
    return frozen(array, np.uint8)


def _integers(name: str, what: str, values: object, count: int) -> np.ndarray:
    array = integers(f"{what} of layer {name!r}", values)
    if array.shape != (count,):
        raise ValueError(f"{what} of layer {name!r} must have the shape ({count},), one for each "
                         f"neuron, not {array.shape!r}")
    low, high = int(array.min()), int(array.max())
    if low < -_MAX_VALUE or high > _MAX_VALUE:
        raise ValueError(f"{what} of layer {name!r} must be within ±2**40, "
                         f"not {low if low < -_MAX_VALUE else high}")
    return frozen(array, np.int64)


class _Neurons:
    """Common base of the layers: a name and a matrix of binary weights."""

    name: str
    weights: np.ndarray

    @property
    def inputs(self) -> int:
        """Synapses per neuron, ``n``."""
        return self.weights.shape[1]

    @property
    def neurons(self) -> int:
        """Number of neurons, ``m``."""
        return self.weights.shape[0]

    def count_max(self, planes: int) -> int:
        """Largest count ``N`` of a neuron whose inputs have ``planes`` bits; the smallest is 0."""
        return self.inputs * ((1 << planes) - 1)

    def __repr__(self) -> str:
        """Kind, name and size."""
        scaled = ", scaled" if self.scaled else ""
        return f"{type(self).__name__}({self.name!r}, {self.inputs}-{self.neurons}{scaled})"

    @property
    def scaled(self) -> bool:
        """True if counts are multiplied, in a :class:`Score` with a scale other than 1."""
        return False


@dataclass(frozen=True, eq=False, repr=False)
class Dense(_Neurons):
    """Fully connected binary layer: neuron ``j`` fires iff its count is ``>= thresholds[j]``.

    Parameters
    ----------
    name : str
        Name in reports and errors.
    weights : array of 0 and 1, shape (neurons, inputs)
        1 stands for +1, 0 for -1.
    thresholds : array of int, shape (neurons,)
        0 (always fires) to ``N + 1`` (never fires).
    """

    name: str
    weights: np.ndarray
    thresholds: np.ndarray

    def __post_init__(self):
        name = text("Layer name", self.name)
        object.__setattr__(self, "weights", _weights(name, self.weights))
        thresholds = _integers(name, "thresholds", self.thresholds, self.neurons)
        object.__setattr__(self, "thresholds", thresholds)

    def __reduce__(self):
        # Copies go through the constructor, so that their arrays are read-only too.
        return Dense, (self.name, self.weights, self.thresholds)


@dataclass(frozen=True, eq=False, repr=False)
class Score(_Neurons):
    """Last layer: class ``c`` has the score ``scales[c] * count + offsets[c]``.

    Parameters
    ----------
    name : str
        Name in reports and errors.
    weights : array of 0 and 1, shape (classes, inputs)
        1 stands for +1, 0 for -1.
    offsets : array of int, shape (classes,)
        Added to the scaled counts; of either sign.
    scales : array of int, shape (classes,), or None
        Factors of the counts, at least 0; ``None`` becomes all ones.
    """

    name: str
    weights: np.ndarray
    offsets: np.ndarray
    # An array after construction; Any, since the default is None.
    scales: Any = None

    def __post_init__(self):
        name = text("Layer name", self.name)
        object.__setattr__(self, "weights", _weights(name, self.weights))
        offsets = _integers(name, "offsets", self.offsets, self.neurons)
        object.__setattr__(self, "offsets", offsets)
        scales = np.ones(self.neurons, np.int64) if self.scales is None else self.scales
        scales = _integers(name, "scales", scales, self.neurons)
        if scales.min() < 0:
            raise ValueError(f"scales of layer {name!r} must be at least 0, not {scales.min()}")
        object.__setattr__(self, "scales", scales)

    @property
    def scaled(self) -> bool:
        return bool((self.scales != 1).any())

    def score_range(self, planes: int) -> tuple[int, int]:
        """Smallest and largest score that any class can reach, both inclusive.

        ``planes`` is the number of bits of an input; see :meth:`count_max`.
        """
        largest = self.count_max(planes)
        return (int(self.offsets.min()),
                max(scale * largest + offset for scale, offset in self._largest_offsets.items()))

    @cached_property
    def _largest_offsets(self) -> dict[int, int]:
        """Largest offset for each distinct scale."""
        scales, places = np.unique(self.scales, return_inverse=True)
        largest = np.full(len(scales), np.iinfo(np.int64).min)
        np.maximum.at(largest, places, self.offsets)
        return dict(zip(scales.tolist(), largest.tolist()))

    def __reduce__(self):
        return Score, (self.name, self.weights, self.offsets, self.scales)


Layer = Dense | Score
