# amaranth: UnusedElaboratable=no
"""Binary neuron: accumulator and threshold."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from .accumulator import ProcessingElement
from .count_accumulator import CountAccumulator
from .threshold import Threshold

__all__ = ["Neuron"]


class Neuron(ProcessingElement):
    """Binary neuron: fires (outputs 1) iff the count of agreeing synapses reaches a threshold.

    The comparison is combinational, so ``latency`` and ``interval`` are those of the accumulator.

    Parameters
    ----------
    accumulator : CountAccumulator
        Source of the count.
    threshold : int or None
        Constant threshold, or ``None`` for an input.

    Members
    -------
    x, w, present, partial, en, add, first, double : In
        See the accumulator.
    threshold : In(range(2**k + 1))
        Complement of the threshold, see :class:`~xnorloom.gateware.threshold.Threshold`; absent if
        the threshold is constant.
    o : Out(1)
        1 iff the count is at least the threshold.
    """

    def __init__(self, accumulator: CountAccumulator, threshold: int | None = None):
        if not isinstance(accumulator, CountAccumulator):
            raise TypeError(f"Neuron accumulator must be an Accumulator, not {accumulator!r}")
        self._comparator = Threshold(accumulator.count_max, constant=threshold)
        members = {"o": Out(1)}
        if threshold is None:
            members["threshold"] = In(self._comparator.t.shape())
        super().__init__(accumulator, members)

    def model(self, x: np.ndarray, w: np.ndarray, threshold: np.ndarray | None = None,
              present: np.ndarray | int = 1) -> np.ndarray:
        """Return activations; for the operands see :meth:`~.accumulator.Accumulator.model`."""
        return self._comparator.model(self._accumulator.model(x, w, present), threshold)

    def elaborate(self, platform):
        m = Module()
        m.submodules.comparator = comparator = self._comparator
        m.d.comb += [comparator.p.eq(self._count(m)), self.o.eq(comparator.o)]
        if comparator.constant is None:
            m.d.comb += comparator.t.eq(self.threshold)
        return m
