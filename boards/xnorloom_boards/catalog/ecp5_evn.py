"""ECP5 evaluation board (LFE5UM5G-85F-EVN), USB by an FT2232H.

Its second channel is a serial port after two resistors are moved and the FT2232H is set to serial;
see section 6.2 of the user guide (FPGA-EB-02017).
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT2232H

__all__ = ["BOARD"]


def make():
    from amaranth_boards.ecp5_5g_evn import ECP55GEVNPlatform

    return ECP55GEVNPlatform()


BOARD = Board(
    name="ecp5_evn",
    title="ECP5 evaluation board",
    device=DEVICES["LFE5UM5G-85F"],
    make=make,
    clock="clk12",
    clock_hz=12_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=tuple(("led", number) for number in range(8)),
    programmer=("-b", "ecp5_evn"),
    usb=FT2232H,
    number=9,
    note="move two resistors and set the FT2232H to serial, as in section 6.2 of FPGA-EB-02017",
)
