"""Multiplication of ±1: the XNOR array."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer

__all__ = ["XnorArray"]


class XnorArray(wiring.Component):
    """XNOR gates side by side, the products of bipolar bits.

    Combinational: ``latency`` 0, ``interval`` 1.

    Parameters
    ----------
    size : int
        Gates, at least 1.

    Members
    -------
    x : In(size)
        Activations; bit 1 stands for +1, bit 0 for -1.
    w : In(size)
        Weights, likewise.
    o : Out(size)
        Bit ``i`` is 1 iff ``x[i]`` and ``w[i]`` agree.
    """

    latency = 0
    interval = 1

    def __init__(self, size: int):
        self._size = size = integer("XNOR array size", size, 1)
        super().__init__({"x": In(size), "w": In(size), "o": Out(size)})

    @property
    def size(self) -> int:
        return self._size

    def model(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Products of bit arrays whose last axis has ``size`` elements of 0 or 1."""
        return 1 - (np.asarray(x) ^ np.asarray(w))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(~(self.x ^ self.w))
        return m
