"""iCEstick: iCE40HX1K, USB by an FT2232H whose second channel is the serial port (EB82).

Its first channel is wired to write the flash. Loading the FPGA itself takes the removal of the
flash and a resistor, and a new wire (issue 121 of Project IceStorm, help text of its iceprog).
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT2232H

__all__ = ["BOARD"]


def make():
    from amaranth_boards.icestick import ICEStickPlatform

    return ICEStickPlatform()


BOARD = Board(
    name="icestick",
    title="Lattice iCEstick",
    device=DEVICES["iCE40HX1K"],
    make=make,
    clock="clk12",
    clock_hz=12_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=tuple(("led", number) for number in range(5)),
    programmer=("-b", "ice40_generic"),
    usb=FT2232H,
    number=2,
    volatile_note="an unmodified iCEstick cannot be loaded past its flash: leave out --volatile",
)
