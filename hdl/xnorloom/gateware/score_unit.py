# amaranth: UnusedElaboratable=no
"""Score unit: accumulator, scale and offset of a class."""

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from ..schedule import WeightStyle
from ..support.arguments import integer
from .accumulator import ProcessingElement
from .count_accumulator import CountAccumulator
from .multiplier import Multiplier
from .primitives import delay
from .rom import Rom

__all__ = ["ScoreUnit"]


class ScoreUnit(ProcessingElement):
    """Score of a class: the count of agreeing synapses, perhaps times a scale, plus an offset.

    Without a scale the addition is combinational and ``latency`` is that of the accumulator. A
    constant scale and offset take one enabled cycle more, others two, those of a
    :class:`~xnorloom.gateware.multiplier.Multiplier`. ``interval`` is that of the accumulator.

    Parameters
    ----------
    accumulator : CountAccumulator
        Source of the count.
    offsets : range
        Values of the offset.
    offset : int or None
        Constant offset, or ``None`` for an input.
    scales : range or None
        Values of the scale, not negative; ``None`` for no scale.
    scale : int or None
        Constant scale, or ``None`` for an input (with ``scales``).
    index : int
        Number of score units with a multiplier in the design before this one.

    Members
    -------
    x, w, present, partial, en, add, first, double : In
        See the accumulator.
    scale : In(scales)
        Factor of the count; absent without ``scales`` or if it is constant.
    offset : In(offsets)
        Offset, in the cycle of the count; absent if it is constant.
    o : Out(range(min(offsets), max(scales) * count_max + max(offsets) + 1))
        Score: ``count * scale + offset``, ``product_latency`` enabled cycles after the count.
    """

    def __init__(self, accumulator: CountAccumulator, offsets: range, offset: int | None = None, *,
                 scales: range | None = None, scale: int | None = None, index: int = 0):
        if not isinstance(accumulator, CountAccumulator):
            raise TypeError(f"ScoreUnit accumulator must be an Accumulator, not {accumulator!r}")
        self._constant = self._one_of("offsets", offsets, "offset", offset)
        if scales is None:
            if scale is not None:
                raise ValueError(f"ScoreUnit scale must be None without scales, not {scale!r}")
        else:
            scale = self._one_of("scales", scales, "scale", scale)
            if scales[0] < 0:
                raise ValueError(f"ScoreUnit scales must not be negative, not {scales!r}")
        self._scales, self._scale = scales, scale
        self._multiplier = None
        if scales is not None and (scale is None or offset is None):
            self._multiplier = Multiplier(range(accumulator.count_max + 1), scales, offsets,
                                          index=index)
        top = accumulator.count_max * (1 if scales is None else scales[-1]) + offsets[-1]
        members = {"o": Out(range(offsets[0], top + 1))}
        if offset is None:
            members["offset"] = In(offsets)
        if scales is not None and scale is None:
            members["scale"] = In(scales)
        super().__init__(accumulator, members)

    @staticmethod
    def _one_of(what: str, values: object, name: str, value: int | None) -> int | None:
        """Return the constant ``value``, one of ``values``, or ``None``."""
        if not isinstance(values, range):
            raise TypeError(f"ScoreUnit {what} must be a range, not {values!r}")
        if not values or values.step != 1:
            raise ValueError(f"ScoreUnit {what} must be a range of step 1 that is not empty, "
                             f"not {values!r}")
        if value is None:
            return None
        return integer(f"ScoreUnit {name}", value, values[0], values[-1])

    @property
    def latency(self) -> int:
        return super().latency + self.product_latency

    @property
    def product_latency(self) -> int:
        """Enabled cycles from the count to the score."""
        if self._multiplier is not None:
            return self._multiplier.latency
        return int(self._scales is not None)

    def model(self, x: np.ndarray, w: np.ndarray, offset: np.ndarray | None = None,
              scale: np.ndarray | None = None, present: np.ndarray | int = 1) -> np.ndarray:
        """Return scores; for the operands see :meth:`~.accumulator.Accumulator.model`."""
        counts = self._accumulator.model(x, w, present)
        if self._scales is not None:
            counts = counts * np.asarray(self._scale if scale is None else scale)
        return counts + np.asarray(self._constant if offset is None else offset)

    def elaborate(self, platform):
        m = Module()
        count = self._count(m)
        if self._scales is None:
            m.d.comb += self.o.eq(count + self._offset)
        elif self._multiplier is not None:
            m.submodules.multiplier = multiplier = self._multiplier
            m.d.comb += [
                multiplier.a.eq(count), multiplier.c.eq(self._offset), multiplier.en.eq(self.en),
                multiplier.b.eq(self.scale if self._scale is None else self._scale),
                self.o.eq(multiplier.o),
            ]
        else:
            # Cycle 0: tables of products, offset included. Cycle 1: the register of their sum.
            score = Signal.like(self.o, name="score")
            m.d.comb += score.eq(self._tabulated(m, count, self._scale, self._constant))
            m.d.comb += self.o.eq(delay(m, score, 1, self.en, name="product"))
        return m

    @property
    def _offset(self):
        return self.offset if self._constant is None else self._constant

    def _tabulated(self, m: Module, count, scale: int, offset: int):
        """Return ``count * scale + offset``, modulo ``2**len(o)``, from tables of products."""
        # Each bit of the product with four bits of the count is one LUT4. A score layer of 10 x 64
        # with scales of 12 bits takes 644 LUT4, and 1,129 with the multipliers of Yosys.
        width, terms = len(self.o), []
        for low in range(0, len(count), 4):
            part = count[low:low + 4]
            words = [((four << low) * scale + (0 if low else offset)) % (1 << width)
                     for four in range(1 << len(part))]
            m.submodules[f"products{low}"] = products = Rom(words, width, WeightStyle.LUT)
            m.d.comb += products.address.eq(part)
            terms.append(products.o)
        return sum(terms[1:], terms[0])
