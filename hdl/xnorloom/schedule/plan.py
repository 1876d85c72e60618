"""Plan: a graph under a schedule, and its cells in tables."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..graph import Conv, Graph
from ..support.html import html_table
from ..support.text import count
from .layer_plan import LayerPlan
from .operand_kind import OperandKind

if TYPE_CHECKING:
    from .schedule import Schedule

__all__ = ["Plan", "buffer_cell", "map_cells", "packed_words", "word_pixels"]


def word_pixels(graph: Graph, width: int) -> int:
    """Return the pixels of an input word of ``width`` bits, if frames are sent pixel by pixel.

    A word of more bits than a pixel has channels has several pixels side by side.
    """
    return max(1, width // graph.maps[0].channels)


def packed_words(graph: Graph, width: int) -> int:
    """Return the words of ``width`` bits that a bit plane of a frame takes."""
    if not graph.by_pixel:
        return -(-graph.input.size // width)
    rows, columns, channels = graph.maps[0]
    return rows * -(-columns // word_pixels(graph, width)) * -(-channels // width)


def map_cells(plan: LayerPlan) -> tuple[str, str]:
    """Return the map of inputs and the kernel of a layer, for tables; empty without them."""
    layer, map = plan.layer, plan.map
    assert map is not None
    if not isinstance(layer, Conv):
        return ("" if map.pixels == 1 else str(map), "")
    window, parts = layer.window, []
    for name, pair in (("stride", window.stride), ("dilation", window.dilation),
                       ("pool", layer.pool_size)):
        if pair != (1, 1):
            parts.append(f"{name} {pair[0]}x{pair[1]}")
    if layer.groups > 1:
        parts.append(f"{layer.groups} groups")
    return str(map), ", ".join([f"{window.kernel[0]}x{window.kernel[1]}", *parts])


def buffer_cell(plan: LayerPlan) -> str:
    """Return the operand buffer of a layer, for tables."""
    if plan.operands is not OperandKind.RING:
        return plan.operands
    return f"{plan.operands}, {count(plan.ring.reach.rows, 'row')}"


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
        maps = any(isinstance(layer, Conv) for layer in self.graph.layers)
        rows = [(entry.layer.name, *(map_cells(entry) if maps else ()), entry.layer.neurons,
                 entry.layer.inputs, entry.fold.pe, entry.fold.simd, entry.fold.lanes, entry.cycles,
                 entry.fold.style, entry.depth, buffer_cell(entry)) for entry in self.layers]
        frames = "a frame" if self.vectors == 1 else f"{self.vectors} frames"
        title = f"{self.graph.name}: {frames} every {count(self.interval, 'cycle')}"
        return html_table(title, rows,
                          ("layer", *(("map", "kernel") if maps else ()), "neurons", "inputs", "PE",
                           "SIMD", "lanes", "cycles", "weights", "depth", "operand buffer"))

    @property
    def words(self) -> int:
        """Input words per frame ``W``.

        ``K * ceil(size / input_width)``, or where the first layer is a convolution, as many for
        the channels of each pixel, or a word for several pixels side by side.
        """
        return self.graph.input.bits * packed_words(self.graph, self.schedule.input_width)

    @property
    def overlaps(self) -> bool:
        """True if a layer works on parts of frames, as convolutions do."""
        return any(layer.operands is OperandKind.RING for layer in self.layers)

    def arrivals(self) -> npt.NDArray[np.int64]:
        """Return the cycles in which parts of a frame are complete, if words are back to back.

        They count from the transfer of the first word. A part is a bit plane of a pixel, or of the
        pixels of a word, where the first layer is a convolution, otherwise the whole frame.
        """
        parts = self.layers[0].in_words * self.graph.input.bits if self.graph.by_pixel else 1
        return (np.arange(parts) + 1) * (self.words // parts) - 1

    @property
    def vectors(self) -> int:
        """Most frames of a batch, ``B``: the network processes as many at once.

        1 in a network with convolutions.
        """
        return 1 if self.overlaps else self.layers[0].vectors

    @cached_property
    def interval(self) -> int:
        """Cycles per ``B`` frames in a steady stream.

        The maximum of ``B * W``, of each ``F``, and of the words that each convolution receives.
        """
        return max(self.vectors * self.words, *(layer.interval for layer in self.layers))

    @property
    def cycles_per_frame(self) -> float:
        """Cycles per frame in a steady stream: the interval divided by ``B``."""
        return self.interval / self.vectors

    def frames_per_second(self, hz: float) -> float:
        """Return the frames per second of a steady stream at a clock of ``hz``."""
        return hz * self.vectors / self.interval
