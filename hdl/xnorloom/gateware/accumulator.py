# amaranth: UnusedElaboratable=no
"""Accumulator of agreeing synapses, and the base class of processing elements."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .count_accumulator import CountAccumulator
from .popcount import Popcount
from .xnor import XnorArray

__all__ = ["Accumulator", "ProcessingElement"]


class Accumulator(CountAccumulator):
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
    half : int
        Count of a skipped step; 0 if no step is skipped.
    coded : bool
        True if ``x`` and ``w`` are codes, which take fewer cells; see
        :func:`~xnorloom.gateware.counting.code.encode`.
    masked : bool
        True if synapses may be absent; not with ``coded``.

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
    skip : In(1)
        With ``half``: true if the step counts that, whatever its operands are. It is as late as
        ``add``.
    count : Out(range(count_max + 1))
        Count. With several steps it holds until the next ``add``.
    """

    def __init__(self, simd: int, *, folds: int = 1, planes: int = 1, register_every: int = 0,
                 count_max: int | None = None, half: int = 0, coded: bool = False,
                 masked: bool = False):
        if masked and coded:
            raise ValueError("Accumulator coded must be False if it is masked: a parity says "
                             "nothing of the products of absent synapses")
        self._xnor = XnorArray(simd, masked=masked)
        self._popcount = Popcount(simd, register_every=register_every, coded=coded,
                                  factored=not masked)
        members = {"x": In(simd), "w": In(simd), **({"present": In(simd)} if masked else {})}
        super().__init__(simd, folds=folds, planes=planes, count_max=count_max, half=half,
                         members=members)

    @property
    def tree_latency(self) -> int:
        """Enabled cycles from operands to the output of the popcount tree."""
        return self._popcount.latency

    def model(self, x: np.ndarray, w: np.ndarray,
              present: np.ndarray | int = 1) -> np.ndarray:
        """Return the counts of activations and weights of shape (..., planes, folds, simd).

        They are no codes.
        """
        return super().model(self._popcount.model(self._xnor.model(x, w, present)))

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
        self._accumulate(m, tree.o)
        return m


class ProcessingElement(wiring.Component):
    """Base class of neurons and score units: an accumulator with further members.

    Parameters
    ----------
    accumulator : CountAccumulator
        Source of the count.
    members : dict of str to Member
        Members besides those of the accumulator; ``count`` is internal.
    """

    def __init__(self, accumulator: CountAccumulator, members: dict):
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
