# amaranth: UnusedElaboratable=no
"""Popcount and constant threshold in one adder tree."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .popcount import Popcount

__all__ = ["ThresholdTree"]


class ThresholdTree(wiring.Component):
    """Fires iff at least so many bits of a vector are ones.

    The threshold ``T`` is a leaf of the tree: with ``2**k - T`` added, ``2**k`` being above every
    count, the carry out of the last adder says whether the count reaches ``T``. ``latency`` and
    ``interval`` are those of the :class:`~xnorloom.gateware.popcount.Popcount` with that bias.
    Layers compare behind the tree instead: Yosys makes 59 LUT4 of 64 bits at threshold 32 that
    way and 73 this way on iCE40, 313 and 311 of 255 bits at threshold 121.

    Parameters
    ----------
    size : int
        Bits, at least 1.
    threshold : int
        0 (always fires) to ``size + 1`` (never fires).
    register_every : int
        As of the popcount.

    Members
    -------
    i : In(size)
        The bits.
    en : In(1, init=1)
        Registers keep their values while it is low.
    o : Out(1)
        1 iff at least ``threshold`` of them are 1.
    """

    interval = 1

    def __init__(self, size: int, threshold: int, *, register_every: int = 0):
        size = integer("Threshold tree size", size, 1)
        threshold = integer("Threshold", threshold, 0, size + 1)
        self._carry = size.bit_length()
        self._popcount = Popcount(size, register_every=register_every,
                                  bias=(1 << self._carry) - threshold)
        super().__init__({"i": In(size), "en": In(1, init=1), "o": Out(1)})

    @property
    def latency(self) -> int:
        return self._popcount.latency

    def model(self, bits: np.ndarray) -> np.ndarray:
        """Activations, 0 or 1, over the last axis of an array of 0 and 1."""
        return (self._popcount.model(bits) >> self._carry).astype(np.uint8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.popcount = tree = self._popcount
        # The output has no bit for the carry if nothing can reach the threshold.
        fires = tree.o[self._carry] if len(tree.o) > self._carry else 0
        m.d.comb += [tree.i.eq(self.i), tree.en.eq(self.en), self.o.eq(fires)]
        return m
