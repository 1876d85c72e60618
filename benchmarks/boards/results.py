"""File of results of place and route, written whole after each row."""

import json
from pathlib import Path
from typing import Any

from rows import Row, RowsError, read_json

from xnorloom.support.files import write_atomic
from xnorloom_boards.build import Build

__all__ = ["Result", "built", "current", "frames_per_second", "read_results", "refused",
           "store"]

# Plain values, as in the file. A network that does not fit has a message instead of numbers.
Result = dict[str, Any]

_FORMAT = "xnorloom-boards-table"
_VERSION = 2
_NUMBERS = ("fmax_hz", "clock_hz", "seed", "interval", "frames_per_interval", "latency", "baud",
            "frame_bytes")
_PAIRS = ("logic_cells", "brams", "sprams")
_COMMON = {"model": str, "board": str, "built_from": dict}
_REFUSED = {**_COMMON, "refused": str}
_BUILT = {**_COMMON, **dict.fromkeys(_PAIRS, list), **dict.fromkeys(_NUMBERS, int),
          "schedule": dict, "tools": dict, "digests": dict}


def built(row: Row, made: Build) -> Result:
    """Return the result of a row that was built."""
    values = made.values
    clock, speed, resources = values["clock"], values["speed"], values["resources"]
    none = {"used": 0, "available": 0}
    # The repository fixes the version of this project.
    tools = {name: version for name, version in values["tools"].items() if name != "xnorloom"}
    return {
        "model": row.model.name, "board": row.board, "built_from": row.built_from(),
        **{name: [resources.get(name, none)["used"], resources.get(name, none)["available"]]
           for name in _PAIRS},
        "fmax_hz": clock["fmax_hz"], "clock_hz": clock["hz"], "seed": clock["seed"],
        "interval": speed["interval_cycles"],
        "frames_per_interval": speed["frames_per_interval"], "latency": speed["latency_cycles"],
        "baud": values["link"]["baud"], "frame_bytes": values["link"]["frame_bytes"],
        "schedule": made.schedule.as_json(made.graph), "tools": tools,
        "digests": {name: values["digests"][name] for name in ("netlist", "bitstream")}}


def frames_per_second(result: Result) -> float:
    """Return the frames per second of a row that was built."""
    return result["clock_hz"] * result["frames_per_interval"] / result["interval"]


def refused(row: Row, message: str) -> Result:
    """Return the result of a row whose network does not fit; ``message`` gives the reason."""
    return {"model": row.model.name, "board": row.board, "built_from": row.built_from(),
            "refused": message}


def current(row: Row, results: list[Result]) -> Result | None:
    """Return the result of ``row``, or ``None`` if the row was not run in its present form."""
    says = row.built_from()
    return next((result for result in results
                 if (result["model"], result["board"]) == (row.model.name, row.board)
                 and result["built_from"] == says), None)


def read_results(path: Path) -> list[Result]:
    """Read the results in a file; none if it does not exist.

    Raises
    ------
    RowsError
        If the file holds no results.
    """
    if not path.exists():
        return []
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise RowsError(f"file {path} is not one of results (format must be {_FORMAT!r})")
    if data.get("version") != _VERSION:
        raise RowsError(f"file {path} must have version {_VERSION}, not {data.get('version')!r}")
    results = data.get("results")
    if not isinstance(results, list):
        raise RowsError(f"file {path} must have a list of results, not {results!r}")
    for number, result in enumerate(results, 1):
        _check(f"file {path}: result {number}", result)
    return results


def _check(what: str, result: Any) -> None:
    if not isinstance(result, dict):
        raise RowsError(f"{what} must be an object, not {result!r}")
    kinds = _REFUSED if "refused" in result else _BUILT
    for name, kind in kinds.items():
        if name not in result:
            raise RowsError(f"{what} lacks {name!r}")
        value = result[name]
        good = type(value) is kind
        if name in _PAIRS:
            good = good and len(value) == 2 and all(type(part) is int for part in value)
        if name in _NUMBERS and name != "seed":
            good = good and value > 0
        if not good:
            raise RowsError(f"{what} has a wrong {name}: {value!r}")


def store(path: Path, result: Result, rows: list[Row]) -> list[Result]:
    """Replace the result of its row in the file by ``result``; return all results.

    Results without a row are dropped.
    """
    place = {(row.model.name, row.board): number for number, row in enumerate(rows)}
    # Read again: another run may have written to it.
    kept = {(entry["model"], entry["board"]): entry for entry in (*read_results(path), result)}
    results = [kept[key] for key in sorted(kept.keys() & place.keys(), key=lambda key: place[key])]
    write_atomic(path, _text(results))
    return results


def _text(results: list[Result]) -> str:
    """JSON with a line per value of a result, for readable diffs."""
    objects = [",\n".join(f"   {json.dumps(name)}: {json.dumps(value)}"
                          for name, value in result.items()) for result in results]
    body = ",\n".join(f"  {{\n{text}\n  }}" for text in objects)
    return (f'{{\n "format": {json.dumps(_FORMAT)},\n "version": {_VERSION},\n'
            f' "results": [\n{body}\n ]\n}}\n')
