"""Boards compared with amaranth-boards, and found by name."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import xnorloom_boards
from xnorloom.target.device import DEVICES
from xnorloom_boards import board
from xnorloom_boards.errors import BoardError, PortError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link import spi_port
from xnorloom_boards.link.kind import LinkKind
from xnorloom_boards.usb import FT2232H

NAMES = ("colorlight_5a_75b", "ecp5_evn", "hx8k_evn", "icebreaker", "icestick", "orangecrab_25f",
         "ulx3s_25f", "ulx3s_85f", "upduino_v3")

# Pins of the serial port and of the clock, as the schematics of the boards have them.
PINS = {
    "colorlight_5a_75b": ("M13", "P11", "P6"),
    "ecp5_evn": ("P2", "P3", "A10"),
    "hx8k_evn": ("B10", "B12", "J3"),
    "icebreaker": ("6", "9", "35"),
    "icestick": ("9", "8", "21"),
    "orangecrab_25f": ("N17", "M18", "A9"),
    "ulx3s_25f": ("M1", "L4", "G2"),
    "ulx3s_85f": ("M1", "L4", "G2"),
    "upduino_v3": ("15", "14", "20"),
}


def pins(port):
    return [meta.name for meta in port.io.metadata]


def test_names():
    assert board.names() == NAMES


# Numbers that bitstreams in the field have: none may ever change.
NUMBERS = {"icebreaker": 1, "icestick": 2, "hx8k_evn": 3, "upduino_v3": 4, "ulx3s_25f": 5,
           "ulx3s_85f": 6, "colorlight_5a_75b": 7, "orangecrab_25f": 8, "ecp5_evn": 9}


def test_numbers():
    found = {name: board.find(name).number for name in NAMES}
    assert {name: found[name] for name in NUMBERS} == NUMBERS
    assert len(set(found.values())) == len(found)
    assert all(1 <= number <= 63 for number in found.values())
    for name, number in found.items():
        assert board.numbered(number) is board.find(name)
    assert board.numbered(0) is board.numbered(63) is None
    page = (Path(__file__).parents[2] / "docs" / "boards.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|$", page, re.M)
    assert {name: int(number) for number, name in rows} == found


@pytest.mark.parametrize("name", NAMES)
def test_board_is_that_of_its_platform(name):
    entry = board.find(name)
    platform = entry.platform()
    assert entry.name == name
    assert entry.device is DEVICES[entry.device.name]
    assert platform.device.lower() == entry.device.name.lower()
    clock = platform.lookup(entry.clock, 0)
    assert clock.clock.frequency == entry.clock_hz
    assert pins(platform.request(entry.clock, 0, dir="-")) == [PINS[name][2]]
    # Nothing that only writes to boards.
    assert not {"openFPGALoader", "dfu-suffix", "iceprog"} & set(platform.required_tools)
    assert not any("dfu" in line for line in platform.command_templates)


@pytest.mark.parametrize("name", NAMES)
def test_ports(name):
    entry = board.find(name)
    platform = entry.platform()
    rx, tx = entry.uart_ports(platform)
    assert pins(rx) + pins(tx) == list(PINS[name][:2])
    leds = entry.led_ports(platform)
    assert all(len(port) == 1 for port in leds)
    expected = {"colorlight_5a_75b": 0, "icebreaker": 2, "icestick": 5, "orangecrab_25f": 3,
                "upduino_v3": 3}
    assert len(leds) == expected.get(name, 8)
    high = entry.high_ports(platform)
    assert [pins(port) for port in high] == ([["16"]] if name == "upduino_v3" else [])
    used = [pin for port in (rx, tx, *leds, *high) for pin in pins(port)]
    assert len(set(used)) == len(used)


# Pins of the flash, which the USB bridge writes, by the schematics: CS, SCK, data to and from it.
SPI_PINS = {"icebreaker": ["16", "15", "14", "17"], "hx8k_evn": ["R12", "R11", "P12", "P11"]}


@pytest.mark.parametrize("name", NAMES)
def test_spi(name):
    entry = board.find(name)
    assert entry.link is LinkKind.UART is entry.with_link(LinkKind.UART).link
    if name not in SPI_PINS:
        with pytest.raises(BoardError, match=rf"^link spi must be that of a board with SPI wires "
                                             rf"to its USB bridge \(hx8k_evn, icebreaker\), not "
                                             rf"{name}$"):
            entry.with_link(LinkKind.SPI)
        return
    chosen = entry.with_link(LinkKind.SPI)
    assert chosen.baud == 30_000_000 and chosen.number == entry.number
    assert replace(chosen, baud=entry.baud, link=LinkKind.UART) == entry
    platform = chosen.platform()
    cs, sck, copi, cipo = ports = chosen.spi_ports(platform)
    assert [pin for port in ports for pin in pins(port)] == SPI_PINS[name]
    assert cs.invert == (True,) and not any(port.invert[0] for port in (sck, copi, cipo))
    # The bridge drives the wires that the design would drive to read the flash.
    assert [port.direction.value for port in ports] == ["i", "i", "i", "o"]
    assert [(port.name, hz) for port, hz in platform.iter_port_clock_constraints()] == [
        (sck.io.name, 30_000_000)]
    # The serial port is on the other channel of the same bridge.
    assert entry.usb is FT2232H and entry.usb.channel == 1


@pytest.mark.parametrize("name", NAMES)
def test_texts_for_people_and_programmer(name):
    entry = board.find(name)
    assert entry.title and entry.programmer[0] == "-b" and len(entry.programmer) in (2, 4)
    # A serial port of at least 8 clock cycles of 25 MHz a bit.
    assert 115_200 <= entry.baud <= 3_000_000
    assert not entry.note.endswith(".")


def test_a_platform_is_fresh():
    # A platform gives each of its resources once only.
    entry = board.find("icebreaker")
    first, second = entry.platform(), entry.platform()
    assert first is not second
    for platform in (first, second):
        assert [pins(port) for port in entry.uart_ports(platform)] == [["6"], ["9"]]


def test_open(monkeypatch):
    # The rate is that of the board unless another one is given; the board itself must be there.
    calls = []
    monkeypatch.setattr(host, "open", lambda *given, **named: calls.append((given, named)))
    entry = board.find("icebreaker")
    entry.open("COM3")
    entry.open("COM3", "graph", baud=9600, timeout=2, retries=3)
    assert calls == [(("COM3", None), {"baud": entry.baud, "board": entry}),
                     (("COM3", "graph"),
                      {"baud": 9600, "board": entry, "timeout": 2, "retries": 3})]


def test_open_spi(monkeypatch):
    calls = []
    monkeypatch.setattr(host, "open", lambda *given, **named: calls.append((given, named)))
    monkeypatch.setattr(spi_port, "find_url", lambda name, usb: f"ftdi://{name}/1")
    entry = board.find("icebreaker")
    chosen = entry.with_link(LinkKind.SPI)
    chosen.open("auto")
    # The name of the port is enough.
    entry.open("ftdi://ftdi:2232h/1", baud=15_000_000)
    assert calls == [(("ftdi://icebreaker/1", None), {"baud": 30_000_000, "board": chosen}),
                     (("ftdi://ftdi:2232h/1", None), {"baud": 15_000_000, "board": chosen})]
    with pytest.raises(PortError, match=r"^port of SPI must be auto or begin with ftdi://, not "
                                        r"'COM3'$"):
        chosen.open("COM3")
    with pytest.raises(BoardError, match=r"^link spi must be .*, not icestick$"):
        board.find("icestick").open("ftdi://ftdi:2232h/1")


def test_package():
    assert xnorloom_boards.find is board.find and xnorloom_boards.names is board.names


def test_unknown_board():
    wanted = re.escape(f"board must be one of {', '.join(NAMES)}, not 'arty'")
    with pytest.raises(BoardError, match=f"^{wanted}$"):
        board.find("arty")


def test_no_amaranth_boards(monkeypatch):
    monkeypatch.delitem(sys.modules, "amaranth_boards.icebreaker", raising=False)
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    with pytest.raises(BoardError, match=r"^board icebreaker needs amaranth-boards, which is not "
                                         r"installed: pip install '\.\[boards\]'$"):
        board.find("icebreaker").platform()
