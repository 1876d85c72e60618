# amaranth: UnusedElaboratable=no
"""The compiled engine's tools and cache: what is kept, what is missing, what fails."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.errors import ToolError
from xnorloom.support import artifacts
from xnorloom.support import cache as user_cache
from xnorloom_sim.engines.verilator import build, toolchain
from xnorloom_sim.harness import run


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
        "manifest.json",
        "wrapper.v",
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


def test_relative_folder(cache, monkeypatch):
    monkeypatch.chdir(cache.parent)
    simulate(Path(cache.name), mask=2)
    assert len(programs(cache)) == 2


def test_default_folder(warm, tmp_path, monkeypatch):
    shutil.copytree(warm, tmp_path / "xnorloom" / "compiled")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    simulate(None, mask=3)
    assert len(programs(tmp_path / "xnorloom" / "compiled")) == 2


@pytest.mark.parametrize("base", ["", os.path.join("some", "where"), None])
def test_folder_without_a_variable(base, monkeypatch):
    if base is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    assert user_cache.folder("x") == Path.home() / ".cache" / "x"


def test_no_writable_cache(warm, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(user_cache, "_temporary", lambda: tmp_path / "of the process")
    shutil.copytree(warm, tmp_path / "of the process" / "xnorloom" / "compiled")
    simulate(None)
    assert len(programs(tmp_path / "of the process" / "xnorloom" / "compiled")) == 1
    assert user_cache.writable("zig") == tmp_path / "of the process" / "zig"
    assert user_cache.folder("zig") == tmp_path / "file" / "zig"


def test_temporary_cache_ends_with_the_process(tmp_path):
    script = ("from xnorloom.support import cache; "
              "print(cache.writable('x/y'), cache.writable('x/y'))")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    one, other = done.stdout.split()
    assert one == other
    assert Path(one).parents[2] == tmp_path
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a 'b", r"CXX must be a command, not \"a 'b\": No closing quotation"),
        (" ", r"CXX must name a C\+\+ compiler, not ' '"),
    ],
    ids=["quotation", "blank"],
)
def test_compiler_is_no_command(value, message, cache, monkeypatch):
    monkeypatch.setenv("CXX", value)
    with pytest.raises(ToolError, match=f"^{message}$"):
        simulate(cache)


def test_compiler_is_no_program(cache, tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_bytes(b"\x7fELF")
    tool.chmod(0o755)
    monkeypatch.setenv("CXX", str(tool))
    with pytest.raises(
        ToolError, match=r"^The C\+\+ compiler does not work: \S+/tool: Exec format error$"
    ):
        simulate(cache)


def test_compiler_writes_nothing(cache, tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nprintf 'tool \\377'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("CXX", str(tool))
    assert toolchain.identity((str(tool),)) == "tool \N{REPLACEMENT CHARACTER}"
    with pytest.raises(
        ToolError, match=r"^tool failed: it wrote no verilated\w*\.o \(see \S+\.log\)$"
    ):
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
        "xnorloom_sim.engines.verilator.engine.wrap", lambda *args: "module wrapper(input clk, oops"
    )
    with pytest.raises(
        ToolError, match=r"^verilator_bin failed: %Error: wrapper\.v:1:.* \(see \S+\.log\)$"
    ):
        simulate(cache)


def test_program_fails(cache):
    (program,) = programs(cache)
    program.write_text("#!/bin/sh\necho it broke\nexit 1\n")
    artifacts.write_list(program.parent)
    with pytest.raises(ToolError, match=r"^The compiled simulation \S+ failed: it broke$"):
        simulate(cache)


def test_table_missing(cache, tmp_path):
    place = tmp_path / "entry"
    verilog = "module wrapper(output reg [7:0] q);\n  reg [7:0] t [1023:0];\n  initial begin\n"
    verilog += "".join(f"    t[{index}] = 8'h{index % 256:02x};\n" for index in range(1024))
    place.mkdir()
    short = build._without_tables(verilog + "  end\nendmodule\n", place)
    assert short.splitlines()[2:] == ['  initial $readmemh("table0.hex", t);', "endmodule"]
    lines = (place / "table0.hex").read_text().splitlines()
    assert lines[0] == "@0 00" and lines[-1] == "@3ff ff"
    (program,) = programs(cache)
    program.write_text("#!/bin/sh\necho %Warning: table0.hex:0: file not found\necho done\n")
    artifacts.write_list(program.parent)
    with pytest.raises(
        ToolError, match=r"^The compiled simulation \S+ failed: %Warning: table0\.hex:0: file not "
    ):
        simulate(cache)


@pytest.mark.parametrize(
    ("command", "base", "expected"),
    [
        ("python -m ziglang c++", "cache", "cache/zig"),
        ("python -m ziglang c++", "file", "of the process/zig"),
        ("g++", "cache", None),
    ],
    ids=["user's", "temporary", "another compiler"],
)
def test_cache_of_zig(command, base, expected, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / base))
    monkeypatch.setattr(user_cache, "_temporary", lambda: tmp_path / "of the process")
    variables = dict(os.environ)
    if expected is not None:
        variables["ZIG_GLOBAL_CACHE_DIR"] = str(tmp_path / expected)
    assert toolchain._environment(command.split()) == variables


def test_zig(monkeypatch, tmp_path_factory):
    # Its first use on a machine compiles a C++ library of its own, for a minute or two.
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    assert toolchain.compiler()[1:] == ("-m", "ziglang", "c++")
    simulate(tmp_path_factory.mktemp("zig"))
