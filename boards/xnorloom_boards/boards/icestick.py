"""iCEstick: iCE40HX1K, USB by an FT2232H whose second channel is the serial port (EB82)."""

from ..board import Board
from ..device import DEVICES

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
    loader=("-b", "ice40_generic"),
)
