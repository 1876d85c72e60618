# amaranth: UnusedElaboratable=no
"""Accumulator of agreeing synapses, and the processing element built around it."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .popcount import Popcount
from .xnor import XnorArray

__all__ = ["Accumulator", "ProcessingElement"]


class Accumulator(wiring.Component):
    """Counts agreeing synapses, ``simd`` a cycle, over one or more steps.

    A count takes ``steps = folds * planes`` transfers of operands: the folds of the most
    significant bit plane first, the accumulator doubled between planes. ``latency`` is
    ``Popcount(simd, register_every=…).latency + (1 if steps > 1 else 0)`` enabled cycles from the
    last operands to the count; ``interval`` is ``steps``.

    Parameters
    ----------
    simd : int
        Synapses worked on at once.
    folds : int
        Steps over one bit plane.
    planes : int
        Bit planes.
    register_every : int
        Adder levels between registers of the popcount; 0 for none.
    count_max : int or None
        Largest count that can occur; ``None`` for ``folds * simd * (2**planes - 1)``.

    Members
    -------
    x, w : In(simd)
        Activations and weights.
    en : In(1, init=1)
        Registers keep their values while it is low.
    add, first, double : In(1)
        Only with several steps. They go with the operands that entered
        ``Popcount(simd, register_every=…).latency`` enabled cycles earlier (so that many elements
        share one delay line): there were operands; the first of a count; the first of a plane.
    count : Out(range(count_max + 1))
        The count, until the next ``add`` if there are several steps.
    """

    def __init__(self, simd: int, *, folds: int = 1, planes: int = 1, register_every: int = 0,
                 count_max: int | None = None):
        folds, planes = integer("Accumulator folds", folds, 1), integer(
            "Accumulator planes", planes, 1)
        self._xnor = XnorArray(simd)
        self._popcount = Popcount(simd, register_every=register_every)
        self._folds, self._planes = folds, planes
        if count_max is None:
            count_max = folds * simd * ((1 << planes) - 1)
        self._count_max = integer("Accumulator count_max", count_max, 1)
        members = {"x": In(simd), "w": In(simd), "en": In(1, init=1),
                   "count": Out(range(self._count_max + 1))}
        if self.steps > 1:
            members |= {"add": In(1), "first": In(1), "double": In(1)}
        super().__init__(members)

    @property
    def steps(self) -> int:
        return self._folds * self._planes

    @property
    def interval(self) -> int:
        return self.steps

    @property
    def latency(self) -> int:
        return self._popcount.latency + (self.steps > 1)

    @property
    def tree_latency(self) -> int:
        """Cycles from operands to the output of the popcount tree."""
        return self._popcount.latency

    @property
    def count_max(self) -> int:
        return self._count_max

    def model(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Counts of operands of the shape (..., planes, folds, simd), weights likewise."""
        partial = self._popcount.model(self._xnor.model(x, w)).sum(axis=-1)
        return partial @ (1 << np.arange(self._planes)[::-1])

    def elaborate(self, platform):
        m = Module()
        m.submodules.xnor = xnor = self._xnor
        m.submodules.popcount = tree = self._popcount
        m.d.comb += [xnor.x.eq(self.x), xnor.w.eq(self.w), tree.i.eq(xnor.o), tree.en.eq(self.en)]
        if self.steps == 1:
            m.d.comb += self.count.eq(tree.o)
            return m
        total = Signal.like(self.count, name="total", reset_less=True)
        before = Mux(self.double, total << 1, total) if self._planes > 1 else total
        with m.If(self.en & self.add):
            m.d.sync += total.eq(Mux(self.first, 0, before) + tree.o)
        m.d.comb += self.count.eq(total)
        return m


class ProcessingElement(wiring.Component):
    """Synapses and what follows the count; see the two kinds below."""

    def __init__(self, accumulator: Accumulator, members: dict):
        self._accumulator = accumulator
        shared = {name: member for name, member in accumulator.signature.members.items()
                  if name != "count"}
        super().__init__(shared | members)

    @property
    def latency(self) -> int:
        return self._accumulator.latency

    @property
    def tree_latency(self) -> int:
        """Cycles from operands to the output of the popcount tree."""
        return self._accumulator.tree_latency

    @property
    def interval(self) -> int:
        return self._accumulator.interval

    def _count(self, m: Module):
        m.submodules.accumulator = accumulator = self._accumulator
        for name, member in accumulator.signature.members.items():
            if member.flow == In:
                m.d.comb += getattr(accumulator, name).eq(getattr(self, name))
        return accumulator.count
