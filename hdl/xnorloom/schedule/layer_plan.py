"""Layer under its fold: steps, words and operands.

Notation: a layer of ``m`` neurons with ``n`` synapses and ``K`` bit planes, folded with PE and
SIMD, has ``SF`` synapse folds and ``NF = ceil(m / PE)`` neuron folds. A count takes ``SF * K``
cycles. A fully connected layer has ``SF = ceil(n / SIMD)``, where ``n`` includes the gaps between
the pixels of a map, and takes ``F = NF * SF * K`` cycles for a frame or a batch of up to
``vectors`` frames. A convolution has ``SF = taps * ceil(channels / SIMD)``, with the channels of a
group, and takes as many cycles for each of its outputs, before pooling. With a SIMD of a row of the
kernel it has as many taps as the kernel has rows, with one of the whole kernel a single one. Then
it can compute ``vectors`` outputs side by side at once.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import ScheduleError
from ..graph import Conv, Dense, Layer, Map, Score
from ..support.arguments import integer
from ..support.text import count
from ..target.device import SPRAM_WIDTH
from .fold import Fold, WeightStyle
from .layer_checks import check
from .operand_kind import OperandKind, operand_kind
from .ring import Ring

__all__ = ["LayerPlan"]


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """Layer under its fold.

    Parameters
    ----------
    layer : Conv, Dense or Score
        Weights, and thresholds or scales and offsets.
    fold : Fold
        Processing elements, synapses per cycle, weight style.
    planes : int
        Bit planes of the input.
    in_width : int or None
        Bits of a frame, or of each pixel, per input word; ``None`` for ``fold.simd``.
    gather : bool
        True if frames arrive one after the other, and the operand buffer gathers batches of up to
        ``fold.vectors``; false if words hold the bits of all frames of a batch.
    map : Map or None
        Map of inputs, of which words arrive pixel after pixel; ``None`` for a vector.
    in_pixels : int
        Pixels side by side per input word. The last word of a row may have some that do not exist.

    Attributes
    ----------
    ring : Ring
        Operand buffer of a convolution; only that has one.

    Raises
    ------
    TypeError
        If ``layer`` or ``fold`` is of another type.
    ScheduleError
        If the fold does not fit the layer.
    """

    layer: Layer
    fold: Fold
    planes: int = 1
    in_width: int | None = None
    gather: bool = False
    map: Map | None = None
    in_pixels: int = 1
    ring: Ring = field(init=False)

    def __repr__(self) -> str:
        vectors = f"vectors {self.vectors}, " if self.vectors > 1 else ""
        return (f"LayerPlan({self.layer.name!r}, pe {self.fold.pe}, simd {self.fold.simd}, "
                f"{vectors}{self.fold.style}, {count(self.cycles, 'cycle')})")

    def __post_init__(self):
        layer, fold = self.layer, self.fold
        if not isinstance(layer, (Conv, Dense, Score)):
            raise TypeError(f"LayerPlan layer must be a Conv, a Dense or a Score, not {layer!r}")
        if not isinstance(fold, Fold):
            raise TypeError(f"LayerPlan fold must be a Fold, not {fold!r}")
        object.__setattr__(self, "planes", integer("LayerPlan planes", self.planes, 1))
        width = fold.simd if self.in_width is None else integer("LayerPlan in_width",
                                                                self.in_width, 1)
        object.__setattr__(self, "in_width", width)
        object.__setattr__(self, "in_pixels", integer("LayerPlan in_pixels", self.in_pixels, 1))
        if self.map is None:
            if isinstance(layer, Conv):
                raise TypeError(f"LayerPlan map of layer {layer.name!r} must be a Map, not None")
            object.__setattr__(self, "map", Map(1, 1, layer.inputs))
        if fold.pe > layer.neurons:
            raise ScheduleError(f"pe of layer {layer.name!r} must be at most its "
                                f"{layer.neurons} neurons, not {fold.pe}")
        what = "inputs" if self.size == layer.inputs else "inputs with gaps between pixels"
        if isinstance(layer, Conv):
            assert self.map is not None
            object.__setattr__(self, "ring", Ring(layer, fold, self.map, self.planes,
                                                  self.in_pixels))
        elif fold.simd > self.most_simd:
            raise ScheduleError(f"simd of layer {layer.name!r} must be at most its "
                                f"{self.most_simd} {what}, not {fold.simd}")
        check(self)

    @property
    def vectors(self) -> int:
        """Frames that the layer processes at once, or outputs of a convolution side by side."""
        return self.fold.vectors

    @property
    def out_vectors(self) -> int:
        """Frames, or pixels side by side after pooling, of a word of the output."""
        if not isinstance(self.layer, Conv):
            return self.vectors
        return max(1, self.vectors // self.layer.pool_size[1])

    @property
    def groups(self) -> int:
        """Groups of a convolution; 1 for other layers."""
        return self.layer.groups if isinstance(self.layer, Conv) else 1

    @property
    def taps(self) -> int:
        """Taps of the window over the ring; 1 for a layer without one."""
        return self.ring.view.window.taps if isinstance(self.layer, Conv) else 1

    @cached_property
    def size(self) -> int:
        """Operand bits per plane of a fully connected layer, with gaps between its pixels.

        Words start anew at each pixel. Where their width does not divide the channels, the last
        word of each pixel ends with a gap.
        """
        assert self.in_width is not None and self.map is not None
        if self.map.pixels == 1:
            return self.layer.inputs
        return self.map.pixels * -(-self.map.channels // self.in_width) * self.in_width

    @property
    def most_simd(self) -> int:
        """Elements of a tap of a convolution, operand bits of other layers."""
        return self.ring.view.synapses.shape[1] if isinstance(self.layer, Conv) else self.size

    @cached_property
    def tap_words(self) -> int:
        """Operand words for each tap, ``ceil(channels / SIMD)``; 1 for a layer without taps."""
        return -(-self.most_simd // self.fold.simd) if isinstance(self.layer, Conv) else 1

    @property
    def lane_groups(self) -> int:
        """Groups of a convolution that the processing elements take at once; 1 for other layers."""
        return self.ring.lane_groups if isinstance(self.layer, Conv) else 1

    @property
    def operand_width(self) -> int:
        """Bits of an operand word: SIMD for each vector, and each group that is taken at once."""
        return self.vectors * self.fold.simd * self.lane_groups

    @cached_property
    def order(self) -> np.ndarray:
        """Synapse of each operand bit, shape (SF, SIMD); -1 for gaps.

        Synapses count in C order of the weights of a neuron. A gap has activation 0 and weight 1,
        which never agree.
        """
        simd = self.fold.simd
        if isinstance(self.layer, Conv):
            synapses = self.ring.view.synapses
            gap = self.tap_words * simd - self.most_simd
        else:
            assert self.map is not None
            synapses = np.arange(self.layer.inputs).reshape(self.map.pixels, -1)
            gap = self.size // self.map.pixels - synapses.shape[1]
        places = np.pad(synapses, ((0, 0), (0, gap)), constant_values=-1).reshape(-1)
        places = np.pad(places, (0, self.synapse_folds * simd - len(places)), constant_values=-1)
        return places.reshape(-1, simd)

    @cached_property
    def synapse_folds(self) -> int:
        """Synapse folds ``SF``: steps over one bit plane. The last may be partly filled."""
        if isinstance(self.layer, Conv):
            return self.taps * self.tap_words
        return -(-self.size // self.fold.simd)

    @cached_property
    def neuron_folds(self) -> int:
        """Neuron folds ``NF``: steps over the neurons. The last may be partly filled."""
        return -(-self.layer.neurons // self.fold.pe)

    @property
    def steps(self) -> int:
        """Cycles per count, ``SF * K``."""
        return self.synapse_folds * self.planes

    @property
    def repeats(self) -> int:
        """Counts per output: words of outputs of a convolution that are pooled into one."""
        if not isinstance(self.layer, Conv):
            return 1
        rows, columns = self.ring.pool
        return rows * columns

    @property
    def depth(self) -> int:
        """Weight words that each lane steps through, ``NF * SF``."""
        return self.neuron_folds * self.synapse_folds

    @property
    def masked(self) -> bool:
        """True if synapses may be absent: weight words say for each lane whether its synapse is."""
        return self.layer.present is not None

    @property
    def weight_width(self) -> int:
        """Bits of a weight word: a weight of each lane, and its presence if ``masked``."""
        return self.fold.lanes * (1 + self.masked)

    @property
    def sprams(self) -> int:
        """SPRAMs that hold the weights: one per 16 bits of a word of style ``spram``, else 0."""
        return -(-self.weight_width // SPRAM_WIDTH) if self.fold.style.loadable else 0

    @property
    def pixel_cycles(self) -> int:
        """Cycles per word of pixels of the output."""
        return self.neuron_folds * self.repeats * self.steps

    @cached_property
    def output(self) -> Map:
        """Map of outputs."""
        assert self.map is not None
        if isinstance(self.layer, Conv):
            return self.layer.output(self.map)
        return Map(1, 1, self.layer.neurons)

    @property
    def output_words(self) -> tuple[int, int]:
        """Rows of the map of outputs, and words of ``out_vectors`` pixels in each."""
        if not isinstance(self.layer, Conv):
            return 1, 1
        return self.output.rows, -(-self.output.columns // self.out_vectors)

    @property
    def cycles(self) -> int:
        """Cycles per frame or batch of frames, ``F``."""
        rows, columns = self.output_words
        return rows * columns * self.pixel_cycles

    @property
    def in_words(self) -> int:
        """Input words of a frame for each bit plane, if a pixel is one word wide; of a map."""
        assert self.map is not None
        return self.map.rows * -(-self.map.columns // self.in_pixels)

    @property
    def received(self) -> int:
        """Cycles in which the operand buffer takes the words of a frame."""
        assert self.in_width is not None and self.map is not None
        if not isinstance(self.layer, Conv):
            return self.planes * -(-self.size // self.in_width)
        return self.ring.received(self.in_width, self.in_words)

    @property
    def interval(self) -> int:
        """Cycles per frame or batch in a steady stream, if no other layer takes more.

        ``F``, or in a convolution the cycles in which its ring receives a frame, if they are more.
        """
        if self.operands is not OperandKind.RING:
            return self.cycles
        return max(self.cycles, self.received)

    @property
    def levels(self) -> np.ndarray:
        """Distinct threshold vectors of a layer of activations, shape (levels, neurons).

        A fully connected layer has one level, a convolution those of its border classes, or one;
        see :attr:`half`.
        """
        if isinstance(self.layer, Conv):
            return self.ring.levels
        assert isinstance(self.layer, Dense)
        return self.layer.thresholds.reshape(1, -1)

    @property
    def half(self) -> int:
        """Count of an operand word that is skipped; mostly 0, see :attr:`~.ring.Ring.half`."""
        return self.ring.half if isinstance(self.layer, Conv) else 0

    @cached_property
    def operands(self) -> OperandKind:
        """Kind of operand buffer before the layer."""
        assert self.in_width is not None
        if isinstance(self.layer, Conv):
            return OperandKind.RING
        return operand_kind(self.size, self.planes, self.in_width, self.fold.simd,
                            self.neuron_folds, self.vectors, self.gather)

    @property
    def operand_bits(self) -> int:
        """Bits of the operand buffer: two batches, the ring of a convolution, or none."""
        match self.operands:
            case OperandKind.DIRECT:
                return 0
            case OperandKind.RING:
                return self.ring.words * self.operand_width
            case _:
                return 2 * self.vectors * self.planes * self.size

    @property
    def shares(self) -> bool:
        """True if neurons share counts, see :mod:`xnorloom.sharing`: those of constant weights."""
        return self.fold.style is WeightStyle.WIRED

    @property
    def shares_numbers(self) -> bool:
        """True if shared counts are results: they are added up over bit planes, or scaled.

        Without it shared counts end in thresholds, or in scores.
        """
        return self.shares and (self.planes > 1 or self.layer.scaled)

    @property
    def count_max(self) -> int:
        """Largest count of any neuron; 1 if all are without synapses, so that it has a bit."""
        return max(1, self.layer.count_max(self.planes))
