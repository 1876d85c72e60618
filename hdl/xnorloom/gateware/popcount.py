"""Population count: a tree of adders that use their carry input."""

import numpy as np
from amaranth.hdl import C, Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .primitives import delay

__all__ = ["Popcount", "levels"]

# A leaf counts three bits in two LUT4; for more bits adders are cheaper.
_LEAF = 3


def levels(size: int) -> int:
    """Return the levels of the tree over ``size`` bits: leaf counters, and adders above."""
    count = 1
    while size > _LEAF:
        size = size // 2  # the larger half of size - 1 bits; one is the carry input
        count += 1
    return count


class Popcount(wiring.Component):
    """Number of ones in a vector.

    A balanced tree in which each adder of two counts takes one more bit as carry input:
    ``pc(2m + 1) = pc(m) + pc(m) + bit``. ``latency`` is ``levels(size) // register_every``
    enabled cycles (0 if ``register_every`` is 0); ``interval`` is 1.

    Parameters
    ----------
    size : int
        Bits to count, at least 1.
    register_every : int
        Levels between two registers; 0 for a combinational tree.

    Members
    -------
    i : In(size)
        Bits to count.
    en : In(1, init=1)
        Enable of all registers.
    o : Out(range(size + 1))
        Number of ones.
    """

    interval = 1

    def __init__(self, size: int, *, register_every: int = 0):
        self._size = size = integer("Popcount size", size, 1)
        self._register_every = integer("Popcount register_every", register_every, 0)
        super().__init__({
            "i": In(size),
            "en": In(1, init=1),
            "o": Out(range(size + 1)),
        })

    @property
    def size(self) -> int:
        return self._size

    @property
    def _levels(self) -> int:
        return levels(self._size)

    @property
    def latency(self) -> int:
        every = self._register_every
        return self._levels // every if every else 0

    def model(self, bits: np.ndarray) -> np.ndarray:
        """Return the counts over the last axis of an array of 0 and 1."""
        return np.sum(bits, axis=-1, dtype=np.int64)

    def elaborate(self, platform):
        m = Module()
        every, top = self._register_every, self._levels
        # Carry inputs wait for the counts they are added to, in one delay line per level.
        taken = [list[int]() for _ in range(top + 1)]
        _assign(range(self._size), top, taken)
        bits: dict[int, Value] = {}
        for level, indices in enumerate(taken):
            stages = (level - 1) // every if every and level else 0
            if stages:
                late = delay(m, Cat(self.i[index] for index in indices), stages, self.en,
                             name=f"level{level}")
                bits |= {index: late[place] for place, index in enumerate(indices)}
            else:
                bits |= {index: self.i[index] for index in indices}

        def settle(value: Value, level: int, name: str) -> Value:
            """Return a count after its level, registered after each ``every`` levels."""
            if every and level % every == 0:
                return delay(m, value, 1, self.en, name=f"count{level}_{name}")
            return value

        def count(indices: range, level: int) -> Value:
            if not indices:
                return C(0, 1)
            if level == 1:
                total = sum((bits[index] for index in indices[1:]), bits[indices[0]])
            else:
                low, high = _halves(indices)
                total = _add(count(low, level - 1), count(high, level - 1), bits[indices[0]])
            return settle(total[:len(indices).bit_length()], level, str(indices[0]))

        m.d.comb += self.o.eq(count(range(self._size), top))
        return m


def _halves(indices: range) -> tuple[range, range]:
    """Return the operands of an adder; the first of ``indices`` is its carry input."""
    rest, half = indices[1:], len(indices) // 2
    return rest[:half], rest[half:]


def _assign(indices: range, level: int, taken: list[list[int]]):
    """Collect in ``taken`` the bits that enter the tree at each level."""
    if level == 1:
        taken[1] += indices
    elif indices:
        taken[level].append(indices[0])
        for part in _halves(indices):
            _assign(part, level - 1, taken)


def _add(a: Value, b: Value, carry: Value) -> Value:
    # Yosys turns a sum of three into one macro cell and full adders (1.8 cells per bit). One more
    # bit on both operands makes the third the carry input of a plain adder (1.2 cells per bit).
    return (Cat(C(1, 1), a) + Cat(carry, b))[1:]
