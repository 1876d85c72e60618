"""PLL parameters by the rules of the data sheets, for the nearest frequency that is not above."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from xnorloom.errors import XnorloomError
from xnorloom.support.arguments import integer
from xnorloom.target.family import Family

__all__ = ["Pll", "PllError", "frequencies", "pll"]


class PllError(XnorloomError):
    """Frequency that the PLL of a family cannot make from an input frequency."""


@dataclass(frozen=True)
class Pll:
    """Parameters of a PLL, and the exact frequencies that follow from them.

    Parameters
    ----------
    family : Family
        SB_PLL40 of an iCE40, or EHXPLLL of an ECP5.
    input_hz : int
        Frequency of the reference clock.
    reference : int
        Divider of the reference clock: DIVR + 1, or CLKI_DIV.
    feedback : int
        Divider from the oscillator to the phase detector: DIVF + 1, or CLKOS_DIV of the output that
        is fed back (CLKFB_DIV is 1).
    output : int
        Divider of the output: 2**DIVQ, or CLKOP_DIV.
    """

    family: Family
    input_hz: int
    reference: int
    feedback: int
    output: int

    @property
    def pfd_hz(self) -> Fraction:
        """Frequency of the phase detector, ``input_hz / reference``."""
        return Fraction(self.input_hz, self.reference)

    @property
    def vco_hz(self) -> Fraction:
        """Frequency of the oscillator, ``pfd_hz * feedback``."""
        return self.pfd_hz * self.feedback

    @property
    def output_hz(self) -> Fraction:
        """Frequency of the output, ``vco_hz / output``."""
        return self.vco_hz / self.output

    @property
    def filter_range(self) -> int:
        """FILTER_RANGE of an SB_PLL40, from the frequency of its phase detector."""
        limits = (17, 26, 44, 66, 101)
        return 1 + sum(self.pfd_hz >= limit * 1_000_000 for limit in limits)


def _ice40(input_hz: int) -> Iterator[Pll]:
    """FPGA-DS-02029 and FPGA-DS-02008, sysCLOCK PLL timing; FPGA-TN-02052 for the dividers."""
    for reference in range(1, 17):
        if not 10_000_000 * reference <= input_hz <= 133_000_000 * reference:
            continue
        for feedback in range(1, 129):
            if not 533_000_000 * reference <= input_hz * feedback <= 1_066_000_000 * reference:
                continue
            for output in 2, 4, 8, 16, 32, 64:
                found = Pll(Family.ICE40, input_hz, reference, feedback, output)
                if 16_000_000 <= found.output_hz <= 275_000_000:
                    yield found


def _ecp5(input_hz: int) -> Iterator[Pll]:
    """FPGA-DS-02012, sysCLOCK PLL timing; FPGA-TN-02200 for the dividers."""
    if input_hz < 8_000_000:
        return
    for reference in range(1, 129):
        if not 10_000_000 * reference <= input_hz <= 400_000_000 * reference:
            continue
        for feedback in range(1, 129):
            if not 400_000_000 * reference <= input_hz * feedback <= 800_000_000 * reference:
                continue
            for output in range(1, 129):
                found = Pll(Family.ECP5, input_hz, reference, feedback, output)
                if 3_125_000 <= found.output_hz <= 400_000_000:
                    yield found


_FAMILIES = {Family.ICE40: _ice40, Family.ECP5: _ecp5}


@cache
def frequencies(family: Family, input_hz: int) -> tuple[Fraction, ...]:
    """Frequencies that the PLL of ``family`` makes from ``input_hz``, ascending; maybe none."""
    return tuple(sorted({found.output_hz for found in _FAMILIES[family](input_hz)}))


def pll(family: Family, input_hz: int, wanted_hz: int) -> Pll:
    """Find the parameters whose output is nearest to ``wanted_hz`` and not above it.

    Of several, the fastest phase detector (least jitter) and then the slowest oscillator (least
    power) is chosen.

    Raises
    ------
    PllError
        If there are none: the input is outside the range of the PLL, or the output is too slow.
    """
    if family not in _FAMILIES:
        raise ValueError(f"PLL family must be one of {', '.join(_FAMILIES)}, not {family!r}")
    input_hz = integer("PLL input_hz", input_hz, 1)
    wanted_hz = integer("PLL wanted_hz", wanted_hz, 1)
    candidates = list(_FAMILIES[family](input_hz))
    if not candidates:
        raise PllError(f"the PLL of {family} takes no clock of {input_hz / 1e6:g} MHz")
    fitting = [found for found in candidates if found.output_hz <= wanted_hz]
    if not fitting:
        slowest = min(found.output_hz for found in candidates)
        raise PllError(f"the PLL of {family} makes no less than {float(slowest) / 1e6:g} MHz of "
                       f"{input_hz / 1e6:g} MHz, so not {wanted_hz / 1e6:g} MHz")
    return max(fitting, key=lambda found: (found.output_hz, -found.reference, -found.vco_hz))
