# amaranth: UnusedElaboratable=no
"""Accumulator of agreeing synapses, and the base class of processing elements."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .popcount import Popcount
from .xnor import XnorArray

__all__ = ["Accumulator", "ProcessingElement"]


class Accumulator(wiring.Component):
    """Counter of agreeing synapses, ``simd`` per cycle, over one or more steps.

    A count takes ``steps = folds * planes`` operands: all folds of one bit plane after the other,
    the most significant first. The sum is doubled between planes. ``latency``, from the last
    operands to the count, is ``tree_latency + (1 if steps > 1 else 0)`` enabled cycles, where
    ``tree_latency`` is that of the :class:`~xnorloom.gateware.popcount.Popcount`. ``interval`` is
    ``steps``.

    Parameters
    ----------
    simd : int
        Synapses per step.
    folds : int
        Steps per bit plane.
    planes : int
        Bit planes.
    register_every : int
        Adder levels between two registers of the popcount; 0 for no registers.
    count_max : int or None
        Largest count that can occur; ``None`` for ``folds * simd * (2**planes - 1)``.
    coded : bool
        True if ``x`` and ``w`` are codes, which take fewer cells; see
        :func:`~xnorloom.gateware.counting.code.encode`.
    masked : bool
        True if synapses may be absent; not with ``coded``.
    tree_latency : int or None
        Enabled cycles of the popcount, if they are more than it needs; ``None`` for those.

    Members
    -------
    x : In(simd)
        Activations, or their code.
    w : In(simd)
        Weights, or their code.
    present : In(simd)
        With ``masked``: 1 where the synapse exists.
    en : In(1, init=1)
        Enable of all registers.
    add : In(1)
        True if there are operands. Like the next two ports it exists only with several steps, and
        is ``tree_latency`` enabled cycles later than the operands, so that many elements share one
        delay line.
    first : In(1)
        True in the first step of a count.
    double : In(1)
        True in the first step of a bit plane.
    count : Out(range(count_max + 1))
        Count. With several steps it holds until the next ``add``.
    """

    def __init__(self, simd: int, *, folds: int = 1, planes: int = 1, register_every: int = 0,
                 count_max: int | None = None, coded: bool = False, masked: bool = False,
                 tree_latency: int | None = None):
        folds = integer("Accumulator folds", folds, 1)
        planes = integer("Accumulator planes", planes, 1)
        if masked and coded:
            raise ValueError("Accumulator coded must be False if it is masked: a parity says "
                             "nothing of the products of absent synapses")
        self._xnor = XnorArray(simd, masked=masked)
        self._popcount = Popcount(simd, register_every=register_every, coded=coded,
                                  factored=not masked, latency=tree_latency)
        self._folds, self._planes = folds, planes
        if count_max is None:
            count_max = folds * simd * ((1 << planes) - 1)
        self._count_max = integer("Accumulator count_max", count_max, 1)
        members = {"x": In(simd), "w": In(simd), **({"present": In(simd)} if masked else {}),
                   "en": In(1, init=1), "count": Out(range(self._count_max + 1))}
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
        """Enabled cycles from operands to the output of the popcount tree."""
        return self._popcount.latency

    @property
    def count_max(self) -> int:
        return self._count_max

    def model(self, x: np.ndarray, w: np.ndarray,
              present: np.ndarray | int = 1) -> np.ndarray:
        """Return the counts of activations and weights of shape (..., planes, folds, simd).

        They are no codes.
        """
        partial = self._popcount.model(self._xnor.model(x, w, present)).sum(axis=-1)
        return partial @ (1 << np.arange(self._planes)[::-1])

    def elaborate(self, platform):
        m = Module()
        m.submodules.xnor = xnor = self._xnor
        m.submodules.popcount = tree = self._popcount
        m.d.comb += [xnor.x.eq(self.x), xnor.w.eq(self.w), tree.i.eq(xnor.o)]
        if xnor.masked:
            m.d.comb += xnor.present.eq(self.present)
        else:
            m.d.comb += [tree.x.eq(self.x), tree.w.eq(self.w)]
        m.d.comb += tree.en.eq(self.en)
        if self.steps == 1:
            m.d.comb += self.count.eq(tree.o)
            return m
        total = Signal.like(self.count, name="total", reset_less=True)
        before = Mux(self.double, total << 1, total) if self._planes > 1 else total
        # The multiplexer of the first step is in the LUT4 of the adder, after the carry chain.
        with m.If(self.en & self.add):
            m.d.sync += total.eq(Mux(self.first, tree.o, before + tree.o))
        m.d.comb += self.count.eq(total)
        return m


class ProcessingElement(wiring.Component):
    """Base class of neurons and score units: an accumulator with further members.

    Parameters
    ----------
    accumulator : Accumulator
        Source of the count.
    members : dict of str to Member
        Members besides those of the accumulator; ``count`` is internal.
    """

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
        """Enabled cycles from operands to the output of the popcount tree."""
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
