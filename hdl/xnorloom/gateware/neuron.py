# amaranth: UnusedElaboratable=no
"""One processing element: XNOR, popcount, accumulator, and what follows the count."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from . import popcount
from .popcount import Popcount
from .primitives import delay
from .rom import Table
from .threshold import Threshold
from .xnor import XnorArray

__all__ = ["Synapses", "Neuron", "Scorer", "latency"]


def latency(simd: int, steps: int, register_every: int) -> int:
    """Cycles from operands to count: the popcount tree, and the accumulator if there is one."""
    return popcount.latency(simd, register_every) + (steps > 1)


class Synapses(wiring.Component):
    """Counts agreeing synapses, ``simd`` a cycle, over one or more steps.

    A count takes ``steps = folds * planes`` transfers of operands: the folds of the most
    significant bit plane first, the accumulator doubled between planes. ``latency`` is
    ``popcount.latency(simd, register_every) + (1 if steps > 1 else 0)`` enabled cycles from the
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
        ``popcount.latency(simd, register_every)`` enabled cycles earlier (so that many elements
        share one delay line): there were operands; the first of a count; the first of a plane.
    count : Out(range(count_max + 1))
        The count, until the next ``add`` if there are several steps.
    """

    def __init__(self, simd: int, *, folds: int = 1, planes: int = 1, register_every: int = 0,
                 count_max: int | None = None):
        folds, planes = integer("Synapses folds", folds, 1), integer("Synapses planes", planes, 1)
        self._xnor = XnorArray(simd)
        self._popcount = Popcount(simd, register_every=register_every)
        self._folds, self._planes = folds, planes
        self._register_every = register_every
        if count_max is None:
            count_max = folds * simd * ((1 << planes) - 1)
        self._count_max = integer("Synapses count_max", count_max, 1)
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
        return latency(self._xnor.size, self.steps, self._register_every)

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


class _Element(wiring.Component):
    """Synapses and what follows the count; see the two kinds below."""

    def __init__(self, synapses: Synapses, members: dict):
        self._synapses = synapses
        shared = {name: member for name, member in synapses.signature.members.items()
                  if name != "count"}
        super().__init__(shared | members)

    @property
    def latency(self) -> int:
        return self._synapses.latency

    @property
    def interval(self) -> int:
        return self._synapses.interval

    def _count(self, m: Module):
        m.submodules.synapses = synapses = self._synapses
        for name, member in synapses.signature.members.items():
            if member.flow == In:
                m.d.comb += getattr(synapses, name).eq(getattr(self, name))
        return synapses.count


class Neuron(_Element):
    """A binary neuron: synapses and a threshold.

    ``latency`` and ``interval`` are those of the synapses; the threshold is combinational.

    Parameters
    ----------
    synapses : Synapses
        Where the count comes from.
    value : int or None
        Constant threshold, or ``None`` for an input.

    Members
    -------
    x, w, en, add, first, double : In
        As of :class:`Synapses`.
    value : In(range(count_max + 2))
        Threshold; there is none when it is constant.
    o : Out(1)
        1 iff the count reaches the threshold.
    """

    def __init__(self, synapses: Synapses, value: int | None = None):
        if not isinstance(synapses, Synapses):
            raise TypeError(f"Neuron synapses must be a Synapses, not {synapses!r}")
        self._threshold = Threshold(synapses.count_max, constant=value)
        members = {"o": Out(1)}
        if value is None:
            members["value"] = In(range(synapses.count_max + 2))
        super().__init__(synapses, members)

    def model(self, x: np.ndarray, w: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
        """Activations of operands as of :meth:`Synapses.model`."""
        return self._threshold.model(self._synapses.model(x, w), value)

    def elaborate(self, platform):
        m = Module()
        m.submodules.threshold = threshold = self._threshold
        m.d.comb += [threshold.p.eq(self._count(m)), self.o.eq(threshold.o)]
        if threshold.constant is None:
            m.d.comb += threshold.t.eq(self.value)
        return m


class Scorer(_Element):
    """A class of the last layer: synapses, perhaps a scale, and an offset.

    ``latency`` and ``interval`` are those of the synapses, with one cycle of latency more if there
    is a scale; the addition is combinational.

    Parameters
    ----------
    synapses : Synapses
        Where the count comes from.
    offsets : range
        Values that the offset takes.
    value : int or None
        Constant offset, or ``None`` for an input.
    scales : range or None
        Values that the scale takes, not negative, or ``None`` for no scale.
    scale : int or None
        Constant scale, or ``None`` for an input if there are ``scales``.

    Members
    -------
    x, w, en, add, first, double : In
        As of :class:`Synapses`.
    scale : In(scales)
        What the count of the synapses is multiplied with; there is none without ``scales`` or when
        it is constant.
    value : In(offsets)
        Offset of the score that leaves, so one enabled cycle behind the scale; there is none when
        it is constant.
    o : Out(range(min(offsets), max(scales) * count_max + max(offsets) + 1))
        Count times scale plus offset; with a scale that of one enabled cycle ago.
    """

    def __init__(self, synapses: Synapses, offsets: range, value: int | None = None, *,
                 scales: range | None = None, scale: int | None = None):
        if not isinstance(synapses, Synapses):
            raise TypeError(f"Scorer synapses must be a Synapses, not {synapses!r}")
        self._constant = self._one_of("offsets", offsets, "value", value)
        if scales is None:
            if scale is not None:
                raise ValueError(f"Scorer scale must be None without scales, not {scale!r}")
        else:
            scale = self._one_of("scales", scales, "scale", scale)
            if scales[0] < 0:
                raise ValueError(f"Scorer scales must not be negative, not {scales!r}")
        self._scales, self._scale = scales, scale
        top = synapses.count_max * (1 if scales is None else scales[-1]) + offsets[-1]
        members = {"o": Out(range(offsets[0], top + 1))}
        if value is None:
            members["value"] = In(offsets)
        if scales is not None and scale is None:
            members["scale"] = In(scales)
        super().__init__(synapses, members)

    @staticmethod
    def _one_of(what: str, values: object, name: str, value: int | None) -> int | None:
        """A constant of ``values``, if there is one."""
        if not isinstance(values, range):
            raise TypeError(f"Scorer {what} must be a range, not {values!r}")
        if not values or values.step != 1:
            raise ValueError(f"Scorer {what} must be a range of step 1 that is not empty, "
                             f"not {values!r}")
        if value is None:
            return None
        return integer(f"Scorer {name}", value, values[0], values[-1])

    @property
    def latency(self) -> int:
        return super().latency + (self._scales is not None)

    def model(self, x: np.ndarray, w: np.ndarray, value: np.ndarray | None = None,
              scale: np.ndarray | None = None) -> np.ndarray:
        """Scores of operands as of :meth:`Synapses.model`."""
        counts = self._synapses.model(x, w)
        if self._scales is not None:
            counts = counts * np.asarray(self._scale if scale is None else scale)
        return counts + np.asarray(self._constant if value is None else value)

    def elaborate(self, platform):
        m = Module()
        count = self._count(m)
        if self._scales is None:
            m.d.comb += self.o.eq(count + self._offset)
        elif self._scale is None or self._constant is None:
            scale = self.scale if self._scale is None else self._scale
            product = Signal(range(self._synapses.count_max * self._scales[-1] + 1))
            m.d.comb += product.eq(count * scale)
            m.d.comb += self.o.eq(delay(m, product, 1, self.en, name="product") + self._offset)
        else:
            score = Signal.like(self.o, name="score")
            m.d.comb += score.eq(self._tabulated(m, count, self._scale, self._constant))
            m.d.comb += self.o.eq(delay(m, score, 1, self.en, name="product"))
        return m

    @property
    def _offset(self):
        return self.value if self._constant is None else self._constant

    def _tabulated(self, m: Module, count, scale: int, offset: int):
        """``count * scale + offset`` of constants, modulo what ``o`` holds."""
        # A bit of a product with four bits of the count is one LUT4. A score layer of 10 x 64 with
        # scales of 12 bits takes 644 LUT4 so, and 1,129 with the multipliers that Yosys makes.
        width, terms = len(self.o), []
        for low in range(0, len(count), 4):
            part = count[low:low + 4]
            words = [((four << low) * scale + (0 if low else offset)) % (1 << width)
                     for four in range(1 << len(part))]
            m.submodules[f"products{low}"] = products = Table(words, width, "lut")
            m.d.comb += products.address.eq(part)
            terms.append(products.o)
        return sum(terms[1:], terms[0])
