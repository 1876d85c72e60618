"""The ladder: from the source model to the compiled gateware, step by step, layer by layer.

The integer graph, evaluated in ±1 arithmetic, is what every other step is held against: the
activations of every neuron of every dense layer, the scores, and the class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from xnorloom.folding import automatic
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule

from .. import golden
from ..golden import Golden
from ..simulate import simulate
from .compare import Difference, Found, compare
from .source import Source

__all__ = ["STEPS", "Difference", "Ladder", "Row", "Source", "verify"]

STEPS = ("source", "graph", "packed", "amaranth", "compiled")
_CHUNK = 500
_TITLES = {"graph": "integer graph, matrix products", "packed": "packed golden model, popcounts",
           "amaranth": "Amaranth source, simulated", "compiled": "emitted Verilog, compiled"}

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Row:
    """One step of the ladder.

    ``title`` says what ran, on how many ``frames``. The activations or scores of ``layers`` layers
    were compared with those of the integer graph; ``differences`` frames have any that differ, and
    ``first`` is the first one. Both are ``None`` for the integer graph itself.
    """

    step: str
    title: str
    frames: int
    layers: int
    differences: int | None
    first: Difference | None


@dataclass(frozen=True)
class Ladder:
    """The steps that ran, in order.

    Of the ``neurons`` in dense layers, ``switched`` were 0 in some frame and 1 in another.
    """

    rows: tuple[Row, ...]
    neurons: int
    switched: int

    @property
    def equal(self) -> bool:
        """Whether no step differs from the integer graph."""
        return not any(row.differences for row in self.rows)


def verify(graph: Graph, elements: npt.ArrayLike, *, source: Source | None = None,
           schedule: Schedule | None = None, steps: Sequence[str] = STEPS,
           amaranth_frames: int = 2, progress: Progress | None = None) -> Ladder:
    """Run frames through every step and compare each with the integer graph.

    Parameters
    ----------
    elements : integers of shape ``[B, *shape]`` or ``[B, size]``
        At least one frame, as :func:`~xnorloom_sim.golden.check_frames` wants them.
    source : Source or None
        The source model with the same frames; without one its step is left out.
    schedule : Schedule or None
        Of the gateware; by default that of :func:`~xnorloom.folding.automatic`.
    steps : sequence of str
        Which of ``STEPS`` to run; the integer graph always is.
    amaranth_frames : int
        How many of the frames the Amaranth simulation, the slow one, is given.
    progress : function
        Called with the step, the frames done and the frames in all, now and then.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.
    XnorloomError
        If a step cannot run at all: a tool is missing, or the gateware breaks a rule of streams.
    """
    for step in steps:
        if step not in STEPS:
            raise ValueError(f"steps must be of {', '.join(STEPS)}, not {step!r}")
    frames = golden.check_frames(graph, elements)
    if not len(frames):
        raise ValueError("frames must hold at least one frame, not none")
    if source is not None and source.frames != len(frames):
        raise ValueError(f"source must have {len(frames)} frames, as the graph, "
                         f"not {source.frames}")
    if amaranth_frames < 1:
        raise ValueError(f"amaranth_frames must be at least 1, not {amaranth_frames!r}")
    schedule = schedule or automatic(graph)

    def report(step: str) -> Callable[[int, int], object] | None:
        return None if progress is None else partial(progress, step)

    expected = _evaluate(golden.evaluate, graph, frames, report("graph"))
    rows = []
    if source is not None and "source" in steps:
        differences, first = source.compare(graph, expected, report("source"))
        rows.append(_row(graph, "source", source.title, len(frames), differences, first))
    rows.append(_row(graph, "graph", _TITLES["graph"], len(frames), None, None))
    if "packed" in steps:
        found = _evaluate(golden.evaluate_packed, graph, frames, report("packed"))
        rows.append(_row(graph, "packed", _TITLES["packed"], len(frames), *compare(
            graph, Found(found.classes, found.scores, found.activations), expected)))
    for engine, some in (("amaranth", frames[:amaranth_frames]), ("compiled", frames)):
        if engine in steps:
            result = simulate(schedule.bind(graph), some, engine=engine, probes=True,
                              progress=report(engine))
            assert result.activations is not None
            rows.append(_row(graph, engine, _TITLES[engine], len(some), *compare(
                graph, Found(result.classes, result.scores, result.activations), expected)))
    switched = sum(int((bits.min(axis=0) != bits.max(axis=0)).sum())
                   for bits in expected.activations)
    return Ladder(tuple(rows), sum(layer.neurons for layer in graph.layers[:-1]), switched)


def _row(graph: Graph, step: str, title: str, frames: int, differences: int | None,
         first: Difference | None) -> Row:
    return Row(step, title, frames, len(graph.layers), differences, first)


def _evaluate(model: Callable[[Graph, npt.NDArray], Golden], graph: Graph, frames: npt.NDArray,
              progress: Callable[[int, int], object] | None) -> Golden:
    parts = []
    for start in range(0, len(frames), _CHUNK):
        parts.append(model(graph, frames[start:start + _CHUNK]))
        if progress is not None:
            progress(min(start + _CHUNK, len(frames)), len(frames))
    return Golden(np.concatenate([part.classes for part in parts]),
                  np.concatenate([part.scores for part in parts]),
                  tuple(map(np.concatenate, zip(*(part.activations for part in parts)))))
