"""Accumulator of counts over the steps of an operand vector."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer

__all__ = ["CountAccumulator"]


class CountAccumulator(wiring.Component):
    """Sum of a count in each of one or more steps.

    A sum takes ``steps = folds * planes`` counts: all folds of one bit plane after the other, the
    most significant first. It is doubled between planes. ``latency``, from the last count to the
    sum, is 1 enabled cycle, or 0 with a single step. ``interval`` is ``steps``.

    Parameters
    ----------
    most : int
        Largest count of a step.
    folds : int
        Steps per bit plane.
    planes : int
        Bit planes.
    count_max : int or None
        Largest sum that can occur; ``None`` for ``folds * most * (2**planes - 1)``.
    half : int
        Count of a skipped step; 0 if no step is skipped, as with a single one.

    Members
    -------
    partial : In(range(most + 1))
        Count of a step.
    en : In(1, init=1)
        Enable of the register.
    add : In(1)
        True if there is a count. Like the next two ports it exists only with several steps.
    first : In(1)
        True in the first step of a sum.
    double : In(1)
        True in the first step of a bit plane.
    skip : In(1)
        With ``half``: true if the step counts that, whatever ``partial`` is.
    count : Out(range(count_max + 1))
        Sum. With several steps it holds until the next ``add``.
    """

    tree_latency = 0
    """Enabled cycles from operands to the count of a step."""

    def __init__(self, most: int, *, folds: int = 1, planes: int = 1,
                 count_max: int | None = None, half: int = 0, members: dict | None = None):
        name = type(self).__name__
        most = integer(f"{name} most", most, 1)
        self._folds = integer(f"{name} folds", folds, 1)
        self._planes = integer(f"{name} planes", planes, 1)
        if count_max is None:
            count_max = self._folds * most * ((1 << self._planes) - 1)
        self._count_max = integer(f"{name} count_max", count_max, 1)
        self._half = integer(f"{name} half", half, 0, most)
        members = {"partial": In(range(most + 1))} if members is None else members
        members = {**members, "en": In(1, init=1), "count": Out(range(self._count_max + 1))}
        if self.steps > 1:
            members |= {"add": In(1), "first": In(1), "double": In(1)}
            if self._half:
                members |= {"skip": In(1)}
        super().__init__(members)

    @property
    def steps(self) -> int:
        return self._folds * self._planes

    @property
    def interval(self) -> int:
        return self.steps

    @property
    def latency(self) -> int:
        return self.tree_latency + (self.steps > 1)

    @property
    def count_max(self) -> int:
        return self._count_max

    def model(self, partial: np.ndarray) -> np.ndarray:
        """Return the sums of counts of shape (..., planes, folds)."""
        return np.asarray(partial).sum(axis=-1) @ (1 << np.arange(self._planes)[::-1])

    def elaborate(self, platform):
        m = Module()
        self._accumulate(m, self.partial)
        return m

    def _accumulate(self, m: Module, partial: Value) -> None:
        """Drive ``count`` with the sum of ``partial`` over all steps."""
        if self.steps == 1:
            m.d.comb += self.count.eq(partial)
            return
        if self._half:
            partial = Mux(self.skip, self._half, partial)
        total = Signal.like(self.count, name="total", reset_less=True)
        before = Mux(self.double, total << 1, total) if self._planes > 1 else total
        # The multiplexer of the first step is in the LUT4 of the adder, after the carry chain.
        with m.If(self.en & self.add):
            m.d.sync += total.eq(Mux(self.first, partial, before + partial))
        m.d.comb += self.count.eq(total)
