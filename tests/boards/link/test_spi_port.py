"""The port of SPI: bursts, idle bytes, and USB bridges that are missing, many, or silent."""

import re
import sys
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from xnorloom_boards.errors import PortError
from xnorloom_boards.link import spi_port
from xnorloom_boards.link.protocol import END
from xnorloom_boards.link.session import Session
from xnorloom_boards.link.spi_port import SpiPort, find_url, open_spi
from xnorloom_boards.usb import FT2232H

# The command that wakes the flash on the same wires, if a burst begins with it.
WAKE = 0xab


class Controller:
    """A controller whose board returns given bytes, and idle ones after them."""

    def __init__(self, answer=b"", short=0):
        self.answer, self.short = deque(answer), short
        self.bursts, self.ports, self.closed = [], [], False

    def get_port(self, cs, freq, mode):
        self.ports.append((cs, freq, mode))
        return self

    def exchange(self, out, duplex):
        assert duplex
        self.bursts.append(bytes(out))
        found = [END, *(self.answer.popleft() if self.answer else END for _ in out[1:])]
        return bytearray(found[:len(found) - self.short])

    def close(self):
        self.closed = True


def test_wires():
    # Mode 0, chip select at ADBUS4, which is the second after ADBUS3.
    controller = Controller()
    SpiPort(controller, 15_000_000).close()
    assert controller.ports == [(1, 15_000_000, 0)] and controller.closed


@pytest.mark.parametrize("seed", range(5))
def test_read(seed):
    # Ends in a row are one, wherever bursts end; all other bytes come as they were.
    rng = np.random.default_rng(seed)
    sent = rng.choice([END, END, 1, 2, WAKE], 1_000).tolist()
    controller = Controller(sent)
    port, found = SpiPort(controller, 30_000_000), bytearray()
    port.timeout = 0
    while controller.answer:
        found += port.read(int(rng.integers(1, 50)))
        port.write(bytes(rng.integers(0, 256, int(rng.integers(0, 9))).tolist()))
    found += port.read(10_000)
    assert port.in_waiting == 0
    wanted = re.sub(bytes([END]) + b"{2,}", bytes([END]), bytes(sent + [END])).lstrip(bytes([END]))
    assert bytes(found) in (wanted, wanted[:-1])


@pytest.mark.parametrize("size", [0, 1, 3_840, 3_841, 10_000])
def test_write(size):
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8).tobytes()
    controller = Controller()
    SpiPort(controller, 30_000_000).write(bytes([WAKE]) + data)
    assert b"".join(burst[1:] for burst in controller.bursts) == bytes([WAKE]) + data
    # What comes back fits into the chip, and no burst begins with a command of the flash.
    assert all(len(burst) <= 4_096 - 16 and burst[0] == END for burst in controller.bursts)


def test_read_without_an_answer(monkeypatch):
    looks = iter(range(100))
    monkeypatch.setattr(spi_port, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    controller = Controller()
    port = SpiPort(controller, 30_000_000)
    port.timeout = 3
    assert port.read(7) == b""
    assert 3 <= len(controller.bursts) <= 4
    # No line that is longer than the first message.
    assert set(b"".join(controller.bursts)) == {END}


def test_short_answer():
    controller = Controller(short=2)
    port = SpiPort(controller, 30_000_000)
    with pytest.raises(OSError, match=r"^the USB bridge returned 2 of 4 bytes$"):
        port.write(b"abc")
    session = Session(port, "given", baud=30_000_000, timeout=1, retries=2)
    with pytest.raises(PortError, match=r"^port given went away: the USB bridge returned \d+ of "):
        session.hello()


def entries(*places):
    return [(SimpleNamespace(bus=bus, address=address), 2) for bus, address in places]


@pytest.fixture
def bridges(monkeypatch):
    """Function that sets the bridges of the machine, and the list of URLs asked for."""
    from pyftdi.ftdi import Ftdi

    asked = []

    def put(found):
        def listed(url):
            asked.append(url)
            if isinstance(found, Exception):
                raise found
            return [(Place(*place), 2) for place in found]

        monkeypatch.setattr(Ftdi, "list_devices", listed)
        return asked

    return put


class Place(tuple):
    """Bus and address of a device, sorted by them."""

    def __new__(cls, bus, address):
        return super().__new__(cls, (bus, address))

    bus, address = property(lambda self: self[0]), property(lambda self: self[1])


def test_find_url(bridges):
    asked = bridges([(1, 0x1f)])
    assert find_url("icebreaker", FT2232H) == "ftdi://0x403:0x6010:1:1f/1"
    assert asked == ["ftdi://0x403:0x6010/1"]


@pytest.mark.parametrize("found, message", [
    ([], r"^no USB bridge is that of board icebreaker \(USB 0403:6010\)$"),
    ([(2, 3), (1, 5)], r"^2 USB bridges may be that of board icebreaker \(USB 0403:6010\): "
                       r"ftdi://0x403:0x6010:1:5/1, ftdi://0x403:0x6010:2:3/1; name one of them$"),
    (ValueError("No backend available"),
     r"^no USB bridge is that of board icebreaker \(USB 0403:6010\); pyftdi needs the library "
     r"libusb-1.0 of the system$"),
    (OSError("denied\nmore"), r"^no USB bridge is .*\); denied$")],
    ids=["none", "two", "no-libusb", "denied"])
def test_find_url_wrong(bridges, found, message):
    bridges(found)
    with pytest.raises(PortError, match=message):
        find_url("icebreaker", FT2232H)


def test_no_bridge():
    with pytest.raises(PortError, match=r"^board x has no USB bridge for SPI$"):
        find_url("x", None)


@pytest.mark.parametrize("url", ["ftdi://", "ftdi:///?", "ftdi://ftdi:2232h/x", "ftdi:// /1"])
def test_open_wrong(url):
    with pytest.raises(PortError, match=rf"^port of SPI must be a URL such as "
                                        rf"ftdi://ftdi:2232h/1, not '{re.escape(url)}'$"):
        open_spi(url, 30_000_000)


def test_open_unknown():
    url = "ftdi://nobody:nothing/1"
    with pytest.raises(PortError, match=rf"^port {url} cannot be opened for SPI: \S"):
        open_spi(url, 30_000_000)


def test_no_pyftdi(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyftdi.ftdi", None)
    text = r"^SPI needs pyftdi, which is not installed; pip install '\.\[spi\]'$"
    for call in (lambda: open_spi("ftdi://ftdi:2232h/1", 1), lambda: find_url("x", FT2232H)):
        with pytest.raises(PortError, match=text):
            call()
