"""The integer graph: what a trained binarized network means, and nothing about hardware.

A bit 1 stands for +1, a bit 0 for -1. An input element of ``k`` bits is an unsigned integer ``x``
that stands for the odd number ``v = 2x - (2**k - 1)``; for ``k = 1`` that is the same bipolar bit.
The ±1 dot product of a neuron is ``sum(w * v) = 2p - N`` with ``N = n * (2**k - 1)``, where ``p``,
its *count*, is the popcount of the agreeing synapses (for ``k > 1`` the sum of the popcounts of the
bit planes, each weighted with ``2**b``). A dense neuron fires iff ``p >= threshold``; a class
scores ``scale * p + offset``, and the class of a frame is the first index of the largest score.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .checks import frozen, integers, text
from .input import MAX_INPUT_BITS, Input

__all__ = ["Input", "Dense", "Score", "Layer", "Graph", "MAX_INPUT_BITS"]

# Integers far enough from the ends of 64 bits that nothing which adds or packs them overflows.
_MAX_VALUE = 1 << 40
_MAX_SCORE = 1 << 60


def _weights(name: str, weights: object) -> np.ndarray:
    array = integers(f"weights of layer {name!r}", weights,
                     "integers 0 or 1 (1 stands for +1)", bools=True)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"weights of layer {name!r} must have a shape (neurons, inputs) with no "
                         f"zero in it, not {array.shape!r}")
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
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
    """What both kinds of layer share: a name and a matrix of binary weights."""

    name: str
    weights: np.ndarray

    @property
    def inputs(self) -> int:
        """Synapses of a neuron, ``n``."""
        return self.weights.shape[1]

    @property
    def neurons(self) -> int:
        """Neurons, ``m``."""
        return self.weights.shape[0]

    def count_max(self, planes: int) -> int:
        """Largest count ``N`` of a neuron whose inputs have ``planes`` bits; the smallest is 0."""
        return self.inputs * ((1 << planes) - 1)

    @property
    def scaled(self) -> bool:
        """Whether counts are multiplied: only in a :class:`Score` with a scale that is not 1."""
        return False


@dataclass(frozen=True, eq=False)
class Dense(_Neurons):
    """A fully connected binary layer: neuron ``j`` fires iff its count is ``>= thresholds[j]``.

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
        # Copies go through the constructor too: their arrays are as constant as these.
        return Dense, (self.name, self.weights, self.thresholds)


@dataclass(frozen=True, eq=False)
class Score(_Neurons):
    """The last layer: class ``c`` scores its count times ``scales[c]`` plus ``offsets[c]``.

    Parameters
    ----------
    name : str
        Name in reports and errors.
    weights : array of 0 and 1, shape (classes, inputs)
        1 stands for +1, 0 for -1.
    offsets : array of int, shape (classes,)
        Of either sign.
    scales : array of int, shape (classes,), or None
        At least 0; ``None`` stands for all ones, and becomes them.
    """

    name: str
    weights: np.ndarray
    offsets: np.ndarray
    # Always an array in the end, while its default is none.
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
        """Smallest and largest score that any class could reach, both inclusive.

        ``planes`` is as of :meth:`count_max`.
        """
        largest = self.count_max(planes)
        return (int(self.offsets.min()),
                max(scale * largest + offset for scale, offset in self._largest_offsets.items()))

    @cached_property
    def _largest_offsets(self) -> dict[int, int]:
        """The largest offset of each scale that there is."""
        found: dict[int, int] = {}
        for scale, offset in zip(self.scales.tolist(), self.offsets.tolist()):
            found[scale] = max(offset, found.get(scale, offset))
        return found

    def __reduce__(self):
        return Score, (self.name, self.weights, self.offsets, self.scales)


Layer = Dense | Score


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network: an input, any number of :class:`Dense` layers, one :class:`Score` layer.

    Two graphs are equal when their digests are.

    Parameters
    ----------
    name : str
        Name of the network.
    input : Input
        What a frame is.
    layers : sequence of Dense, then one Score
        In the order of the data. Names differ; each layer has as many inputs as the one before
        has neurons; thresholds lie in 0 to ``N + 1``.
    """

    name: str
    input: Input
    layers: tuple[Layer, ...]

    def __post_init__(self):
        text("Graph name", self.name)
        if not isinstance(self.input, Input):
            raise TypeError(f"Graph input must be an Input, not {self.input!r}")
        if isinstance(self.layers, str) or not isinstance(self.layers, Sequence):
            raise TypeError(f"Graph layers must be a sequence of layers, "
                            f"not a {type(self.layers).__name__}")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("Graph must have at least one layer, the Score layer")
        for layer in self.layers[:-1]:
            if not isinstance(layer, Dense):
                raise TypeError("Every layer before the last must be a Dense, "
                                f"not a {type(layer).__name__}")
        if not isinstance(self.layers[-1], Score):
            raise TypeError("The last layer must be a Score, "
                            f"not a {type(self.layers[-1]).__name__}")
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"Layer names must differ, but {name!r} occurs twice")
        size = self.input.size
        for index, layer in enumerate(self.layers):
            if layer.inputs != size:
                before = self.layers[index - 1].name if index else "input"
                raise ValueError(f"Layer {layer.name!r} must have {size} inputs, as many as "
                                 f"{before!r} has outputs, not {layer.inputs}")
            if isinstance(layer, Dense):
                low, high = int(layer.thresholds.min()), int(layer.thresholds.max())
                top = self.count_max(index) + 1
                if low < 0 or high > top:
                    raise ValueError(f"thresholds of layer {layer.name!r} must be in 0 to {top}, "
                                     f"not {low if low < 0 else high}")
            size = layer.neurons
        if self.score_range[1] > _MAX_SCORE:
            raise ValueError(f"scores of layer {names[-1]!r} must be within ±2**60, "
                             f"not {self.score_range[1]}")

    @property
    def classes(self) -> int:
        """Classes that the network tells apart."""
        return self.layers[-1].neurons

    @property
    def synapses(self) -> int:
        """Weights of all layers, one bit each."""
        return sum(layer.weights.size for layer in self.layers)

    def planes(self, index: int) -> int:
        """Bit planes per element at the input of layer ``index``: 1 behind the first layer."""
        return self.input.bits if index == 0 else 1

    def count_max(self, index: int) -> int:
        """Largest count ``N`` of a neuron in layer ``index``; the smallest is 0."""
        return self.layers[index].count_max(self.planes(index))

    @property
    def score_range(self) -> tuple[int, int]:
        """Smallest and largest score that any class could reach, both inclusive."""
        score = self.layers[-1]
        assert isinstance(score, Score)
        return score.score_range(self.planes(len(self.layers) - 1))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that decides the results (not the names), in hexadecimal."""
        state = hashlib.sha256(f"xnorloom graph 1 {self.input.shape} {self.input.bits}".encode())
        # What came later is only there if it is used: graphs from before keep their digest.
        cuts = self.input.cuts
        if cuts is not None:
            state.update(f" cuts {cuts.shape} ".encode())
            state.update(cuts.astype("<u2").tobytes())
        for layer in self.layers:
            values = layer.thresholds if isinstance(layer, Dense) else layer.offsets
            state.update(f" {type(layer).__name__} {layer.weights.shape} ".encode())
            state.update(np.packbits(layer.weights, axis=1, bitorder="little").tobytes())
            state.update(values.astype("<i8").tobytes())
            if isinstance(layer, Score) and layer.scaled:
                state.update(b" scales " + layer.scales.astype("<i8").tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self):
        return Graph, (self.name, self.input, self.layers)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to ``path``; see :mod:`xnorloom.modelfile`."""
        from . import modelfile
        modelfile.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Graph":
        """Read a graph from ``path``; raises :class:`~xnorloom.errors.ModelFileError`."""
        from . import modelfile
        return modelfile.load(path)
