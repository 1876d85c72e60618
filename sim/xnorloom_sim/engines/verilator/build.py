"""Compilation of wrapped Verilog to a program: Verilator, C++ compiler, linker."""

import itertools
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xnorloom.support.artifacts import cached, log_file

from . import toolchain

__all__ = ["build", "program"]

_VERILATOR_FLAGS = (
    "--cc",
    "-O3",
    "--x-assign", "fast",
    "--x-initial", "fast",
    "--noassert",
    "--timescale", "1ns/1ns",
    "--top-module", "wrapper",
    "--prefix", "Vwrapper",
    "--Mdir", ".",
    "-Wno-lint",
    "-Wno-style",
    "-Wno-fatal",
)  # fmt: skip

_CXX_FLAGS = (
    "-std=c++17",
    "-w",
    # Zig adds run-time checks of undefined behaviour by default.
    "-fno-sanitize=all",
    "-DVL_TIME_CONTEXT",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE_FST=0",
    "-DVM_TRACE_SAIF=0",
)

# Files named "Slow" by Verilator run once, at the start, so optimising them costs more time than it
# saves. Code that runs in every cycle is as fast with -O1 as with -O3.
_FAST, _SLOW = "-O1", "-O0"

# Sources up to this size in all are compiled together, since parsing Verilator's headers takes
# longer than compiling a small file.
_UNIT_BYTES = 400_000
# Up to this size in all, one optimised unit: parsing the headers again for the slow files, 2 s,
# takes longer than optimising these.
_SMALL_BYTES = 100_000

# Verilator translates the words of a memory to C++ statements. A network with 200,000 words took
# 150 seconds to build; it takes 14 if the program reads long tables from files instead.
_TABLE = re.compile(r"  initial begin\n((?:    (\S+ ?)\[\d+\] = \d+'h[0-9a-f]+;\n){1024,})  end\n")
_TABLE_WORD = re.compile(r"\[(\d+)\] = \d+'h([0-9a-f]+);")


def build(
    verilog: str,
    *,
    i_width: int,
    o_width: int,
    trace: bool,
    cache: Path,
    probe_widths: Sequence[int] = (),
    load_width: int = 0,
) -> Path:
    """Return the program that simulates a wrapper with streams, see :func:`program`.

    Parameters
    ----------
    verilog : str
        Modules ``wrapper`` and ``top``.
    i_width, o_width : int
        Bits of the payloads.
    trace : bool
        True if the program can write waveforms.
    cache : Path
        Folder of the cache; it may be removed at any time.
    probe_widths : sequence of int
        Bits of the payload of each probe.
    load_width : int
        Bits of the payload of stream ``load``.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """
    probes = "".join(f"PROBE({index},{width})" for index, width in enumerate(probe_widths))
    widths = (f"-DI_BITS={i_width}", f"-DO_BITS={o_width}", f"-DLOAD_BITS={load_width}",
              f"-DPROBES={probes}")
    harness = Path(__file__).with_name("harness.cpp")
    return program(verilog, harness, widths, trace=trace, cache=cache)


def program(
    verilog: str, harness: Path, defines: Sequence[str] = (), *, trace: bool = False, cache: Path
) -> Path:
    """Return the program of module ``wrapper`` and a testbench in C++, compiled if not cached.

    It must be run in its folder.

    Parameters
    ----------
    verilog : str
        Module ``wrapper`` and its submodules.
    harness : Path
        C++ source of the testbench.
    defines : sequence of str
        Compiler options for the testbench.
    trace : bool
        True if the program can write waveforms.
    cache : Path
        Folder of the cache; it may be removed at any time.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """
    root, version = toolchain.verilator()
    cxx = toolchain.compiler()
    flags = (*_CXX_FLAGS, f"-DVM_TRACE={trace:d}", f"-DVM_TRACE_VCD={trace:d}")
    includes = (f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}")
    compile_ = (*cxx, *flags, *includes)
    tools = [version, toolchain.identity(cxx), cxx, flags, _FAST, _SLOW]
    testbench = harness.read_text()

    def runtime(folder: Path) -> None:
        names = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else [])]
        sources = [root / "include" / f"{name}.cpp" for name in names]
        _compile(compile_, [(str(source), _FAST) for source in sources], folder, log_file(folder))

    def simulator(folder: Path) -> None:
        objects = cached(cache, "runtime", tools, "verilated.o", runtime, tool=cxx[0])
        log = log_file(folder)
        (folder / "wrapper.v").write_text(_without_tables(verilog, folder))
        (folder / "harness.cpp").write_text(testbench)
        toolchain.run_tool(
            [
                str(root / "bin" / "verilator_bin"),
                *_VERILATOR_FLAGS,
                *(["--trace"] if trace else []),
                "wrapper.v",
            ],
            cwd=folder,
            log=log,
            env={"VERILATOR_ROOT": str(root)},
            product="Vwrapper.h",
        )
        _compile((*compile_, *defines, "-I."), _units(folder), folder, log)
        toolchain.run_tool(
            [
                *cxx,
                *(str(path) for path in sorted(folder.glob("*.o"))),
                *(str(path) for path in sorted(objects.glob("*.o"))),
                "-pthread",
                "-o",
                "simulate",
            ],
            cwd=folder,
            log=log,
            product="simulate",
        )
        for path in folder.iterdir():
            if path.name not in ("simulate", "wrapper.v") and path.suffix != ".hex":
                path.unlink()

    inputs = [verilog, defines, testbench, _VERILATOR_FLAGS, tools]
    return cached(cache, "simulation", inputs, "simulate", simulator, tool=cxx[0]) / "simulate"


def _without_tables(verilog: str, folder: Path) -> str:
    """Move the words of long memories from the Verilog to files in ``folder``."""
    names = (f"table{index}.hex" for index in itertools.count())

    def move(match: re.Match[str]) -> str:
        name = next(names)
        words = _TABLE_WORD.findall(match[1])
        (folder / name).write_text("".join(f"@{int(at):x} {word}\n" for at, word in words))
        return f'  initial $readmemh("{name}", {match[2]});\n'

    return _TABLE.sub(move, verilog)


def _units(folder: Path) -> list[tuple[str, str]]:
    """Join small source files. Return the files to compile, each with its optimisation."""
    units = []
    sources = sorted(folder.glob("*.cpp"))
    small = sum(path.stat().st_size for path in sources) <= _SMALL_BYTES
    slow = [path for path in sources if path.stem.endswith("Slow") and not small]
    fast = [path for path in sources if path not in slow]
    for kind, paths, flag in (("fast", fast, _FAST), ("slow", slow, _SLOW)):
        size, unit = _UNIT_BYTES, []
        for path in paths:
            if size + path.stat().st_size > _UNIT_BYTES:
                size, unit = 0, []
                units.append((f"unit_{kind}{len(units)}.cpp", flag, unit))
            size += path.stat().st_size
            unit.append(path)
    for name, _, unit in units:
        (folder / name).write_text("".join(f'#include "{path.name}"\n' for path in unit))
    return [(name, flag) for name, flag, _ in units]


def _compile(
    command: Sequence[str], units: Sequence[tuple[str, str]], folder: Path, log: Path
) -> None:
    """Compile source files to objects in ``folder``, one per processor at a time."""

    def one(unit: tuple[str, str]) -> None:
        source, flag = unit
        target = f"{Path(source).stem}.o"
        toolchain.run_tool(
            [*command, flag, "-c", source, "-o", target], cwd=folder, log=log, product=target
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, units))
