"""Records of successful verifications in the user's cache, by the digest of the graph."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from .. import __version__
from ..support.cache import folder, writable
from ..support.files import read_regular, write_atomic
from ..support.private import UnsafeDirectoryError

__all__ = ["VerifiedModel", "find_record", "keep_record", "schedule_digest"]

_FORMAT, _VERSION = "xnorloom-verified", 1
_FOLDER = "xnorloom/verified"
_LONGEST = 1 << 16  # bytes
_TYPES: dict[str, tuple[type, ...]] = {
    "graph": (str,),
    "schedule": (str,),
    "date": (str,),
    "xnorloom": (str,),
    "data": (str,),
    "frames": (int,),
    "correct": (int, type(None)),
    "steps": (dict,),
}


@dataclass(frozen=True)
class VerifiedModel:
    """Record of a verification in which all steps were equal.

    Attributes
    ----------
    graph, schedule : str
        Digests of the graph, and of the schedule of the simulated gateware.
    date : str
        Date in UTC, such as ``2026-01-31``.
    xnorloom : str
        Version.
    data : str
        Name of the data set, or of the random frames.
    frames : int
        Frames of the reference.
    correct : int or None
        Frames whose class is their label; ``None`` without labels.
    steps : dict of str to int
        Frames of each step that was compared with the integer graph, such as ``compiled``.
    """

    graph: str
    schedule: str
    date: str
    xnorloom: str
    data: str
    frames: int
    correct: int | None
    steps: dict[str, int]


def schedule_digest(values: object) -> str:
    """Return the SHA-256 of a schedule, given as JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def keep_record(
    graph: str, schedule: str, data: str, frames: int, correct: int | None, steps: Mapping[str, int]
) -> None:
    """Write a record of today. A cache that cannot be written keeps none."""
    record = VerifiedModel(
        graph,
        schedule,
        f"{datetime.now(UTC):%Y-%m-%d}",
        __version__,
        data,
        frames,
        correct,
        dict(steps),
    )
    text = json.dumps({"format": _FORMAT, "version": _VERSION, **asdict(record)}, indent=1)
    with contextlib.suppress(OSError, UnsafeDirectoryError):
        write_atomic(writable(_FOLDER) / f"{graph}.json", text + "\n")


def find_record(graph: str) -> VerifiedModel | None:
    """Return the latest record of the graph with this digest; ``None`` if there is no sound one."""
    try:
        values = json.loads(read_regular(folder(_FOLDER) / f"{graph}.json", _LONGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        return None
    if values.get("version") != _VERSION or values.get("graph") != graph:
        return None
    if any(not isinstance(values.get(name), kinds) for name, kinds in _TYPES.items()):
        return None
    if not all(isinstance(frames, int) for frames in values["steps"].values()):
        return None
    return VerifiedModel(**{field.name: values[field.name] for field in fields(VerifiedModel)})
