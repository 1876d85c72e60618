"""Schedule files: JSON, made to be edited."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..errors import ScheduleError
from ..graph import Graph
from ..support.files import read_regular, write_atomic
from ..support.text import clipped, first_line, printable, quoted
from .fold import Fold
from .schedule import Schedule

__all__ = ["as_json", "load", "save"]

_FORMAT = "xnorloom-schedule"
_VERSION = 1
# Bytes of a file; that of a network of a thousand layers has about 200 KB.
_LIMIT = 1 << 24


def save(schedule: Schedule, path: str | os.PathLike[str], graph: Graph) -> None:
    """Write the schedule of ``graph`` to the JSON file ``path``."""
    write_atomic(path, json.dumps(as_json(schedule, graph), indent=2) + "\n")


def as_json(schedule: Schedule, graph: Graph) -> dict[str, Any]:
    """Return the schedule as JSON values, with the names of the layers of ``graph``."""
    schedule.bind(graph)
    layers = [{"layer": layer.name, **_entry(fold)}
              for layer, fold in zip(graph.layers, schedule.folds)]
    return {"format": _FORMAT, "version": _VERSION, "input_width": schedule.input_width,
            "layers": layers}


def _entry(fold: Fold) -> dict[str, Any]:
    entry = asdict(fold)
    if fold.vectors == 1:
        # Readers of before know no vectors, and need none.
        del entry["vectors"]
    return entry


def load(path: str | os.PathLike[str], graph: Graph) -> Schedule:
    """Read the schedule of ``graph`` from ``path``.

    Raises
    ------
    ScheduleError
        If the file cannot be read, is not a schedule, or does not fit the graph.
    """
    where = f"schedule file {printable(path)}"
    try:
        data = json.loads(read_regular(path, _LIMIT), object_pairs_hook=_object)
    except OSError as error:
        raise ScheduleError(f"{where} cannot be read: "
                            f"{printable(error.strerror or error)}") from error
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"{where} is not JSON: {first_line(error)}") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise ScheduleError(f"{printable(path)} is not an xnorloom schedule (format must be "
                            f"{_FORMAT!r})")
    version = data.get("version")
    if type(version) is not int or version != _VERSION:
        raise ScheduleError(f"{where} has version {quoted(version)}, but this xnorloom "
                            f"reads version {_VERSION}")
    folds = _folds(where, data, graph)
    try:
        schedule = Schedule(data["input_width"], folds)
        schedule.bind(graph)
    except (ScheduleError, TypeError, ValueError) as error:
        raise ScheduleError(f"{where}: {clipped(error)}") from error
    return schedule


def _folds(where: str, data: dict[str, object], graph: Graph) -> tuple[Fold, ...]:
    """Return the folds in the contents of a schedule file of ``graph``."""
    _check_keys(where, data, ("format", "version", "input_width", "layers"))
    layers = data["layers"]
    if not isinstance(layers, list):
        raise ScheduleError(f"{where}: layers must be a list, not {quoted(layers)}")
    names = [_name(where, entry) for entry in layers]
    # Names come first: a schedule of another graph has many errors, and this one explains them.
    for name, layer in zip(names, graph.layers):
        if name != layer.name:
            raise ScheduleError(f"{where} has a fold for layer {quoted(name)} where graph "
                                f"{quoted(graph.name)} has {quoted(layer.name)}")
    return tuple(_fold(f"{where}: layer {quoted(name)}", entry)
                 for name, entry in zip(names, layers))


def _name(where: str, entry: object) -> object:
    if not isinstance(entry, dict):
        raise ScheduleError(f"{where}: each entry of layers must be an object, not "
                            f"{quoted(entry)}")
    if "layer" not in entry:
        raise ScheduleError(f"{where}: each entry of layers must have the key 'layer', not only "
                            f"{', '.join(map(quoted, entry)) or 'none'}")
    return entry["layer"]


def _fold(what: str, entry: dict[str, Any]) -> Fold:
    _check_keys(what, entry, ("layer", "pe", "simd", "style"),
                ("register_every", "read_register", "vectors"))
    try:
        return Fold(entry["pe"], entry["simd"], entry["style"], entry.get("register_every", 2),
                    entry.get("read_register", False), entry.get("vectors", 1))
    except (TypeError, ValueError) as error:
        raise ScheduleError(f"{what}: {clipped(error)}") from error


def _check_keys(what: str, entry: dict[str, Any], needed: Sequence[str],
                others: Sequence[str] = ()) -> None:
    for key in needed:
        if key not in entry:
            raise ScheduleError(f"{what} lacks {key!r}")
    for key in entry:
        if key not in (*needed, *others):
            raise ScheduleError(f"{what} has the unknown key {quoted(key)}, wanted "
                                f"{', '.join((*needed, *others))}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise ScheduleError(f"key {quoted(key)} occurs twice in one object")
        keys.add(key)
    return dict(pairs)
