"""Fully connected layers: binary weights with thresholds, or with scales and offsets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..support.arguments import text
from .conv import Conv
from .neurons import Neurons, binary, per_neuron, set_synapses

__all__ = ["Dense", "Layer", "Score"]


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Neurons):
    """Fully connected binary layer: neuron ``j`` fires iff its count is ``>= thresholds[j]``.

    The count is that of the synapses that are present and agree with their input.

    Parameters
    ----------
    name : str
        Name in reports and errors.
    weights : array of 0 and 1, shape (neurons, inputs)
        1 stands for +1, 0 for -1.
    thresholds : array of int, shape (neurons,)
        0 (always fires) to ``N + 1`` (never fires), where ``N`` is the largest count of the neuron.
    present : array of bool, shape (neurons, inputs), or None
        Synapses that exist; ``None`` for all.
    """

    name: str
    weights: np.ndarray
    thresholds: np.ndarray
    present: Any = None

    def __post_init__(self):
        name = text("Layer name", self.name)
        set_synapses(self, binary(name, self.weights))
        thresholds = per_neuron(name, "thresholds", self.thresholds, self.neurons)
        object.__setattr__(self, "thresholds", thresholds)

    def __reduce__(self):
        # Copies go through the constructor, so that their arrays are read-only too.
        return Dense, (self.name, self.weights, self.thresholds, self.present)


@dataclass(frozen=True, eq=False, repr=False)
class Score(Neurons):
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
    present : array of bool, shape (classes, inputs), or None
        Synapses that exist; ``None`` for all.
    """

    name: str
    weights: np.ndarray
    offsets: np.ndarray
    # An array after construction; Any, since the default is None.
    scales: Any = None
    present: Any = None

    def __post_init__(self):
        name = text("Layer name", self.name)
        set_synapses(self, binary(name, self.weights))
        offsets = per_neuron(name, "offsets", self.offsets, self.neurons)
        object.__setattr__(self, "offsets", offsets)
        scales = np.ones(self.neurons, np.int64) if self.scales is None else self.scales
        scales = per_neuron(name, "scales", scales, self.neurons)
        if scales.min() < 0:
            raise ValueError(f"scales of layer {name!r} must be at least 0, not {scales.min()}")
        object.__setattr__(self, "scales", scales)

    @property
    def scaled(self) -> bool:
        return bool((self.scales != 1).any())

    def score_range(self, planes: int) -> tuple[int, int]:
        """Smallest and largest score that any class can reach, both inclusive.

        ``planes`` is the number of bits of an input; see :meth:`~.neurons.Neurons.count_max`.
        """
        top = (1 << planes) - 1
        return (int(self.offsets.min()),
                max(scale * synapses * top + offset
                    for (scale, synapses), offset in self._largest_offsets.items()))

    @cached_property
    def _largest_offsets(self) -> dict[tuple[int, int], int]:
        """Largest offset for each distinct pair of a scale and a number of synapses."""
        pairs, places = np.unique(np.stack([self.scales, self.present_inputs]), axis=1,
                                  return_inverse=True)
        largest = np.full(pairs.shape[1], np.iinfo(np.int64).min)
        np.maximum.at(largest, places.reshape(-1), self.offsets)
        return dict(zip(zip(*pairs.tolist()), largest.tolist()))

    def __reduce__(self):
        return Score, (self.name, self.weights, self.offsets, self.scales, self.present)


Layer = Dense | Score | Conv
