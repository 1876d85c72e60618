"""Comparison of the results of a step with those of the integer graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Graph

from ..golden import Golden

__all__ = ["Compared", "Difference", "Follow", "Found", "compare"]


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
        Index in the layer, the channel of a convolution; ``None`` for a class.
    found, expected : int
        Value of the step and of the integer graph; ``found`` is ``None`` for an activation that is
        neither 0 nor 1.
    values : str
        Description of the values that it follows from, or ``None``.
    row, column : int
        Place in the map of a convolution, after pooling; ``None`` elsewhere.
    """

    frame: int
    layer: str
    kind: str
    neuron: int | None
    found: int | None
    expected: int
    values: str | None = None
    row: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.row is None else f" row {self.row} column {self.column}"
        where = {"activation": f"layer {self.layer}{place} neuron {self.neuron}",
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
        For each layer before the last, the activations that are 0 or 1; ``None`` for all.
    explain : callable
        ``explain(kind, frame, layer, place)`` returns the ``values`` of a difference. ``place`` is
        the index in the activations of a layer or in the classes.
    """

    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64] | None
    activations: tuple[npt.NDArray[np.uint8], ...]
    valid: tuple[npt.NDArray[np.bool_], ...] | None = None
    explain: Callable[[str, int, int, int], str] | None = None

    def take(self, places: npt.NDArray[np.intp]) -> "Found":
        """Return the results of the frames at ``places``."""
        explain = self.explain
        return Found(
            self.classes[places], None if self.scores is None else self.scores[places],
            tuple(bits[places] for bits in self.activations),
            None if self.valid is None else tuple(valid[places] for valid in self.valid),
            explain and (lambda kind, frame, *where: explain(kind, int(places[frame]), *where)))


@dataclass(frozen=True)
class Compared:
    """Differences of a step from the integer graph.

    Attributes
    ----------
    differences : int
        Number of frames that differ.
    first : Difference or None
        The first difference.
    rounding : int
        Number of further frames that differ only by the source's own rounding.
    first_rounding : Difference or None
        The first difference by rounding.
    """

    differences: int = 0
    first: Difference | None = None
    rounding: int = 0
    first_rounding: Difference | None = None

    def __add__(self, later: "Compared") -> "Compared":
        return Compared(self.differences + later.differences, self.first or later.first,
                        self.rounding + later.rounding, self.first_rounding or later.first_rounding)


Follow = Callable[[npt.NDArray[np.intp]], tuple[Golden, Sequence[npt.NDArray[np.bool_]]]]
"""Function of the places of some frames.

It returns the integer graph's results, each layer evaluated on the activations that the step found
in the layer before; and for each layer before the last, and for the class ``(B, 1)``, the values
that may differ from these by the source's rounding.
"""


def compare(graph: Graph, found: Found, expected: Golden, start: int = 0,
            follow: Follow | None = None) -> Compared:
    """Compare the results of a step with the integer graph.

    Parameters
    ----------
    graph : Graph
    found : Found
        Results of the step, of some frames of ``expected``: those from number ``start`` on.
    expected : Golden
        Results of the graph.
    start : int
    follow : callable or None
        Tells differences by rounding from others; ``None`` for a step that does not round.
    """
    here = slice(start, start + len(found.classes))
    expected = _take(expected, here)
    wrongs = _wrongs(found, expected)
    places = np.flatnonzero(_any(wrongs))
    numbers = places + start
    if not places.size:
        return Compared()
    if follow is None:
        return Compared(len(places), _first(graph, found, expected, wrongs, int(places[0]),
                                            int(numbers[0])))
    some, plain = found.take(places), _take(expected, places)
    followed, excused = follow(places)
    wrongs = _wrongs(some, followed)
    real = [wrong & ~excuse for wrong, excuse in zip(wrongs, excused)]
    # A frame that differs from the graph, but in which no value may differ, is not explained.
    unexplained = ~_any(wrongs)
    real[-1] |= unexplained[:, np.newaxis]
    frames = _any(real)
    first = first_rounding = None
    if frames.any():
        place = int(np.argmax(frames))
        if unexplained[place]:
            followed, real = plain, _wrongs(some, plain)
        first = _first(graph, some, followed, real, place, int(numbers[place]))
    if not frames.all():
        place = int(np.argmin(frames))
        first_rounding = _first(graph, some, plain, _wrongs(some, plain), place,
                                int(numbers[place]))
    return Compared(int(frames.sum()), first, int((~frames).sum()), first_rounding)


def _take(golden: Golden, places: npt.NDArray[np.intp] | slice) -> Golden:
    return Golden(golden.classes[places], golden.scores[places],
                  tuple(bits[places] for bits in golden.activations))


def _any(wrongs: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
    return np.any([wrong.any(axis=1) for wrong in wrongs], axis=0)


def _wrongs(found: Found, expected: Golden) -> list[npt.NDArray[np.bool_]]:
    """Find the values that differ: of the layers before the last, the scores if any, the class."""
    wrongs = []
    for number, bits in enumerate(found.activations):
        wrong = bits != expected.activations[number]
        if found.valid is not None:
            wrong |= ~found.valid[number]
        wrongs.append(wrong)
    if found.scores is not None:
        wrongs.append(found.scores != expected.scores)
    wrongs.append((found.classes != expected.classes)[:, np.newaxis])
    return wrongs


def _first(graph: Graph, found: Found, expected: Golden, wrongs: list[npt.NDArray[np.bool_]],
           frame: int, shown: int) -> Difference:
    """Describe the first difference in ``frame``, whose number in all frames is ``shown``."""
    number = next(n for n, wrong in enumerate(wrongs) if wrong[frame].any())
    place = int(np.argmax(wrongs[number][frame]))
    before = len(found.activations)
    index = min(number, before)
    neuron, row, column = place, None, None
    if number < before:
        kind, value = "activation", int(found.activations[number][frame, place])
        wanted = int(expected.activations[number][frame, place])
        if found.valid is not None and not found.valid[number][frame, place]:
            value = None
        if isinstance(graph.layers[index], Conv):
            row, column, neuron = (int(number) for number in np.unravel_index(
                place, graph.maps[index + 1]))
    elif found.scores is not None and number == before:
        kind, value = "score", int(found.scores[frame, place])
        wanted = int(expected.scores[frame, place])
    else:
        kind, value, neuron = "class", int(found.classes[frame]), None
        place = wanted = int(expected.classes[frame])
    note = None if found.explain is None else found.explain(kind, frame, index, place)
    return Difference(shown, graph.layers[index].name, kind, neuron, value, wanted, note, row,
                      column)
