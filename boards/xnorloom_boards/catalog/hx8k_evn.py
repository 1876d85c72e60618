"""iCE40HX-8K breakout board (ICE40HX8K-B-EVN), USB by an FT2232H.

Its second channel is the serial port. Jumpers J6 choose if the first channel writes the flash, as
delivered, or the FPGA (EB85).
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT2232H

__all__ = ["BOARD"]


def make():
    from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform

    return ICE40HX8KBEVNPlatform()


BOARD = Board(
    name="hx8k_evn",
    title="iCE40-HX8K breakout board",
    device=DEVICES["iCE40HX8K"],
    make=make,
    clock="clk12",
    clock_hz=12_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=tuple(("led", number) for number in range(8)),
    programmer=("-b", "ice40_generic"),
    usb=FT2232H,
    spi=("spi_flash_1x", 0),
    number=3,
    volatile_note="set its jumpers to load the FPGA and not the flash, as in its guide (EB85)",
)
