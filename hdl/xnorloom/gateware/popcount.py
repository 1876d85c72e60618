"""Population count: a tree of adders that use their carry input."""

import numpy as np
from amaranth.hdl import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .counting.adders import adders, full_adder
from .counting.tree import Node, levels, tree
from .primitives import delay

__all__ = ["Popcount", "levels"]


class Popcount(wiring.Component):
    """Number of ones in a vector, or in a vector given by its code.

    Leaves count up to four bits in look-up tables; each adder merges two counts, and most of them
    one more bit as carry input. The tree has the fewest cells among those with ``levels(size)``
    levels. ``latency`` is ``levels(size) // register_every`` enabled cycles (0 if
    ``register_every`` is 0); ``interval`` is 1.

    Parameters
    ----------
    size : int
        Bits to count, at least 1.
    register_every : int
        Levels between two registers; 0 for a combinational tree.
    coded : bool
        True if ``i`` is the code of the bits; see :func:`~xnorloom.gateware.counting.code.encode`.
    factored : bool
        True if the bits are products whose factors are inputs, too. The adders of some chips
        multiply for themselves, and spare XNOR gates.

    Members
    -------
    i : In(size)
        Bits to count, or their code.
    x, w : In(size)
        With ``factored``: two vectors whose XNOR is ``i``.
    en : In(1, init=1)
        Enable of all registers.
    o : Out(range(size + 1))
        Number of ones.
    """

    interval = 1

    def __init__(self, size: int, *, register_every: int = 0, coded: bool = False,
                 factored: bool = False):
        self._size = size = integer("Popcount size", size, 1)
        self._register_every = every = integer("Popcount register_every", register_every, 0)
        self._latency = levels(size) // every if every else 0
        self._coded, self._factored = bool(coded), bool(factored)
        super().__init__({
            "i": In(size),
            **({"x": In(size), "w": In(size)} if factored else {}),
            "en": In(1, init=1),
            "o": Out(range(size + 1)),
        })

    @property
    def size(self) -> int:
        return self._size

    @property
    def latency(self) -> int:
        return self._latency

    def model(self, bits: np.ndarray) -> np.ndarray:
        """Return the counts over the last axis of an array of 0 and 1, not of its code."""
        return np.sum(bits, axis=-1, dtype=np.int64)

    def elaborate(self, platform):
        m = Module()
        every, family = self._register_every, adders(platform)
        root = tree(self._size, self._coded, every, family.family)

        def stage(level: int) -> int:
            """Return the number of registers before the nodes of a level."""
            return (level - 1) // every if every else 0

        # Carry inputs wait for the counts that they are added to, in one delay line per level.
        bits: dict[int, Value] = {place: self.i[place] for place in range(self._size)}
        for level, places in sorted(_places(root).items()):
            if stage(level):
                late = delay(m, Cat(self.i[place] for place in places), stage(level), self.en,
                             name=f"level{level}")
                bits |= {place: late[index] for index, place in enumerate(places)}

        def count(node: Node, start: int, until: int) -> Value:
            """Return the count of a node, in the cycle of stage ``until``."""
            own = [bits[place] for place in range(start, start + node.size)]
            if node.operands:
                low, high = node.operands
                operands = (count(low, start, stage(node.level)),
                            count(high, start + low.size, stage(node.level)))
                if node.parity:
                    total = _seven(*operands, own[-1])
                else:
                    carry, factors = own[-1] if node.carry else C(0, 1), None
                    # Delayed products share the cell of their gate, or that of their register.
                    if self._factored and node.carry and not stage(node.level):
                        place = start + node.size - 1
                        factors = self.x[place], self.w[place]
                    total = family.add(m, *operands, carry, node.width, factors=factors,
                                       name=f"adder{node.level}_{start}")
            else:
                total = _coded_leaf(own) if node.coded and node.size == 3 else _leaf(own)
            # A signal of its own, since several gates use it.
            value = Signal(node.width, name=f"sum{node.level}_{start}")
            m.d.comb += value.eq(total)
            return delay(m, value, until - stage(node.level), self.en,
                         name=f"count{node.level}_{start}")

        m.d.comb += self.o.eq(count(root, 0, self.latency))
        return m


def _places(root: Node) -> dict[int, list[int]]:
    """Return the places of the bits that enter the tree at each level."""
    places: dict[int, list[int]] = {}

    def visit(node: Node, start: int):
        end = start + node.size
        if not node.operands:
            places.setdefault(1, []).extend(range(start, end))
            return
        low, high = node.operands
        visit(low, start)
        visit(high, start + low.size)
        if node.carry:
            places.setdefault(node.level, []).append(end - 1)

    visit(root, 0)
    return places


def _leaf(bits: list[Value]) -> Value:
    """Return the count of one to seven bits."""
    match bits:
        case [a]:
            return a
        case [a, b]:
            return Cat(a ^ b, a & b)
        case [a, b, c]:
            return Cat(*full_adder(a, b, c))
        case [a, b, c, d]:
            odd, odd2 = a ^ b, c ^ d
            both, both2 = a & b, c & d
            return Cat(odd ^ odd2, (odd & odd2) | (both ^ both2), both & both2)
    return _large_leaf(*bits, *[C(0, 1)] * (7 - len(bits)))


def _large_leaf(a: Value, b: Value, c: Value, d: Value, e: Value, f: Value, g: Value) -> Value:
    """Return the count of seven bits in seven LUT4, one less than four full adders.

    The second carry is used only in its XOR with the first, and the third is known from the second
    bit of the count, so that two of the three carries have no LUT4.
    """
    parity, carry = full_adder(a, b, c)
    parity2, carry2 = full_adder(parity, d, e)
    parity3, carry3 = full_adder(parity2, f, g)
    differ = carry ^ carry2
    twos = differ ^ carry3
    return Cat(parity3, twos, Mux(differ, ~twos, carry))


def _coded_leaf(code: list[Value]) -> Value:
    """Return the count of three bits, of which the last is the parity."""
    a, b, parity = code
    return Cat(parity, Mux(a ^ b, ~parity, a))


def _seven(low: Value, high: Value, parity: Value) -> Value:
    """Return the sum of two counts up to three and one bit, given the parity of the sum."""
    carry = Mux(low[0] ^ high[0], ~parity, low[0])
    return Cat(parity, *full_adder(low[1], high[1], carry))
