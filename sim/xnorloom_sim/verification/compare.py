"""Comparison of the results of a step with those of the integer graph."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph

from ..golden import Golden

__all__ = ["Difference", "Found", "compare"]


@dataclass(frozen=True)
class Difference:
    """The first difference in the first layer of the first frame that differs.

    Attributes
    ----------
    frame : int
    layer : str
        Name of the layer.
    kind : str
        ``activation``, ``score`` or ``class``.
    neuron : int
        Index in the layer; ``None`` for a class.
    found, expected : int
        Value of the step and of the integer graph; ``found`` is ``None`` for an activation that is
        neither 0 nor 1.
    values : str
        Description of the values that it follows from, or ``None``.
    """

    frame: int
    layer: str
    kind: str
    neuron: int | None
    found: int | None
    expected: int
    values: str | None = None

    def __str__(self) -> str:
        where = {"activation": f"layer {self.layer} neuron {self.neuron}",
                 "score": f"layer {self.layer} score of class {self.neuron}",
                 "class": "class"}[self.kind]
        found = "neither 0 nor 1" if self.found is None else self.found
        note = f" ({self.values})" if self.values else ""
        return f"frame {self.frame}: {where} is {found}, the integer graph has {self.expected}" \
               f"{note}"


@dataclass(frozen=True, eq=False)
class Found:
    """Results of a step for ``B`` frames.

    Parameters
    ----------
    classes, scores, activations
        See :class:`~xnorloom_sim.golden.Golden`; scores that cannot be compared are ``None``.
    valid : tuple of bool arrays
        For each dense layer, the activations that are 0 or 1; ``None`` for all.
    explain : callable
        ``explain(kind, frame, layer, neuron)`` returns the ``values`` of a difference.
    """

    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64] | None
    activations: tuple[npt.NDArray[np.uint8], ...]
    valid: tuple[npt.NDArray[np.bool_], ...] | None = None
    explain: Callable[[str, int, int, int], str] | None = None


def compare(graph: Graph, found: Found, expected: Golden,
            start: int = 0) -> tuple[int, Difference | None]:
    """Return the number of frames that differ, and the first difference.

    ``found`` may hold fewer frames than ``expected``: those from number ``start`` on.
    """
    here = slice(start, start + len(found.classes))
    wrongs = []
    for number, bits in enumerate(found.activations):
        wrong = bits != expected.activations[number][here]
        if found.valid is not None:
            wrong |= ~found.valid[number]
        wrongs.append(wrong)
    if found.scores is not None:
        wrongs.append(found.scores != expected.scores[here])
    wrongs.append((found.classes != expected.classes[here])[:, np.newaxis])
    frames = np.any([wrong.any(axis=1) for wrong in wrongs], axis=0)
    if not frames.any():
        return 0, None
    frame = int(np.argmax(frames))
    number = next(n for n, wrong in enumerate(wrongs) if wrong[frame].any())
    neuron = int(np.argmax(wrongs[number][frame]))
    dense = len(found.activations)
    layer, there = min(number, dense), start + frame
    if number < dense:
        kind, value = "activation", int(found.activations[number][frame, neuron])
        wanted = int(expected.activations[number][there, neuron])
        if found.valid is not None and not found.valid[number][frame, neuron]:
            value = None
    elif found.scores is not None and number == dense:
        kind, value = "score", int(found.scores[frame, neuron])
        wanted = int(expected.scores[there, neuron])
    else:
        kind, value = "class", int(found.classes[frame])
        wanted = int(expected.classes[there])
    note = None
    if found.explain is not None:
        note = found.explain(kind, frame, layer, wanted if kind == "class" else neuron)
    return int(frames.sum()), Difference(there, graph.layers[layer].name, kind,
                                         None if kind == "class" else neuron, value, wanted, note)
