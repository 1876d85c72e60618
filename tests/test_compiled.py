# amaranth: UnusedElaboratable=no
"""The compiled engine's tools and cache: what is kept, what is missing, what fails."""

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.errors import ToolError
from xnorloom_sim.bench import run
from xnorloom_sim.engines import build, store, toolchain


class Inverter(wiring.Component):
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, mask=0xFF):
        super().__init__()
        self._mask = mask

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        m.d.comb += self.o.payload.eq(self.i.payload ^ self._mask)
        return m


WORDS = np.arange(256, dtype=np.uint8).reshape(-1, 1)


def simulate(cache, mask=0xFF):
    trace = run(Inverter(mask), WORDS, len(WORDS), engine="compiled", cache=cache)
    np.testing.assert_array_equal(trace.outputs, WORDS ^ mask)


def programs(cache):
    return sorted(cache.glob("*/simulate"))


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """A cache that holds the runtime library and one program; tests copy it."""
    cache = tmp_path_factory.mktemp("warm")
    simulate(cache)
    return cache


@pytest.fixture
def cache(warm, tmp_path):
    return shutil.copytree(warm, tmp_path / "cache")


@pytest.fixture
def commands(monkeypatch):
    """The names of the tools that are run, as they are run."""
    names = []

    def run_tool(command, **kwargs):
        names.append(Path(command[0]).name)
        return original(command, **kwargs)

    original = toolchain.run_tool
    monkeypatch.setattr(toolchain, "run_tool", run_tool)
    return names


@pytest.fixture
def without(monkeypatch):
    """`without(package)`: a package that is not installed, as far as one can see."""

    def remove(package):
        monkeypatch.setattr(
            toolchain.importlib.util,
            "find_spec",
            lambda name: None if name == package else find_spec(name),
        )

    return remove


# Cache


def test_second_run_compiles_nothing(cache, commands):
    before = [path.stat().st_mtime_ns for path in programs(cache)]
    simulate(cache)
    assert commands == []
    assert [path.stat().st_mtime_ns for path in programs(cache)] == before


def test_another_design_is_another_program(cache, commands):
    simulate(cache, mask=0x0F)
    # The runtime library is not compiled again.
    assert len(commands) == 4
    assert len(programs(cache)) == 2
    assert sorted(path.name for path in programs(cache)[0].parent.iterdir()) == [
        "shell.v",
        "simulate",
    ]


def test_entry_without_program_is_rebuilt(cache, commands):
    (program,) = programs(cache)
    program.unlink()
    simulate(cache)
    assert commands != []
    assert programs(cache) == [program]


def test_interrupted_build_leaves_nothing(cache, monkeypatch):
    before = sorted(cache.iterdir())

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "run_tool", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulate(cache, mask=1)
    assert sorted(cache.iterdir()) == before


def test_faster_build_wins(tmp_path):
    place = tmp_path / "entry"

    def make(folder, log):
        (folder / "product").write_text("mine")
        place.mkdir()
        (place / "product").write_text("theirs")

    assert store.entry(place, "product", make) == place
    assert (place / "product").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [place]


def test_relative_folder(cache, monkeypatch):
    monkeypatch.chdir(cache.parent)
    simulate(Path(cache.name), mask=2)
    assert len(programs(cache)) == 2


def test_default_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join("some", "where"))
    assert store.default_folder() == Path("some", "where", "xnorloom", "compiled")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert store.default_folder() == Path.home() / ".cache" / "xnorloom" / "compiled"


# Tools


def test_verilator_missing(cache, without):
    without("verilator")
    with pytest.raises(
        ToolError,
        match=r"^The compiled engine needs Verilator, which is not installed: "
        r"pip install xnorloom\[compiled\]$",
    ):
        simulate(cache)


def test_compiler_missing(cache, without, monkeypatch):
    without("ziglang")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ToolError,
        match=r"^The compiled engine needs a C\+\+ compiler, and none was found; one comes with "
        r"pip install xnorloom\[zig\]$",
    ):
        simulate(cache)


def test_compiler_wrong(cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    with pytest.raises(
        ToolError, match=r"^The C\+\+ compiler that CXX names was not found: 'no-such-compiler'$"
    ):
        simulate(cache)


def test_compiler_broken(cache, monkeypatch):
    monkeypatch.setenv("CXX", f"{sys.executable} -c 'raise SystemExit(3)'")
    with pytest.raises(ToolError, match=r"^The C\+\+ compiler does not work: \S*python"):
        simulate(cache)


def test_compiler_fails(cache, monkeypatch):
    monkeypatch.setattr(build, "_CXX_FLAGS", (*build._CXX_FLAGS, "-include", "no-such-header"))
    with pytest.raises(ToolError, match=r"failed: .*no-such-header.* \(see \S+\.log\)$") as caught:
        simulate(cache)
    log = re.search(r"\(see (\S+)\)$", str(caught.value))
    assert log is not None
    assert Path(log[1]).parent == cache
    assert "no-such-header" in Path(log[1]).read_text()


def test_verilator_fails(cache, monkeypatch):
    monkeypatch.setattr(
        "xnorloom_sim.engines.compiled.shell", lambda *args: "module shell(input clk, oops"
    )
    with pytest.raises(
        ToolError, match=r"^verilator_bin failed: %Error: shell\.v:1:.* \(see \S+\.log\)$"
    ):
        simulate(cache)


def test_program_fails(cache):
    (program,) = programs(cache)
    program.write_text("#!/bin/sh\necho it broke\nexit 1\n")
    with pytest.raises(ToolError, match=r"^The compiled simulation \S+ failed: it broke$"):
        simulate(cache)


def test_zig(monkeypatch, tmp_path_factory):
    # Its first use on a machine compiles a C++ library of its own, for a minute or two.
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    assert toolchain.compiler()[1:] == ("-m", "ziglang", "c++")
    simulate(tmp_path_factory.mktemp("zig"))
