"""Colorlight 5A-75B 7.0, a receiver card for LED panels; it has no USB.

The pins of its panel connectors are outputs through drivers. The serial port is therefore on J19,
the header of button and LED: KEY+ (M13) receives and DATA_LED- (P11) sends, to an adapter for
3.3 V, so no LED is left. Both pins are slow; other projects run them at 115,200 baud. The JTAG pads
J27 to J34 need an adapter, too; the arguments of openFPGALoader are those for an FT232H.
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from .platforms import build_only

__all__ = ["BOARD"]


def make():
    from amaranth_boards.colorlight_5a75b_r7_0 import Colorlight_5A75B_R70Platform

    return build_only(Colorlight_5A75B_R70Platform)()


BOARD = Board(
    name="colorlight_5a_75b",
    title="Colorlight 5A-75B",
    device=DEVICES["LFE5U-25F"],
    make=make,
    clock="clk25",
    clock_hz=25_000_000,
    uart=("uart", 0),
    baud=115_200,
    leds=(),
    programmer=("-b", "colorlight", "-c", "ft232"),
    number=7,
    note="connect an adapter for 3.3 V to J19: its TXD to KEY+, its RXD to DATA_LED-",
)
