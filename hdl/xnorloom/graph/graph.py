"""Integer graph of a trained binarized network, independent of hardware.

A bit 1 stands for +1, a bit 0 for -1. An input element of ``k`` bits is an unsigned integer ``x``
that stands for the odd number ``v = 2x - (2**k - 1)``; for ``k = 1`` that is a bipolar bit.
The ±1 dot product of a neuron is ``sum(w * v) = 2p - N`` with ``N = n * (2**k - 1)``, where ``p``,
its *count*, is the popcount of the agreeing synapses (for ``k > 1`` the sum of the popcounts of the
bit planes, each weighted with ``2**b``). Where synapses are absent, sum and count run over those
that are present, and ``n`` is their number, which may differ from neuron to neuron. A dense neuron
fires iff ``p >= threshold``; a class scores ``scale * p + offset``, and the class of a frame is the
first index of the largest score.

Elements between two layers are a :class:`~xnorloom.graph.maps.Map` in the order (row, column,
channel); a vector is a map of one pixel. A convolution sees its input as a map. Other layers see
all elements in this order.
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
from .conv import Conv
from .input import Input
from .layers import Dense, Layer, Score
from .maps import Map, input_map

__all__ = ["Graph"]

# Keeps sums of scores within 64 bits.
_MAX_SCORE = 1 << 60


@dataclass(frozen=True, eq=False)
class Graph:
    """Network of an input, any number of :class:`Conv` and :class:`Dense`, and one :class:`Score`.

    Two graphs are equal if their digests are.

    Parameters
    ----------
    name : str
        Name of the network.
    input : Input
        Shape and bits of a frame.
    layers : sequence of Conv and Dense, then one Score
        Layers in the order of the data. Their names are distinct, each has as many inputs as the
        previous one has outputs, and thresholds lie in 0 to ``N + 1``.
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
            if not isinstance(layer, (Conv, Dense)):
                raise TypeError("Every layer before the last must be a Conv or a Dense, "
                                f"not a {type(layer).__name__}")
        if not isinstance(self.layers[-1], Score):
            raise TypeError("The last layer must be a Score, "
                            f"not a {type(self.layers[-1]).__name__}")
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"Layer names must differ, but {name!r} occurs twice")
        for index in range(len(self.layers)):
            self._check(index)
        if self.score_range[1] > _MAX_SCORE:
            raise ValueError(f"scores of layer {names[-1]!r} must be within ±2**60, "
                             f"not {self.score_range[1]}")

    def _check(self, index: int) -> None:
        """Check that layer ``index`` fits what is before it, and its thresholds."""
        layer, planes, map = self.layers[index], self.planes(index), self.maps[index]
        if isinstance(layer, Score):
            return
        if isinstance(layer, Conv):
            borders = layer.borders(map)
            wanted = (borders.count, layer.neurons) if borders.count > 1 else (layer.neurons,)
            if layer.thresholds.shape != wanted:
                raise ValueError(f"thresholds of layer {layer.name!r} must have the shape "
                                 f"{wanted!r}, as its windows on the map {map} have "
                                 f"{count(borders.count, 'border class', 'es')}, not "
                                 f"{layer.thresholds.shape!r}")
            codes = np.atleast_1d(0 if layer.window.pad is None else layer.window.pad)
            if codes.max() >> planes:
                raise ValueError(f"pad of layer {layer.name!r} must be in 0 to "
                                 f"{(1 << planes) - 1}, not {codes.max()}")
            tops = layer.class_counts(map, planes)
            if not all(taps.any(axis=1).all() for taps in (borders.row_taps, borders.column_taps)):
                raise ValueError(f"windows of layer {layer.name!r} at the border of the map {map} "
                                 f"lie wholly outside it; take less padding")
        else:
            tops = layer.present_inputs[np.newaxis] * ((1 << planes) - 1)
        table = layer.thresholds.reshape(tops.shape)
        wrong = np.argwhere((table < 0) | (table > tops + 1))
        if wrong.size:
            place = tuple(wrong[0])
            here = "" if layer.present is None else (
                f" of neuron {place[1]}, which has {layer.present_inputs[place[1]]} of "
                f"{layer.inputs} synapses,")
            raise ValueError(f"thresholds of layer {layer.name!r}{here} must be in 0 to "
                             f"{tops[place] + 1}, not {table[place]}")

    @cached_property
    def maps(self) -> tuple[Map, ...]:
        """Maps of elements: the input of each layer in their order, then the scores.

        Raises
        ------
        ValueError
            If a layer does not fit its input.
        """
        maps = [input_map(self.input)]
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Conv):
                maps.append(layer.output(maps[-1]))
                continue
            if layer.inputs != maps[-1].size:
                before = self.layers[index - 1].name if index else "input"
                raise ValueError(f"Layer {layer.name!r} must have {maps[-1].size} inputs, as many "
                                 f"as {before!r} has outputs, not {layer.inputs}")
            maps.append(Map(1, 1, layer.neurons))
        return tuple(maps)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.layers[-1].neurons

    @property
    def synapses(self) -> int:
        """Synapses of all layers that are present."""
        return sum(layer.synapses for layer in self.layers)

    @property
    def weight_bits(self) -> int:
        """Bits of all weights; see :attr:`~xnorloom.graph.neurons.Neurons.weight_bits`."""
        return sum(layer.weight_bits for layer in self.layers)

    @property
    def by_pixel(self) -> bool:
        """True if the network receives a frame pixel after pixel: its first layer is a `Conv`."""
        return isinstance(self.layers[0], Conv)

    def planes(self, index: int) -> int:
        """Bit planes per element at the input of layer ``index``: 1 after the first layer."""
        return self.input.bits if index == 0 else 1

    def count_max(self, index: int) -> int:
        """Largest count ``N`` of any neuron in layer ``index``; the smallest is 0."""
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
        if self.input.thermometer is not None:
            state.update(f" thermometer {self.input.thermometer} ".encode())
        for layer in self.layers:
            values = layer.offsets if isinstance(layer, Score) else layer.thresholds
            state.update(f" {type(layer).__name__} {layer.weights.shape} ".encode())
            rows = layer.weights.reshape(layer.neurons, -1)
            state.update(np.packbits(rows, axis=1, bitorder="little").tobytes())
            state.update(values.astype("<i8").tobytes())
            if layer.present is not None:
                mask = layer.present.reshape(layer.neurons, -1)
                state.update(b" present " + np.packbits(mask, axis=1, bitorder="little").tobytes())
            if isinstance(layer, Score) and layer.scaled:
                state.update(b" scales " + layer.scales.astype("<i8").tobytes())
            if isinstance(layer, Conv):
                window = layer.window
                state.update(f" {values.shape} {window.kernel} {window.stride} {window.dilation} "
                             f"{window.padding} {window.pad} {layer.pool_size} {layer.groups} "
                             .encode() + np.packbits(layer.least).tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        first = self.maps[0] if isinstance(self.layers[0], Conv) else Map(1, 1, self.input.size)
        sizes = "-".join(str(map.size if map.pixels == 1 else map)
                         for map in (first, *self.maps[1:]))
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
