"""Port of a board among those of a machine, as pyserial lists them on each system."""

import re
import sys

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from xnorloom_boards import find, names
from xnorloom_boards.errors import PortError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.find_port import find_port
from xnorloom_boards.usb import FT231X, FT2232H


def port(device, product=0x6010, location=None, serial=None, name=None):
    entry = ListPortInfo(device)
    entry.vid, entry.pid = (None, None) if product is None else (0x0403, product)
    entry.location, entry.serial_number = location, serial
    entry.description = name or "n/a"
    return entry


BUILT_IN = port("/dev/ttyS0", None)
LINUX = [port("/dev/ttyUSB0", location="1-4:1.0", serial="ib1", name="iCEBreaker"),
         port("/dev/ttyUSB1", location="1-4:1.1", serial="ib1", name="iCEBreaker")]
WINDOWS = [port("COM7", serial="FT8A"), port("COM3", serial="FT8B")]
MACOS = [port("/dev/cu.usbserial-ib11", location="20-4", serial="ib1"),
         port("/dev/cu.usbserial-ib10", location="20-4", serial="ib1")]
ULX3S = [port("/dev/ttyUSB0", 0x6015, "1-2", "D00001", "ULX3S FPGA 25K V3.0")]
ADAPTER = [port("/dev/ttyUSB4", 0x6001, "1-3", "A9")]


@pytest.fixture
def plugged(monkeypatch):
    """``plugged(ports)``: the machine has these ports."""
    return lambda ports: monkeypatch.setattr(list_ports, "comports", lambda: list(ports))


@pytest.mark.parametrize("bridge, ports, found", [
    (FT2232H, LINUX, "/dev/ttyUSB1"), (FT2232H, WINDOWS, "COM3"),
    (FT2232H, MACOS, "/dev/cu.usbserial-ib11"), (FT2232H, [port("COM4", serial="FT8B")], "COM4"),
    # The other channel is taken away by a program that writes the flash.
    (FT2232H, LINUX[1:], "/dev/ttyUSB1"),
    (FT2232H, [BUILT_IN, *ULX3S, *reversed(LINUX)], "/dev/ttyUSB1"),
    (FT231X, [BUILT_IN, *ULX3S, *ADAPTER], "/dev/ttyUSB0"),
    (None, [BUILT_IN, *ADAPTER], "/dev/ttyUSB4"),
], ids=["Linux", "Windows", "macOS", "only port", "second channel", "among others", "ULX3S",
        "adapter"])
def test_found(plugged, bridge, ports, found):
    plugged(ports)
    assert find_port("mine", bridge) == found


SECOND = [port("/dev/ttyUSB2", location="1-5:1.0", serial="is"),
          port("/dev/ttyUSB3", location="1-5:1.1", serial="is")]


@pytest.mark.parametrize("bridge, ports, message", [
    (FT2232H, [], "no serial port is that of board mine (USB 0403:6010, second channel); no serial "
                  "port was found at all"),
    (FT2232H, [BUILT_IN, *ULX3S],
     "no serial port is that of board mine (USB 0403:6010, second channel); there are /dev/ttyS0, "
     "/dev/ttyUSB0 (ULX3S FPGA 25K V3.0)"),
    (FT2232H, LINUX[:1], "no serial port is that of board mine (USB 0403:6010, second channel); "
                         "there are /dev/ttyUSB0 (iCEBreaker)"),
    (FT2232H, [*SECOND, *LINUX],
     "2 serial ports may be that of board mine (USB 0403:6010, second channel): /dev/ttyUSB1 "
     "(iCEBreaker), /dev/ttyUSB3; name one of them"),
    (FT231X, LINUX, "no serial port is that of board mine (USB 0403:6015); there are /dev/ttyUSB0 "
                    "(iCEBreaker), /dev/ttyUSB1 (iCEBreaker)"),
    (None, [*ULX3S, *ADAPTER], "2 serial ports may be that of board mine (an adapter on USB): "
                               "/dev/ttyUSB0 (ULX3S FPGA 25K V3.0), /dev/ttyUSB4; name one of "
                               "them"),
    (None, [BUILT_IN], "no serial port is that of board mine (an adapter on USB); there are "
                       "/dev/ttyS0"),
    (FT231X, [port("/dev/ttyUSB0", 0x6001, name="\x1b[2J" + 300 * "n")],
     r"no serial port is that of board mine \(USB 0403:6015\); there are /dev/ttyUSB0 "
     r"\(\\x1b\[2Jn+\.\.\.n+\)"),
], ids=["none", "others", "first channel", "two", "other chip", "adapters", "no adapter",
        "hostile"])
def test_found_wrong(plugged, bridge, ports, message):
    plugged(ports)
    pattern = message if "\\x1b" in message else re.escape(message)
    with pytest.raises(PortError, match=f"^{pattern}$"):
        find_port("mine", bridge)


@pytest.mark.parametrize("name", names())
def test_open(plugged, monkeypatch, name):
    """Each board with a bridge of its own is found beside a built-in port and other chips."""
    bridge, calls = find(name).usb, []
    entry = ListPortInfo("/dev/ttyUSB9")
    if bridge is None:
        entry.vid, entry.pid = 0x10c4, 0xea60
    else:
        entry.vid, entry.pid = bridge.vendor, bridge.product
    plugged([BUILT_IN, entry])
    monkeypatch.setattr(host, "open", lambda port, *given, **named: calls.append(port))
    find(name).open("auto")
    assert calls == ["/dev/ttyUSB9"]


def test_no_pyserial(monkeypatch):
    monkeypatch.delitem(sys.modules, "serial.tools", raising=False)
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(PortError, match=r"^serial ports need pyserial, which is not installed; "
                                        r"pip install '\.\[boards\]'$"):
        find_port("mine", None)
