"""Critical path of a build, by component and kind of cell."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from xnorloom.support.text import count

__all__ = ["Step", "steps"]

_CHAIN = "carry chain"
_KINDS = {"clk-to-q": "clock to output"}
_CARRY_PINS = ("CIN", "COUT", "FCI", "FCO")
# Kinds of cells by name and pin; for other cells the kind of hop decides.
_CELLS = (
    ("SPRAM", re.compile(r".*_RAM (?:ADDRESS|DATAIN|DATAOUT|CHIPSELECT|MASKWREN|WREN).*")),
    ("block RAM", re.compile(r".*_RAM \S+|.* (?:DO|DI|AD|CE|OCE|WE|RST|CS)[AB]\d*")),
    ("LUT RAM", re.compile(r".*(?:DPR16|DPRAM|RAMW).*")),
    ("global buffer", re.compile(r".* (?:GLOBAL_BUFFER_OUTPUT|USER_SIGNAL_TO_GLOBAL_BUFFER)")),
    ("carry", re.compile(rf".* (?:{'|'.join(_CARRY_PINS)})")))
_BY_KIND = {"clk-to-q": "flip-flop", "setup": "flip-flop", "logic": "LUT"}
# Suffixes that synthesis and packing append to the name of a signal.
_SUFFIX = re.compile(r"_(?:SB_|TRELLIS_|LUT4_|CCU2C_|PFUMX_|L6MUX21_).*|\$CARRY$|"
                     r"_(?:DFFLC|LC|RAM)$|(?:\.\d+)+$")
_LEVELS = ("top", "design", "core", "network")


@dataclass(frozen=True)
class Step:
    """Hop of a timing path, or all hops of a carry chain.

    Parameters
    ----------
    kind : str
        ``logic``, ``routing``, ``carry chain``, ``clock to output`` or ``setup``.
    ns : float
        Delay in nanoseconds.
    cell : str
        Kind of the cell, for a wire ``to`` and that of the cell at its end; empty if unknown.
    component : str
        Hierarchical name of the component within the network, else within the design.
    signal : str
        Signal of the component that the cell is named after; empty if there is none.
    full : str
        Names and pins in the netlist.
    """

    kind: str
    ns: float
    cell: str
    component: str
    signal: str
    full: str


def steps(hops: list[dict[str, Any]]) -> list[Step]:
    """Combine the hops of a ``build.json`` to steps, one for each carry chain."""
    found, place = [], 0
    for chain, group in groupby(hops, _in_chain):
        run = list(group)
        if chain:
            found.append(_chain(run))
        else:
            following = hops[place + 1:place + len(run) + 1]
            found += [_step(hop, then) for hop, then in zip(run, [*following, None])]
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
        # The pin by which the path leaves the cell may tell its kind.
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
    """Component and signal of a cell; both empty for a cell that place and route added."""
    if name.startswith("$nextpnr"):
        return "", ""
    *path, signal = _SUFFIX.sub("", name.removeprefix("$gbuf_")).split(".")
    above = "top"
    for level in _LEVELS:
        if path and path[0] == level:
            above = path.pop(0)
    return ".".join(path) or above, signal.split("$")[0]
