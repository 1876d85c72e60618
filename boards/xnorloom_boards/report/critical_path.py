"""The critical path in few words: what kind of cell, and in which component."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from xnorloom.support.text import count

__all__ = ["Step", "steps"]

_CHAIN = "carry chain"
_KINDS = {"clk-to-q": "clock to output"}
_CARRY_PINS = ("CIN", "COUT", "FCI", "FCO")
# Cells by their names and pins; those that none of these matches are told by the kind of hop.
_CELLS = (
    ("SPRAM", re.compile(r".*_RAM (?:ADDRESS|DATAIN|DATAOUT|CHIPSELECT|MASKWREN|WREN).*")),
    ("block RAM", re.compile(r".*_RAM \S+|.* (?:DO|DI|AD|CE|OCE|WE|RST|CS)[AB]\d*")),
    ("LUT RAM", re.compile(r".*(?:DPR16|DPRAM|RAMW).*")),
    ("global buffer", re.compile(r".* (?:GLOBAL_BUFFER_OUTPUT|USER_SIGNAL_TO_GLOBAL_BUFFER)")),
    ("carry", re.compile(rf".* (?:{'|'.join(_CARRY_PINS)})")))
_BY_KIND = {"clk-to-q": "flip-flop", "setup": "flip-flop", "logic": "LUT"}
# What synthesis and packing put behind the name of a signal.
_BEHIND = re.compile(r"_(?:SB_|TRELLIS_|LUT4_|CCU2C_|PFUMX_|L6MUX21_).*|\$CARRY$|"
                     r"_(?:DFFLC|LC|RAM)$|(?:\.\d+)+$")
_LEVELS = ("top", "design", "core", "network")


@dataclass(frozen=True)
class Step:
    """A hop of a path, or the hops of a carry chain.

    Parameters
    ----------
    kind : str
        What takes the time: ``logic``, ``routing``, ``carry chain``, ``clock to output`` or
        ``setup``.
    ns : float
        Delay in nanoseconds.
    cell : str
        Kind of the cell, with ``to`` before that of a cell at the end of a wire; empty if unknown.
    component : str
        Hierarchical name of the component within the network, or within the design if it is not
        part of it.
    signal : str
        Signal of the component after which the cell is named; empty if it has none.
    full : str
        Names and pins as place and route has them.
    """

    kind: str
    ns: float
    cell: str
    component: str
    signal: str
    full: str


def steps(hops: list[dict[str, Any]]) -> list[Step]:
    """The hops of a ``build.json``, carry chains as one each; delays add up to the same."""
    found, place = [], 0
    for chain, group in groupby(hops, _in_chain):
        run = list(group)
        if chain:
            found.append(_chain(run))
        else:
            behind = hops[place + 1:place + len(run) + 1]
            found += [_step(hop, then) for hop, then in zip(run, [*behind, None])]
        place += len(run)
    return found


def _in_chain(hop: dict[str, Any]) -> bool:
    return hop["kind"] in ("logic", "routing") and hop["port"] in _CARRY_PINS


def _chain(hops: list[dict[str, Any]]) -> Step:
    names = list(dict.fromkeys(hop["cell"] for hop in hops))
    component, signal = next(filter(any, map(_place, names)), ("", ""))
    ends = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return Step(_CHAIN, sum(hop["ns"] for hop in hops), count(len(names), "cell"), component,
                signal, ends)


def _step(hop: dict[str, Any], then: dict[str, Any] | None) -> Step:
    kind = hop["kind"]
    cell = _cell(hop)
    if kind == "routing":
        # What the cell is used as shows where the path leaves it.
        reached = then is not None and then["cell"] == hop["cell"]
        cell = cell or (_cell(then) if then is not None and reached else "")
        cell = cell and f"to {cell}"
    return Step(_KINDS.get(kind, kind), hop["ns"], cell, *_place(hop["cell"]),
                f"{hop['cell']}, pin {hop['port']}")


def _cell(hop: dict[str, Any]) -> str:
    text = f"{hop['cell']} {hop['port']}"
    for cell, pattern in _CELLS:
        if pattern.fullmatch(text):
            return cell
    return _BY_KIND.get(hop["kind"], "")


def _place(name: str) -> tuple[str, str]:
    """Component and signal of a cell; both empty for those that place and route put in."""
    if name.startswith("$nextpnr"):
        return "", ""
    *path, signal = _BEHIND.sub("", name.removeprefix("$gbuf_")).split(".")
    above = "top"
    for level in _LEVELS:
        if path and path[0] == level:
            above = path.pop(0)
    return ".".join(path) or above, signal.split("$")[0]
