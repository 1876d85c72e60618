"""PNG of an exploration: frames per second against cells, block RAMs and latency."""

from collections.abc import Sequence
from math import log10
from pathlib import Path
from typing import Any

from xnorloom.support.text import clipped
from xnorloom_boards.board import find
from xnorloom_boards.explore import Explored, Named, State

__all__ = ["draw"]

# Colours of Okabe and Ito, which colour-blind eyes tell apart, and a marker for each.
_STYLES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"),
           ("#56b4e9", "v"), ("#e69f00", "P"), ("#000000", "X"), ("#7f7f7f", "<"), ("#7a5c00", ">"))
_GREY = "#57606a"
# Distance of labelled points, in decades of cells.
_APART = 0.06


def draw(path: Path, state: State) -> None:
    """Write the picture of ``state`` to ``path``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.5, 6.2), facecolor="white")
    panels = figure.subplots(1, 3, sharey=True)
    figure.subplots_adjust(left=0.095, right=0.985, top=0.8, bottom=0.11, wspace=0.06)
    figure.text(0.02, 0.955, f"{clipped(state.graph.name, 60)}: what frames per second cost",
                fontsize=16, fontweight="bold", va="center")
    figure.text(0.02, 0.905, _legend(state), fontsize=10.5, color=_GREY, va="center")
    for entry, style in zip(state.explored, _STYLES):
        _draw_board(panels, entry, style, state)
    labels = "logic cells of the whole design", "block RAMs", "latency, µs"
    for panel, label in zip(panels, labels):
        panel.set_xlabel(label, fontsize=11)
        panel.set_yscale("log")
        panel.grid(True, which="major", color="#d8dee4", linewidth=0.8)
        panel.grid(True, which="minor", color="#eef1f4", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=10)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    panels[0].set_xscale("log")
    panels[2].set_xscale("log")
    panels[1].set_xlim(left=0)
    panels[0].set_ylabel("frames per second", fontsize=11)
    _plain_ticks(panels)
    figure.legend(*_unique(panels[0]), loc="upper right", ncols=3, frameon=False, fontsize=11,
                  bbox_to_anchor=(0.99, 0.9))
    # Matplotlib would write its version; without it equal results make equal files.
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def _legend(state: State) -> str:
    text = ("Estimated, at the usual clock of each chip. The lines are the most frames within a "
            "cost.")
    points = [named.point for entry in state.explored for named in entry.points]
    if any(point.sprams for point in points):
        text += " Hollow: some weights in SPRAM."
    if any("refused" not in built for built in state.routed.values()):
        text += " Stars: routed."
    return text


def _draw_board(panels: Any, entry: Explored, style: tuple[str, str], state: State) -> None:
    colour, marker = style
    board = find(entry.board)
    frames = [entry.frames_per_second(named.point) for named in entry.points]
    for panel, values in zip(panels, (
            [named.used("logic_cells") for named in entry.points],
            [named.used("brams") for named in entry.points],
            [1e6 * named.point.latency / entry.hz for named in entry.points])):
        panel.plot(*_stairs(values, frames), color=colour, linewidth=1.6, alpha=0.55)
        for value, rate, named in zip(values, frames, entry.points):
            panel.plot(value, rate, marker, color=colour, markersize=6.5, markeredgewidth=1.4,
                       markerfacecolor="white" if named.point.sprams else colour,
                       label=f"{board.title} ({board.device.name})" if named is entry.points[0]
                       else None)
        _draw_routed(panel, entry, colour, state, values, frames)
    last = 0.0
    for value, rate, named in _corners(entry, frames):
        # Labels need some room.
        if log10(value) < last + _APART:
            continue
        last = log10(value)
        panels[0].annotate(named.name.rpartition("-")[2], (value, rate), (-5, 5),
                           textcoords="offset points", fontsize=8, color=colour, ha="right")


def _draw_routed(panel: Any, entry: Explored, colour: str, state: State, values: Sequence[float],
                 frames: Sequence[float]) -> None:
    """Draw a star for each build, and a line to it from its estimate."""
    place = panel.get_subplotspec().colspan.start
    for named, value, rate in zip(entry.points, values, frames):
        built = state.routed.get(named.name, {"refused": ""})
        if "refused" in built:
            continue
        cells, rams = (built["resources"].get(kind, {"used": 0})["used"]
                       for kind in ("logic_cells", "brams"))
        reached = (cells, rams, 1e6 * built["latency_seconds"])[place]
        panel.plot([value, reached], [rate, built["frames_per_second"]], color="black",
                   linewidth=1, zorder=3)
        panel.plot(reached, built["frames_per_second"], "*", color=colour, markersize=14,
                   markeredgecolor="black", zorder=4)


def _stairs(values: Sequence[float], frames: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the line of the most frames that a cost allows."""
    xs: list[float] = []
    ys: list[float] = []
    most = 0.0
    for value, rate in sorted(zip(values, frames), key=lambda pair: (pair[0], -pair[1])):
        if rate > most:
            xs += [value, value]
            ys += [most or rate, rate]
            most = rate
    if xs:
        xs.append(max(values))
        ys.append(most)
    return xs, ys


def _corners(entry: Explored, frames: list[float]) -> list[tuple[int, float, Named]]:
    """Return the points on the line of the cells."""
    found: list[tuple[int, float, Named]] = []
    for rate, named in sorted(zip(frames, entry.points), key=lambda pair: (
            pair[1].used("logic_cells"), -pair[0])):
        if not found or rate > found[-1][1]:
            found.append((named.used("logic_cells"), rate, named))
    return found


def _plain_ticks(panels: Any) -> None:
    """Ticks such as 2,000 in place of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    plain = FuncFormatter(lambda value, place: f"{value:,.12g}")
    for axis, decades in ((panels[0].xaxis, 1.7), (panels[2].xaxis, 1.7), (panels[0].yaxis, 4.5)):
        low, high = axis.get_view_interval()
        subs = (1.0, 2.0, 5.0) if high < low * 10 ** decades else (1.0,)
        # A narrow range has hardly a power of ten in it.
        axis.set_major_locator(MaxNLocator(6) if high < 4 * low else LogLocator(10, subs=subs))
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())


def _unique(panel: Any) -> tuple[list[Any], list[str]]:
    found = dict(zip(*reversed(panel.get_legend_handles_labels())))
    return list(found.values()), list(found)
