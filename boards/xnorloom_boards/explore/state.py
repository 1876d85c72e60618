"""``explore.json``: the points of an exploration and their builds, written after each of them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.support.files import read_regular, write_atomic
from xnorloom.support.text import clipped, count, printable, quoted

from .explored import Explored, explored_values

__all__ = ["NAME", "State", "check_directory"]

NAME = "explore.json"
"""Name of the file."""

_FORMAT = "xnorloom-explore"
_VERSION = 1
_LIMIT = 1 << 26


@dataclass(eq=False)
class State:
    """Contents of an output directory: fronts, and results of builds by the name of a point.

    Parameters
    ----------
    directory : Path
        The directory.
    graph : Graph
        The network.
    explored : list of Explored
        Fronts of the boards.
    refused : dict of str to str
        Reasons why the network does not fit, by board.
    routed : dict of str to dict
        Results of builds.
    """

    directory: Path
    graph: Graph
    explored: list[Explored] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    routed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        boards = [explored_values(self.graph, entry) for entry in self.explored]
        for board in boards:
            for point in board["points"]:
                point["routed"] = self.routed.get(point["name"])
        return {"format": _FORMAT, "version": _VERSION,
                "model": {"name": self.graph.name, "digest": self.graph.digest},
                "boards": boards,
                "refused": [{"board": board, "reason": reason}
                            for board, reason in self.refused.items()]}

    def save(self) -> None:
        """Write ``explore.json``, whole or not at all."""
        write_atomic(self.directory / NAME, json.dumps(self.values(), indent=2) + "\n")

    def resume(self, before: dict[str, Any] | None, seeds: tuple[int, ...] | None) -> None:
        """Take over the builds of ``before``, as :func:`check_directory` returned it.

        These are the builds of points that have the same name, schedule and seeds (any seeds if
        ``None``), and whose files are there.
        """
        schedules = {named.name: named.point.schedule.as_json(self.graph)
                     for entry in self.explored for named in entry.points}
        for board in (before or {}).get("boards", ()):
            for point in board["points"]:
                name, routed = point["name"], point["routed"]
                if (routed and schedules.get(name) == point["schedule"]
                        and seeds in (None, tuple(routed["seeds"]))
                        and all((self.directory / name / file).is_file()
                                for file in routed.get("files", ()))):
                    self.routed[name] = routed


def check_directory(directory: Path, graph: Graph) -> dict[str, Any] | None:
    """Return the contents of ``explore.json`` in ``directory``; ``None`` if it is new or empty.

    Raises
    ------
    XnorloomError
        If the directory has other files, or the exploration of another network.
    """
    where = f"output directory {printable(directory)}"
    if not directory.is_dir():
        if directory.exists() or directory.is_symlink():
            raise XnorloomError(f"{where} cannot be written: it is not a directory")
        return None
    # A process that was killed may have left a temporary directory.
    names = sorted(path.name for path in directory.iterdir()
                   if not path.name.startswith(".xnorloom-"))
    if NAME not in names:
        if names:
            others = f" and {count(len(names) - 1, 'other')}" if len(names) > 1 else ""
            raise XnorloomError(f"{where} has no {NAME}, but {quoted(names[0])}{others}; choose a "
                                f"new one with -o")
        return None
    file = f"file {printable(directory / NAME)}"
    try:
        values = json.loads(read_regular(directory / NAME, _LIMIT))
        if (values["format"], values["version"]) != (_FORMAT, _VERSION):
            raise XnorloomError(f"{file} must have the format {_FORMAT} {_VERSION}, not "
                                f"{quoted(values['format'])} {quoted(values['version'])}; choose "
                                f"another directory with -o")
        found, digest = values["model"]["name"], values["model"]["digest"]
        for board in values["boards"]:
            for point in board["points"]:
                point["name"], point["schedule"], point["routed"] = (
                    str(point["name"]), dict(point["schedule"]), _routed(point["routed"]))
    except OSError as error:
        raise XnorloomError(f"{file} cannot be read: {printable(error.strerror or error)}"
                            ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise XnorloomError(f"{file} is no exploration; remove it, or choose another directory "
                            f"with -o") from error
    if digest != graph.digest:
        raise XnorloomError(f"{where} has the exploration of another network, {clipped(found)}; "
                            f"choose another one with -o")
    return values


def _routed(values: Any) -> dict[str, Any] | None:
    """Check the result of a build as far as it is used."""
    if not values:
        return None
    found = dict(values)
    for seed in found["seeds"]:
        if not isinstance(seed, int):
            raise TypeError(seed)
    if "refused" in found:
        return {**found, "refused": str(found["refused"])}
    for key in ("clock_hz", "fmax_hz", "frames_per_second", "latency_seconds"):
        found[key] = float(found[key])
    for kind, entry in found["resources"].items():
        found["resources"][kind] = {"used": int(entry["used"]),
                                    "available": int(entry["available"])}
    if any("/" in file or file.startswith(".") for file in found["files"]):
        raise ValueError("files")
    return found
