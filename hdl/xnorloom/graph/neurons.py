"""Neurons with binary weights, the base of all layers, and checks of their arrays."""

import numpy as np

from ..support.arguments import frozen, integers

__all__ = ["Neurons", "binary", "per_neuron", "within"]

# Keeps sums and packed values of these integers within 64 bits.
_MAX_VALUE = 1 << 40


def binary(name: str, weights: object, shape: str = "(neurons, inputs)") -> np.ndarray:
    """Return the weights of layer ``name``, bytes of 0 and 1 with the axes of ``shape``."""
    array = integers(f"weights of layer {name!r}", weights,
                     "integers 0 or 1 (1 stands for +1)", bools=True)
    if array.ndim != shape.count(",") + 1 or 0 in array.shape:
        raise ValueError(f"weights of layer {name!r} must have a shape {shape} with no zero in "
                         f"it, not {array.shape!r}")
    # Not compared element by element, which would take three times the memory of the weights.
    if array.min() < 0 or array.max() > 1:
        wrong = array[(array != 0) & (array != 1)]
        raise ValueError(f"weights of layer {name!r} must be 0 or 1 (1 stands for +1), "
                         f"not {wrong[0]!s}")
    return frozen(array, np.uint8)


def per_neuron(name: str, what: str, values: object, count: int) -> np.ndarray:
    """Return ``values``, an integer for each of ``count`` neurons of layer ``name``."""
    array = integers(f"{what} of layer {name!r}", values)
    if array.shape != (count,):
        raise ValueError(f"{what} of layer {name!r} must have the shape ({count},), one for each "
                         f"neuron, not {array.shape!r}")
    return within(name, what, array)


def within(name: str, what: str, array: np.ndarray) -> np.ndarray:
    """Return integers as a read-only array, within the limits of sums."""
    low, high = int(array.min()), int(array.max())
    if low < -_MAX_VALUE or high > _MAX_VALUE:
        raise ValueError(f"{what} of layer {name!r} must be within ±2**40, "
                         f"not {low if low < -_MAX_VALUE else high}")
    return frozen(array, np.int64)


class Neurons:
    """Common base of the layers: a name and binary weights, a row for each neuron."""

    name: str
    weights: np.ndarray

    @property
    def inputs(self) -> int:
        """Synapses per neuron, ``n``."""
        return self.weights[0].size

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
