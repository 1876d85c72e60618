"""Builds of chosen points: the choice, and one build as a function that runs in any process."""

from dataclasses import dataclass
from math import log
from typing import Any

from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.scratch import scratch_directory

from ..board import find
from ..build import build
from ..errors import BuildError
from .explored import Explored, Named

__all__ = ["Built", "build_point", "chosen", "routed_values"]


@dataclass(frozen=True)
class Built:
    """Result of a build.

    Attributes
    ----------
    values : dict
        Contents of ``build.json``; empty if the design is too large or too slow.
    files : dict of str to bytes
        Files of the build by name.
    refused : str
        Reason why the design is too large or too slow; empty if it is not.
    """

    values: dict[str, Any]
    files: dict[str, bytes]
    refused: str = ""


def build_point(graph: Graph, board: str, schedule: Schedule, seeds: tuple[int, ...]) -> Built:
    """Build ``graph`` under ``schedule`` for ``board``, in a temporary directory.

    Raises
    ------
    ToolError
        If a program is missing or fails.
    """
    with scratch_directory() as folder:
        try:
            made = build(graph, find(board), directory=folder, schedule=schedule, seeds=seeds)
        except BuildError as error:
            return Built({}, {}, str(error))
        return Built(made.values, {path.name: path.read_bytes() for path in made.files})


def chosen(explored: Explored, number: int) -> list[Named]:
    """Return ``number`` points from the fastest to the smallest, evenly in the frames per second.

    Of points with about as many frames per second it is that with the fewest cells.
    """
    points = list(explored.points)
    # Points that no other one exceeds in both frames per second and cells.
    best = [named for place, named in enumerate(points) if all(
        other.used("logic_cells") > named.used("logic_cells") for other in points[:place])]
    if number >= len(points):
        return points
    if number > len(best):
        rest = [named for named in points if named not in best]
        return sorted(best + rest[:number - len(best)], key=points.index)
    logs = [log(named.point.cycles_per_frame) for named in best]
    found: list[Named] = []
    for place in range(number):
        wanted = logs[0] + (logs[-1] - logs[0]) * place / max(1, number - 1)
        free = [index for index, named in enumerate(best) if named not in found]
        found.append(best[min(free, key=lambda index: abs(logs[index] - wanted))])
    return sorted(found, key=points.index)


def routed_values(built: Built, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Return the result of a build as JSON values, ``routed`` of a point in ``explore.json``."""
    if built.refused:
        return {"seeds": list(seeds), "refused": built.refused}
    values = built.values
    return {"seeds": list(seeds), "clock_hz": values["clock"]["hz"],
            "fmax_hz": values["clock"]["fmax_hz"],
            "frames_per_second": values["speed"]["frames_per_second"],
            "latency_seconds": values["speed"]["latency_seconds"],
            "resources": values["resources"], "files": sorted(built.files)}
