"""OrangeCrab r0.2 with an LFE5U-25F; its USB goes straight to the FPGA.

The serial port is on the Feather pins for it: 0 (N17) receives, 1 (M18) sends. It needs an adapter
for 3.3 V; common ones (FT232R, FT231X, CP2102N) reach 3 Mbaud.
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from .platforms import build_only

__all__ = ["BOARD"]


def make():
    from amaranth.build import Attrs
    from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
    from amaranth_boards.resources import UARTResource

    platform = build_only(OrangeCrabR0_2_25FPlatform)()
    platform.add_resources([UARTResource(0, rx="0", tx="1", conn=("io", 0),
                                         attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP"))])
    return platform


BOARD = Board(
    name="orangecrab_25f",
    title="OrangeCrab 25F",
    device=DEVICES["LFE5U-25F"],
    make=make,
    clock="clk",
    clock_hz=48_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=(("rgb_led", 0),),
    programmer=("-b", "orangeCrab"),
    number=8,
    note="connect an adapter for 3.3 V: its TXD to pin 0, its RXD to pin 1",
)
