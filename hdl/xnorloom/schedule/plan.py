"""Plan: a graph under a schedule, with the geometry of every layer.

Notation: a layer of ``m`` neurons with ``n`` inputs of ``K`` bit planes, folded with PE and SIMD,
has ``SF = ceil(n / SIMD)`` synapse folds and ``NF = ceil(m / PE)`` neuron folds. A frame takes it
``F = NF * SF * K`` cycles, and so does a batch of up to ``vectors`` frames.
"""

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import ScheduleError
from ..graph import Dense, Graph, Layer, Score
from ..support.arguments import integer
from ..support.html import html_table
from ..support.text import count
from ..target.device import DEVICES
from .fold import Fold, WeightStyle

if TYPE_CHECKING:
    from .schedule import Schedule

__all__ = ["MEMORY_BITS", "LayerPlan", "OperandKind", "Plan", "operand_kind"]

# Two copies of a frame of this size in flip-flops would take more than a fifth of the 5,280 logic
# cells of an iCE40 UP5K.
MEMORY_BITS = 512


class OperandKind(enum.StrEnum):
    """Kind of the operand buffer of a layer. Values are the words in tables and files."""

    DIRECT = "direct"
    REGISTERS = "registers"
    MEMORY = "memory"


def operand_kind(size: int, planes: int, in_width: int, out_width: int, passes: int,
                 vectors: int = 1, gather: bool = False) -> OperandKind:
    """Return the kind of operand buffer for frames of ``size`` elements of ``planes`` bit planes.

    - ``direct`` (no buffer) if both widths are equal, there is one pass, and nothing to ``gather``;
    - ``memory`` if both widths are equal and ``vectors`` frames have at least :data:`MEMORY_BITS`
      bits;
    - ``registers`` otherwise.
    """
    if in_width == out_width and passes == 1 and not gather:
        return OperandKind.DIRECT
    if in_width == out_width and size * planes * vectors >= MEMORY_BITS:
        return OperandKind.MEMORY
    return OperandKind.REGISTERS


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """Layer under its fold.

    Parameters
    ----------
    layer : Dense or Score
        Weights, and thresholds or scales and offsets.
    fold : Fold
        Processing elements, synapses per cycle, weight style.
    planes : int
        Bit planes of the input.
    in_width : int or None
        Bits of a frame per input word of the operand buffer; ``None`` for ``fold.simd``.
    gather : bool
        True if frames arrive one after the other, and the operand buffer gathers batches of up to
        ``fold.vectors``; false if words hold the bits of all frames of a batch.

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

    def __repr__(self) -> str:
        vectors = f"vectors {self.vectors}, " if self.vectors > 1 else ""
        return (f"LayerPlan({self.layer.name!r}, pe {self.fold.pe}, simd {self.fold.simd}, "
                f"{vectors}{self.fold.style}, {count(self.cycles, 'cycle')})")

    def __post_init__(self):
        layer, fold = self.layer, self.fold
        if not isinstance(layer, (Dense, Score)):
            raise TypeError(f"LayerPlan layer must be a Dense or a Score, not {layer!r}")
        if not isinstance(fold, Fold):
            raise TypeError(f"LayerPlan fold must be a Fold, not {fold!r}")
        object.__setattr__(self, "planes", integer("LayerPlan planes", self.planes, 1))
        width = fold.simd if self.in_width is None else integer("LayerPlan in_width",
                                                                self.in_width, 1)
        object.__setattr__(self, "in_width", width)
        if fold.pe > layer.neurons:
            raise ScheduleError(f"pe of layer {layer.name!r} must be at most its "
                                f"{layer.neurons} neurons, not {fold.pe}")
        if fold.simd > layer.inputs:
            raise ScheduleError(f"simd of layer {layer.name!r} must be at most its "
                                f"{layer.inputs} inputs, not {fold.simd}")
        if fold.style is WeightStyle.WIRED and (fold.pe, fold.simd) != layer.weights.shape:
            raise ScheduleError(
                f"style wired of layer {layer.name!r} needs pe {layer.neurons} and simd "
                f"{layer.inputs}, the whole layer, not pe {fold.pe} and simd {fold.simd}")
        depths = fold.style.depths
        if self.depth not in depths:
            raise ScheduleError(f"style {fold.style} of layer {layer.name!r} needs {depths[0]} to "
                                f"{depths[-1]:,} weight words per lane, not {self.depth:,}")

        if fold.vectors > 1 and self.operands is OperandKind.REGISTERS:
            most = max(device.logic_cells for device in DEVICES.values())
            if self.operand_bits > most:
                raise ScheduleError(
                    f"operand buffer of layer {layer.name!r} would take {self.operand_bits:,} "
                    f"flip-flops for {fold.vectors} frames, more than the {most:,} of the largest "
                    f"chip; with input words of simd {fold.simd} bits, not {width}, it is in RAM, "
                    f"and fewer vectors take less")

    @property
    def vectors(self) -> int:
        """Frames that the layer processes at once."""
        return self.fold.vectors

    @cached_property
    def synapse_folds(self) -> int:
        """Synapse folds ``SF``: steps over one bit plane. The last may be partly filled."""
        return -(-self.layer.inputs // self.fold.simd)

    @cached_property
    def neuron_folds(self) -> int:
        """Neuron folds ``NF``: steps over the neurons. The last may be partly filled."""
        return -(-self.layer.neurons // self.fold.pe)

    @property
    def steps(self) -> int:
        """Cycles per neuron fold, ``SF * K``."""
        return self.synapse_folds * self.planes

    @property
    def depth(self) -> int:
        """Weight words that each lane steps through, ``NF * SF``."""
        return self.neuron_folds * self.synapse_folds

    @property
    def cycles(self) -> int:
        """Cycles per frame or batch of frames, ``F``."""
        return self.neuron_folds * self.steps

    @cached_property
    def operands(self) -> OperandKind:
        """Kind of operand buffer before the layer."""
        assert self.in_width is not None
        return operand_kind(self.layer.inputs, self.planes, self.in_width, self.fold.simd,
                            self.neuron_folds, self.vectors, self.gather)

    @property
    def operand_bits(self) -> int:
        """Bits of the operand buffer: two batches, or none."""
        if self.operands is OperandKind.DIRECT:
            return 0
        return 2 * self.vectors * self.planes * self.layer.inputs

    @property
    def count_max(self) -> int:
        """Largest count of a neuron."""
        return self.layer.count_max(self.planes)


@dataclass(frozen=True, eq=False)
class Plan:
    """Graph under a schedule, as :meth:`xnorloom.schedule.Schedule.bind` returns it.

    Attributes
    ----------
    graph : Graph
        The network.
    schedule : Schedule
        Its schedule.
    layers : tuple of LayerPlan
        One per layer, in the order of the data.
    """

    graph: Graph
    schedule: "Schedule"
    layers: tuple[LayerPlan, ...]

    def __repr__(self) -> str:
        vectors = f"vectors {self.vectors}, " if self.vectors > 1 else ""
        return (f"Plan({self.graph.name!r}, {vectors}interval {self.interval}, "
                f"{count(len(self.layers), 'layer')})")

    def _repr_html_(self) -> str:
        rows = [(entry.layer.name, entry.layer.neurons, entry.layer.inputs, entry.fold.pe,
                 entry.fold.simd, entry.fold.lanes, entry.cycles, entry.fold.style, entry.depth,
                 entry.operands) for entry in self.layers]
        frames = "a frame" if self.vectors == 1 else f"{self.vectors} frames"
        title = f"{self.graph.name}: {frames} every {count(self.interval, 'cycle')}"
        return html_table(title, rows,
                          ("layer", "neurons", "inputs", "PE", "SIMD", "lanes", "cycles", "weights",
                           "depth", "operand buffer"))

    @property
    def words(self) -> int:
        """Input words per frame, ``W = K * ceil(size / input_width)``."""
        return self.graph.input.bits * -(-self.graph.input.size // self.schedule.input_width)

    @property
    def vectors(self) -> int:
        """Most frames of a batch, ``B``: the network processes as many at once."""
        return self.layers[0].vectors

    @cached_property
    def interval(self) -> int:
        """Cycles per ``B`` frames in a steady stream: the maximum of ``B * W`` and each ``F``."""
        return max(self.vectors * self.words, *(layer.cycles for layer in self.layers))

    @property
    def cycles_per_frame(self) -> float:
        """Cycles per frame in a steady stream: the interval divided by ``B``."""
        return self.interval / self.vectors

    def frames_per_second(self, hz: float) -> float:
        """Return the frames per second of a steady stream at a clock of ``hz``."""
        return hz * self.vectors / self.interval
