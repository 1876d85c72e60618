# amaranth: UnusedElaboratable=no
"""Clocks: PLL parameters by the formulas of the data sheets, and results of nextpnr."""

import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from amaranth.hdl import Elaboratable, Signal
from amaranth.lib import io
from hypothesis import given
from hypothesis import strategies as st

from xnorloom_boards import board
from xnorloom_boards.design.clock import ClockGenerator
from xnorloom_boards.design.pll import Pll, PllError, pll

MHZ = 1_000_000


def legal(found):
    """True if a PLL is within the limits of its data sheet, computed from its dividers."""
    pfd = Fraction(found.input_hz, found.reference)
    vco = pfd * found.feedback
    if found.family == "ice40":
        assert found.output in (2, 4, 8, 16, 32, 64)
        assert found.reference <= 16 and found.feedback <= 128
        assert 10 * MHZ <= pfd <= 133 * MHZ and 533 * MHZ <= vco <= 1066 * MHZ
    else:
        assert found.reference <= 128 and found.feedback <= 128 and found.output <= 128
        assert found.input_hz >= 8 * MHZ
        assert 10 * MHZ <= pfd <= 400 * MHZ and 400 * MHZ <= vco <= 800 * MHZ
    assert (found.pfd_hz, found.vco_hz, found.output_hz) == (pfd, vco, vco / found.output)


@given(family=st.sampled_from(("ice40", "ecp5")), input_mhz=st.sampled_from((12, 16, 25, 48, 100)),
       wanted_hz=st.integers(20 * MHZ, 270 * MHZ))
def test_legal_and_not_above(family, input_mhz, wanted_hz):
    found = pll(family, input_mhz * MHZ, wanted_hz)
    legal(found)
    assert found.input_hz == input_mhz * MHZ
    assert wanted_hz * 0.8 < found.output_hz <= wanted_hz


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
@pytest.mark.parametrize("wanted", [20, 33, 45, 50, 60, 77, 96, 100, 120, 133])
@pytest.mark.parametrize("source", [12, 25, 48])
def test_nearest(family, wanted, source):
    """Nothing legal lies between what was found and what was wanted, by trying all dividers."""
    slowest, fastest, outputs = {
        "ice40": (533, 1066, [2, 4, 8, 16, 32, 64]), "ecp5": (400, 800, range(1, 129)),
    }[family]
    nearest = Fraction(0)
    for reference in range(1, 17):
        pfd = Fraction(source * MHZ, reference)
        if pfd >= 10 * MHZ:
            nearest = max([nearest, *(
                pfd * feedback / output for feedback in range(1, 129) for output in outputs
                if slowest * MHZ <= pfd * feedback <= fastest * MHZ
                and pfd * feedback / output <= wanted * MHZ)])
    assert pll(family, source * MHZ, wanted * MHZ).output_hz == nearest


# What `icepll -i 12 -o …` says: DIVR, DIVF, DIVQ, FILTER_RANGE.
@pytest.mark.parametrize("wanted, divr, divf, divq, filter_range", [
    (45, 0, 59, 4, 1), (60, 0, 79, 4, 1), (96, 0, 63, 3, 1), (33, 0, 87, 5, 1),
])
def test_as_icepll(wanted, divr, divf, divq, filter_range):
    found = pll("ice40", 12 * MHZ, wanted * MHZ)
    assert found == Pll("ice40", 12 * MHZ, divr + 1, divf + 1, 1 << divq)
    assert found.filter_range == filter_range


@pytest.mark.parametrize("mhz, filter_range", [
    (10, 1), (16, 1), (17, 2), (25, 2), (26, 3), (43, 3), (44, 4), (65, 4), (66, 5), (100, 5),
    (101, 6), (133, 6),
])
def test_filter_range(mhz, filter_range):
    assert Pll("ice40", mhz * MHZ, 1, 10, 8).filter_range == filter_range


@pytest.mark.parametrize("family, source, wanted, message", [
    ("ice40", 12, 10, "the PLL of ice40 makes no less than 16.125 MHz of 12 MHz, so not 10 MHz"),
    ("ice40", 3, 50, "the PLL of ice40 takes no clock of 3 MHz"),
    ("ecp5", 7, 50, "the PLL of ecp5 takes no clock of 7 MHz"),
    ("ecp5", 25, 3, "the PLL of ecp5 makes no less than 3.125 MHz of 25 MHz, so not 3 MHz"),
])
def test_pll_wrong(family, source, wanted, message):
    with pytest.raises(PllError, match=f"^{re.escape(message)}$"):
        pll(family, source * MHZ, wanted * MHZ)


def test_unknown_family():
    with pytest.raises(ValueError, match=r"^PLL family must be one of ice40, ecp5, not 'gowin'$"):
        pll("gowin", 12 * MHZ, 24 * MHZ)


def test_oscillator_itself():
    entry = board.find("icebreaker")
    generator = ClockGenerator(entry.platform(), entry, entry.clock_hz)
    assert generator.pll is None and generator.hz == 12 * MHZ


class Blinky(Elaboratable):
    """The top bits of a counter on the LEDs."""

    def __init__(self, entry, platform, hz):
        self.clock = ClockGenerator(platform, entry, hz)
        self.leds = entry.led_ports(platform)

    def elaborate(self, platform):
        # The design belongs into the module that defines its domain.
        m = self.clock.elaborate(platform)
        counter = Signal(24)
        m.d.sync += counter.eq(counter + 1)
        for index, led in enumerate(self.leds):
            m.submodules[f"led{index}"] = buffer = io.Buffer("o", led)
            m.d.comb += buffer.o.eq(counter[-1 - index])
        return m


@pytest.mark.full
@pytest.mark.parametrize("name, hz, primitive", [
    ("icebreaker", 45 * MHZ, "SB_PLL40_PAD"),
    ("icestick", 60 * MHZ, "SB_PLL40_CORE"),
    ("ulx3s_25f", 100 * MHZ, "EHXPLLL"),
])
def test_build(name, hz, primitive, tmp_path, monkeypatch):
    """The tools derive the wanted frequency from the PLL, place it and reach it."""
    for tool in "yosys", "nextpnr-ice40", "icepack", "nextpnr-ecp5", "ecppack":
        path = Path(sys.executable).with_name(f"yowasp-{tool}")
        monkeypatch.setenv(tool.upper().replace("-", "_"), str(path))
    monkeypatch.chdir(tmp_path)
    entry = board.find(name)
    platform = entry.platform()
    blinky = Blinky(entry, platform, hz)
    assert blinky.clock.hz == hz
    platform.build(blinky, build_dir="build")
    log = (tmp_path / "build" / "top.tim").read_text()
    report = (tmp_path / "build" / "top.rpt").read_text()
    assert re.search(rf"\d +{primitive}\b", report)
    derived = re.search(r"Derived frequency constraint of ([\d.]+) MHz", log)
    assert derived and float(derived[1]) == pytest.approx(hz / MHZ, rel=0.002)
    reached = re.findall(r"Max frequency for clock .*?: ([\d.]+) MHz \(PASS at", log)
    assert reached and float(reached[-1]) > hz / MHZ
