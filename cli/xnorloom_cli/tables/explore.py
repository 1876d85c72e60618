"""Tables of an exploration: the points of each board, and what a step up costs."""

from xnorloom.support.text import clipped, duration, table
from xnorloom_boards.board import find
from xnorloom_boards.explore import Explored, Named, State, step_up

__all__ = ["explore_text"]


def explore_text(state: State) -> str:
    """The fronts of all boards for people."""
    lines = [f"{clipped(state.graph.name)}: frames per second and times at the usual clock of each "
             f"chip, cells of the whole design, estimated"]
    for entry in state.explored:
        lines += ["", *_front(entry)]
        routed = [named.name for named in entry.points if named.name in state.routed]
        if routed:
            lines += ["", *_routed(state, routed)]
    for name, reason in state.refused.items():
        lines += ["", f"{find(name).title}: {reason}"]
    return "\n".join(lines)


def _front(entry: Explored) -> list[str]:
    board = find(entry.board)
    sprams = any("sprams" in named.resources and named.used("sprams") for named in entry.points)
    rows = [_row(entry, named, sprams) for named in entry.points]
    cells, rams = board.device.logic_cells, board.device.brams
    header = ("point", "frames/s", "cycles", "latency", f"cells of {cells:,}", f"RAMs of {rams}",
              *(["SPRAMs"] if sprams else []), "set by", "a step up")
    return [f"{board.title} ({board.device.name}), {entry.hz / 1e6:.4g} MHz", "",
            table(rows, header), "", f"Nothing is faster: {entry.limit}."]


def _routed(state: State, names: list[str]) -> list[str]:
    """Table of the builds of a board."""
    rows, refused = [], []
    for name in names:
        result, number = state.routed[name], name.rpartition("-")[2]
        if "refused" in result:
            refused.append(f"{number}: {clipped(result['refused'])}")
            continue
        rows.append((number, round(result["frames_per_second"]), f"{result['clock_hz'] / 1e6:.4g}",
                     f"{result['fmax_hz'] / 1e6:.4g}", duration(result["latency_seconds"]),
                     *(result["resources"].get(kind, {}).get("used")
                       for kind in ("logic_cells", "brams"))))
    header = "routed", "frames/s", "clock, MHz", "Fmax, MHz", "latency", "cells", "RAMs"
    return [*([table(rows, header)] if rows else []), *refused]


def _row(entry: Explored, named: Named, sprams: bool) -> list[object]:
    point, up = named.point, step_up(entry, named)
    cycles = f"{point.interval:,}" + (f" / {point.vectors}" if point.vectors > 1 else "")
    slowest = "input words"
    if point.slowest:
        first, *others = point.slowest
        more = f" and {len(others)} more" if others else ""
        slowest = f"{clipped(first, 20)}{more}"
    return [named.name.rpartition("-")[2], round(entry.frames_per_second(point)), cycles,
            duration(point.latency / entry.hz), named.used("logic_cells"), named.used("brams"),
            *([named.used("sprams") or None] if sprams else []), slowest,
            "" if up is None else _step(named, up)]


def _step(named: Named, up: Named) -> str:
    """Cost of a step to a faster point."""
    ratio = named.point.cycles_per_frame / up.point.cycles_per_frame
    changes = [f"{change:+,} {noun}{'' if abs(change) == 1 else 's'}" for noun, kind in (
        ("cell", "logic_cells"), ("RAM", "brams"), ("SPRAM", "sprams"))
               if (change := up.used(kind) - named.used(kind))]
    number = up.name.rpartition("-")[2]
    return f"{number}: {ratio:.3g}x, {', '.join(changes) or 'nothing'}"
