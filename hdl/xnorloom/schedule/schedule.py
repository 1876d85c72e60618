"""Schedule: a fold per layer, and the width of the input stream.

A schedule is data; :mod:`xnorloom.folding` chooses one for an interval or a chip.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ScheduleError
from ..graph import Conv, Graph
from ..support.arguments import integer
from ..support.text import count
from .fold import Fold
from .layer_plan import LayerPlan
from .plan import Plan, word_pixels

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Fold per layer, and width of the input stream.

    Parameters
    ----------
    input_width : int
        Bits per word of the input stream: at most the elements of a frame, or where the first layer
        is a convolution, the channels of a pixel, or a multiple of them for several pixels.
    folds : sequence of Fold
        One per layer of the graph, in its order.
    """

    input_width: int
    folds: tuple[Fold, ...]

    def __post_init__(self):
        width = integer("Schedule input_width", self.input_width, 1)
        object.__setattr__(self, "input_width", width)
        if isinstance(self.folds, str) or not isinstance(self.folds, Sequence):
            raise TypeError(f"Schedule folds must be a sequence of Fold, not {self.folds!r}")
        object.__setattr__(self, "folds", tuple(self.folds))
        for fold in self.folds:
            if not isinstance(fold, Fold):
                raise TypeError(f"Schedule folds must be a sequence of Fold, not of {fold!r}")

    def __repr__(self) -> str:
        folds = ", ".join(
            f"{fold.pe}x{fold.simd}{f'x{fold.vectors}' if fold.vectors > 1 else ''} {fold.style}"
            for fold in self.folds)
        return f"Schedule(input_width {self.input_width}, [{folds}])"

    def bind(self, graph: Graph) -> Plan:
        """Return the plan of ``graph`` under this schedule.

        Raises
        ------
        ScheduleError
            If the schedule does not fit the graph.
        """
        if not isinstance(graph, Graph):
            raise TypeError(f"Schedule can only be bound to a Graph, not to {graph!r}")
        if len(self.folds) != len(graph.layers):
            raise ScheduleError(f"schedule has {len(self.folds)} folds, but graph {graph.name!r} "
                                f"has {len(graph.layers)} layers")
        self._check_width(graph)
        maps = any(isinstance(layer, Conv) for layer in graph.layers)
        self._check_vectors(graph, 1 if maps else self.folds[0].vectors)
        layers, width, pixels = [], self.input_width, 1
        if graph.by_pixel:
            pixels = word_pixels(graph, width)
            width = min(width, graph.maps[0].channels)
        for index, (layer, fold) in enumerate(zip(graph.layers, self.folds)):
            layers.append(LayerPlan(layer, fold, graph.planes(index), width,
                                    gather=index == 0 and fold.vectors > 1 and not maps,
                                    map=graph.maps[index] if index or graph.by_pixel else None,
                                    in_pixels=pixels))
            width, pixels = fold.pe, layers[-1].out_vectors if maps else 1
        return Plan(graph, self, tuple(layers))

    def _check_width(self, graph: Graph):
        width = self.input_width
        if not graph.by_pixel:
            if width > graph.input.size:
                raise ScheduleError(f"input_width must be at most the {graph.input.size} elements "
                                    f"of a frame, not {width}")
            return
        _, columns, channels = graph.maps[0]
        if width > channels and (width % channels or width > columns * channels):
            raise ScheduleError(
                f"input_width must be at most the {count(channels, 'channel')} of a pixel, or a "
                f"multiple of them for several pixels, up to the {columns * channels:,} of a row, "
                f"not {width}")

    def _check_vectors(self, graph: Graph, vectors: int):
        """Check that all layers but convolutions work on as many frames."""
        for layer, fold in zip(graph.layers, self.folds):
            if isinstance(layer, Conv) or fold.vectors == vectors:
                continue
            if any(isinstance(layer, Conv) for layer in graph.layers):
                raise ScheduleError(
                    f"vectors of layer {layer.name!r} must be 1, not {fold.vectors}: a network "
                    f"with convolutions works on one frame at a time")
            raise ScheduleError(
                f"vectors of layer {layer.name!r} must be {vectors}, as of layer "
                f"{graph.layers[0].name!r}, not {fold.vectors}; all layers of a network work "
                f"on the same number of frames at once")

    def as_json(self, graph: Graph) -> dict[str, Any]:
        """Return the schedule as JSON values, with the names of the layers of ``graph``."""
        from . import file
        return file.as_json(self, graph)

    def save(self, path: str | os.PathLike[str], graph: Graph) -> None:
        """Write the schedule of ``graph`` to the JSON file ``path``."""
        from . import file
        file.save(self, path, graph)

    @classmethod
    def load(cls, path: str | os.PathLike[str], graph: Graph) -> "Schedule":
        """Read the schedule of ``graph`` from ``path``; see :func:`xnorloom.schedule.file.load`.

        Raises
        ------
        ScheduleError
            If the file cannot be read, is not a schedule, or does not fit the graph.
        """
        from . import file
        return file.load(path, graph)
