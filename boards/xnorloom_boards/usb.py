"""USB bridges of boards, which are serial ports to a host."""

from dataclasses import dataclass

__all__ = ["FT2232H", "FT231X", "FT232H", "UsbBridge"]

_ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class UsbBridge:
    """Bridge between USB and the serial port of a board.

    Parameters
    ----------
    vendor, product : int
        USB numbers of the chip.
    channels : int
        Serial ports of the chip.
    channel : int
        The one of the board's serial port, from 0 on.
    """

    vendor: int
    product: int
    channels: int = 1
    channel: int = 0

    def __str__(self) -> str:
        which = "" if self.channels == 1 else f", {_ORDINALS[self.channel]} channel"
        return f"USB {self.vendor:04x}:{self.product:04x}{which}"


# Chips of FTDI, with the numbers of their data sheets.
FT2232H = UsbBridge(0x0403, 0x6010, channels=2, channel=1)
"""FT2232H whose second channel is the serial port; the first one writes the board."""
FT232H = UsbBridge(0x0403, 0x6014)
FT231X = UsbBridge(0x0403, 0x6015)
