"""Clock and reset of a design, from the oscillator of the board and a PLL."""

import math
from fractions import Fraction
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, Signal
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

from xnorloom.support.arguments import integer
from xnorloom.target.family import Family

from ..board import Board
from .pll import Pll, pll

__all__ = ["ClockGenerator", "START_SECONDS"]

# Block RAMs of an iCE40 read as zero for about 3 µs after configuration. Amaranth's platform waits
# five times as long, too.
START_SECONDS = 15e-6


class ClockGenerator(Elaboratable):
    """Clock domain ``sync`` of a design, from the oscillator of its board.

    The clock is that of the oscillator if it has the wanted frequency, else that of a PLL, at the
    nearest frequency that is not above. The reset is released ``START_SECONDS`` after
    configuration, once the PLL has locked, and returns if the PLL loses its lock. The design must
    be a submodule of the module that ``elaborate`` returns, which defines the domain.

    Parameters
    ----------
    platform : Platform
        Platform of the board, from which the clock is requested.
    board : Board
        The board.
    hz : int
        Wanted frequency.

    Raises
    ------
    PllError
        If the PLL cannot make such a frequency.
    """

    def __init__(self, platform: Any, board: Board, hz: int):
        hz = integer("ClockGenerator hz", hz, 1)
        self._platform, self._board = platform, board
        self._pll = None if hz == board.clock_hz else pll(board.device.family, board.clock_hz, hz)

    @property
    def pll(self) -> Pll | None:
        """Parameters of the PLL, ``None`` without a PLL."""
        return self._pll

    @property
    def hz(self) -> Fraction:
        """Frequency of the design, exact for an exact oscillator."""
        return Fraction(self._board.clock_hz) if self._pll is None else self._pll.output_hz

    def elaborate(self, platform):
        m = Module()
        # The tools derive the constraint of the PLL's output from that of this pin.
        port = self._platform.request(self._board.clock, dir="-")
        clock, locked = Signal(), Signal()
        if self._pll is None:
            self._buffered(m, port, clock)
            m.d.comb += locked.eq(1)
        else:
            if self._pll.family is Family.ECP5:
                self._ehxplll(m, self._buffered(m, port, Signal()), clock, locked)
            elif self._board.pll_pad:
                self._sb_pll40(m, "SB_PLL40_PAD", "i_PACKAGEPIN", port.io, clock, locked)
            else:
                source = self._buffered(m, port, Signal())
                self._sb_pll40(m, "SB_PLL40_CORE", "i_REFERENCECLK", source, clock, locked)

        m.domains.start = ClockDomain(reset_less=True, local=True)
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal("start").eq(clock), ClockSignal("sync").eq(clock)]
        cycles = math.ceil(START_SECONDS * self.hz)
        waited, ready = Signal(range(cycles + 1)), Signal()
        with m.If(waited == cycles):
            m.d.start += ready.eq(1)
        with m.Else():
            m.d.start += waited.eq(waited + 1)
        m.submodules.reset = ResetSynchronizer(~(ready & locked), domain="sync")
        return m

    @staticmethod
    def _buffered(m: Module, port, signal: Signal) -> Signal:
        m.submodules.clock_buffer = buffer = io.Buffer("i", port)
        m.d.comb += signal.eq(buffer.i)
        return signal

    def _sb_pll40(self, m: Module, primitive: str, pin: str, source, clock: Signal,
                  locked: Signal):
        assert self._pll is not None
        m.submodules.pll = Instance(
            primitive,
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(self._pll.reference - 1, 4),
            p_DIVF=Const(self._pll.feedback - 1, 7),
            p_DIVQ=Const(self._pll.output.bit_length() - 1, 3),
            p_FILTER_RANGE=Const(self._pll.filter_range, 3),
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
            **{pin: source},
        )

    def _ehxplll(self, m: Module, source: Signal, clock: Signal, locked: Signal):
        assert self._pll is not None
        # CLKOS is fed back. With the output of the design the phase detector would be slower than
        # it may be for most frequencies, and LOCK would not rise.
        fed_back = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            # The loop filter that the vendor's tool and ecppll set for all frequencies.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            p_CLKI_DIV=self._pll.reference,
            p_CLKFB_DIV=1,
            p_CLKOP_DIV=self._pll.output,
            p_CLKOP_CPHASE=self._pll.output // 2,
            p_CLKOP_FPHASE=0,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOS_DIV=self._pll.feedback,
            p_CLKOS_CPHASE=self._pll.feedback // 2,
            p_CLKOS_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_FEEDBK_PATH="CLKOS",
            p_PLLRST_ENA="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            i_CLKI=source,
            i_CLKFB=fed_back,
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            o_CLKOP=clock,
            o_CLKOS=fed_back,
            o_LOCK=locked,
        )
