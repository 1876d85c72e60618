"""Verification of a network, from the source model to the compiled gateware.

Every step is compared with the integer graph, evaluated in ±1 arithmetic: the activations of every
neuron of every dense layer, the scores, and the class.
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
from ..simulation import simulate
from .compare import Difference, Found, compare
from .source_model import SourceModel

__all__ = ["STEPS", "Difference", "Row", "SourceModel", "Verification", "verify"]

STEPS = ("source", "graph", "packed", "amaranth", "compiled")
_CHUNK = 500
_TITLES = {"graph": "integer graph, matrix products", "packed": "packed golden model, popcounts",
           "amaranth": "Amaranth source, simulated", "compiled": "emitted Verilog, compiled"}

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Row:
    """Result of one step.

    Attributes
    ----------
    step : str
        One of ``STEPS``.
    title : str
        Description of the program that ran.
    frames, layers : int
        Number of frames, and of layers whose activations or scores were compared.
    differences : int
        Number of frames that differ from the integer graph; ``None`` for that graph.
    first : Difference
        The first difference, or ``None``.
    """

    step: str
    title: str
    frames: int
    layers: int
    differences: int | None
    first: Difference | None


@dataclass(frozen=True)
class Verification:
    """Results of all steps.

    Attributes
    ----------
    rows : tuple of Row
        The steps that ran, in order.
    neurons : int
        Number of neurons in dense layers.
    switched : int
        Number of those that were 0 in some frame and 1 in another.
    """

    rows: tuple[Row, ...]
    neurons: int
    switched: int

    @property
    def equal(self) -> bool:
        """True if no step differs from the integer graph."""
        return not any(row.differences for row in self.rows)


def verify(graph: Graph, elements: npt.ArrayLike, *, source: SourceModel | None = None,
           schedule: Schedule | None = None, steps: Sequence[str] = STEPS,
           amaranth_frames: int = 2, progress: Progress | None = None) -> Verification:
    """Run frames through every step and compare each with the integer graph.

    Parameters
    ----------
    elements : integers of shape ``[B, *shape]`` or ``[B, size]``
        At least one frame, see :func:`~xnorloom_sim.golden.check_frames`.
    source : SourceModel or None
        The source model with the same frames; ``None`` omits its step.
    schedule : Schedule or None
        Schedule of the gateware; by default that of :func:`~xnorloom.folding.automatic`.
    steps : sequence of str
        Those of ``STEPS`` to run; the integer graph is always evaluated.
    amaranth_frames : int
        Number of frames for the Amaranth simulation, which is slow.
    progress : function
        Called periodically with the step and the number of finished and of all frames.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.
    XnorloomError
        If a step cannot run: a tool is missing, or the gateware breaks a rule of streams.
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
    return Verification(tuple(rows), sum(layer.neurons for layer in graph.layers[:-1]), switched)


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
