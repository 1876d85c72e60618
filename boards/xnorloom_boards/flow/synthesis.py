"""From a design to a netlist: the network and what is around it, each synthesised by itself.

The network takes most of the time and does not depend on the clock, so its netlist is kept and
joined with the rest, which does.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.artifacts import cached
from xnorloom.support.cache import writable

from ..board import Board
from ..design.top import NETWORK, Top
from .tools import Jobs, Tool, reason

__all__ = ["Design", "Netlist", "Part", "elaborate", "synthesise"]

# ABC9 of Yosys 0.70 takes a wire `x[1]` for bit 1 of a port x, and loses logic. Amaranth names the
# elements of arrays so, for people at waveforms; private names do no harm.
_HIDE = r"rename -hide w:*\[*\]*"
# Of registers whose first value nobody sees, such as that of a block RAM's output.
_UNSET = "setattr -unset init a:undefined"
# The eight cells of an iCE40's tile share one enable, so an enable of few flip-flops wastes a tile.
# Without them TFC on an iCE40UP5K reached 46.9 MHz instead of 43.1, and a network that found no
# place at 77 % of an iCE40HX1K was placed at once. On ECP5 wide multiplexers of slices double the
# cells of adders.
_SYNTHESIS = {"ice40": "synth_ice40 -dffe_min_ce_use 9", "ecp5": "synth_ecp5 -nowidelut"}
_NUMBERED = re.compile(r"\\port\$\d+\$\d+")
_PARTS = re.compile(r"(?:operands|layer|slice)\d+|argmax")
_CELL = re.compile(r"^  cell \\(\w+) \\?(\S+)$", re.MULTILINE)
_TOP_PARTS = {"top.design.core.link": "link", "top.design.core.uart": "serial port"}

# What cells of the vendors' libraries are to a person.
_KINDS = (
    ("luts", re.compile(r"SB_LUT4|LUT4|L6MUX21|PFUMX")),
    ("carries", re.compile(r"SB_CARRY|CCU2C")),
    ("flip_flops", re.compile(r"SB_DFF.*|TRELLIS_FF")),
    ("brams", re.compile(r"SB_RAM40.*|DP16KD|PDPW16KD")),
    ("lut_rams", re.compile(r"TRELLIS_DPR16X4")),
    ("sprams", re.compile(r"SB_SPRAM256KA")),
    ("dsps", re.compile(r"SB_MAC16|MULT18X18D|ALU54B")),
)


@dataclass(frozen=True)
class Design:
    """A design as Amaranth gives it to the tools.

    Parameters
    ----------
    hz : int
        Frequency of its clock.
    baud : int
        Rate of its serial port.
    link : dict
        What it says of itself to a host.
    network, around : str
        RTLIL of the network, and of everything else.
    constraints : (str, str)
        Name and content of the file with pins and clocks.
    commands : list of list of str
        As the platform would call the tools.
    """

    hz: int
    baud: int
    link: dict[str, Any]
    network: str
    around: str
    constraints: tuple[str, str]
    commands: list[list[str]]


@dataclass(frozen=True)
class Part:
    """Cells of a part of the design, by kind (:data:`KINDS`), before packing."""

    name: str
    cells: dict[str, int]


@dataclass(frozen=True)
class Netlist:
    """A mapped design.

    Parameters
    ----------
    path : Path
        The netlist in Yosys' JSON, in the cache.
    parts : tuple of Part
        What it is made of.
    log : str
        What Yosys said.
    """

    path: Path
    parts: tuple[Part, ...]
    log: str

    @property
    def verilog(self) -> str:
        """The netlist as Verilog, a module ``top`` of the vendor's cells."""
        return self.path.with_suffix(".v").read_text("utf-8")


def elaborate(graph: Graph, schedule: Schedule, board: Board, hz: int, *,
              scores: bool = False) -> Design:
    """The design for ``board`` with a clock of at most ``hz``.

    Raises
    ------
    XnorloomError
        If amaranth-boards is not installed, or there is no such clock.
    """
    platform = board.platform()
    top = Top(graph, schedule, board, platform, hz, scores=scores)
    # Without places in the source, which differ between machines, and change with comments.
    plan = platform.prepare(top, name="top", emit_src=False)
    files = {name: content if isinstance(content, str) else content.decode()
             for name, content in plan.files.items()}
    # The first line tells Amaranth's version, which does not matter where the rest is equal.
    text = files["top.il"].partition("\n")[2]
    network, around = [], []
    for module in re.split(r"(?<=^end\n)", text, flags=re.MULTILINE):
        found = re.search(r"^module \\(\S+)$", module, re.MULTILINE)
        name = found[1] if found else ""
        within = name == NETWORK or name.startswith(f"{NETWORK}.")
        (network if within else around).append(module)
    inside, outside = _renumbered("".join(network), "".join(around))
    constraints = next(name for name in files if name.endswith((".pcf", ".lpf")))
    hello = top.core.hello
    link = {"baud": top.baud, "version": hello.version, "credits": hello.credits,
            "frame_bytes": hello.frame_bytes, "result_bytes": hello.result_bytes,
            "input_width": hello.input_width, "words": hello.words, "scores": hello.scores}
    return Design(top.hz, top.baud, link, inside, outside, (constraints, files[constraints]),
                  json.loads(files["build_top.json"])["commands"])


def _renumbered(network: str, around: str) -> tuple[str, str]:
    """The same with other names for ports of the network that have the number of a net.

    Such a number depends on all that is in the design.
    """
    names = {name: rf"\port${index}$network"
             for index, name in enumerate(dict.fromkeys(_NUMBERED.findall(network)))}

    def rename(match: re.Match[str]) -> str:
        return names.get(match[0], match[0])

    return _NUMBERED.sub(rename, network), _NUMBERED.sub(rename, around)


def synthesise(design: Design, family: str, yosys: Tool, jobs: Jobs,
               progress: Callable[[str], object]) -> Netlist:
    """The netlist of ``design``, from the cache where it is there.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    network = _network(design, family, yosys, jobs, progress)
    script = "\n".join([
        "read_rtlil stub.il", "read_rtlil around.il", "hierarchy -top top", _HIDE, _UNSET,
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in _TOP_PARTS),
        f"{_SYNTHESIS[family]} -top top", "tee -q -o parts.json stat -json",
        "setattr -mod -unset keep_hierarchy *", f"delete {NETWORK}", "read_rtlil network.il",
        "hierarchy -check -top top", "flatten", "opt_clean", "delete */t:$scopeinfo",
        "write_verilog -noattr top.v", "write_json top.json", ""])

    def make(folder: Path) -> None:
        progress("synthesising clock and serial port")
        (folder / "around.il").write_text(design.around, "utf-8")
        for name in ("stub.il", "network.il"):
            (folder / name).write_bytes((network / name).read_bytes())
        _yosys(yosys, script, folder, jobs)
        _keep(folder, "top.json", "top.v", "parts.json", "log")

    inputs = [network.name, design.around, script, yosys.version]
    folder = cached(writable("xnorloom/builds"), "netlist", inputs, "top.json", make, tool="Yosys")
    parts = [*_around_parts(folder / "parts.json"),
             *_network_parts((network / "network.il").read_text())]
    log = "".join((place / "log").read_text("utf-8", "replace") for place in (network, folder))
    return Netlist(folder / "top.json", tuple(parts), log)


def _network(design: Design, family: str, yosys: Tool, jobs: Jobs,
             progress: Callable[[str], object]) -> Path:
    """Folder with the mapped network in one module, and the same with nothing in it."""
    script = "\n".join([
        "read_rtlil design.il", f"hierarchy -top {NETWORK}", "design -save all",
        f"delete {NETWORK}.*", f"blackbox {NETWORK}", "write_rtlil stub.il", "design -load all",
        # Cells are called after wires; so their names tell the part of the network.
        _HIDE, f"rename -hide {NETWORK}/w:*", _UNSET,
        f"{_SYNTHESIS[family]} -top {NETWORK}", "delete */t:$scopeinfo",
        f"select {NETWORK}", "write_rtlil -selected network.il", ""])

    def make(folder: Path) -> None:
        progress("synthesising the network")
        (folder / "design.il").write_text(design.network, "utf-8")
        _yosys(yosys, script, folder, jobs)
        _keep(folder, "network.il", "stub.il", "log")

    return cached(writable("xnorloom/builds"), "network", [design.network, script, yosys.version],
                  "network.il", make, tool="Yosys")


def _yosys(yosys: Tool, script: str, folder: Path, jobs: Jobs) -> None:
    (folder / "script.ys").write_text(script)
    done = jobs.run(yosys, ["-q", "-l", "log", "script.ys"], cwd=folder)
    if done.status:
        raise ToolError(f"Yosys failed: {reason(done)}")


def _keep(folder: Path, *names: str) -> None:
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def _around_parts(path: Path) -> list[Part]:
    """Cells of the modules in the file that Yosys wrote, the others as ``clock and pins``."""
    modules = json.loads(path.read_text())["modules"]
    return _parts((_TOP_PARTS.get(module.removeprefix("\\"), "clock and pins"), kind, number)
                  for module, found in modules.items()
                  for kind, number in found.get("num_cells_by_type", {}).items())


def _network_parts(text: str) -> list[Part]:
    """Cells of the flattened network in RTLIL, by the parts that they are called after."""
    def part(cell: str) -> str:
        found = _PARTS.fullmatch(cell.partition(".")[0])
        return found[0] if found else "network"

    return _parts((part(cell), kind, 1) for kind, cell in _CELL.findall(text))


def _parts(found: Iterable[tuple[str, str, int]]) -> list[Part]:
    """The parts of names, types and numbers of cells."""
    parts: dict[str, dict[str, int]] = {}
    for part, kind, number in found:
        cells = parts.setdefault(part, {})
        for title, pattern in _KINDS:
            if pattern.fullmatch(kind):
                cells[title] = cells.get(title, 0) + number
    return [Part(name, cells) for name, cells in parts.items() if cells]
