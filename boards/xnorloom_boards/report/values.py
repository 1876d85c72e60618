# amaranth: UnusedElaboratable=no
"""Results of a build: the contents of ``build.json``, and a summary for the terminal."""

import hashlib
import importlib.metadata
from dataclasses import asdict
from typing import Any

from xnorloom import __version__
from xnorloom.folding.ram_bound import ram_bound
from xnorloom.folding.summary import schedule_values, timeline_values
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.graph.bundled import of_graph
from xnorloom.graph.constants import constant_warnings
from xnorloom.graph.verified import find_record, schedule_digest
from xnorloom.schedule import Schedule
from xnorloom.support.process import Tool
from xnorloom.support.text import count, duration, table

from ..board import Board
from ..flow.budget import ResourceBudget
from ..flow.cell_counts import Part
from ..flow.clock_search import Attempt
from ..link.kind import LinkKind
from ..link.protocol import line_bytes
from .advice import advice
from .critical_path import steps
from .estimated import estimated_values
from .limit import limit

__all__ = ["TITLES", "build_values", "build_text", "link_kind"]

# Names of cells and resources in reports, in the order of their columns.
TITLES = {"luts": "LUTs", "carries": "carries", "flip_flops": "flip-flops",
          "lut_rams": "LUT RAMs", "brams": "block RAMs", "sprams": "SPRAMs", "dsps": "multipliers",
          "logic_cells": "logic cells", "plls": "PLLs", "pins": "pins", "globals": "global nets"}

_FORMAT = "xnorloom-build"
_VERSION = 1
_KINDS = ("luts", "carries", "flip_flops", "lut_rams", "brams", "sprams", "dsps")


def build_values(graph: Graph, schedule: Schedule, board: Board, best: Attempt,
                 attempts: list[Attempt], tools: dict[str, Tool], bitstream: bytes,
                 budget: ResourceBudget) -> dict[str, Any]:
    """Contents of ``build.json``."""
    network, design, route = Network(schedule.bind(graph)), best.design, best.route
    frames = network.plan.frames_per_second(design.hz)
    bound = ram_bound(network.plan, board.device)
    path = steps([{"kind": hop.kind, "ns": hop.ns, "cell": hop.cell, "port": hop.port}
                  for hop in route.critical])
    values: dict[str, Any] = {
        "format": _FORMAT, "version": _VERSION,
        "model": {"name": graph.name, "digest": graph.digest, "classes": graph.classes,
                  "input": {"shape": list(graph.input.shape), "bits": graph.input.bits},
                  "synapses": graph.synapses, "warnings": constant_warnings(graph),
                  **_checked(graph, schedule)},
        "board": {"name": board.name, "title": board.title, "device": board.device.name,
                  "family": board.device.family, "note": board.note},
        "clock": {
            "hz": design.hz, "fmax_hz": round(route.fmax_hz), "oscillator_hz": board.clock_hz,
            "margin": route.fmax_hz / design.hz - 1, "seed": route.seed,
            "attempts": [{"hz": attempt.design.hz, "met": attempt.met,
                          "seeds": [{"seed": entry.seed, "fmax_hz": round(entry.fmax_hz)}
                                    for entry in sorted(attempt.routes, key=lambda r: r.seed)]}
                         for attempt in attempts]},
        "speed": {
            "interval_cycles": network.interval, "interval_seconds": network.interval / design.hz,
            "frames_per_interval": network.vectors,
            "latency_cycles": network.latency, "latency_seconds": network.latency / design.hz,
            "frames_per_second": frames,
            "synapses_per_second": graph.synapses * frames,
            "link_frames_per_second":
                min(frames, design.baud / board.link.byte_bits
                    / line_bytes(design.link["frame_bytes"]))},
        "resources": {kind: {"used": used, "available": there}
                      for kind, (used, there) in route.resources.items()},
        "parts": _parts(network, best.netlist.parts),
        "estimate": estimated_values(network, board, route.placement),
        "schedule": schedule_values(network.plan),
        "widths": network.widths,
        "ram_bound": {"cycles": bound.cycles, **asdict(bound)},
        "timeline": timeline_values(network),
        "limit": limit(route.resources, network.plan, path),
        "critical_path": [{"kind": hop.kind, "ns": round(hop.ns, 3), "cell": hop.cell,
                           "port": hop.port} for hop in route.critical],
        "link": design.link,
        "tools": {"xnorloom": __version__, "amaranth": importlib.metadata.version("amaranth"),
                  **{tool.name: tool.version for tool in tools.values()}},
        "digests": {
            "graph": graph.digest,
            "schedule": schedule_digest(schedule.as_json(graph)),
            "netlist": _digest(best.netlist.path.read_bytes()),
            "bitstream": _digest(bitstream)},
        "files": [],
    }
    values["limits"] = advice(network.plan, board, budget.steps(schedule), values, path)
    return values


def _checked(graph: Graph, schedule: Schedule) -> dict[str, Any]:
    """Pinned name of a graph, record of its verification, and accuracy, as far as they exist."""
    known, record = of_graph(graph.digest), find_record(graph.digest)
    values: dict[str, Any] = {"bundled": None if known is None else known.name, "verified": None,
                              "accuracy": None}
    if known is not None:
        values["accuracy"] = {"correct": known.correct, "frames": known.frames,
                              "data": f"{known.images}, test images"}
        values["data"] = known.data
    if record is not None:
        same = record.schedule == schedule_digest(schedule.as_json(graph))
        values["verified"] = {**asdict(record), "same_schedule": same}
        if record.correct is not None:
            values["accuracy"] = {"correct": record.correct, "frames": record.frames,
                                  "data": record.data}
    return values


def link_kind(values: dict[str, Any]) -> LinkKind:
    """Link of a build; builds of earlier versions do not name it."""
    return LinkKind(values["link"].get("kind", LinkKind.UART))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _parts(network: Network, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    """Cells of each layer, with all parts of its stage, and of all other parts."""
    names = {f"{part}{index}": stage.plan.layer.name
             for index, stage in enumerate(network.stages) for part in stage.parts}
    groups: dict[tuple[bool, str], dict[str, int]] = {
        **{(True, layer.name): {} for layer in network.graph.layers}, (False, "argmax"): {}}
    for part in parts:
        key = (part.name in names, names.get(part.name, part.name))
        cells = groups.setdefault(key, {})
        for kind, number in part.cells.items():
            cells[kind] = cells.get(kind, 0) + number
    return [{"name": name, "layer": layer, **{kind: cells.get(kind, 0) for kind in _KINDS}}
            for (layer, name), cells in groups.items()]


def build_text(values: dict[str, Any]) -> str:
    """Summary of :func:`build_values` for the terminal."""
    clock, speed, board = values["clock"], values["speed"], values["board"]
    link = link_kind(values)
    kinds = [kind for kind in _KINDS if any(part[kind] for part in values["parts"])]
    rows = [(part["name"], *(part[kind] or None for kind in kinds)) for part in values["parts"]]
    rows.append(("total", *(sum(part[kind] for part in values["parts"]) for kind in kinds)))
    lines = [f"{values['model']['name']} on {board['title']} ({board['device']})", "",
             table(rows, ("part", *(TITLES[kind] for kind in kinds))), ""]
    for kind, entry in values["resources"].items():
        if entry["used"]:
            share = 100 * entry["used"] / entry["available"]
            lines.append(f"{TITLES[kind]:<14}{entry['used']:,} of "
                         f"{entry['available']:,} ({share:.0f} %)")
    lines += [
        f"{'clock':<14}{clock['hz'] / 1e6:.4g} MHz; place and route reached "
        f"{clock['fmax_hz'] / 1e6:.4g} MHz (seed {clock['seed']})",
        f"{'interval':<14}{count(speed['interval_cycles'], 'cycle')}, "
        f"{duration(speed['interval_seconds'])}{_frames(speed)}",
        f"{'latency':<14}{count(speed['latency_cycles'], 'cycle')}, "
        f"{duration(speed['latency_seconds'])}",
        f"{'frames':<14}{speed['frames_per_second']:,.0f} a second; "
        f"{speed['link_frames_per_second']:,.0f} over {link.title} at "
        f"{values['link']['baud']:,} {link.unit}"]
    lines += [f"{'limit':<14}{values[key]}" for key in ("limit",) if key in values]
    lines += [f"{'warning':<14}{line}" for line in values["model"].get("warnings", ())]
    return "\n".join(lines)


def _frames(speed: dict[str, Any]) -> str:
    frames = speed.get("frames_per_interval", 1)
    return "" if frames == 1 else f", for {frames} frames"
