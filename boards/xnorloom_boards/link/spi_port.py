"""SPI through an FTDI chip, as a port: bytes in both directions, with idle bytes left out."""

import re
import time
from typing import TYPE_CHECKING, Any

from xnorloom.support.extras import install_hint
from xnorloom.support.text import clipped, quoted

from ..errors import PortError
from ..usb import UsbBridge
from .protocol import END

if TYPE_CHECKING:
    from pyftdi.ftdi import Ftdi

__all__ = ["SCHEME", "SpiPort", "find_url", "is_url", "open_spi"]

SCHEME = "ftdi://"
"""Begin of the names of these ports, which are URLs of pyftdi."""

# Chip selects of pyftdi begin at ADBUS3; boards have that of the flash at ADBUS4.
_SELECT, _SELECTS = 1, 2
# Bytes of a burst: those that come back must fit into the 4 KB that an FT2232H or FT232H holds,
# since the host reads them after it has written all. Each packet of 512 has two of its status.
_BURST = 3_840
# Bytes of a burst that only reads.
_POLL = 64
_URL = re.compile(rf"{SCHEME}[\w.:-]*/[1-4]")
_IDLE = bytes([END])
_ENDS = re.compile(re.escape(_IDLE) + b"{2,}")


class SpiPort:
    """Port whose other end is an :class:`~xnorloom_boards.link.gateware.spi.Spi`.

    Each burst goes both ways: what comes while bytes are written is kept for ``read``, and to read,
    idle bytes (``END``) are written. Idle bytes of the board are left out. Each burst begins with
    an ``END`` that no side counts, so none begins with a command of the flash on the same wires.

    Parameters
    ----------
    controller : pyftdi.spi.SpiController
        Configured controller; it is closed with the port.
    hz : int
        Clock.

    Attributes
    ----------
    timeout : float or None
        Seconds of a read without bytes; ``None`` waits for ever.
    """

    def __init__(self, controller: Any, hz: int):
        self.timeout: float | None = None
        self._controller = controller
        self._wires = controller.get_port(_SELECT, freq=hz, mode=0)
        self._in = bytearray()
        self._ended = True

    @property
    def in_waiting(self) -> int:
        """Bytes that a read returns at once."""
        return len(self._in)

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer, or none, if no more come within the timeout."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        while not self._in:
            self._burst(_IDLE * _POLL)
            if deadline is not None and time.monotonic() >= deadline:
                break
        found = bytes(self._in[:size])
        del self._in[:size]
        return found

    def write(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises
        ------
        OSError
            If the chip does not answer.
        """
        for start in range(0, len(data), _BURST):
            self._burst(data[start:start + _BURST])

    def close(self) -> None:
        """Release the chip."""
        self._controller.close()

    def _burst(self, data: bytes) -> None:
        answer = bytes(self._wires.exchange(_IDLE + data, duplex=True))
        if len(answer) != len(data) + 1:
            raise OSError(f"the USB bridge returned {len(answer)} of {len(data) + 1} bytes")
        found = _ENDS.sub(_IDLE, answer[1:])
        self._in += found[self._ended and found.startswith(_IDLE):]
        self._ended = found.endswith(_IDLE)


def is_url(port: object) -> bool:
    """True if ``port`` is the name of a port of SPI, and not of a serial port."""
    return isinstance(port, str) and port.startswith(SCHEME)


def open_spi(url: Any, hz: int) -> SpiPort:
    """Open SPI through an FTDI chip.

    Parameters
    ----------
    url : str or usb.core.Device
        URL of pyftdi, such as ``ftdi://ftdi:2232h/1``, or a USB device, whose first channel it is.
    hz : int
        Clock, at most 30 MHz; the chip divides 60 MHz by an even number, and the nearest is taken.

    Raises
    ------
    PortError
        If there is no such chip, or it cannot be opened; also if pyftdi is not installed.
    """
    _pyftdi()
    from pyftdi.spi import SpiController
    from pyftdi.usbtools import UsbToolsError

    # Other URLs of pyftdi print a list and exit.
    if isinstance(url, str) and not _URL.fullmatch(url):
        raise PortError(f"port of SPI must be a URL such as ftdi://ftdi:2232h/1, not {quoted(url)}")
    controller: Any = SpiController(cs_count=_SELECTS)
    try:
        controller.configure(url, frequency=hz)
        return SpiPort(controller, hz)
    except (OSError, ValueError, UsbToolsError) as error:
        controller.close()
        name = url if isinstance(url, str) else "given"
        raise PortError(f"port {name} cannot be opened for SPI: {_reason(error)}") from error


def find_url(board: str, bridge: UsbBridge | None) -> str:
    """Find the URL of the only FTDI chip that may be that of a board, first channel.

    Parameters
    ----------
    board : str
        Name of the board, for messages.
    bridge : UsbBridge or None
        Its bridge.

    Raises
    ------
    PortError
        If there is none, or several; the message lists them. Also if pyftdi is not installed.
    """
    if bridge is None:
        raise PortError(f"board {board} has no USB bridge for SPI")
    wanted = f"USB {bridge.vendor:04x}:{bridge.product:04x}"
    chip = f"{SCHEME}0x{bridge.vendor:x}:0x{bridge.product:x}"
    try:
        devices = sorted(entry for entry, _ in _pyftdi().list_devices(f"{chip}/1"))
    except (OSError, ValueError) as error:
        devices, why = [], f"; {_reason(error)}"
    else:
        why = ""
    urls = [f"{chip}:{entry.bus:x}:{entry.address:x}/1" for entry in devices]
    if len(urls) > 1:
        raise PortError(f"{len(urls)} USB bridges may be that of board {board} ({wanted}): "
                        f"{', '.join(urls)}; name one of them")
    if not urls:
        raise PortError(f"no USB bridge is that of board {board} ({wanted}){why}")
    return urls[0]


def _pyftdi() -> "type[Ftdi]":
    try:
        from pyftdi.ftdi import Ftdi
    except ImportError:
        raise PortError(f"SPI needs pyftdi, which is not installed; "
                        f"{install_hint('spi')}") from None
    return Ftdi


def _reason(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    if "No backend available" in text:
        return "pyftdi needs the library libusb-1.0 of the system"
    return clipped(text)
