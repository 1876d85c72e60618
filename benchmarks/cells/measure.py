"""Cells and Fmax of a structure, from synthesis and place and route."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from structures import Structure

from xnorloom.errors import ToolError
from xnorloom.support import yosys
from xnorloom.support.process import Jobs
from xnorloom.target.family import Family
from xnorloom_boards.flow import tools
from xnorloom_boards.flow.carry_chains import open_ends

__all__ = ["measure"]

_CHIPS = {Family.ICE40: ("iCE40HX8K", ("--hx8k", "--package", "ct256")),
          Family.ECP5: ("LFE5U-25F", ("--25k", "--package", "CABGA256", "--speed", "6",
                                      "--lpf-allow-unconstrained"))}
_CELLS = {Family.ICE40: "ICESTORM_LC", Family.ECP5: "TRELLIS_COMB"}


class _Platform:
    """Platform of a chip without a board."""

    def __init__(self, device: str):
        self.device = device


def measure(structure: Structure, seeds: Sequence[int], folder: Path, jobs: Jobs) -> dict[str, Any]:
    """Place and route a structure in ``folder`` with each seed.

    Returns
    -------
    dict
        ``cells`` without those of input registers, ``fmax_hz`` (median of the seeds), and the names
        that identify the structure.

    Raises
    ------
    ToolError
        If a program is missing or fails.
    """
    family = structure.family
    device, options = _CHIPS[family]
    text = rtlil.convert(structure.design(), name="top", emit_src=False,
                         platform=_Platform(device))
    (folder / "top.il").write_text(text)
    script = "\n".join(["read_rtlil top.il", "hierarchy -top top", yosys.HIDE_ELEMENTS,
                        yosys.UNSET_INIT, yosys.synth(family, "top", text, wide_enables=True),
                        yosys.DROP_SCOPES, "write_json top.json", ""])
    yosys.run(tools.find("yosys"), script, folder, jobs)
    netlist = json.loads((folder / "top.json").read_text())
    open_ends(netlist)
    (folder / "top.json").write_text(json.dumps(netlist))
    cells, speeds = [], []
    for seed in seeds:
        report = _route(family, options, seed, folder, jobs)
        cells.append(report["utilization"][_CELLS[family]]["used"])
        [clock] = report["fmax"].values()
        speeds.append(clock["achieved"] * 1e6)
    used = statistics.median_low(cells)
    return {"kind": structure.kind, "size": structure.size, "form": structure.form,
            "family": str(family), "seeds": list(seeds),
            "cells": used - (structure.inputs if family is Family.ICE40 else 0),
            "fmax_hz": round(statistics.median_low(speeds))}


def _route(family: Family, options: Sequence[str], seed: int, folder: Path,
           jobs: Jobs) -> dict[str, Any]:
    nextpnr = tools.find(family.place_and_route)
    done = jobs.run(nextpnr, [*options, "--json", "top.json", "--seed", str(seed), "--report",
                              "report.json", "--timing-allow-fail"],
                    cwd=folder, log=folder / f"log{seed}")
    if done.status:
        raise ToolError(f"{nextpnr.name} failed: {done.reason}")
    return json.loads((folder / "report.json").read_text())
