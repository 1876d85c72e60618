"""ULX3S with an LFE5U-25F; USB by an FT231X, up to 3 Mbaud (data sheet DS_FT231X)."""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT231X
from .platforms import build_only

__all__ = ["BOARD"]


def make():
    from amaranth_boards.ulx3s import ULX3S_25F_Platform

    return build_only(ULX3S_25F_Platform)()


BOARD = Board(
    name="ulx3s_25f",
    title="ULX3S 25F",
    device=DEVICES["LFE5U-25F"],
    make=make,
    clock="clk25",
    clock_hz=25_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=tuple(("led", number) for number in range(8)),
    programmer=("-b", "ulx3s"),
    usb=FT231X,
    number=5,
)
