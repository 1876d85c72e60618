"""From a program to the integer graph, by tabulation.

Between two linear layers a source does elementwise arithmetic on each neuron's sum, and the sum is
a function of the neuron's count. Pushed through the source's own operations, the table of all
counts must come out with two values and switch once: there is the threshold. This reads every way
of writing batch normalisation, scales and signs, and finds what no threshold equals.
"""

from dataclasses import dataclass

import numpy as np

from .. import graph
from ..errors import SourceError
from ..frontend.preprocessing import levels
from ..frontend.program import INPUT, Dense, Program
from .input_levels import Elements, quantize
from .preactivation import Stage, make_stage
from .scores import ScoreFold, fold_scores
from .segment import Section, section
from .thresholds import LayerReport, Tap, binarize

__all__ = ["LayerReport", "Lowered", "Tap", "lower"]


@dataclass(frozen=True, eq=False)
class Lowered:
    """An integer graph and how it came about.

    ``layers`` and ``taps`` have an entry for each dense layer of the graph; ``output`` is the
    tensor of the source that holds the scores.
    """

    graph: graph.Graph
    program: Program
    meaning: str
    layers: tuple[LayerReport, ...]
    scores: ScoreFold
    taps: tuple[Tap, ...]
    output: str
    notes: tuple[str, ...]


def lower(program: Program, meaning: str | None = None, *, name: str | None = None,
          score_bits: int | None = None) -> Lowered:
    """The integer graph that equals ``program``.

    The sums of a source are taken to be exact. Where they are rounded, as those of 8-bit pixels
    scaled to 0 … 1 are, the report counts the neurons that could tell.

    Parameters
    ----------
    program : Program
        What the source computes.
    meaning : str or None
        What its input means, see :mod:`xnorloom.frontend.preprocessing`; None only if the
        source says so itself.
    name : str or None
        Of the graph; that of the program by default.
    score_bits : int or None
        Most bits of a class's scale, for smaller scores that may change decisions; by default the
        smallest scores that change none.

    Raises
    ------
    SourceError
        If no integer graph equals the program; the message says which layer, neuron and value.
    """
    sections = _chain(program)
    meaning = _meaning(program, meaning)
    denses = [program.steps[part.origin.step] for part in sections[1:]]
    elements, cuts = quantize(sections[0], levels(meaning, program.dtype))
    frame = graph.Input(program.shape, elements.planes, cuts, meaning)
    layers, reports, taps = [], [], []
    for number, (before, dense, behind) in enumerate(zip(sections, denses, sections[1:])):
        assert isinstance(dense, Dense)
        stage = make_stage(dense, before.order, elements)
        if number < len(denses) - 1:
            layer, elements, report, tap = binarize(f"dense{number}", stage, behind)
            layers.append(layer)
            reports.append(report)
            taps.append(tap)
    score, fold = _score(stage, sections[-1], elements, score_bits)
    notes = program.notes
    if stage.slack.any():
        notes += (f"the source rounds the sums of its last layer, {stage.name}: where classes tie "
                  f"but for that, it may choose another",)
    # A file's name may hold anything.
    plain = "".join(letter if letter.isprintable() else "_" for letter in name or program.name)
    built = graph.Graph(plain or "network", frame, (*layers, score))
    return Lowered(built, program, meaning, tuple(reports), fold, tuple(taps), sections[-1].tensor,
                   notes)


def _chain(program: Program) -> list[Section]:
    """The sections of a program, from the input to the scores."""
    sections = [section(program, program.output)]
    while sections[0].origin != INPUT:
        dense = program.steps[sections[0].origin.step]
        assert isinstance(dense, Dense)
        sections.insert(0, section(program, dense.input))
    if len(sections) == 1:
        raise SourceError(f"network {program.name!r} must have a layer with weights, and has none")
    return sections


def _meaning(program: Program, meaning: str | None) -> str:
    meaning = meaning or program.proof
    if meaning is None:
        raise SourceError(
            f"what the input of {program.name!r} means must be told, as nothing in it does: "
            f"--input u8/255 (pixels as 0 to 1), u8 (pixels as 0 to 255), bipolar (-1 and +1), "
            f"bits (0 and 1) or a formula such as (u8/255-0.1307)/0.3081")
    return meaning


def _score(stage: Stage, behind: Section, elements: Elements,
           bits: int | None) -> tuple[graph.Score, ScoreFold]:
    """The last layer: classes in the order of the source's output, falling ones inverted."""
    classes = np.argsort(behind.order)
    counts = np.arange(stage.count_max + 1)[:, np.newaxis]
    values = np.ascontiguousarray(behind.evaluate(stage.sums(counts))[:, classes], np.float64)
    weights, ranges = stage.weights[classes].copy(), stage.ranges[classes].copy()
    for number, (low, high) in enumerate(ranges):
        reached = values[low:high + 1, number]
        if not np.isfinite(reached).all():
            raise SourceError(f"the score of class {number} must be finite, but is "
                              f"{reached[~np.isfinite(reached)][0]} where layer {stage.name} has "
                              f"the count {low + int(np.argmin(np.isfinite(reached)))}")
        if reached[-1] < reached[0]:
            values[:, number] = values[::-1, number]
            weights[number] ^= 1
            ranges[number] = stage.count_max - high, stage.count_max - low
    codes = np.stack([elements.least, elements.largest], axis=1)
    fold = fold_scores(values, weights, ranges, planes=elements.planes, codes=codes, bits=bits)
    return graph.Score("score", weights, fold.offsets, fold.scales), fold
