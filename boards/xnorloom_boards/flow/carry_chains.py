"""Ends of ECP5 carry chains, left unconnected where that changes nothing and saves cells.

nextpnr adds a CCU2C to each chain whose carry input is driven, also by a constant, and one to each
chain whose last carry output has a wire, also without a load. Yosys makes both of every adder: four
cells a chain.
"""

from typing import Any

__all__ = ["open_ends"]

_OPEN = ["x"]


def open_ends(netlist: dict[str, Any]) -> int:
    """Disconnect the ends of carry chains in a netlist in the JSON of Yosys; return how many.

    A carry output is disconnected if nothing uses it; a constant carry input, if the first half of
    its cell propagates no carry, so that its input has no effect. nextpnr feeds carries into chains
    in this way itself.
    """
    changed = 0
    for module in netlist["modules"].values():
        uses: dict[Any, int] = {}
        for holder in (*module["cells"].values(), *module["ports"].values()):
            for bits in holder.get("connections", {"": holder.get("bits", [])}).values():
                for bit in bits:
                    uses[bit] = uses.get(bit, 0) + 1
        for cell in module["cells"].values():
            if cell["type"] != "CCU2C":
                continue
            pins = cell["connections"]
            if pins.get("COUT", _OPEN) != _OPEN and uses[pins["COUT"][0]] == 1:
                pins["COUT"] = _OPEN
                changed += 1
            if pins.get("CIN") in (["0"], ["1"]) and not _propagates(cell):
                pins["CIN"] = _OPEN
                changed += 1
    return changed


def _propagates(cell: dict[str, Any]) -> bool:
    """True unless the first half of a CCU2C has the propagate function 0, with D at 1."""
    # Parameters are strings of bits, the most significant first; with D at 1 the upper half counts.
    return cell["connections"]["D0"] != ["1"] or "1" in cell["parameters"]["INIT0"][-16:-8]
