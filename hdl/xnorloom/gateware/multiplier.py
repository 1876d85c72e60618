"""Pipelined multiplier of two unsigned numbers, with a sum."""

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from ..target.device import DEVICES
from .primitives import delay

__all__ = ["Multiplier", "fits_mac16", "has_mac16"]

# Bits of a factor that look-up tables multiply in a cycle.
_DIGIT = 4
# Factors and result of an SB_MAC16 (Lattice FPGA-TN-02007, DSP Function Usage Guide for iCE40).
_FACTOR, _RESULT = 16, 32


def has_mac16(platform, index: int) -> bool:
    """True if the chip of ``platform`` has more than ``index`` DSPs SB_MAC16."""
    device = getattr(platform, "device", None)
    return device == "iCE40UP5K" and index < DEVICES[device].dsps


def fits_mac16(a: int, b: int, result: int) -> bool:
    """True if a DSP SB_MAC16 takes factors of ``a`` and ``b`` bits and a result of ``result``."""
    return max(a, b) <= _FACTOR and result <= _RESULT


class Multiplier(wiring.Component):
    """Product of two unsigned numbers plus a third, ``a * b + c``.

    ``latency`` is two enabled cycles, ``interval`` is 1. It takes one of three forms:

    - A DSP SB_MAC16 on an iCE40UP5K, if the operands fit and there is one for ``index``.
    - Look-up tables on any other iCE40: products of digits of four bits in the first cycle, their
      sum in the second.
    - Elsewhere a product of which synthesis makes a DSP, and a sum in the second cycle.

    Parameters
    ----------
    a, b : range
        Values of the factors, not negative.
    c : range
        Values of the summand.
    index : int
        Number of multipliers in the design before this one.

    Members
    -------
    a, b, c : In
        Factors and summand.
    en : In(1, init=1)
        Enable of all registers.
    o : Out(range(min(c), max(a) * max(b) + max(c) + 1))
        Result, two enabled cycles later.
    """

    latency = 2
    interval = 1

    def __init__(self, a: range, b: range, c: range, *, index: int = 0):
        for name, values in (("a", a), ("b", b), ("c", c)):
            if not isinstance(values, range):
                raise TypeError(f"Multiplier {name} must be a range, not {values!r}")
            if not values or values.step != 1:
                raise ValueError(f"Multiplier {name} must be a range of step 1 that is not empty, "
                                 f"not {values!r}")
        if min(a[0], b[0]) < 0:
            raise ValueError(f"Multiplier factors must not be negative, not {a!r} and {b!r}")
        self._index = integer("Multiplier index", index, 0)
        super().__init__({"a": In(a), "b": In(b), "c": In(c), "en": In(1, init=1),
                          "o": Out(range(c[0], a[-1] * b[-1] + c[-1] + 1))})

    def model(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return ``a * b + c``."""
        return np.asarray(a) * np.asarray(b) + np.asarray(c)

    def elaborate(self, platform):
        m = Module()
        fits = fits_mac16(len(self.a), len(self.b), len(self.o))
        if fits and has_mac16(platform, self._index):
            self._mac16(m)
        elif str(getattr(platform, "device", "")).startswith("iCE40"):
            self._digits(m)
        else:
            # Cycle 1: product. Cycle 2: sum.
            product = Signal(range(self._top + 1))
            m.d.comb += product.eq(self.a * self.b)
            product = delay(m, product, 1, self.en, name="product")
            summand = delay(m, self.c, 1, self.en, name="summand")
            self._output(m, product + summand)
        return m

    @property
    def _top(self) -> int:
        """Largest product, as far as the widths of the factors tell."""
        return ((1 << len(self.a)) - 1) * ((1 << len(self.b)) - 1)

    def _output(self, m: Module, value):
        """Let ``o`` be the value of an enabled cycle ago."""
        result = Signal.like(self.o, name="result")
        m.d.comb += [result.eq(value), self.o.eq(delay(m, result, 1, self.en, name="sum"))]

    def _digits(self, m: Module):
        # Cycle 1: products of digits.
        terms = [delay(m, self.c, 1, self.en, name="summand")]
        for low in range(0, len(self.a), _DIGIT):
            digit = self.a[low:low + _DIGIT]
            product = Signal(len(digit) + len(self.b))
            m.d.comb += product.eq(digit * self.b)
            terms.append(delay(m, product, 1, self.en, name=f"product{low}") << low)
        # Cycle 2: sum.
        self._output(m, sum(terms[1:], terms[0]))

    def _mac16(self, m: Module):
        # Cycle 1: registers of the operands. Cycle 2: product, sum, and its register.
        signed = Shape.cast(self.c.shape()).signed
        summand, result = Signal(_RESULT), Signal(_RESULT)
        m.d.comb += [summand.eq(self.c.as_signed() if signed else self.c), self.o.eq(result)]
        registers = ("A_REG", "B_REG", "C_REG", "D_REG")
        low, high = Const(0b01, 2), Const(0b10, 2)
        m.submodules.mac = Instance(
            "SB_MAC16",
            **{f"p_{name}": Const(1, 1) for name in registers},
            # The sum of the product's halves and C and D, with a carry between the halves.
            p_TOPOUTPUT_SELECT=low, p_TOPADDSUB_LOWERINPUT=high, p_TOPADDSUB_UPPERINPUT=Const(1, 1),
            p_TOPADDSUB_CARRYSELECT=Const(0b11, 2),
            p_BOTOUTPUT_SELECT=low, p_BOTADDSUB_LOWERINPUT=high, p_BOTADDSUB_UPPERINPUT=Const(1, 1),
            p_BOTADDSUB_CARRYSELECT=Const(0b00, 2),
            p_A_SIGNED=Const(0, 1), p_B_SIGNED=Const(0, 1), p_MODE_8x8=Const(0, 1),
            i_CLK=ClockSignal(), i_CE=self.en,
            i_A=Cat(self.a, Const(0, _FACTOR))[:_FACTOR],
            i_B=Cat(self.b, Const(0, _FACTOR))[:_FACTOR],
            i_C=summand[_FACTOR:], i_D=summand[:_FACTOR],
            **{f"i_{name}": Const(0, 1) for name in (
                "AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT",
                "OLOADTOP", "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI",
                "ACCUMCI", "SIGNEXTIN")},
            o_O=result)
