"""iCEBreaker 1.0: iCE40UP5K, USB by an FT2232H whose second channel is the serial port.

The FT2232H reaches 12 Mbaud (data sheet DS_FT2232H). Up to 3 Mbaud every driver can set its rate,
and a design at 36 MHz has 12 cycles per bit.
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT2232H

__all__ = ["BOARD"]


def make():
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    return ICEBreakerPlatform()


BOARD = Board(
    name="icebreaker",
    title="iCEBreaker",
    device=DEVICES["iCE40UP5K"],
    make=make,
    clock="clk12",
    clock_hz=12_000_000,
    pll_pad=True,
    uart=("uart", 0),
    baud=3_000_000,
    leds=(("led_r", 0), ("led_g", 0)),
    programmer=("-b", "ice40_generic"),
    usb=FT2232H,
    spi=("spi_flash_1x", 0),
    number=1,
)
