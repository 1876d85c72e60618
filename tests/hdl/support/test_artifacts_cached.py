"""Cached artifacts in the user's cache: keys, missing products, damage."""

import re

import pytest

from xnorloom.errors import ToolError
from xnorloom.support.artifacts import cached
from xnorloom.support.cache import writable


def step(name, inputs, product, make, tool):
    return cached(writable("xnorloom/builds"), name, inputs, product, make, tool=tool)


class Maker:
    def __init__(self, *names):
        self.names, self.times = names, 0

    def __call__(self, folder):
        self.times += 1
        for name in self.names:
            (folder / name).write_text(f"what is in {name}")


@pytest.fixture
def builds(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xnorloom" / "builds"


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_step(builds):
    make = Maker("top.json", "log")
    place = step("netlist", ["a", [1, "b"]], "top.json", make, "Yosys")
    assert place.parent == builds
    assert step("netlist", ["a", [1, "b"]], "top.json", make, "Yosys") == place
    assert make.times == 1
    assert sorted(files(place)) == ["log", "manifest.json", "top.json"]
    for name, inputs in (("network", ["a", [1, "b"]]), ("netlist", ["a", [1, "c"]])):
        assert step(name, inputs, "top.json", make, "Yosys") != place
    assert make.times == 3


def test_step_without_product(builds):
    for tool, names in (("Yosys", ()), ("nextpnr-ice40", ("log",))):
        with pytest.raises(ToolError, match=f"^{tool} wrote no top\\.json$"):
            step("netlist", [], "top.json", Maker(*names), tool)
    assert list(builds.iterdir()) == []


@pytest.mark.parametrize("text", [None, "", "what is", "what is in name.tmp"])
@pytest.mark.parametrize("name", ["top.json", "parts.json", "log", "manifest.json"])
def test_step_damaged(name, text, builds):
    make = Maker("top.json", "parts.json", "log")
    place = step("netlist", [], "top.json", make, "Yosys")
    good = files(place)
    (place / name).unlink()
    if text is not None:
        (place / name).write_text(text)
    assert step("netlist", [], "top.json", make, "Yosys") == place
    assert make.times == 2
    assert files(place) == good


def test_step_of_an_older_version(builds):
    """Folders without a list are made again."""
    make = Maker("top.bin")
    place = step("bitstream", [], "top.bin", make, "icepack")
    (place / "manifest.json").unlink()
    for _ in range(3):
        step("bitstream", [], "top.bin", make, "icepack")
    assert make.times == 2


def test_step_on_a_full_disk(builds):
    def make(folder):
        (folder / "log").write_text("words")
        raise OSError(28, "No space left on device")

    message = (rf"^Cannot write to the cache folder '{re.escape(str(builds))}/[0-9a-f]{{32}}': "
               r"No space left on device$")
    with pytest.raises(OSError, match=message):
        step("route", [], "report.json", make, "nextpnr-ice40")
    assert list(builds.iterdir()) == []
