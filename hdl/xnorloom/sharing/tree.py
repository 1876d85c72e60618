"""Tree over rows of weights: each row is counted as a difference from its parent.

A row has weights of -1, 0 and +1. The count of a row follows from that of another one, or of its
complement, and from the inputs at which the two differ. So the cheapest way to count all rows is a
spanning tree with few differences, and further rows that lie between others shorten it: a Steiner
tree. Its root is the row of zeros, which counts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ROOT", "Tree", "distances", "grow", "steiner"]

# Place of the row of zeros.
ROOT = 0
# Rounds in which added rows move to the majority of their neighbours.
_ROUNDS = 6

_Rows = npt.NDArray[np.int8]


@dataclass(eq=False)
class Tree:
    """Tree over rows.

    Attributes
    ----------
    rows : list of int8 array, shape (inputs,)
        Rows; the first is zero, and the last ones are those that were added.
    neighbours : list of set of int
        Rows that each row is connected with; none for a row that is not used.
    given : int
        Rows that must stay, with that of zeros.
    """

    rows: list[_Rows]
    neighbours: list[set[int]]
    given: int

    def connect(self, a: int, b: int) -> None:
        """Add an edge."""
        self.neighbours[a].add(b)
        self.neighbours[b].add(a)

    def disconnect(self, a: int, b: int) -> None:
        """Remove an edge."""
        self.neighbours[a].discard(b)
        self.neighbours[b].discard(a)

    def add(self, row: _Rows) -> int:
        """Add a row without neighbours, and return its place."""
        self.rows.append(row)
        self.neighbours.append(set())
        return len(self.rows) - 1

    def walk(self) -> list[tuple[int, int]]:
        """Return each row and its parent, parents first, level by level."""
        order, seen, waiting = [], {ROOT}, [ROOT]
        for parent in waiting:
            for row in sorted(self.neighbours[parent] - seen):
                seen.add(row)
                order.append((row, parent))
                waiting.append(row)
        return order

    def length(self) -> int:
        """Return the differences along all edges."""
        return sum(differ(self.rows[row], self.rows[parent])[0] for row, parent in self.walk())


def differ(a: _Rows, b: _Rows) -> tuple[int, int]:
    """Return at how many inputs ``a`` differs from ``b`` or from ``-b``, and that sign."""
    same, other = int(np.count_nonzero(a != b)), int(np.count_nonzero(a != -b))
    return (same, 1) if same <= other else (other, -1)


def distances(rows: _Rows) -> npt.NDArray[np.int64]:
    """Return the differences between all pairs of rows, each up to its sign."""
    plus, zero, minus = ((rows == value).astype(np.float32) for value in (1, 0, -1))
    zeros = zero @ zero.T
    equal = plus @ plus.T + minus @ minus.T + zeros
    opposite = plus @ minus.T
    opposite += opposite.T + zeros
    return (rows.shape[1] - np.maximum(equal, opposite)).astype(np.int64)


def grow(rows: _Rows, overhead: float, slope: float = 0) -> Tree:
    """Return the tree of least length over rows and the row of zeros.

    Parameters
    ----------
    rows : int8 array, shape (rows, inputs)
        Rows, different and not zero.
    overhead : float
        Cost of the adder of a row whose parent is not zero, in differences.
    slope : float
        Cost of each edge between a row and the root. With more of it the tree is less deep.
    """
    rows = np.concatenate([np.zeros_like(rows, shape=(1, rows.shape[1])), rows])
    cost = distances(rows).astype(np.float64)
    cost[1:, 1:] += overhead
    # The row in the middle comes first of those that are equally far from zero.
    middle = cost[1:, 1:].sum(axis=1)
    cost[ROOT, 1:] += middle / (2 * middle.max(initial=0) + 1)
    tree = Tree(list(rows), [set() for _ in rows], len(rows))
    done = np.zeros(len(rows), np.bool_)
    done[ROOT] = True
    best, parent, depth = cost[ROOT].copy(), np.zeros(len(rows), np.int64), {ROOT: 0}
    for _ in range(len(rows) - 1):
        row = int(np.where(done, np.inf, best).argmin())
        tree.connect(int(parent[row]), row)
        depth[row] = depth[int(parent[row])] + 1
        done[row] = True
        through = cost[row] + slope * depth[row]
        closer = ~done & (through < best)
        best[closer], parent[closer] = through[closer], row
    return tree


def steiner(tree: Tree, overhead: float, most: int, go_on: Callable[[], bool]) -> None:
    """Insert rows between three others where that pays.

    At most ``most`` are inserted, and none after ``go_on`` returns false.
    """
    gains: dict[int, tuple[float, int, int, _Rows]] = {}
    stale = {row for row, near in enumerate(tree.neighbours) if near}
    inserted = 0
    while inserted < most and go_on():
        for row in stale:
            gains[row] = _best_pair(tree, row, overhead)
        centre = max(gains, key=lambda row: (gains[row][0], -row), default=ROOT)
        if not gains or gains[centre][0] <= 0:
            break
        _, a, b, median = gains[centre]
        added = tree.add(median)
        for row in (a, b):
            tree.disconnect(centre, row)
            tree.connect(added, row)
        tree.connect(added, centre)
        stale, inserted = {added, centre, a, b}, inserted + 1
    _settle(tree)
    _splice(tree)


def _signed(tree: Tree, row: int, near: list[int]) -> npt.NDArray[np.int8]:
    """Return the neighbours of a row, each in the sign that is closer to it."""
    return np.stack([tree.rows[other] * differ(tree.rows[other], tree.rows[row])[1]
                     for other in near]).astype(np.int8)


def _best_pair(tree: Tree, row: int, overhead: float) -> tuple[float, int, int, _Rows]:
    """Return the gain of the best row between ``row`` and two neighbours, these, and that row."""
    near, own = sorted(tree.neighbours[row]), tree.rows[row]
    if len(near) < 2:
        return 0, ROOT, ROOT, own
    signed = _signed(tree, row, near)
    moved = [((signed == value) & (own != value)).astype(np.float32) for value in (-1, 0, 1)]
    shared = np.sum([part @ part.T for part in moved], axis=0)
    flips = np.zeros(shared.shape, np.bool_)
    if row == ROOT:
        # Zero is as far from a row as from its complement.
        opposite = moved[0] @ moved[2].T
        opposite += opposite.T
        flips = opposite > shared
        shared = np.maximum(shared, opposite)
    np.fill_diagonal(shared, 0)
    a, b = divmod(int(shared.argmax()), len(near))
    other = -signed[b] if flips[a, b] else signed[b]
    median = np.where(signed[a] == other, other, own).astype(np.int8)
    # Rows next to zero need no adder; those next to the new one do.
    return float(shared[a, b]) - overhead * (2 if row == ROOT else 1), near[a], near[b], median


def _settle(tree: Tree) -> None:
    """Move each added row to what most of its neighbours are."""
    for _ in range(_ROUNDS):
        for row in range(tree.given, len(tree.rows)):
            near = sorted(tree.neighbours[row])
            if len(near) < 3:
                continue
            signed = _signed(tree, row, near)
            votes = np.stack([(signed == value).sum(axis=0) for value in (-1, 0, 1)])
            # Ties keep the weight.
            votes = 2 * votes + (np.array([[-1], [0], [1]]) == tree.rows[row])
            moved = (votes.argmax(axis=0) - 1).astype(np.int8)
            if moved.any() and _reach(tree, moved, near) < _reach(tree, tree.rows[row], near):
                tree.rows[row] = moved


def _reach(tree: Tree, row: _Rows, near: list[int]) -> int:
    return sum(differ(row, tree.rows[other])[0] for other in near)


def _splice(tree: Tree) -> None:
    """Remove added rows that only lie between two others."""
    for row in range(tree.given, len(tree.rows)):
        if len(tree.neighbours[row]) == 2:
            a, b = tree.neighbours[row]
            tree.disconnect(row, a)
            tree.disconnect(row, b)
            tree.connect(a, b)
