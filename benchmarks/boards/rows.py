"""Rows of the table: a network, a board, and how the network is folded."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.support.arguments import integer, text
from xnorloom_boards import board
from xnorloom_boards.flow.clock_search import MOST_CLOCKS

__all__ = ["Model", "Row", "RowsError", "chosen", "read_json", "read_rows"]


class RowsError(XnorloomError):
    """Unreadable or malformed rows, results or page."""


@dataclass(frozen=True)
class Model:
    """Network with its name in the table and its file."""

    name: str
    file: Path

    @cached_property
    def graph(self) -> Graph:
        """The network."""
        return Graph.load(self.file)


@dataclass(frozen=True)
class Row:
    """Network on a board.

    Parameters
    ----------
    model : Model
        The network.
    board : str
        Name of the board.
    interval : int or None
        Cycles per frame, at most. ``None`` for the least that fits.
    seeds : tuple of int
        Seeds of the placer; the fastest result is kept.
    clocks : int or None
        Clocks to try until one is met; ``None`` for as many as a build tries.
    first_clock : int or None
        Clock to try first, in MHz; ``None`` for the usual one of the chip.
    spread : bool
        True to place with room between the cells.
    """

    model: Model
    board: str
    interval: int | None = None
    seeds: tuple[int, ...] = (0,)
    clocks: int | None = None
    first_clock: int | None = None
    spread: bool = False

    @property
    def name(self) -> str:
        """Value of ``--row`` for this row."""
        return f"{self.model.name}/{self.board}"

    def built_from(self) -> dict[str, Any]:
        """Contents of the row. A result built from other contents is out of date."""
        says: dict[str, Any] = {"network": self.model.graph.digest, "seeds": list(self.seeds)}
        given = {"interval": self.interval, "clocks": self.clocks, "first_clock": self.first_clock,
                 "spread": self.spread or None}
        return says | {key: value for key, value in given.items() if value is not None}


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    RowsError
        If it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise RowsError(f"file {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RowsError(f"file {path} is not JSON: {error}") from error


def read_rows(path: Path) -> list[Row]:
    """The rows in a file, in the order of the models and then in their own.

    The file is an object with ``models``, the files of the networks by their names, and ``rows``:
    objects with ``model``, ``board``, and perhaps ``interval``, ``seeds``, ``clocks``,
    ``first_clock``, ``spread``, and ``why``, which is for readers. Paths are relative to the file.

    Raises
    ------
    RowsError
        If there is anything else in it.
    """
    data = read_json(path)
    if not isinstance(data, dict) or set(data) != {"models", "rows"}:
        raise RowsError(f"file {path} must be an object with models and rows")
    try:
        files = {text("name of a model", name): path.parent / text("file of a model", file)
                 for name, file in _kind("models", data["models"], dict).items()}
        models = {name: Model(name, file) for name, file in files.items()}
        rows = [_row(f"row {number}", entry, models)
                for number, entry in enumerate(_kind("rows", data["rows"], list), 1)]
        names = [row.name for row in rows]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"row {name} must be there once, not {names.count(name)} times")
    except (TypeError, ValueError, XnorloomError) as error:
        raise RowsError(f"file {path}: {error}") from error
    return [row for model in models.values() for row in rows if row.model is model]


def _row(what: str, entry: Any, models: dict[str, Model]) -> Row:
    known = ("model", "board", "interval", "seeds", "clocks", "first_clock", "spread", "why")
    for key in _kind(what, entry, dict):
        if key not in known:
            raise ValueError(f"{what} has the unknown key {key!r}, wanted {', '.join(known)}")
    for key in ("model", "board"):
        if key not in entry:
            raise ValueError(f"{what} lacks {key!r}")
    name = text(f"model of {what}", entry["model"])
    if name not in models:
        raise ValueError(f"model of {what} must be one of {', '.join(models)}, not {name!r}")
    interval = entry.get("interval")
    if interval is not None:
        interval = integer(f"interval of {what}", interval, 1)
    seeds = tuple(integer(f"seed of {what}", seed, 0)
                  for seed in _kind(f"seeds of {what}", entry.get("seeds", [0]), list))
    if not seeds:
        raise ValueError(f"{what} must have a seed")
    clocks = entry.get("clocks")
    if clocks is not None:
        clocks = integer(f"clocks of {what}", clocks, 1, MOST_CLOCKS)
    first_clock = entry.get("first_clock")
    if first_clock is not None:
        first_clock = integer(f"first clock of {what}", first_clock, 1, 1000)
    spread = _kind(f"spread of {what}", entry.get("spread", False), bool)
    return Row(models[name], board.find(text(f"board of {what}", entry["board"])).name, interval,
               seeds, clocks, first_clock, spread)


def _kind(what: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        wanted = {dict: "an object", list: "a list", bool: "true or false"}[kind]
        raise TypeError(f"{what} must be {wanted}, not {value!r}")
    return value


def chosen(rows: list[Row], names: list[str]) -> list[Row]:
    """The rows of those names, in their own order.

    Raises
    ------
    RowsError
        If there is none of a name.
    """
    for name in names:
        if name not in [row.name for row in rows]:
            raise RowsError(f"row must be one of {', '.join(row.name for row in rows)}, not "
                            f"{name!r}")
    return [row for row in rows if row.name in names]
