"""Neurons with binary weights, the base of all layers, and checks of their arrays."""

from functools import cached_property
from typing import Any

import numpy as np

from ..support.arguments import frozen, integers
from ..support.text import count

__all__ = ["Neurons", "binary", "per_neuron", "set_synapses", "within"]

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


def set_synapses(layer: "Neurons", weights: np.ndarray) -> None:
    """Set the weights of a frozen layer, 0 where absent, and check which are present.

    ``weights`` are those that :func:`binary` returned. A mask in which all are present becomes
    ``None``.
    """
    mask = layer.present
    if mask is not None:
        what = f"present of layer {layer.name!r}"
        mask = integers(what, mask, "bools", bools=True)
        if mask.shape != weights.shape:
            raise ValueError(f"{what} must have the shape {weights.shape!r} of its weights, not "
                             f"{mask.shape!r}")
        if mask.min() < 0 or mask.max() > 1:
            wrong = mask[(mask != 0) & (mask != 1)]
            raise ValueError(f"{what} must be bools, or 0 or 1, not {wrong[0]!s}")
        mask = None if mask.all() else frozen(mask, np.bool_)
    if mask is not None:
        weights = frozen(weights & mask, np.uint8)
    object.__setattr__(layer, "weights", weights)
    object.__setattr__(layer, "present", mask)


def per_neuron(name: str, what: str, values: object, neurons: int) -> np.ndarray:
    """Return ``values``, an integer for each of ``neurons`` neurons of layer ``name``."""
    array = integers(f"{what} of layer {name!r}", values)
    if array.shape != (neurons,):
        raise ValueError(f"{what} of layer {name!r} must have the shape ({neurons},), one for each "
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
    """Common base of the layers: a name and binary weights, a row for each neuron.

    Synapses may be absent: ``present`` are bools in the shape of the weights, or ``None`` if all
    are present. An absent synapse counts nothing, and its weight is 0.
    """

    name: str
    weights: np.ndarray
    # An array or None; Any, since it is declared after fields with defaults.
    present: Any

    @property
    def inputs(self) -> int:
        """Inputs per neuron, ``n``; as many synapses, unless some are absent."""
        return self.weights[0].size

    @property
    def synapses(self) -> int:
        """Synapses of all neurons that are present."""
        return self.weights.size if self.present is None else int(self.present_inputs.sum())

    @property
    def weight_bits(self) -> int:
        """Bits of all weights: one each, or two where synapses may be absent."""
        return self.weights.size * (1 if self.present is None else 2)

    @cached_property
    def present_inputs(self) -> np.ndarray:
        """Synapses of each neuron that are present, int64 array of shape (neurons,)."""
        if self.present is None:
            return np.full(self.neurons, self.inputs)
        return self.present.reshape(self.neurons, -1).sum(axis=1, dtype=np.int64)

    @property
    def neurons(self) -> int:
        """Number of neurons, ``m``."""
        return self.weights.shape[0]

    def count_max(self, planes: int) -> int:
        """Largest count ``N`` of any neuron, with inputs of ``planes`` bits; the smallest is 0."""
        most = self.inputs if self.present is None else int(self.present_inputs.max())
        return most * ((1 << planes) - 1)

    def __repr__(self) -> str:
        """Kind, name and size."""
        scaled = ", scaled" if self.scaled else ""
        return (f"{type(self).__name__}({self.name!r}, {self.inputs}-{self.neurons}{self._sparse}"
                f"{scaled})")

    @property
    def _sparse(self) -> str:
        return "" if self.present is None else f", {count(self.synapses, 'synapse')}"

    @property
    def scaled(self) -> bool:
        """True if counts are multiplied, in a :class:`~.layers.Score` with a scale other than 1."""
        return False
