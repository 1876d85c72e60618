"""From a netlist to a bitstream: place and route, what came of it, and packing."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.support.artifacts import cached
from xnorloom.support.cache import writable

from .synthesis import Design, Netlist
from .tools import Jobs, Tool, reason

__all__ = ["CrampedError", "Hop", "NoFitError", "Route", "pack", "route"]

# Of what nextpnr counts, the things that a person knows, with the names they have here.
_RESOURCES = {
    "ice40": {"ICESTORM_LC": "logic_cells", "ICESTORM_RAM": "brams", "ICESTORM_SPRAM": "sprams",
              "ICESTORM_DSP": "dsps", "ICESTORM_PLL": "plls", "SB_IO": "pins", "SB_GB": "globals"},
    "ecp5": {"TRELLIS_COMB": "logic_cells", "TRELLIS_FF": "flip_flops", "DP16KD": "brams",
             "MULT18X18D": "dsps", "EHXPLLL": "plls", "TRELLIS_IO": "pins", "DCCA": "globals"},
}
# The file that describes a routed design, for the programs that pack it.
_TEXTS = {"ice40": "top.asc", "ecp5": "top.config"}
_USED = re.compile(r"Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")
_STAGES = ((re.compile(r"Running main analytical placer"), "placing"),
           (re.compile(r"Running simulated annealing|Running timing-driven refinement"),
            "refining the placement"),
           (re.compile(r"Routing\.\.\.|Router1|Running router"), "routing"))
# How nextpnr ends when the chip is too full for its placer or its router.
_CRAMPED = re.compile(r"ERROR: .*(find legal placement|(Placing|Routing) design failed|"
                      r"[Ff]ailed to route|no B[Ee][Ll]s remaining)")


class NoFitError(ToolError):
    """A design that is larger than the chip; ``resources`` as of :class:`Route`."""

    def __init__(self, message: str, resources: dict[str, tuple[int, int]]):
        super().__init__(message)
        self.resources = resources


class CrampedError(NoFitError):
    """A design that the chip could hold, but nextpnr finds no place or no way for all of it."""


@dataclass(frozen=True)
class Hop:
    """A step of a path: ``kind`` is ``logic``, ``routing``, ``clk-to-q`` or ``setup``.

    It takes ``ns`` and ends at pin ``port`` of cell ``cell``.
    """

    kind: str
    ns: float
    cell: str
    port: str


@dataclass(frozen=True)
class Route:
    """A placed and routed design.

    Parameters
    ----------
    folder : Path
        In the cache, with the configuration as text and the log.
    seed : int
        Where the placer began.
    fmax_hz : float
        The fastest clock, in the slowest corner that the tools know.
    resources : dict of str to (used, available)
        By kind.
    critical : tuple of Hop
        The path that limits the clock.
    """

    folder: Path
    seed: int
    fmax_hz: float
    resources: dict[str, tuple[int, int]]
    critical: tuple[Hop, ...]

    @property
    def log(self) -> str:
        """What nextpnr said."""
        return (self.folder / "log").read_text("utf-8")


def route(design: Design, netlist: Netlist, family: str, seed: int, nextpnr: Tool, jobs: Jobs,
          progress: Callable[[str], object]) -> Route:
    """Place and route ``netlist``, or find it in the cache.

    Whether the clock is met is not asked here.

    Raises
    ------
    NoFitError
        If the chip is too small, or (:class:`CrampedError`) too full.
    ToolError
        If nextpnr fails.
    """
    text = _TEXTS[family]
    [command] = [command for command in design.commands if command[0] == nextpnr.name]
    arguments = [entry for entry in command[1:] if entry != "--quiet"]
    # Its log has the output of --log, and the output can be watched.
    place = arguments.index("--log")
    del arguments[place:place + 2]
    arguments += ["--seed", str(seed), "--report", "report.json", "--timing-allow-fail"]

    def make(folder: Path) -> None:
        progress(f"placing and routing, seed {seed}")
        # Not as a link, which WebAssembly does not follow out of its folder.
        shutil.copyfile(netlist.path, folder / "top.json")
        name, content = design.constraints
        (folder / name).write_text(content, "utf-8")
        watch = _Watch(family, seed, progress)
        done = jobs.run(nextpnr, arguments, cwd=folder, log=folder / "log", watch=watch)
        if done.status and _CRAMPED.search(done.output):
            raise CrampedError(reason(done).removeprefix("ERROR: "), watch.resources)
        if done.status:
            raise ToolError(f"{nextpnr.name} failed: {reason(done)}")
        (folder / "top.json").unlink()
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
    return Route(folder, seed, fmax, resources, _critical(report, name))


class _Watch:
    """Says how far nextpnr is, and ends it as soon as the chip turns out too small."""

    def __init__(self, family: str, seed: int, progress: Callable[[str], object]):
        self._names, self._seed, self._progress = _RESOURCES[family], seed, progress
        self._stage = ""
        self.resources: dict[str, tuple[int, int]] = {}

    def __call__(self, line: str) -> None:
        found = _USED.match(line)
        if found:
            if found[1] in self._names:
                self.resources[self._names[found[1]]] = int(found[2]), int(found[3])
        elif any(used > there for used, there in self.resources.values()):
            raise NoFitError("the design is larger than the chip", self.resources)
        for pattern, stage in _STAGES:
            if stage != self._stage and pattern.search(line):
                self._stage = stage
                self._progress(f"{stage}, seed {self._seed}")


def _clock(report: dict[str, Any]) -> tuple[str, float]:
    """The clock of the design and its Fmax; the oscillator in front of a PLL drives no logic."""
    clocks = report["fmax"]
    if not clocks:
        raise ToolError("nextpnr found no clock")
    name = min(clocks, key=lambda name: clocks[name]["achieved"])
    return name, clocks[name]["achieved"] * 1e6


def _critical(report: dict[str, Any], clock: str) -> tuple[Hop, ...]:
    for path in report["critical_paths"]:
        if path["from"] == path["to"] == f"posedge {clock}":
            return tuple(Hop(hop["type"], float(hop["delay"]), hop["to"]["cell"],
                             hop["to"]["port"]) for hop in path["path"])
    return ()


def pack(routed: Route, family: str, packer: Tool, jobs: Jobs) -> bytes:
    """The bitstream of ``routed``.

    Raises
    ------
    ToolError
        If the program fails.
    """
    source = _TEXTS[family]
    arguments = {"ice40": [source, "top.bin"],
                 "ecp5": ["--compress", "--input", source, "--bit", "top.bin"]}[family]

    def make(folder: Path) -> None:
        (folder / source).write_bytes((routed.folder / source).read_bytes())
        done = jobs.run(packer, arguments, cwd=folder)
        if done.status:
            raise ToolError(f"{packer.name} failed: {reason(done)}")
        (folder / source).unlink()

    inputs = [routed.folder.name, arguments, packer.version]
    folder = cached(writable("xnorloom/builds"), "bitstream", inputs, "top.bin", make,
                    tool=packer.name)
    return (folder / "top.bin").read_bytes()
