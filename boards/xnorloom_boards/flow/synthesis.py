"""Synthesis with Yosys, separately for the network and for the design around it.

The network takes most of the time and does not depend on the clock, so its netlist is cached and
joined with the rest, which does.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support import yosys
from xnorloom.support.artifacts import cached
from xnorloom.support.cache import writable
from xnorloom.support.process import Jobs, Tool
from xnorloom.target.family import Family

from ..board import Board
from ..design.top import NETWORK, Top
from .carry_chains import open_ends
from .cell_counts import KEPT_MODULES, Part, around_parts, network_parts

__all__ = ["Design", "Netlist", "elaborate", "synthesise"]

# Part of the keys of cached netlists: the form of carry chains.
_ENDS = "open ends"
_NUMBERED = re.compile(r"\\port\$\d+\$\d+")


@dataclass(frozen=True)
class Design:
    """Design as Amaranth hands it to the tools.

    Parameters
    ----------
    hz : int
        Frequency of the clock.
    baud : int
        Rate of the link.
    link : dict
        Description of the design that it sends to a host.
    network, around : str
        RTLIL of the network, and of everything else.
    constraints : (str, str)
        Name and content of the file with pins and clocks.
    commands : list of list of str
        Commands with which the platform would run the tools.
    """

    hz: int
    baud: int
    link: dict[str, Any]
    network: str
    around: str
    constraints: tuple[str, str]
    commands: list[list[str]]


@dataclass(frozen=True)
class Netlist:
    """Design after synthesis.

    Parameters
    ----------
    path : Path
        Netlist in the JSON of Yosys, in the cache.
    parts : tuple of Part
        Cell counts by part.
    log : str
        Output of Yosys.
    """

    path: Path
    parts: tuple[Part, ...]
    log: str

    @property
    def verilog(self) -> str:
        """Netlist as Verilog: a module ``top`` of the vendor's cells."""
        return self.path.with_suffix(".v").read_text("utf-8")


def elaborate(graph: Graph, schedule: Schedule, board: Board, hz: int, *,
              scores: bool = False) -> Design:
    """Elaborate the design for ``board`` with a clock of at most ``hz``.

    Raises
    ------
    XnorloomError
        If amaranth-boards is not installed, or the board cannot make such a clock.
    """
    platform = board.platform()
    top = Top(graph, schedule, board, platform, hz, scores=scores)
    # Source locations differ between machines and change with comments.
    plan = platform.prepare(top, name="top", emit_src=False)
    files = {name: content if isinstance(content, str) else content.decode()
             for name, content in plan.files.items()}
    # The first line names Amaranth's version, which must not change the key of equal designs.
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
    link = {"kind": board.link.value, "baud": top.baud, "version": hello.version,
            "credits": hello.credits, "frame_bytes": hello.frame_bytes,
            "result_bytes": hello.result_bytes, "input_width": hello.input_width,
            "words": hello.words, "scores": hello.scores}
    return Design(top.hz, top.baud, link, inside, outside, (constraints, files[constraints]),
                  json.loads(files["build_top.json"])["commands"])


def _renumbered(network: str, around: str) -> tuple[str, str]:
    """Rename those ports of the network that Amaranth numbers by net.

    The numbers depend on the whole design, the new names only on their order.
    """
    names = {name: rf"\port${index}$network"
             for index, name in enumerate(dict.fromkeys(_NUMBERED.findall(network)))}

    def rename(match: re.Match[str]) -> str:
        return names.get(match[0], match[0])

    return _NUMBERED.sub(rename, network), _NUMBERED.sub(rename, around)


def synthesise(design: Design, family: Family, tool: Tool, jobs: Jobs,
               progress: Callable[[str], object]) -> Netlist:
    """Synthesise ``design``, unless the result is in the cache.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    network = _network(design, family, tool, jobs, progress)
    script = "\n".join([
        "read_rtlil stub.il", "read_rtlil around.il", "hierarchy -top top",
        yosys.HIDE_ELEMENTS, yosys.UNSET_INIT,
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in KEPT_MODULES
          if f"module \\{name}\n" in design.around),
        yosys.synth(family, "top", design.around, wide_enables=True),
        "tee -q -o parts.json stat -json",
        "setattr -mod -unset keep_hierarchy *", f"delete {NETWORK}", "read_rtlil network.il",
        "hierarchy -check -top top", "flatten", "opt_clean", yosys.DROP_SCOPES,
        "write_verilog -noattr top.v", "write_json top.json", ""])

    def make(folder: Path) -> None:
        progress("synthesising clock and serial port")
        (folder / "around.il").write_text(design.around, "utf-8")
        for name in ("stub.il", "network.il"):
            (folder / name).write_bytes((network / name).read_bytes())
        yosys.run(tool, script, folder, jobs)
        if family is Family.ECP5:
            netlist = json.loads((folder / "top.json").read_text("utf-8"))
            open_ends(netlist)
            (folder / "top.json").write_text(json.dumps(netlist), "utf-8")
        _keep(folder, "top.json", "top.v", "parts.json", "log")

    inputs = [network.name, design.around, script, tool.version, _ENDS]
    folder = cached(writable("xnorloom/builds"), "netlist", inputs, "top.json", make, tool="Yosys")
    parts = [*around_parts(folder / "parts.json"),
             *network_parts((network / "network.il").read_text())]
    log = "".join((place / "log").read_text("utf-8", "replace") for place in (network, folder))
    return Netlist(folder / "top.json", tuple(parts), log)


def _network(design: Design, family: Family, tool: Tool, jobs: Jobs,
             progress: Callable[[str], object]) -> Path:
    """Folder with the synthesised network as one module, and with an empty module of its ports."""
    script = "\n".join([
        "read_rtlil design.il", f"hierarchy -top {NETWORK}", "design -save all",
        f"delete {NETWORK}.*", f"blackbox {NETWORK}", "write_rtlil stub.il", "design -load all",
        # Cells are named after private wires, so their names tell the part of the network.
        yosys.HIDE_ELEMENTS, f"rename -hide {NETWORK}/w:*", yosys.UNSET_INIT,
        yosys.synth(family, NETWORK, design.network, wide_enables=True), yosys.DROP_SCOPES,
        f"select {NETWORK}", "write_rtlil -selected network.il", ""])

    def make(folder: Path) -> None:
        progress("synthesising the network")
        (folder / "design.il").write_text(design.network, "utf-8")
        yosys.run(tool, script, folder, jobs)
        _keep(folder, "network.il", "stub.il", "log")

    return cached(writable("xnorloom/builds"), "network", [design.network, script, tool.version],
                  "network.il", make, tool="Yosys")


def _keep(folder: Path, *names: str) -> None:
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
