"""UPduino 3.0 and 3.1: iCE40UP5K, USB by an FT232H with one channel for flash and serial port.

Once configured, the FPGA uses the pins of the flash as serial port: 15 receives, 14 sends, and 16,
the chip select of the flash, must be held high. The 12 MHz oscillator reaches pin 20 only if the
jumper OSC (R16) is closed with solder. The internal oscillator, with an error of up to a tenth, is
no clock for a serial port. (UPduino 3.1 schematic; upduino_v3.pcf of its vendor.)
"""

from xnorloom.target.device import DEVICES

from ..board import Board
from ..usb import FT232H

__all__ = ["BOARD"]


def make():
    from amaranth.build import Attrs, Pins, Resource
    from amaranth_boards.resources import UARTResource
    from amaranth_boards.upduino_v3 import UpduinoV3Platform

    platform = UpduinoV3Platform()
    standard = Attrs(IO_STANDARD="SB_LVCMOS")
    platform.add_resources([
        UARTResource(0, rx="15", tx="14", attrs=standard),
        Resource("flash_deselect", 0, Pins("16", dir="o"), standard),
    ])
    return platform


BOARD = Board(
    name="upduino_v3",
    title="UPduino 3",
    device=DEVICES["iCE40UP5K"],
    make=make,
    clock="clk12",
    clock_hz=12_000_000,
    uart=("uart", 0),
    baud=3_000_000,
    leds=(("rgb_led", 0),),
    programmer=("-b", "ice40_generic", "-c", "ft232"),
    usb=FT232H,
    number=4,
    high=(("flash_deselect", 0),),
    note="close the jumper OSC (R16) with solder, which brings 12 MHz to pin 20",
)
