"""Stand-in of an FT2232H for pyusb: a USB device whose first channel drives pins by MPSSE.

    device = usb.core.Device(0, FtdiDevice(pins))
    SpiController(cs_count=2).configure(device, interface=1)

Commands are those of FTDI's application note AN_108 that an SPI controller needs.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

from usb.backend import IBackend

__all__ = ["FtdiDevice", "Mpsse", "Pins"]

_VENDOR, _PRODUCT, _RELEASE = 0x0403, 0x6010, 0x0700
_PACKET = 512
# Modem status before the data of each packet.
_STATUS = bytes([0x32, 0x60])
# Bytes that the chip holds for the host.
_BUFFER = 4096
_RESET, _SET_BITMODE, _MPSSE_MODE = 0x00, 0x0b, 0x02
_PURGE_RX, _PURGE_TX = 1, 2

_RW_BYTES, _SET_LOW, _SET_HIGH, _GET_LOW, _GET_HIGH = 0x31, 0x80, 0x82, 0x81, 0x83
_LOOPBACK_OFF, _DIVISOR, _SEND = 0x85, 0x86, 0x87
_FAST, _BY_FIVE, _THREE_PHASE_OFF, _ADAPTIVE_OFF = 0x8a, 0x8b, 0x8d, 0x97
_BAD = 0xfa
_SCK, _SELECT = 0, 4


class Pins(Protocol):
    """Board at the pins of the chip, see :class:`~xnorloom_sim.board.spi.SimulatedSpi`."""

    def set_frequency(self, hz: float) -> None:
        """Set the frequency of the clock."""
        ...

    def select(self, level: int) -> None:
        """Set the level of the chip select."""
        ...

    def exchange(self, data: bytes) -> bytes:
        """Send bytes and return those that come back."""
        ...


class Mpsse:
    """Engine that runs the commands of a channel in MPSSE mode.

    Parameters
    ----------
    pins : Pins
        Board whose chip select is at ADBUS4.
    """

    def __init__(self, pins: Pins):
        self._pins, self._waiting, self._output = pins, b"", bytearray()
        self._divisor, self._fast, self._level, self._low = 0, False, 1, 0

    def feed(self, data: bytes) -> None:
        """Run the whole commands in ``data``; a rest waits for more."""
        self._waiting += data
        while self._waiting:
            used = self._run(self._waiting)
            if used is None:
                return
            self._waiting = self._waiting[used:]

    def take(self, size: int) -> bytes:
        """Bytes for the host, at most ``size``."""
        found = bytes(self._output[:size])
        del self._output[:size]
        return found

    def clear(self) -> None:
        """Drop all bytes for the host."""
        self._output.clear()

    def _run(self, data: bytes) -> int | None:
        """Run the first command; its bytes, or ``None`` if it is not whole."""
        code, rest = data[0], data[1:]
        if code == _RW_BYTES:
            size = int.from_bytes(rest[:2], "little") + 1
            if len(rest) < 2 + size:
                return None
            self._exchange(rest[2:2 + size])
            return 3 + size
        if code in (_SET_LOW, _SET_HIGH, _DIVISOR):
            if len(rest) < 2:
                return None
            if code == _SET_LOW:
                self._set_low(rest[0], rest[1])
            elif code == _DIVISOR:
                self._divisor = int.from_bytes(rest[:2], "little")
                self._set_frequency()
            return 3
        if code in (_GET_LOW, _GET_HIGH):
            self._output.append(self._low if code == _GET_LOW else 0)
        elif code in (_FAST, _BY_FIVE):
            self._fast = code == _FAST
            self._set_frequency()
        elif code not in (_LOOPBACK_OFF, _SEND, _THREE_PHASE_OFF, _ADAPTIVE_OFF):
            self._output += bytes([_BAD, code])
        return 1

    def _set_frequency(self) -> None:
        base = 60e6 if self._fast else 12e6
        self._pins.set_frequency(base / (2 * (1 + self._divisor)))

    def _set_low(self, value: int, direction: int) -> None:
        # A pin that is not driven is high, as the pull-ups of the chip make it.
        self._low = value | ~direction & 0xff
        if self._low >> _SCK & 1 and direction >> _SCK & 1:
            raise OSError("SCK of the stand-in must be low between bytes, as in mode 0")
        level = self._low >> _SELECT & 1
        if level != self._level:
            self._level = level
            self._pins.select(level)

    def _exchange(self, data: bytes) -> None:
        self._output += self._pins.exchange(data)
        if len(self._output) > _BUFFER * (_PACKET - len(_STATUS)) // _PACKET:
            raise OSError(f"the stand-in holds {len(self._output)} bytes, a chip at most {_BUFFER}")


class FtdiDevice(IBackend):
    """USB bus with one FT2232H, whose first channel is at the pins of a board.

    Parameters
    ----------
    pins : Pins
        The board.
    damage : callable or None
        Changes what a transfer brings to the host, without the status bytes.
    """

    def __init__(self, pins: Pins, damage: Callable[[bytes], bytes] | None = None):
        self._engine, self._damage = Mpsse(pins), damage
        self._mpsse = False

    def enumerate_devices(self):
        return iter([0])

    def get_parent(self, dev: Any) -> None:
        return None

    def get_device_descriptor(self, dev: Any) -> Any:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0,
            bDeviceProtocol=0, bMaxPacketSize0=64, idVendor=_VENDOR, idProduct=_PRODUCT,
            bcdDevice=_RELEASE, iManufacturer=0, iProduct=0, iSerialNumber=0,
            bNumConfigurations=1, address=1, bus=1, port_number=1, port_numbers=(1,), speed=3)

    def get_configuration_descriptor(self, dev: Any, config: int) -> Any:
        if config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=55, bNumInterfaces=2,
            bConfigurationValue=1, iConfiguration=0, bmAttributes=0x80, bMaxPower=250,
            extra_descriptors=[])

    def get_interface_descriptor(self, dev: Any, intf: int, alt: int, config: int) -> Any:
        if intf > 1 or alt:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=intf, bAlternateSetting=0,
            bNumEndpoints=2, bInterfaceClass=0xff, bInterfaceSubClass=0xff,
            bInterfaceProtocol=0xff, iInterface=0, extra_descriptors=[])

    def get_endpoint_descriptor(self, dev: Any, ep: int, intf: int, alt: int, config: int) -> Any:
        if ep > 1:
            raise IndexError
        address = (0x81, 0x02)[ep] + 2 * intf
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=address, bmAttributes=2,
            wMaxPacketSize=_PACKET, bInterval=0, bRefresh=0, bSynchAddress=0,
            extra_descriptors=[])

    def open_device(self, dev: Any) -> Any:
        return dev

    def close_device(self, dev_handle: Any) -> None:
        return None

    def set_configuration(self, dev_handle: Any, config_value: int) -> None:
        return None

    def get_configuration(self, dev_handle: Any) -> int:
        return 1

    def claim_interface(self, dev_handle: Any, intf: int) -> None:
        return None

    def release_interface(self, dev_handle: Any, intf: int) -> None:
        return None

    def is_kernel_driver_active(self, dev_handle: Any, intf: int) -> bool:
        return False

    def attach_kernel_driver(self, dev_handle: Any, intf: int) -> None:
        return None

    def ctrl_transfer(self, dev_handle: Any, bmRequestType: int, bRequest: int, wValue: int,
                      wIndex: int, data: Any, timeout: int) -> int:
        if bmRequestType & 0x80:
            for place in range(len(data)):
                data[place] = 0
            return len(data)
        if bRequest == _SET_BITMODE:
            self._mpsse = wValue >> 8 == _MPSSE_MODE
        elif bRequest == _RESET and wValue in (_PURGE_RX, _PURGE_TX):
            self._engine.clear()
        return len(data)

    def bulk_write(self, dev_handle: Any, ep: int, intf: int, data: Any, timeout: int) -> int:
        if self._mpsse:
            self._engine.feed(bytes(data))
        return len(data)

    def bulk_read(self, dev_handle: Any, ep: int, intf: int, buff: Any, timeout: int) -> int:
        room = len(buff) // _PACKET * (_PACKET - len(_STATUS))
        found = self._engine.take(room)
        if self._damage is not None:
            found = self._damage(found)
        size = _PACKET - len(_STATUS)
        parts = [found[start:start + size] for start in range(0, max(1, len(found)), size)]
        packets = b"".join(_STATUS + part for part in parts)
        buff[:len(packets)] = type(buff)(buff.typecode, packets)
        return len(packets)
