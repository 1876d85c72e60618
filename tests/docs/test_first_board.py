"""The page about the first board: its commands parse, USB numbers and lights are right."""

import re
import shlex
from pathlib import Path

import pytest

from xnorloom_boards import find, names
from xnorloom_cli.main import make_parser

PAGE = (Path(__file__).parents[2] / "docs" / "first-board.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
            for line in block.splitlines() if line.startswith("xnorloom")]


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line):
    words = shlex.split(line)
    assert make_parser().parse_args(words[1:]).command == words[1]


def test_path():
    """The page leads from a simulated board to a real one."""
    assert [line.split()[1] for line in COMMANDS] == ["run", "run", "boards", "build", "flash",
                                                      "run"]


def test_rules_cover_all_bridges():
    rules = {(int(vendor, 16), int(product, 16)) for vendor, product in
             re.findall(r'idVendor\}=="(\w+)", ATTRS\{idProduct\}=="(\w+)"', PAGE)}
    bridges = [find(name).usb for name in names()]
    assert {(usb.vendor, usb.product) for usb in bridges if usb is not None} <= rules


LIGHTS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, re.M))


@pytest.mark.parametrize("title, boards, count, words", [
    ("iCEBreaker", ["icebreaker"], 2, ("red: bit 0", "green: toggles")),
    ("iCEstick", ["icestick"], 5, ("four red: bits 0 to 3", "green: toggles")),
    ("iCE40-HX8K, ULX3S, ECP5 evaluation board",
     ["hx8k_evn", "ulx3s_25f", "ulx3s_85f", "ecp5_evn"], 8, ("eight: bits 0 to 3", "last toggles")),
    # A light of three colours.
    ("UPduino, OrangeCrab", ["upduino_v3", "orangecrab_25f"], 1, ("bits 0 and 1", "blue: toggles")),
    ("Colorlight", ["colorlight_5a_75b"], 0, ("none",))])
def test_lights(title, boards, count, words):
    assert all(len(find(name).leds) == count for name in boards)
    assert all(text in LIGHTS[title] for text in words)
