"""Units shared among sums: literals that several of them count together.

A literal is an input or its complement, numbered ``2 * input + value``. A sum is a set of literals
to count. The first units are three literals, a full adder; each further unit adds two units and
perhaps one more literal, which is the carry input: seven literals, fifteen, and so on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Sums", "Unit", "share"]

# Partners of a literal that are tried for a unit.
_PARTNERS = 6
# Units that are paired, the most frequent ones: their matrix has as many rows and columns.
_MOST_UNITS = 8192

_Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Unit:
    """Count of a few literals.

    Parameters
    ----------
    literals : tuple of int
        Three literals, or the one that is added to other units, if any.
    units : tuple of int
        Two units, or none.
    size : int
        Literals in all.
    """

    literals: tuple[int, ...]
    units: tuple[int, ...] = ()
    size: int = 3


@dataclass
class Sums:
    """Sums after sharing.

    Attributes
    ----------
    units : list of Unit
        Units in an order in which they can be computed.
    literals : list of set of int
        Literals that each sum counts alone.
    used : list of list of int
        Units that each sum adds.
    """

    units: list[Unit] = field(default_factory=list)
    literals: list[set[int]] = field(default_factory=list)
    used: list[list[int]] = field(default_factory=list)


def share(sums: list[set[int]], literals: int, go_on: Callable[[], bool]) -> Sums:
    """Find units that several sums share, the most frequent first.

    Parameters
    ----------
    sums : list of set of int
        Literals of each sum.
    literals : int
        Number of literals that exist.
    go_on : callable
        Takes a step of the search; false if there is none left.
    """
    found = Sums([], [set() for _ in sums], [[] for _ in sums])
    matrix = np.zeros((len(sums), literals), np.float32)
    for row, members in enumerate(sums):
        matrix[row, sorted(members)] = 1
    last: list[list[int]] = [[] for _ in sums]
    for members, users in _triples(matrix, go_on):
        found.units.append(Unit(members))
        for row in users:
            last[row].append(len(found.units) - 1)
    for row in range(len(sums)):
        found.literals[row] = set(np.flatnonzero(matrix[row]).tolist())
    while any(last):
        last = _pairs(found, last, go_on)
    return found


class _Pairs:
    """Columns of a matrix of 0 and 1, and how often each two of them are 1 in the same row."""

    def __init__(self, matrix: _Matrix):
        self.matrix = matrix
        self.together = matrix.T @ matrix
        np.fill_diagonal(self.together, 0)
        # Upper bounds, since counts only fall.
        self._most = self.together.max(axis=1, initial=0)

    def best(self) -> tuple[int, int] | None:
        """Return a column with the most frequent partner, and how often; ``None`` if below 2."""
        while True:
            column = int(self._most.argmax())
            bound = self._most[column]
            if bound < 2:
                return None
            self._most[column] = self.together[column].max()
            if self._most[column] == bound:
                return column, int(bound)

    def forget(self, column: int, partner: int) -> None:
        """Do not return a pair again, unless its rows change."""
        self.together[column, partner] = self.together[partner, column] = 0

    def remove(self, rows: npt.NDArray[np.intp], columns: tuple[int, ...]) -> None:
        """Set the elements of some columns in some rows to 0."""
        self.matrix[np.ix_(rows, np.array(columns))] = 0
        for column in columns:
            counts = self.matrix[self.matrix[:, column] > 0].sum(axis=0)
            counts[column] = 0
            self.together[column] = self.together[:, column] = counts
            self._most[column] = counts.max(initial=0)


def _triples(matrix: _Matrix, go_on: Callable[[], bool]
             ) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield three literals and the sums that have them, and remove them there."""
    pairs = _Pairs(matrix)
    while go_on() and (best := pairs.best()):
        a, _ = best
        rows = np.flatnonzero(matrix[:, a])
        partners = np.argsort(-pairs.together[a], kind="stable")[:_PARTNERS]
        partners = partners[pairs.together[a, partners] > 0]
        thirds = matrix[np.ix_(rows, partners)].T @ matrix[rows]
        thirds[:, a] = 0
        thirds[np.arange(len(partners)), partners] = 0
        place, c = divmod(int(thirds.argmax()), thirds.shape[1])
        if thirds[place, c] < 2:
            pairs.forget(a, int(pairs.together[a].argmax()))
            continue
        members = tuple(sorted((a, int(partners[place]), c)))
        users = rows[matrix[np.ix_(rows, np.array(members))].all(axis=1)]
        pairs.remove(users, members)
        yield members, users.tolist()


def _pairs(found: Sums, last: list[list[int]], go_on: Callable[[], bool]) -> list[list[int]]:
    """Add units of two units; return those that each sum has now, of these.

    The others of ``last`` are final.
    """
    places = sorted({unit for units in last for unit in units})[:_MOST_UNITS]
    column = {unit: place for place, unit in enumerate(places)}
    matrix = np.zeros((len(last), len(places)), np.float32)
    for row, units in enumerate(last):
        matrix[row, [column[unit] for unit in units if unit in column]] = 1
        found.used[row] += [unit for unit in units if unit not in column]
    pairs, made = _Pairs(matrix), [[] for _ in last]
    while go_on() and (best := pairs.best()):
        a = best[0]
        b = int(pairs.together[a].argmax())
        users = np.flatnonzero(matrix[:, a] * matrix[:, b])
        pairs.remove(users, (a, b))
        common = set.intersection(*(found.literals[row] for row in users))
        # A literal that is no complement needs no inverter before the carry chain.
        carry = (max(common, key=lambda literal: (literal & 1, literal)),) if common else ()
        units = places[a], places[b]
        found.units.append(Unit(carry, units, sum(found.units[unit].size for unit in units)
                                + len(carry)))
        for row in users:
            found.literals[row].difference_update(carry)
            made[row].append(len(found.units) - 1)
    for row in range(len(last)):
        found.used[row] += [places[place] for place in np.flatnonzero(matrix[row])]
    return made
