"""Threshold comparator: the activation of a neuron."""

import numpy as np
from amaranth.hdl import C, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .counting.adders import adders

__all__ = ["Threshold", "complement"]


def complement(threshold: np.ndarray, count_max: int) -> np.ndarray:
    """Return thresholds in the form in which hardware stores them: ``2**k - threshold``.

    ``k`` is the number of bits of ``count_max``. The sum of a count and the complement carries into
    bit ``k`` iff the count reaches the threshold. A threshold of 0 has bit ``k`` itself.
    """
    return (1 << count_max.bit_length()) - threshold


class Threshold(wiring.Component):
    """Comparator that fires (outputs 1) iff a count reaches a threshold.

    It is combinational: ``latency`` is 0, ``interval`` is 1.

    Parameters
    ----------
    count_max : int
        Largest count; the smallest is 0.
    constant : int or None
        Constant threshold, 0 (always fires) to ``count_max + 1`` (never fires), or ``None`` for an
        input.

    Members
    -------
    p : In(range(count_max + 1))
        Count.
    t : In(range(2**k + 1))
        Complement of the threshold, ``2**k - threshold`` with ``k`` the bits of ``count_max`` (see
        :func:`complement`); absent if the threshold is constant.
    o : Out(1)
        1 iff the count is at least the threshold.
    """

    latency = 0
    interval = 1

    def __init__(self, count_max: int, *, constant: int | None = None):
        self._count_max = count_max = integer("Threshold count_max", count_max, 1)
        if constant is not None:
            constant = integer("Threshold constant", constant, 0, count_max + 1)
        self._constant = constant
        members = {"p": In(range(count_max + 1)), "o": Out(1)}
        if constant is None:
            members["t"] = In(range((1 << count_max.bit_length()) + 1))
        super().__init__(members)

    @property
    def count_max(self) -> int:
        return self._count_max

    @property
    def constant(self) -> int | None:
        return self._constant

    def model(self, p: np.ndarray, t: np.ndarray | None = None) -> np.ndarray:
        """Return the activations, 0 or 1, of integer counts; ``t`` are thresholds as such."""
        threshold = self._constant if t is None else t
        return (np.asarray(p) >= np.asarray(threshold)).astype(np.uint8)

    def elaborate(self, platform):
        m = Module()
        if self._constant is None:
            # A carry chain of one cell per bit. Yosys gives `p >= t` an inverter per bit before it.
            carries = adders(platform).carries(m, self.p, self.t, name="adder")
            m.d.comb += self.o.eq(carries)
        else:
            m.d.comb += self.o.eq(self._compare(self._constant))
        return m

    def _compare(self, constant: int) -> Value:
        # Comparison with a constant is a chain of AND and OR from the lowest bit up: three bits per
        # LUT4, where a carry chain takes a cell per bit.
        if constant > self._count_max:
            return C(0, 1)
        reached: Value = C(1, 1)
        for position in range(len(self.p)):
            bit = self.p[position]
            reached = bit & reached if (constant >> position) & 1 else bit | reached
        return reached
