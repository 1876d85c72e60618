"""Plan: a graph under a schedule."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..graph import Graph
from ..support.html import html_table
from ..support.text import count
from .layer_plan import LayerPlan, OperandKind

if TYPE_CHECKING:
    from .schedule import Schedule

__all__ = ["Plan", "packed_words"]


def packed_words(graph: Graph, width: int) -> int:
    """Return the words of ``width`` bits that a bit plane of a frame takes."""
    if not graph.by_pixel:
        return -(-graph.input.size // width)
    return graph.maps[0].pixels * -(-graph.maps[0].channels // width)


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
        """Input words per frame ``W``.

        ``K * ceil(size / input_width)``, or where the first layer is a convolution, as many for
        the channels of each pixel.
        """
        return self.graph.input.bits * packed_words(self.graph, self.schedule.input_width)

    @property
    def vectors(self) -> int:
        """Most frames of a batch, ``B``: the network processes as many at once."""
        return self.layers[0].vectors

    @cached_property
    def interval(self) -> int:
        """Cycles per ``B`` frames in a steady stream.

        The maximum of ``B * W``, of each ``F``, and of the words that each convolution receives.
        """
        return max(self.vectors * self.words, *(layer.cycles for layer in self.layers),
                   *(layer.received for layer in self.layers
                     if layer.operands is OperandKind.RING))

    @property
    def cycles_per_frame(self) -> float:
        """Cycles per frame in a steady stream: the interval divided by ``B``."""
        return self.interval / self.vectors

    def frames_per_second(self, hz: float) -> float:
        """Return the frames per second of a steady stream at a clock of ``hz``."""
        return hz * self.vectors / self.interval
