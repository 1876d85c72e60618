"""Integer graph of a trained binarized network, independent of hardware.

A bit 1 stands for +1, a bit 0 for -1. An input element of ``k`` bits is an unsigned integer ``x``
that stands for the odd number ``v = 2x - (2**k - 1)``; for ``k = 1`` that is a bipolar bit.
The ±1 dot product of a neuron is ``sum(w * v) = 2p - N`` with ``N = n * (2**k - 1)``, where ``p``,
its *count*, is the popcount of the agreeing synapses (for ``k > 1`` the sum of the popcounts of the
bit planes, each weighted with ``2**b``). A dense neuron fires iff ``p >= threshold``; a class
scores ``scale * p + offset``, and the class of a frame is the first index of the largest score.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..support.arguments import text
from ..support.text import count
from .input import Input
from .layers import Dense, Layer, Score

__all__ = ["Graph"]

# Keeps sums of scores within 64 bits.
_MAX_SCORE = 1 << 60


@dataclass(frozen=True, eq=False)
class Graph:
    """Network of an input, any number of :class:`Dense` layers and one :class:`Score` layer.

    Two graphs are equal if their digests are.

    Parameters
    ----------
    name : str
        Name of the network.
    input : Input
        Shape and bits of a frame.
    layers : sequence of Dense, then one Score
        Layers in the order of the data. Their names are distinct, each has as many inputs as the
        previous one has neurons, and thresholds lie in 0 to ``N + 1``.
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
        """Number of classes."""
        return self.layers[-1].neurons

    @property
    def synapses(self) -> int:
        """Number of weights of all layers, one bit each."""
        return sum(layer.weights.size for layer in self.layers)

    def planes(self, index: int) -> int:
        """Bit planes per element at the input of layer ``index``: 1 after the first layer."""
        return self.input.bits if index == 0 else 1

    def count_max(self, index: int) -> int:
        """Largest count ``N`` of a neuron in layer ``index``; the smallest is 0."""
        return self.layers[index].count_max(self.planes(index))

    @property
    def score_range(self) -> tuple[int, int]:
        """Smallest and largest score that any class can reach, both inclusive."""
        score = self.layers[-1]
        assert isinstance(score, Score)
        return score.score_range(self.planes(len(self.layers) - 1))

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of everything that results depend on; names are left out."""
        state = hashlib.sha256(f"xnorloom graph 1 {self.input.shape} {self.input.bits}".encode())
        # Later features are hashed only where they are used, so that older digests stay valid.
        thresholds = self.input.pixel_thresholds
        if thresholds is not None:
            state.update(f" cuts {thresholds.shape} ".encode())
            state.update(thresholds.astype("<u2").tobytes())
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

    def __repr__(self) -> str:
        sizes = "-".join(str(size) for size in (self.input.size,
                                                *(layer.neurons for layer in self.layers)))
        return f"Graph({self.name!r}, {sizes}, {count(self.synapses, 'weight')})"

    def _repr_html_(self) -> str:
        from .summary import graph_html
        return graph_html(self)

    def summary(self) -> None:
        """Print the layers and sizes, as ``xnorloom info`` does."""
        from .summary import graph_text
        sys.stdout.write(graph_text(self) + "\n")

    def __reduce__(self):
        return Graph, (self.name, self.input, self.layers)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to the model file ``path``; see :mod:`xnorloom.graph.modelfile`."""
        from . import modelfile
        modelfile.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Graph":
        """Read the graph in the model file ``path``.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged or not a model file; see
            :func:`xnorloom.graph.modelfile.load`.
        """
        from . import modelfile
        return modelfile.load(path)
