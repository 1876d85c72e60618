"""Cells and Fmax of a structure, from synthesis and place and route."""

import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable
from peer import MINUTES
from structures import Structure

from xnorloom.errors import ToolError
from xnorloom.support import yosys
from xnorloom.support.process import Jobs
from xnorloom.target.family import Family
from xnorloom_boards.flow import tools
from xnorloom_boards.flow.carry_chains import open_ends

__all__ = ["measure", "packed", "synthesise"]

_CHIPS = {Family.ICE40: ("iCE40HX8K", ("--hx8k", "--package", "ct256")),
          Family.ECP5: ("LFE5U-25F", ("--25k", "--package", "CABGA256", "--speed", "6",
                                      "--lpf-allow-unconstrained"))}
# The same family with room for everything that is packed only.
_LARGE = ("--85k", "--package", "CABGA756", "--speed", "6", "--lpf-allow-unconstrained")
_CELLS = {Family.ICE40: "ICESTORM_LC", Family.ECP5: "TRELLIS_COMB"}


class _Platform:
    """Platform of a chip without a board."""

    def __init__(self, device: str):
        self.device = device


def measure(structure: Structure, seeds: Sequence[int], folder: Path, jobs: Jobs) -> dict[str, Any]:
    """Place and route a structure in ``folder`` with each seed, or only pack it.

    Returns
    -------
    dict
        ``cells`` without those of input registers; ``fmax_hz`` (median of the seeds) if it was
        routed; and the names that identify the structure. Instead of cells, ``minutes`` that were
        not enough for a program that makes it.

    Raises
    ------
    ToolError
        If a program is missing or fails.
    """
    family = structure.family
    options = _CHIPS[family][1]
    entry = {"kind": structure.kind, "size": structure.size, "form": structure.form,
             "family": str(family)}
    if structure.matrix:
        entry["matrix"] = structure.matrix
    files = structure.prepare(folder)
    if files is None:
        return {**entry, "minutes": MINUTES}
    synthesise(structure.design(files), family, folder, jobs, files)
    if not structure.routed:
        return {**entry, "seeds": [], "cells": packed(family, folder, jobs)}
    cells, speeds = [], []
    for seed in seeds:
        report = _route(family, options, seed, folder, jobs)
        cells.append(report["utilization"][_CELLS[family]]["used"])
        [clock] = report["fmax"].values()
        speeds.append(clock["achieved"] * 1e6)
    used = statistics.median_low(cells)
    return {**entry, "seeds": list(seeds),
            "cells": used - (structure.inputs if family is Family.ICE40 else 0),
            "fmax_hz": round(statistics.median_low(speeds))}


def synthesise(component: Elaboratable, family: Family, folder: Path, jobs: Jobs,
               files: Sequence[Path] = ()) -> None:
    """Write the netlist ``top.json`` of a component into ``folder``, with the options of builds.

    ``files`` in ``folder`` are Verilog that it needs.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    text = rtlil.convert(component, name="top", emit_src=False,
                         platform=_Platform(_CHIPS[family][0]))
    (folder / "top.il").write_text(text)
    script = "\n".join(["read_rtlil top.il", *(f"read_verilog {path.name}" for path in files),
                        "hierarchy -top top", yosys.HIDE_ELEMENTS, yosys.UNSET_INIT,
                        yosys.synth(family, "top", text, wide_enables=True), yosys.DROP_SCOPES,
                        "write_json top.json", ""])
    yosys.run(tools.find("yosys"), script, folder, jobs)
    netlist = json.loads((folder / "top.json").read_text())
    open_ends(netlist)
    (folder / "top.json").write_text(json.dumps(netlist))


def packed(family: Family, folder: Path, jobs: Jobs) -> int:
    """Return the cells of the netlist in ``folder`` after packing, on a large chip.

    Raises
    ------
    ToolError
        If nextpnr is missing or fails.
    """
    options = _LARGE if family is Family.ECP5 else _CHIPS[family][1]
    _nextpnr(family, [*options, "--pack-only"], "pack", folder, jobs)
    # Without placement there is no report.
    used = re.search(rf"{_CELLS[family]}:\s+(\d+)/", (folder / "pack").read_text())
    assert used is not None
    return int(used[1])


def _route(family: Family, options: Sequence[str], seed: int, folder: Path,
           jobs: Jobs) -> dict[str, Any]:
    _nextpnr(family, [*options, "--seed", str(seed), "--report", "report.json",
                      "--timing-allow-fail"], f"log{seed}", folder, jobs)
    return json.loads((folder / "report.json").read_text())


def _nextpnr(family: Family, options: Sequence[str], log: str, folder: Path, jobs: Jobs) -> None:
    nextpnr = tools.find(family.place_and_route)
    done = jobs.run(nextpnr, [*options, "--json", "top.json"], cwd=folder, log=folder / log)
    if done.status:
        raise ToolError(f"{nextpnr.name} failed: {done.reason}")
