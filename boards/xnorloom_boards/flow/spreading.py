"""Options of nextpnr for designs that its defaults route for hours, on chips with room to spare."""

from xnorloom.target.device import Device

from .synthesis import Netlist

__all__ = ["spreading"]

# Part of the places that the placer fills in any region of the chip: in place of 0.9 at least the
# first, and this many times the part of the chip that the design takes.
_LEAST, _MORE, _MOST = 0.4, 1.25, 0.9


def spreading(netlist: Netlist, device: Device) -> list[str]:
    """Return the options for a netlist on a chip.

    Room between the cells gives their nets more wires. The router ``router2`` lets nets share wires
    at first, and moves them while a wire has several (PathFinder, McMurchie and Ebeling, FPGA '95).
    The default one takes out others for each net that finds no way.
    """
    cells = sum(part.cells.get("luts", 0) + 2 * part.cells.get("carries", 0)
                for part in netlist.parts)
    density = min(max(_LEAST, _MORE * cells / device.logic_cells), _MOST)
    return ["--placer-heap-beta", f"{density:.3g}", "--router", "router2"]
