"""Work of a layer per frame, and the folds of its neurons and synapses that do it in time."""

from dataclasses import dataclass

from ..graph import Conv, Graph
from ..schedule import Fold
from ..schedule.view import gathered, spans, view
from ..support.text import count
from .at_once import ALONE, AtOnce

__all__ = ["Work", "in_turn", "input_width", "least_cycles", "options", "work"]

# Cells of the control of a change of width, at least.
_CHANGE_CELLS = 60


@dataclass(frozen=True)
class Work:
    """Work of a layer per frame, from which the cycles under any fold follow.

    Attributes
    ----------
    neurons : int
        Neurons of the layer.
    synapses : int
        Largest SIMD: operand bits of a fully connected layer, channels of a group of a convolution,
        elements of a row of its kernel, or of all of it.
    turns : int
        Cycles per neuron fold with that SIMD: bit planes, taps and outputs before pooling, or
        words of several.
    words : int
        Cycles in which a convolution receives the pixels of a frame, if each plane of a pixel is
        one word; 0 for other layers.
    channels : int
        Channels of a pixel of a convolution.
    taps : int
        Words of that size for an output of a convolution; 1 for other layers.
    groups : int
        Groups of a convolution; 1 for other layers.
    spread : int
        Flip-flops that keep pixels under a kernel row, or under the kernel; 0 for folds that take
        the taps one by one. The SIMD of others is ``synapses``.
    at_once : AtOnce
        Vectors of the layer, and pixels of its input words.
    """

    neurons: int
    synapses: int
    turns: int
    words: int = 0
    channels: int = 0
    taps: int = 1
    groups: int = 1
    spread: int = 0
    at_once: AtOnce = ALONE

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
        if self.spread:
            return n
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
        """True if a convolution allows this fold, of a SIMD up to ``synapses``."""
        if self.spread:
            return simd == self.synapses
        return self.groups == 1 or (self.lane_groups(pe) == 1 and self.synapses % simd == 0)

    def most_wider(self, pe: int) -> int:
        """Return how much more SIMD can be worth operands that are as wide as input words.

        A lane takes more than a cell, and other operands about two cells for each channel of a
        convolution, or for each synapse and bit plane.
        """
        return (2 * (self.channels or self.synapses * self.turns) + _CHANGE_CELLS) // pe

    def lane_groups(self, pe: int) -> int:
        """Return the groups that ``pe`` processing elements take at once."""
        return max(1, pe * self.groups // self.neurons)

    def input_width(self, pe: int, simd: int) -> int:
        """Return the bits of a pixel in words that this layer takes without a change of width."""
        return self.channels if self.spread else simd * self.lane_groups(pe)


def work(graph: Graph, index: int, width: int | None = None) -> Work:
    """Return the work of layer ``index``, whose input words have ``width`` elements.

    ``width`` ``None`` is that of its own operands. Where it does not divide the channels of a map,
    a fully connected layer has operand bits without a synapse. A convolution takes its taps one by
    one; see :func:`options` for others.
    """
    layer, planes, map = graph.layers[index], graph.planes(index), graph.maps[index]
    if isinstance(layer, Conv):
        return _conv_work(graph, index, layer.weights.shape[3])
    inputs = layer.inputs
    if index and width and map.pixels > 1:
        inputs = map.pixels * -(-map.channels // width) * width
    return Work(layer.neurons, inputs, planes)


def options(graph: Graph, index: int, width: int | None = None,
            at_once: AtOnce = ALONE) -> list[Work]:
    """Return the work of layer ``index`` for each way to take its synapses.

    The first is that of :func:`work`. The others are those of a convolution by kernel rows, and of
    the whole kernel at once, where the gateware has them. A convolution of input words of several
    pixels has only these.
    """
    layer = graph.layers[index]
    if isinstance(layer, Conv) and at_once.pixels > 1:
        return [_conv_work(graph, index, simd, at_once) for simd in gathered(layer)]
    wider = spans(layer) if isinstance(layer, Conv) else ()
    return [work(graph, index, width), *(_conv_work(graph, index, simd) for simd in wider)]


def _conv_work(graph: Graph, index: int, simd: int, at_once: AtOnce = ALONE) -> Work:
    layer, planes, map = graph.layers[index], graph.planes(index), graph.maps[index]
    assert isinstance(layer, Conv)
    vectors, pixels = at_once
    seen, (rows, columns) = view(layer, map, simd, *at_once), layer.positions(map)
    taps, extent, spread = seen.window.taps, layer.window.extent, 0
    if seen.columns:
        # A shift register over columns; the line buffer before it gives columns of the kernel.
        high = layer.window.kernel[0] if seen.rows else 1
        before = ((vectors - 1) * layer.window.stride[1] + extent[1] - 1) // pixels
        spread = (before * planes + 1) * pixels * map.channels * high
        spread += pixels * map.channels * extent[0] if seen.rows else 0
    return Work(layer.neurons, simd, rows * -(-columns // vectors) * taps * planes,
                map.rows * -(-map.columns // pixels) * planes, map.channels, taps, layer.groups,
                spread, at_once)


def input_width(graph: Graph, fold: Fold) -> int:
    """Return the width of input words that the first layer takes without a change of width."""
    layer, at_once = graph.layers[0], ALONE
    if isinstance(layer, Conv) and fold.vectors > 1:
        at_once = AtOnce(fold.vectors, fold.vectors * layer.window.stride[1])
    part = next(part for part in options(graph, 0, at_once=at_once) if fold.simd <= part.synapses)
    return at_once.pixels * part.input_width(fold.pe, fold.simd)


def least_cycles(graph: Graph, index: int, at_once: AtOnce = ALONE) -> int:
    """Return the fewest cycles per frame of layer ``index`` under any fold."""
    return min(part.least for part in options(graph, index, at_once=at_once))


def in_turn(graph: Graph, index: int, at_once: AtOnce = ALONE) -> str:
    """Return the work of a layer that no lanes shorten."""
    layer, planes, map = graph.layers[index], graph.planes(index), graph.maps[index]
    part = min(options(graph, index, at_once=at_once), key=lambda part: part.least)
    if not isinstance(layer, Conv):
        return f"works on {planes} bit planes in turn"
    bits = f" of {planes} bit planes" if planes > 1 else ""
    words = f" in words of {at_once.pixels}" if at_once.pixels > 1 else ""
    if part.words > part.turns:
        return f"receives {map.pixels} pixels{bits}{words} in turn"
    outputs = part.turns // (part.taps * planes)
    what = count(outputs, "output")
    if at_once.vectors > 1:
        what = f"{count(outputs, 'word')} of {at_once.vectors} outputs"
    return f"works on {what} of {count(part.taps, 'tap')}{bits} in turn"


def divisors(number: int) -> list[int]:
    """Return the divisors of ``number`` in ascending order."""
    return [part for part in range(1, number + 1) if number % part == 0]
