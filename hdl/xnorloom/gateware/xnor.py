"""XNOR array: multiplication of bipolar bits."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer

__all__ = ["XnorArray"]


class XnorArray(wiring.Component):
    """Array of XNOR gates, which multiply bipolar bits.

    It is combinational: ``latency`` is 0, ``interval`` is 1.

    Parameters
    ----------
    size : int
        Number of gates, at least 1.
    masked : bool
        True if synapses may be absent.

    Members
    -------
    x : In(size)
        Activations; 1 stands for +1, 0 for -1.
    w : In(size)
        Weights, in the same code.
    present : In(size)
        With ``masked``: 1 where the synapse exists.
    o : Out(size)
        Products: bit ``i`` is 1 iff the synapse exists, and ``x[i]`` and ``w[i]`` agree.
    """

    latency = 0
    interval = 1

    def __init__(self, size: int, *, masked: bool = False):
        self._size = size = integer("XNOR array size", size, 1)
        self._masked = bool(masked)
        super().__init__({"x": In(size), "w": In(size),
                          **({"present": In(size)} if masked else {}), "o": Out(size)})

    @property
    def size(self) -> int:
        return self._size

    @property
    def masked(self) -> bool:
        return self._masked

    def model(self, x: np.ndarray, w: np.ndarray,
              present: np.ndarray | int = 1) -> np.ndarray:
        """Return the products of arrays of 0 and 1 whose last axis has ``size`` elements."""
        return (1 - (np.asarray(x) ^ np.asarray(w))) & np.asarray(present)

    def elaborate(self, platform):
        m = Module()
        agree = ~(self.x ^ self.w)
        m.d.comb += self.o.eq(agree & self.present if self._masked else agree)
        return m
