"""Comparison of the tensors of the source model with the integer graph."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xnorloom.frontend import preprocessing
from xnorloom.graph import Graph
from xnorloom.lowering.lower import Lowered
from xnorloom.lowering.thresholds import Probe
from xnorloom.support.text import quoted

from ..golden import Golden
from ..runtimes.base import MOST_FRAMES, Runtime, Tensors
from ..runtimes.select import numpy_runtime, open_model
from .compare import Compared, Found, compare
from .rounding import Rounding

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SourceModel"]

# Tolerance of an activation's value, relative to half the distance of its two values.
_ROUNDING = 1e-2


class SourceModel:
    """A source model with its frames.

    An activation is 1 if its value in the model is above the middle of its two possible values, and
    0 below. The class is the first index of the largest score.

    Parameters
    ----------
    lowered : Lowered
        The lowered model.
    pixels : array of uint8, shape (frames, elements of a frame ...)
        8-bit pixels, as the graph takes them, preprocessed as the model expects.
    source : path, torch.nn.Module or None
        ONNX file for an independent runtime, or the PyTorch module that was imported; ``None`` runs
        ``lowered.program`` in numpy.

    Raises
    ------
    ToolError, SourceError
        See :func:`~xnorloom_sim.runtimes.select.open_model`.
    """

    def __init__(self, lowered: Lowered, pixels: npt.NDArray[np.uint8],
                 source: "str | os.PathLike[str] | nn.Module | None" = None):
        program = lowered.program
        tensors = list(dict.fromkeys([*(probe.tensor for probe in lowered.probes), lowered.output]))
        self._runtime: Runtime = (numpy_runtime(program, tensors) if source is None
                                  else open_model(source, tensors))
        self._pixels = lowered.source_pixels(pixels)
        self._preprocessing, self._dtype = lowered.preprocessing, program.dtype
        self._probes: Sequence[Probe] = lowered.probes
        self._output = lowered.output
        # A source with one output chooses class 1 where it is above this.
        self._boundary: float | None = lowered.boundary
        self._rounding = Rounding(lowered)

    @property
    def title(self) -> str:
        """Name and version of the runtime."""
        return self._runtime.title

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self._pixels)

    def compare(self, graph: Graph, elements: npt.NDArray[np.unsignedinteger], expected: Golden,
                progress: Callable[[int, int], object] | None = None
                ) -> tuple[Compared, npt.NDArray[np.int64]]:
        """Compare the model with the results ``expected`` of ``graph``; return its classes, too.

        Parameters
        ----------
        graph : Graph
        elements : integers of shape (frames, inputs)
            The frames, encoded for ``graph``.
        expected : Golden
        progress : function
            Called with the number of finished and of all frames.

        Raises
        ------
        SourceError
            If the runtime cannot run the model.
        """
        compared, classes = Compared(), []
        for start in range(0, self.frames, MOST_FRAMES):
            pixels = self._pixels[start:start + MOST_FRAMES]
            numbers = preprocessing.numbers(self._preprocessing, pixels, self._dtype)
            tensors = self._runtime.execute(numbers)
            found, scores = self._found(tensors)
            here = elements[start:start + MOST_FRAMES]

            def follow(places: npt.NDArray[np.intp], found: Found = found,
                       scores: np.ndarray = scores, here: np.ndarray = here):
                return self._rounding.follow(graph, here[places], found.take(places),
                                             scores[places])

            compared += compare(graph, found, expected, start, follow)
            classes.append(found.classes)
            if progress is not None:
                progress(start + len(pixels), self.frames)
        return compared, np.concatenate(classes)

    def _found(self, tensors: Tensors) -> tuple[Found, npt.NDArray[np.floating]]:
        """Results of the model, and its scores."""
        values = [tensors[probe.tensor].reshape(len(tensors[probe.tensor]), -1)[:, probe.order]
                  for probe in self._probes]
        scores = tensors[self._output].reshape(len(tensors[self._output]), -1)
        if self._boundary is not None:
            # In float64, as an output may be a number of any type, or a bool.
            scores = scores.astype(np.float64)
            scores = np.hstack([np.full_like(scores, self._boundary), scores])
        bits = tuple((array > probe.middle).astype(np.uint8)
                     for array, probe in zip(values, self._probes))
        # A zero between -1 and +1, as sign(0) is, is neither, and what is not a number.
        valid = tuple(np.abs(np.abs(array - probe.middle) - probe.half) <= _ROUNDING * probe.half
                      for array, probe in zip(values, self._probes))

        def explain(kind: str, frame: int, layer: int, place: int) -> str:
            if kind == "class":
                top = int(np.argmax(scores[frame]))
                return (f"source scores {scores[frame, top]:.9g} and {scores[frame, place]:.9g} "
                        f"in tensor {quoted(self._output)}")
            return f"source value {values[layer][frame, place]:.9g} in tensor " \
                   f"{quoted(self._probes[layer].tensor)}"

        return Found(np.argmax(scores, axis=1), None, bits, valid, explain), scores
