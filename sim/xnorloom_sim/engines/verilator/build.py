"""From the Verilog of a shell to a program: Verilator, the C++ compiler, the linker."""

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
    "--top-module", "shell",
    "--prefix", "Vshell",
    "--Mdir", ".",
    "-Wno-lint",
    "-Wno-style",
    "-Wno-fatal",
)  # fmt: skip

_CXX_FLAGS = (
    "-std=c++17",
    "-w",
    # Zig checks for undefined behaviour at run time unless told otherwise.
    "-fno-sanitize=all",
    "-DVL_TIME_CONTEXT",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE_FST=0",
    "-DVM_TRACE_SAIF=0",
)

# Verilator names "Slow" what runs only once, at the start: the time that optimising it takes is
# never won back. What runs in every cycle is as fast with -O1 as with -O3.
_FAST, _SLOW = "-O1", "-O0"

# Sources are compiled together up to this size, since reading Verilator's headers takes longer
# than compiling a small file.
_UNIT_BYTES = 400_000

# Verilator makes C++ statements of the words of a memory. Building a network with 200,000 of them
# took 150 seconds; it takes 14 where the program reads long tables from files instead.
_TABLE = re.compile(r"  initial begin\n((?:    (\S+ ?)\[\d+\] = \d+'h[0-9a-f]+;\n){1024,})  end\n")
_TABLE_WORD = re.compile(r"\[(\d+)\] = \d+'h([0-9a-f]+);")


def build(
    verilog: str,
    *,
    i_width: int,
    o_width: int,
    trace: bool,
    cache: Path,
    tap_widths: Sequence[int] = (),
    load_width: int = 0,
) -> Path:
    """The program that simulates a shell with streams, as :func:`program` makes it.

    Parameters
    ----------
    verilog : str
        Modules ``shell`` and ``top``.
    i_width, o_width : int
        Bits of the payloads.
    trace : bool
        Whether the program can write waveforms.
    cache : Path
        Folder of the cache; it may be removed at any time.
    tap_widths : sequence of int
        Bits of the payload of each tap.
    load_width : int
        Bits of the payload of stream ``load``.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """
    taps = "".join(f"TAP({index},{width})" for index, width in enumerate(tap_widths))
    widths = (f"-DI_BITS={i_width}", f"-DO_BITS={o_width}", f"-DLOAD_BITS={load_width}",
              f"-DTAPS={taps}")
    harness = Path(__file__).with_name("harness.cpp")
    return program(verilog, harness, widths, trace=trace, cache=cache)


def program(
    verilog: str, harness: Path, defines: Sequence[str] = (), *, trace: bool = False, cache: Path
) -> Path:
    """The program of a module ``shell`` and a testbench in C++, from the cache or compiled into it.

    It must be run in the folder that it is in.

    Parameters
    ----------
    verilog : str
        Module ``shell`` and all that are in it.
    harness : str
        Name of the testbench, a file beside this one.
    defines : sequence of str
        Options of the compiler for the testbench.
    trace : bool
        Whether the program can write waveforms.
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
        (folder / "shell.v").write_text(_without_tables(verilog, folder))
        (folder / "harness.cpp").write_text(testbench)
        toolchain.run_tool(
            [
                str(root / "bin" / "verilator_bin"),
                *_VERILATOR_FLAGS,
                *(["--trace"] if trace else []),
                "shell.v",
            ],
            cwd=folder,
            log=log,
            env={"VERILATOR_ROOT": str(root)},
            product="Vshell.h",
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
            if path.name not in ("simulate", "shell.v") and path.suffix != ".hex":
                path.unlink()

    inputs = [verilog, defines, testbench, _VERILATOR_FLAGS, tools]
    return cached(cache, "simulation", inputs, "simulate", simulator, tool=cxx[0]) / "simulate"


def _without_tables(verilog: str, folder: Path) -> str:
    """The same Verilog, with long memories initialised from files in ``folder``."""
    names = (f"table{index}.hex" for index in itertools.count())

    def move(match: re.Match[str]) -> str:
        name = next(names)
        words = _TABLE_WORD.findall(match[1])
        (folder / name).write_text("".join(f"@{int(at):x} {word}\n" for at, word in words))
        return f'  initial $readmemh("{name}", {match[2]});\n'

    return _TABLE.sub(move, verilog)


def _units(folder: Path) -> list[tuple[str, str]]:
    """Source files to compile, each with its optimisation; small ones are put together."""
    units = []
    sources = sorted(folder.glob("*.cpp"))
    slow = [path for path in sources if path.stem.endswith("Slow")]
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
    """Compile source files to objects in ``folder``, as many at a time as there are processors."""

    def one(unit: tuple[str, str]) -> None:
        source, flag = unit
        target = f"{Path(source).stem}.o"
        toolchain.run_tool(
            [*command, flag, "-c", source, "-o", target], cwd=folder, log=log, product=target
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, units))
