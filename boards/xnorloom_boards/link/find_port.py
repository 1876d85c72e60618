"""Serial port of a board, found by the USB numbers of its bridge."""

import re
from typing import TYPE_CHECKING

from ..errors import PortError
from ..usb import UsbBridge
from .port import described, list_ports

if TYPE_CHECKING:
    from serial.tools.list_ports_common import ListPortInfo

__all__ = ["AUTO", "find_port"]

AUTO = "auto"
"""Name that stands for the port of the board."""

# pyserial ends the location with the interface of a device that has several: 1-4:1.1 on Linux,
# 1-4:x.1 on Windows. The driver of FTDI on Windows ends the serial number with the channel.
_INTERFACE = re.compile(r"^(.*):\w+\.(\d+)$")
_CHANNEL_LETTER = re.compile(r"[A-D]$")


def find_port(board: str, bridge: UsbBridge | None) -> str:
    """Find the serial port of a board among those of the machine.

    Parameters
    ----------
    board : str
        Name of the board, for messages.
    bridge : UsbBridge or None
        Its bridge. ``None`` takes the only serial port on USB, an adapter.

    Raises
    ------
    PortError
        If there is none, or several; the message lists the candidates. Also if pyserial is not
        installed.
    """
    ports = list_ports()
    if bridge is None:
        found, wanted = [port for port in ports if port.vid is not None], "an adapter on USB"
    else:
        found = [port for port in ports if _matches(port, ports, bridge)]
        wanted = str(bridge)
    if len(found) > 1:
        raise PortError(f"{len(found)} serial ports may be that of board {board} ({wanted}): "
                        f"{described(found)}; name one of them")
    if not found:
        others = f"there are {described(ports)}" if ports else "no serial port was found at all"
        raise PortError(f"no serial port is that of board {board} ({wanted}); {others}")
    return found[0].device


def _matches(port: "ListPortInfo", ports: "list[ListPortInfo]", bridge: UsbBridge) -> bool:
    if (port.vid, port.pid) != (bridge.vendor, bridge.product):
        return False
    return bridge.channels == 1 or _channel(port, ports) in (bridge.channel, None)


def _channel(port: "ListPortInfo", ports: "list[ListPortInfo]") -> int | None:
    """Channel of a port at its bridge, from 0 on; ``None`` if nothing tells it."""
    interface = _INTERFACE.match(port.location or "")
    if interface:
        return int(interface[2])
    same = [other for other in ports if _bridge(other) == _bridge(port)]
    # By letter, or else in the order of their names, as on macOS.
    same.sort(key=lambda other: (other.serial_number or "", other.device))
    return same.index(port) if len(same) > 1 else None


def _bridge(port: "ListPortInfo") -> tuple[object, ...]:
    """Key that the channels of a bridge share."""
    return port.vid, port.pid, port.location, _CHANNEL_LETTER.sub("", port.serial_number or "")
