"""The source model as a step of the ladder: its tensors against the integer graph."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from xnorloom.frontend import preprocessing
from xnorloom.graph import Graph
from xnorloom.lowering.lower import Lowered
from xnorloom.lowering.thresholds import Probe

from ..golden import Golden
from ..runtimes.select import MOST_FRAMES, Runtime, Tensors, numpy_runtime, open_source
from .compare import Difference, Found, compare

__all__ = ["Source"]

# How far a value of the source may be off an activation's, as a part of half their distance.
_ROUNDING = 1e-2


class Source:
    """A source model and the frames it is given.

    An activation is 1 where the value that the source has for it is above the middle of the two
    that it may have, and 0 below; the class is the first index of the largest score.

    Parameters
    ----------
    lowered : Lowered
        How the source became an integer graph.
    pixels : array of uint8, shape (frames, elements of a frame ...)
        8-bit pixels; the source is given what they mean to it.
    path : path or None
        An ONNX file, for its independent runtime; ``None`` runs ``lowered.program`` in numpy.

    Raises
    ------
    ToolError, SourceError
        As of :func:`~xnorloom_sim.runtimes.select.open_source`.
    """

    def __init__(self, lowered: Lowered, pixels: npt.NDArray[np.uint8],
                 path: str | os.PathLike[str] | None = None):
        program = lowered.program
        tensors = list(dict.fromkeys([*(probe.tensor for probe in lowered.probes), lowered.output]))
        self._runtime: Runtime = (numpy_runtime(program, tensors) if path is None
                                  else open_source(path, tensors))
        self._pixels = pixels.reshape(len(pixels), *program.shape)
        self._preprocessing, self._dtype = lowered.preprocessing, program.dtype
        self._probes: Sequence[Probe] = lowered.probes
        self._output = lowered.output

    @property
    def title(self) -> str:
        """What runs the source."""
        return self._runtime.title

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self._pixels)

    def compare(self, graph: Graph, expected: Golden,
                progress: Callable[[int, int], object] | None = None
                ) -> tuple[int, Difference | None]:
        """How many frames differ from ``expected``, and the first difference.

        Raises
        ------
        SourceError
            If the runtime cannot run the source.
        """
        differences, first = 0, None
        for start in range(0, self.frames, MOST_FRAMES):
            pixels = self._pixels[start:start + MOST_FRAMES]
            numbers = preprocessing.numbers(self._preprocessing, pixels, self._dtype)
            tensors = self._runtime.execute(numbers)
            more, difference = compare(graph, self._found(tensors), expected, start)
            differences, first = differences + more, first or difference
            if progress is not None:
                progress(start + len(pixels), self.frames)
        return differences, first

    def _found(self, tensors: Tensors) -> Found:
        values = [tensors[probe.tensor].reshape(len(tensors[probe.tensor]), -1)[:, probe.order]
                  for probe in self._probes]
        scores = tensors[self._output].reshape(len(tensors[self._output]), -1)
        bits = tuple((array > probe.middle).astype(np.uint8)
                     for array, probe in zip(values, self._probes))
        # A zero between -1 and +1, as sign(0) is, is neither, and what is not a number.
        valid = tuple(np.abs(np.abs(array - probe.middle) - probe.half) <= _ROUNDING * probe.half
                      for array, probe in zip(values, self._probes))

        def explain(kind: str, frame: int, layer: int, place: int) -> str:
            if kind == "class":
                top = int(np.argmax(scores[frame]))
                return (f"source scores {scores[frame, top]:.9g} and {scores[frame, place]:.9g} "
                        f"in tensor {self._output!r}")
            return f"source value {values[layer][frame, place]:.9g} in tensor " \
                   f"{self._probes[layer].tensor!r}"

        return Found(np.argmax(scores, axis=1), None, bits, valid, explain)
