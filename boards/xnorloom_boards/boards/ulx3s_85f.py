"""ULX3S with an LFE5U-85F; USB by an FT231X, up to 3 Mbaud (its data sheet, DS_FT231X)."""

from ..board import Board
from ..device import DEVICES
from ..platforms import build_only

__all__ = ["BOARD"]


def make():
    from amaranth_boards.ulx3s import ULX3S_85F_Platform

    return build_only(ULX3S_85F_Platform)()


BOARD = Board(
    name="ulx3s_85f",
    title="ULX3S 85F",
    device=DEVICES["LFE5U-85F"],
    make=make,
    clock="clk25",
    clock_hz=25_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=tuple(("led", number) for number in range(8)),
    loader=("-b", "ulx3s"),
)
