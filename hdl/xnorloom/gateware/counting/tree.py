"""Shape of a popcount: the bits that its leaves count, and the order in which adders merge them."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from ...target.family import Family

__all__ = ["Node", "cells", "levels", "tree"]

# Cells of leaves by the number of bits. A plain leaf of up to four bits is one LUT4 per bit of its
# count; larger ones are one LUT4 per bit that they count. Coded leaves need no cells besides the
# LUT4 per bit that its XNOR takes; see code.py.
_PLAIN = {1: 0, 2: 2, 3: 2, 4: 3, 5: 5, 6: 6, 7: 7}
_CODED = {1: 0, 2: 0, 3: 0}
_SEVEN = 7


def levels(size: int) -> int:
    """Return the levels of the tree over ``size`` bits: ``max(1, floor(log2(size)))``.

    A node of level ``l`` merges two nodes of the level below and one bit.
    """
    return max(1, size.bit_length() - 1)


@dataclass(frozen=True)
class Node:
    """Node of the tree: a leaf, or an adder of two counts and perhaps one more bit.

    The bits of an adder are those of ``low``, those of ``high``, and the carry input, in this
    order. The bits of a leaf have no order, except in a code.

    Parameters
    ----------
    size : int
        Bits that the node counts.
    coded : bool
        True if the bits are a code; see :mod:`xnorloom.gateware.counting.code`.
    operands : tuple of Node
        ``(low, high)``, or none for a leaf.
    carry : bool
        True if one more bit is the carry input of the adder.
    """

    size: int
    coded: bool = False
    operands: "tuple[Node, Node] | tuple[()]" = ()
    carry: bool = False

    @cached_property
    def level(self) -> int:
        """Level in the tree: 1 for leaves of up to four bits, 2 for larger ones."""
        if not self.operands:
            return 1 + (self.size > 4)
        return 1 + max(operand.level for operand in self.operands)

    @property
    def width(self) -> int:
        """Bits of the count."""
        return self.size.bit_length()

    @property
    def parity(self) -> bool:
        """True if the carry input is the parity of all bits: seven coded bits."""
        return self.coded and self.size == _SEVEN

    def cells(self, family: Family) -> int:
        """Return the cells of this node alone: look-up tables of four inputs, and carry chains."""
        if not self.operands:
            return (_CODED if self.coded else _PLAIN)[self.size]
        # Seven coded bits need the carry into the second bit, and a full adder.
        if self.parity:
            return 3
        # Beside a cell per bit of the sum, one feeds the carry input.
        if family is Family.ICE40:
            return self.width + self.carry
        # Chains of an ECP5 have an even number of cells. Full adders are smaller in LUT4. The cell
        # that feeds the carry input is also the XNOR gate of coded bits.
        if not self.carry:
            return self.width + 1 if self.width > 3 else 2 * self.width - 3
        chain = self.width + 1 + (self.width + 1) % 2
        return min(chain, 2 * self.width - 2) - self.coded

    def waits(self, every: int) -> int:
        """Return the cells of flip-flops alone, with a register after ``every`` levels."""
        if not every:
            return 0
        # A parity that is also used before its register takes a cell for either.
        shared = self.coded and (self.size == 3 or self.parity) and self.level % every == 0
        stage = (self.level - 1) // every
        counts = sum(node.width * (stage - node.level // every) for node in self.operands)
        # The first register of a bit shares the cell of the gate before it.
        return shared + counts + (max(0, stage - 1) if self.carry else 0)


def tree(size: int, coded: bool = False, every: int = 0, family: Family = Family.ICE40) -> Node:
    """Return the tree of fewest cells over ``size`` bits, of at most ``levels(size)`` levels.

    The tree of coded bits is the same for all families, since weights are stored in its code: the
    one with the fewest cells on all of them together.

    Parameters
    ----------
    size : int
        Bits to count, at least 1.
    coded : bool
        True if the bits are a code.
    every : int
        Levels between two registers, which delay operands; 0 for no registers.
    family : Family
        Family whose cells are counted, unless bits are coded.
    """
    return _trees(levels(size), coded, every, tuple(Family) if coded else (family,))[0][size]


def cells(size: int, coded: bool = False, every: int = 0,
          family: Family = Family.ICE40) -> tuple[int, int]:
    """Return the cells of the tree over ``size`` bits, and those of flip-flops alone.

    XNOR gates before coded bits are not counted, except that those spared on an ECP5 are
    subtracted.
    """
    logic = waits = 0
    nodes = [tree(size, coded, every, family)]
    while nodes:
        node = nodes.pop()
        logic, waits = logic + node.cells(family), waits + node.waits(every)
        nodes += node.operands
    return logic, waits


def _price(node: Node, every: int, families: tuple[Family, ...]) -> int:
    """Return the cells of a node alone on all families; flip-flops of an ECP5 take none."""
    return (sum(node.cells(family) for family in families)
            + (node.waits(every) if Family.ICE40 in families else 0))


@cache
def _trees(level: int, coded: bool, every: int,
           families: tuple[Family, ...]) -> tuple[list[Node], list[int]]:
    """Return the best trees of at most ``level`` levels, by size from 0, and their cells."""
    if level == 1:
        leaves = [Node(size, coded) for size in range(4 if coded else 5)]
        return leaves, [_price(leaf, every, families) if leaf.size else 0 for leaf in leaves]
    below, spent = _trees(level - 1, coded, every, families)
    trees, costs = below[:1 << level], spent[:1 << level]
    stage = (level - 1) // every if every else 0
    delays = bool(every) and Family.ICE40 in families
    priced = np.array([cost + (node.width * (stage - node.level // every) if delays else 0)
                       for node, cost in zip(below, spent)])
    most = len(below) - 1
    for size in range(len(trees), 2 * most + 2):
        found = [(spent[size], below[size])] if size <= most else []
        if not coded and level == 2 and size <= _SEVEN and every != 1:
            leaf = Node(size)
            found.append((_price(leaf, every, families), leaf))
        for carry in (1, 0):
            # The most balanced of equal pairs comes first.
            rest = size - carry
            low = np.arange(-(-rest // 2), min(rest - 1, most) + 1)
            if low.size:
                best = int(low[(priced[low] + priced[rest - low]).argmin()])
                node = Node(size, coded, (below[best], below[rest - best]), bool(carry))
                found.append((spent[best] + spent[rest - best] + _price(node, every, families),
                              node))
        cost, node = min(found, key=lambda entry: entry[0])
        trees.append(node)
        costs.append(cost)
    return trees, costs
