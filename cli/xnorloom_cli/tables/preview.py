"""Text of a build's estimate: schedule, resources by layer, and the steps to its neighbours."""

from xnorloom.folding.point import Point
from xnorloom.support.text import clipped, count, duration, table
from xnorloom_boards.expected_time import expected_text
from xnorloom_boards.preview import Preview
from xnorloom_boards.report.values import TITLES

from .schedule import schedule_text

__all__ = ["change", "preview_text"]


def preview_text(found: Preview, fps: float | None = None) -> str:
    """The values of a preview for people; ``fps`` are the frames per second that were asked for.
    """
    board, here, steps = found.board, found.steps.here, found.steps
    rows = [(cost.name, cost.cells, cost.weight_brams or None, cost.buffer_brams or None,
             cost.value_brams or None, cost.sprams or None) for cost in found.costs]
    rows.append(("link and clock", found.others[0], None, found.others[1], None, None))
    lines = [
        f"{clipped(found.plan.graph.name)} on {board.title} ({board.device.name}), estimated: "
        f"nothing is built", "", schedule_text(found.plan), "",
        table(rows, ("part", "cells", "RAMs: weights", "operands", "values", "SPRAMs")), ""]
    for kind, (used, there) in found.resources.items():
        if used:
            lines.append(f"{TITLES[kind]:<14}{used:,} of {there:,} ({100 * used / there:.0f} %)"
                         f"{'  <- too many' if used > there else ''}")
    lines += [f"{'clock':<14}{found.hz / 1e6:.4g} MHz, the usual one of the chip",
              f"{'frames':<14}{found.hz / here.cycles_per_frame:,.0f} a second"
              f"{_needed(found, fps)}",
              f"{'latency':<14}{duration(here.latency / found.hz)}"]
    faster = f"none: {steps.limit}" if steps.faster is None else change(here, steps.faster)
    smaller = ("none: no slower one has fewer cells" if steps.slower is None
               else change(here, steps.slower))
    lines += [f"{'faster':<14}{faster}", f"{'smaller':<14}{smaller}",
              f"{'build time':<14}{expected_text(found.seconds)} on an idle machine"]
    return "\n".join(lines)


def _needed(found: Preview, fps: float | None) -> str:
    """Clock for the frames per second that were asked for, if the usual one is too slow."""
    hz = 0 if fps is None else fps * found.steps.here.cycles_per_frame
    return "" if hz <= found.hz else f"; {fps:,.0f} take a clock of {hz / 1e6:,.4g} MHz"


def change(here: Point, there: Point) -> str:
    """Difference of speed and resources from one point to another."""
    frames = here.cycles_per_frame / there.cycles_per_frame
    parts = [f"{there.cells - here.cells:+,} cells"]
    parts += [f"{after - before:+} {name}{'' if abs(after - before) == 1 else 's'}"
              for name, before, after in (("block RAM", here.brams, there.brams),
                                          ("SPRAM", here.sprams, there.sprams)) if after != before]
    frames_at_once = f" for {there.vectors} frames" if there.vectors > 1 else ""
    return (f"{frames:.2f} times the frames with {', '.join(parts)}, at an interval of "
            f"{count(there.interval, 'cycle')}{frames_at_once}")
