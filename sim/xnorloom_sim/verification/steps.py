"""Verification of a network, from the source model to the compiled gateware.

Every step is compared with the integer graph, evaluated in ±1 arithmetic: the activations of every
layer before the last, whole maps of convolutions, the scores, and the class.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from xnorloom.errors import MissingToolError
from xnorloom.folding import automatic
from xnorloom.graph import Graph
from xnorloom.schedule import Plan, Schedule

from .. import golden
from ..golden import Golden
from ..simulation import simulate
from .compare import Compared, Difference, Found, compare
from .results import Row, Verification
from .source_model import SourceModel

__all__ = ["STEPS", "Difference", "Row", "SourceModel", "Verification", "verify"]

STEPS = ("source", "graph", "packed", "amaranth", "compiled")
_CHUNK = 500
# Cycles that Amaranth's simulator is given unasked, about two minutes; one frame of a large
# network can take it an hour.
_AMARANTH_CYCLES = 100_000
_AMARANTH_FRAMES = 2
_TITLES = {"source": "source model", "graph": "integer graph, matrix products",
           "packed": "packed golden model, popcounts",
           "amaranth": "Amaranth source, simulated", "compiled": "emitted Verilog, compiled"}

Progress = Callable[[str, int, int], object]


def verify(graph: Graph, elements: npt.ArrayLike, *, source: SourceModel | None = None,
           schedule: Schedule | None = None, steps: Sequence[str] = STEPS,
           amaranth_frames: int | None = None, labels: npt.ArrayLike | None = None,
           missing: Mapping[str, str] | None = None,
           progress: Progress | None = None) -> Verification:
    """Run frames through every step and compare each with the integer graph.

    A step that cannot run is left out, with a row that says why: the compiled simulation where its
    tools are not installed, and Amaranth's where one frame takes more than some 50,000 cycles,
    unless ``amaranth_frames`` asks for it.

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
    amaranth_frames : int or None
        Number of frames for the Amaranth simulation, which is slow; ``None`` for two, one or none,
        as many as fit in 100,000 cycles with a frame to start with.
    labels : integers of shape ``[B]``, or None
        Class of each frame, to count the correct ones.
    missing : mapping of str to str, or None
        Steps that cannot run, with the reason; each becomes a row that was left out.
    progress : function
        Called periodically with the step and the number of finished and of all frames.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.
    XnorloomError
        If a step fails: a program breaks down, or the gateware breaks a rule of streams.
    """
    for step in (*steps, *(missing or ())):
        if step not in STEPS:
            raise ValueError(f"steps must be of {', '.join(STEPS)}, not {step!r}")
    frames = golden.check_frames(graph, elements)
    if not len(frames):
        raise ValueError("frames must hold at least one frame, not none")
    if source is not None and source.frames != len(frames):
        raise ValueError(f"source must have {len(frames)} frames, as the graph, "
                         f"not {source.frames}")
    if labels is not None and np.shape(labels) != (len(frames),):
        raise ValueError(f"labels must have the shape ({len(frames)},), not {np.shape(labels)!r}")
    if amaranth_frames is not None and amaranth_frames < 1:
        raise ValueError(f"amaranth_frames must be at least 1, not {amaranth_frames!r}")
    run = _Run(graph, frames, schedule, progress,
               None if labels is None else np.asarray(labels))
    reasons = dict(missing or {})
    rows = []
    for step in STEPS:
        if step in reasons:
            rows.append(run.left_out(step, reasons[step]))
        elif step == "graph":
            rows.append(run.graph())
        elif step not in steps:
            continue
        elif step == "source":
            if source is not None:
                rows.append(run.source(source))
        elif step == "packed":
            rows.append(run.packed())
        else:
            rows.append(run.compiled() if step == "compiled" else run.amaranth(amaranth_frames))
    expected = run.expected
    switched = sum(int((bits.min(axis=0) != bits.max(axis=0)).sum())
                   for bits in expected.activations)
    return Verification(tuple(rows), sum(map.size for map in graph.maps[1:-1]), switched,
                        len(np.unique(expected.classes)))


class _Run:
    """The steps, on the same frames."""

    def __init__(self, graph: Graph, frames: npt.NDArray[np.unsignedinteger],
                 schedule: Schedule | None, progress: Progress | None,
                 labels: npt.NDArray | None):
        self._graph, self._frames, self._schedule = graph, frames, schedule
        self._progress, self._labels = progress, labels
        self.expected = _evaluate(golden.evaluate, graph, frames, self._report("graph"))

    def graph(self) -> Row:
        return self._row("graph", _TITLES["graph"], self.expected.classes)

    def source(self, source: SourceModel) -> Row:
        compared, classes = source.compare(self._graph, self._frames, self.expected,
                                           self._report("source"))
        return self._row("source", source.title, classes, compared, scores=0)

    def packed(self) -> Row:
        found = _evaluate(golden.evaluate_packed, self._graph, self._frames,
                          self._report("packed"))
        return self._found("packed", Found(found.classes, found.scores, found.activations))

    def compiled(self) -> Row:
        try:
            return self._gateware("compiled", len(self._frames))
        except MissingToolError as error:
            return self.left_out("compiled", str(error))

    def amaranth(self, number: int | None) -> Row:
        if number is None:
            interval = self._plan.interval
            number = min(_AMARANTH_FRAMES, _AMARANTH_CYCLES // interval - 1)
            if number < 1:
                return self.left_out("amaranth", f"one frame takes {interval:,} cycles, too many "
                                                 f"for this simulator unless a number of frames "
                                                 f"is given")
        return self._gateware("amaranth", number)

    @property
    def _plan(self) -> Plan:
        if self._schedule is None:
            self._schedule = automatic(self._graph)
        return self._schedule.bind(self._graph)

    def _gateware(self, engine: str, number: int) -> Row:
        result = simulate(self._plan, self._frames[:number], engine=engine, probes=True,
                          progress=self._report(engine))
        assert result.activations is not None
        return self._found(engine, Found(result.classes, result.scores, result.activations))

    def left_out(self, step: str, reason: str) -> Row:
        return Row(step, _TITLES[step], 0, 0, 0, 0, self._graph.classes, left_out=reason)

    def _found(self, step: str, found: Found) -> Row:
        return self._row(step, _TITLES[step], found.classes,
                         compare(self._graph, found, self.expected))

    def _row(self, step: str, title: str, classes: npt.NDArray[np.int64],
             compared: Compared | None = None, scores: int | None = None) -> Row:
        graph, number = self._graph, len(classes)
        correct = None
        if self._labels is not None:
            correct = int((classes == self._labels[:number]).sum())
        row = Row(step, title, number, len(graph.layers),
                  sum(map.size for map in graph.maps[1:-1]),
                  graph.classes if scores is None else scores, graph.classes, correct=correct)
        return row if compared is None else replace(
            row, differences=compared.differences, first=compared.first,
            rounding=compared.rounding, first_rounding=compared.first_rounding)

    def _report(self, step: str) -> Callable[[int, int], object] | None:
        return None if self._progress is None else partial(self._progress, step)


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
