"""Compiler of a matrix of weights into a program, without cache."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .budget import Budget
from .builder import Builder
from .counts import Counter
from .program import FALSE, TRUE, Program, Result
from .readout import Count, fires, score
from .reduction import Reduction
from .share import share
from .tree import ROOT, Tree, differ, grow, steiner

__all__ = ["Effort", "compiled", "spanned", "spanning"]

# Cells of an adder per bit, in literals: three literals take two cells.
_ADDER = 2 / 3
# Steps for each difference along the tree, for a progress bar: 0.11 to 0.27 in layers of 256 to
# 16,384 synapses.
_STEPS = 0.2
# Cost of an edge between a row and the root, in literals. Four take a quarter of the levels off a
# layer of 64 x 64 of TFC, and with them a third of the registers, for 1 % more cells.
_SLOPE = 4


@dataclass(frozen=True)
class Effort:
    """Work that the compiler did.

    Attributes
    ----------
    rows : int
        Rows that are counted, without those added.
    added : int
        Rows added to the tree.
    units : int
        Counts that several sums share.
    differences : int
        Literals along all edges of the tree.
    steps : int
        Steps of the search.
    complete : bool
        False if more steps would have found more to share.
    """

    rows: int
    added: int
    units: int
    differences: int
    steps: int
    complete: bool


@dataclass
class _Edge:
    """Row as a sum of its parent and literals, some of which count twice."""

    row: int
    parent: int
    ones: set[int]
    twos: set[int]


def compiled(reduction: Reduction, thresholds: npt.NDArray[np.int64] | None,
             offsets: npt.NDArray[np.int64], budget: Budget) -> tuple[Program, Effort]:
    """Return the program of a reduced matrix.

    Parameters
    ----------
    reduction : Reduction
        Rows, and the row of each neuron.
    thresholds : array of int or None
        Thresholds of the neurons; ``None`` for counts with ``offsets``.
    offsets : array of int
        Number added to each count.
    budget : Budget
        Steps that the search may take.
    """
    rows = reduction.rows
    inputs = rows.shape[1]
    tops = np.count_nonzero(rows, axis=1)
    width = _width(rows)
    tree = spanned(rows, budget)
    edges, signs, shifts = _edges(tree)
    sets = [part for edge in edges for part in (edge.ones, edge.twos)]
    shared = share(sets, 2 * inputs, budget.take)
    builder = Builder(inputs)
    words = _words(builder, edges, Counter(builder, shared), width)
    results = []
    for neuron, row in enumerate(reduction.row):
        if row < 0:
            constant = thresholds is not None and thresholds[neuron] <= 0
            results.append(Result((TRUE if constant else FALSE,)) if thresholds is not None else
                           score(builder, Count((), 1, 0, 0), int(offsets[neuron])))
            continue
        place, top = int(row) + 1, int(tops[row])
        sign, shift = signs[place], shifts[place]
        if reduction.sign[neuron] < 0:
            # The count of the complement is `top - p`.
            sign, shift = -sign, shift + sign * top
        count = Count(words[place], sign, shift, top)
        if thresholds is None:
            results.append(score(builder, count, int(offsets[neuron])))
        else:
            results.append(Result((fires(builder, count, int(thresholds[neuron])),)))
    effort = Effort(len(rows), sum(map(bool, tree.neighbours[tree.given:])), len(shared.units),
                    sum(len(part) for part in sets), budget.taken, not budget.exhausted)
    return Program(inputs, tuple(builder.nodes), tuple(results)), effort


def spanned(rows: npt.NDArray[np.int8], budget: Budget) -> Tree:
    """Return the tree over rows."""
    tree = spanning(rows)
    budget.expect(round(_STEPS * tree.length()))
    steiner(tree, _overhead(rows), len(rows), budget.take)
    return tree


def spanning(rows: npt.NDArray[np.int8]) -> Tree:
    """Return the tree over rows before others are added."""
    return grow(rows, _overhead(rows), _SLOPE)


def _overhead(rows: npt.NDArray[np.int8]) -> float:
    """Return the cost of an adder, in differences."""
    return _ADDER * (_width(rows) + 1)


def _width(rows: npt.NDArray[np.int8]) -> int:
    """Return the bits of the largest count."""
    return int(np.count_nonzero(rows, axis=1).max(initial=0)).bit_length()


def _edges(tree: Tree) -> tuple[list[_Edge], dict[int, int], dict[int, int]]:
    """Return the edges of a tree, parents first, and what the word of each row is.

    With the sign ``s`` and the shift ``c`` of its row it is ``s * p + c``.
    """
    edges, signs, constants, shifts = [], {ROOT: 1}, {ROOT: 0}, {}
    for row, parent in tree.walk():
        weights, sign = tree.rows[row].astype(np.int64), differ(tree.rows[row],
                                                                tree.rows[parent])[1]
        signs[row] = signs[parent] * sign
        # The weighted sum of inputs, times the sign, is that of the parent and this one.
        rest = signs[row] * (weights - sign * tree.rows[parent])
        edge = _Edge(row, parent, *(
            {*(2 * np.flatnonzero(rest == size) + 1).tolist(),
             *(2 * np.flatnonzero(rest == -size)).tolist()} for size in (1, 2)))
        edges.append(edge)
        # An input that counts negatively is its complement, less a constant.
        constants[row] = constants[parent] + int(-rest[rest < 0].sum())
        shifts[row] = constants[row] - signs[row] * int(np.count_nonzero(weights < 0))
    return edges, signs, shifts


def _words(builder: Builder, edges: list[_Edge], counter: Counter,
           width: int) -> dict[int, tuple[int, ...]]:
    """Return the word of each row, of at most ``width`` bits."""
    words: dict[int, tuple[int, ...]] = {ROOT: ()}
    for place, edge in enumerate(edges):
        word = words[edge.parent]
        ones, carry = counter.count(2 * place, keep=bool(word))
        if not word:
            words[edge.row] = ones
            continue
        word = (*word, *[FALSE] * width)[:width]
        word = builder.add(word, ones, carry, width)
        twos, carry = counter.count(2 * place + 1, keep=True)
        words[edge.row] = (word[0], *builder.add(word[1:], twos, carry, width - 1))
    return words
