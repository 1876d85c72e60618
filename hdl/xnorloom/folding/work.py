"""Work of a layer per frame, and the folds of its neurons and synapses that do it in time."""

from dataclasses import dataclass

from ..graph import Conv, Graph
from ..support.text import count

__all__ = ["Work", "in_turn", "work"]


@dataclass(frozen=True)
class Work:
    """Work of a layer per frame, from which the cycles under any fold follow.

    Attributes
    ----------
    neurons : int
        Neurons of the layer.
    synapses : int
        Largest SIMD: operand bits of a fully connected layer, channels of a group of a convolution.
    turns : int
        Cycles per neuron fold with that SIMD: bit planes, taps and outputs before pooling.
    words : int
        Cycles in which a convolution receives the pixels of a frame, if each plane of a pixel is
        one word; 0 for other layers.
    channels : int
        Channels of a pixel of a convolution.
    taps : int
        Taps of a convolution; 1 for other layers.
    groups : int
        Groups of a convolution; 1 for other layers.
    """

    neurons: int
    synapses: int
    turns: int
    words: int = 0
    channels: int = 0
    taps: int = 1
    groups: int = 1

    @property
    def least(self) -> int:
        """Fewest cycles per frame: those of the whole layer at once."""
        return max(self.turns, self.words)

    @property
    def most(self) -> int:
        """Cycles per frame with one lane, and words of one bit."""
        return max(self.turns * self.neurons * self.synapses, self.words * self.channels)

    def pes(self, interval: int) -> list[int]:
        """Return the numbers of processing elements without idle ones, in ``interval`` cycles."""
        m, most = self.neurons, min(self.neurons, interval // self.turns)
        if interval < self.words:
            return []
        if self.groups == 1:
            return sorted({-(-m // folds) for folds in range(1, most + 1)})
        members = m // self.groups
        return [*(pe for pe in divisors(members) if m // pe <= most),
                *(pe * members for pe in divisors(self.groups)[1:] if self.groups // pe <= most)]

    def least_simd(self, pe: int, interval: int) -> int | None:
        """Return the fewest synapses at once in ``interval`` cycles; ``None`` if none suffice."""
        steps = interval // (self.turns * -(-self.neurons // pe))
        if not steps or interval < self.words:
            return None
        n = self.synapses
        simd = -(-n // min(n, steps))
        if not self.words:
            return simd
        # Bits of an operand word, in which the pixels of a frame are received in time.
        width = -(-self.channels // (interval // self.words))
        if self.groups == 1:
            return max(simd, width)
        if self.lane_groups(pe) > 1:
            return n if n * self.lane_groups(pe) >= width else None
        return next((size for size in divisors(n) if size >= max(simd, width)), None)

    def allows(self, pe: int, simd: int) -> bool:
        """True if the groups of a convolution allow this fold."""
        return self.groups == 1 or (self.lane_groups(pe) == 1 and self.synapses % simd == 0)

    def lane_groups(self, pe: int) -> int:
        """Return the groups that ``pe`` processing elements take at once."""
        return max(1, pe * self.groups // self.neurons)

    def input_width(self, pe: int, simd: int) -> int:
        """Return the width of input words that are operand words of this layer, the first."""
        return simd * self.lane_groups(pe)


def work(graph: Graph, index: int, width: int | None = None) -> Work:
    """Return the work of layer ``index``, whose input words have ``width`` elements.

    ``width`` ``None`` is that of its own operands. Where it does not divide the channels of a map,
    a fully connected layer has operand bits without a synapse.
    """
    layer, planes, map = graph.layers[index], graph.planes(index), graph.maps[index]
    if isinstance(layer, Conv):
        rows, columns = layer.positions(map)
        return Work(layer.neurons, layer.weights.shape[3],
                    rows * columns * layer.window.taps * planes, map.pixels * planes, map.channels,
                    layer.window.taps, layer.groups)
    inputs = layer.inputs
    if index and width and map.pixels > 1:
        inputs = map.pixels * -(-map.channels // width) * width
    return Work(layer.neurons, inputs, planes)


def in_turn(graph: Graph, index: int) -> str:
    """Return the work of a layer that no lanes shorten."""
    layer, planes, map = graph.layers[index], graph.planes(index), graph.maps[index]
    part = work(graph, index)
    if not isinstance(layer, Conv):
        return f"works on {planes} bit planes in turn"
    bits = f" of {planes} bit planes" if planes > 1 else ""
    if part.words > part.turns:
        return f"receives {map.pixels} pixels{bits} in turn"
    outputs = part.turns // (part.taps * planes)
    return (f"works on {count(outputs, 'output')} of {count(part.taps, 'tap')}{bits} in turn")


def divisors(number: int) -> list[int]:
    """Return the divisors of ``number`` in ascending order."""
    return [part for part in range(1, number + 1) if number % part == 0]
