# amaranth: UnusedElaboratable=no
"""Binary neuron: accumulator and threshold."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from .accumulator import Accumulator, ProcessingElement
from .threshold import Threshold

__all__ = ["Neuron"]


class Neuron(ProcessingElement):
    """A binary neuron: synapses and a threshold.

    ``latency`` and ``interval`` are those of the synapses; the threshold is combinational.

    Parameters
    ----------
    synapses : Accumulator
        Where the count comes from.
    value : int or None
        Constant threshold, or ``None`` for an input.

    Members
    -------
    x, w, en, add, first, double : In
        As of :class:`Accumulator`.
    value : In(range(count_max + 2))
        Threshold; there is none when it is constant.
    o : Out(1)
        1 iff the count reaches the threshold.
    """

    def __init__(self, synapses: Accumulator, value: int | None = None):
        if not isinstance(synapses, Accumulator):
            raise TypeError(f"Neuron synapses must be a Accumulator, not {synapses!r}")
        self._threshold = Threshold(synapses.count_max, constant=value)
        members = {"o": Out(1)}
        if value is None:
            members["value"] = In(range(synapses.count_max + 2))
        super().__init__(synapses, members)

    def model(self, x: np.ndarray, w: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
        """Activations of operands as of :meth:`Accumulator.model`."""
        return self._threshold.model(self._synapses.model(x, w), value)

    def elaborate(self, platform):
        m = Module()
        m.submodules.threshold = threshold = self._threshold
        m.d.comb += [threshold.p.eq(self._count(m)), self.o.eq(threshold.o)]
        if threshold.constant is None:
            m.d.comb += threshold.t.eq(self.value)
        return m
