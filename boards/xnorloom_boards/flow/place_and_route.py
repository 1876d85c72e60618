"""Place and route with nextpnr: results, the critical path, and the bitstream."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.support.artifacts import cached
from xnorloom.support.cache import writable
from xnorloom.support.process import Jobs, Tool
from xnorloom.target.family import Family

from .placement import Tile, read_placement, write_placement
from .stages import Stages
from .synthesis import Design, Netlist

__all__ = ["CongestionError", "Hop", "ResourceOverflowError", "Route", "pack", "route"]

# Names in reports of the resources that nextpnr counts.
_RESOURCES = {
    Family.ICE40: {
        "ICESTORM_LC": "logic_cells", "ICESTORM_RAM": "brams", "ICESTORM_SPRAM": "sprams",
        "ICESTORM_DSP": "dsps", "ICESTORM_PLL": "plls", "SB_IO": "pins", "SB_GB": "globals"},
    Family.ECP5: {
        "TRELLIS_COMB": "logic_cells", "TRELLIS_FF": "flip_flops", "DP16KD": "brams",
        "MULT18X18D": "dsps", "EHXPLLL": "plls", "TRELLIS_IO": "pins", "DCCA": "globals"},
}
# Design that nextpnr writes, and the counts of its cells by tile.
_ROUTED, _PLACEMENT = "routed.json", "placement.json"
# Part of the name of the clock net of SPI.
_LINE = "core.sck"
_USED = re.compile(r"Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")
# Last messages of nextpnr on a chip that is too full for its placer or its router.
_CONGESTED = re.compile(r"ERROR: .*(find legal placement|(Placing|Routing) design failed|"
                      r"[Ff]ailed to route|no B[Ee][Ll]s remaining)")


class ResourceOverflowError(ToolError):
    """Design that needs more of a resource than the chip has.

    Attributes
    ----------
    resources : dict of str to (used, available)
        See :class:`Route`.
    """

    def __init__(self, message: str, resources: dict[str, tuple[int, int]]):
        super().__init__(message)
        self.resources = resources


class CongestionError(ResourceOverflowError):
    """Design that the chip could hold, but that nextpnr cannot place or route."""


@dataclass(frozen=True)
class Hop:
    """Step of a timing path.

    Parameters
    ----------
    kind : str
        ``logic``, ``routing``, ``clk-to-q`` or ``setup``.
    ns : float
        Delay in nanoseconds.
    cell, port : str
        Cell and pin at the end of the step.
    """

    kind: str
    ns: float
    cell: str
    port: str


@dataclass(frozen=True)
class Route:
    """Placed and routed design.

    Parameters
    ----------
    folder : Path
        Cache entry with the configuration as text and the log.
    seed : int
        Seed of the placer.
    fmax_hz : float
        Fastest clock, in the slowest corner that the tools know.
    resources : dict of str to (used, available)
        Resources by name.
    critical : tuple of Hop
        Path that limits the clock.
    line_fmax_hz : float or None
        Fastest clock of SPI, in the same corner; ``None`` without SPI.
    """

    folder: Path
    seed: int
    fmax_hz: float
    resources: dict[str, tuple[int, int]]
    critical: tuple[Hop, ...]
    line_fmax_hz: float | None = None

    @property
    def log(self) -> str:
        """Output of nextpnr."""
        return (self.folder / "log").read_text("utf-8")

    @property
    def placement(self) -> tuple[Tile, ...]:
        """Cells by tile of the chip and part of the design."""
        return read_placement(self.folder / _PLACEMENT)


def route(design: Design, netlist: Netlist, family: Family, seed: int, nextpnr: Tool, jobs: Jobs,
          progress: Callable[[str], object], options: Sequence[str] = ()) -> Route:
    """Place and route ``netlist``, unless the result is in the cache.

    A missed clock is no error here. ``options`` are further ones of nextpnr.

    Raises
    ------
    ResourceOverflowError
        If the chip is too small, or too full (:class:`CongestionError`).
    ToolError
        If nextpnr fails.
    """
    text = f"top.{family.configuration_suffix}"
    [command] = [command for command in design.commands if command[0] == nextpnr.name]
    arguments = [entry for entry in command[1:] if entry != "--quiet"]
    # The output is watched line by line and has all that --log would write.
    place = arguments.index("--log")
    del arguments[place:place + 2]
    arguments += ["--seed", str(seed), "--report", "report.json", "--write", _ROUTED,
                  "--timing-allow-fail", *options]

    def make(folder: Path) -> None:
        progress(f"placing and routing, seed {seed}")
        # No link: WebAssembly does not follow links out of its folder.
        shutil.copyfile(netlist.path, folder / "top.json")
        name, content = design.constraints
        (folder / name).write_text(content, "utf-8")
        watch = _Watch(family, seed, progress)
        done = jobs.run(nextpnr, arguments, cwd=folder, log=folder / "log", watch=watch)
        if done.status and _CONGESTED.search(done.output):
            raise CongestionError(done.reason.removeprefix("ERROR: "), watch.resources)
        if done.status:
            raise ToolError(f"{nextpnr.name} failed: {done.reason}")
        (folder / "top.json").unlink()
        if (folder / _ROUTED).is_file():
            # It is a hundred times as large as the counts.
            write_placement(folder / _ROUTED, folder / _PLACEMENT)
            (folder / _ROUTED).unlink()
        if not (folder / text).is_file():
            raise ToolError(f"{nextpnr.name} wrote no {text}")

    inputs = [netlist.path.parent.name, design.constraints, arguments, nextpnr.version]
    folder = cached(writable("xnorloom/builds"), "route", inputs, "report.json", make,
                    tool=nextpnr.name)
    report = json.loads((folder / "report.json").read_text())
    counts = report["utilization"]
    resources = {title: (counts[kind]["used"], counts[kind]["available"])
                 for kind, title in _RESOURCES[family].items() if kind in counts}
    name, fmax = _clock(report)
    return Route(folder, seed, fmax, resources, _critical(report, name), _line_fmax(report))


class _Watch:
    """Reports the progress of nextpnr, and ends it when the chip turns out to be too small."""

    def __init__(self, family: Family, seed: int, progress: Callable[[str], object]):
        self._names, self._seed, self._progress = _RESOURCES[family], seed, progress
        self._stages = Stages()
        self.resources: dict[str, tuple[int, int]] = {}

    def __call__(self, line: str) -> None:
        found = _USED.match(line)
        if found:
            if found[1] in self._names:
                self.resources[self._names[found[1]]] = int(found[2]), int(found[3])
        elif any(used > available for used, available in self.resources.values()):
            raise ResourceOverflowError("the design is larger than the chip", self.resources)
        stage = self._stages(line)
        if stage:
            self._progress(f"{stage}, seed {self._seed}")


def _clock(report: dict[str, Any]) -> tuple[str, float]:
    """Clock of the design and its Fmax: the slowest one, since the input of a PLL drives no logic.

    That of SPI is another one.
    """
    clocks = {name: entry for name, entry in report["fmax"].items() if _LINE not in name}
    if not clocks:
        raise ToolError("nextpnr found no clock")
    name = min(clocks, key=lambda name: clocks[name]["achieved"])
    return name, clocks[name]["achieved"] * 1e6


def _line_fmax(report: dict[str, Any]) -> float | None:
    """Fmax of the clock of SPI."""
    found = [entry["achieved"] for name, entry in report["fmax"].items() if _LINE in name]
    return min(found) * 1e6 if found else None


def _critical(report: dict[str, Any], clock: str) -> tuple[Hop, ...]:
    for path in report["critical_paths"]:
        if path["from"] == path["to"] == f"posedge {clock}":
            return tuple(Hop(hop["type"], float(hop["delay"]), hop["to"]["cell"],
                             hop["to"]["port"]) for hop in path["path"])
    return ()


def pack(routed: Route, family: Family, packer: Tool, jobs: Jobs) -> bytes:
    """Pack the bitstream of ``routed``.

    Raises
    ------
    ToolError
        If the program fails.
    """
    source = f"top.{family.configuration_suffix}"
    arguments = {Family.ICE40: [source, "top.bin"],
                 Family.ECP5: ["--compress", "--input", source, "--bit", "top.bin"]}[family]

    def make(folder: Path) -> None:
        (folder / source).write_bytes((routed.folder / source).read_bytes())
        done = jobs.run(packer, arguments, cwd=folder)
        if done.status:
            raise ToolError(f"{packer.name} failed: {done.reason}")
        (folder / source).unlink()

    inputs = [routed.folder.name, arguments, packer.version]
    folder = cached(writable("xnorloom/builds"), "bitstream", inputs, "top.bin", make,
                    tool=packer.name)
    return (folder / "top.bin").read_bytes()
