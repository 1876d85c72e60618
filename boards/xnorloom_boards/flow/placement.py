"""Places of cells on the chip, from the design that nextpnr writes."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .cell_counts import part_of

__all__ = ["Tile", "read_placement", "write_placement"]

# Cells that take a place of the logic or of a RAM. Flip-flops of an ECP5 share the tiles of its
# look-up tables.
_KINDS = {
    "ICESTORM_LC": "logic",
    "TRELLIS_COMB": "logic",
    "ICESTORM_RAM": "ram",
    "DP16KD": "ram",
    "ICESTORM_SPRAM": "ram",
    "ICESTORM_DSP": "dsp",
    "MULT18X18D": "dsp",
}
_PLACE = re.compile(r"X(\d+)/Y(\d+)/.*")


class Tile(NamedTuple):
    """Cells of a part in a tile of the chip.

    Attributes
    ----------
    x, y : int
        Place of the tile, as nextpnr counts.
    part : str
        Part of the design; see :func:`~.cell_counts.part_of`.
    kind : str
        ``logic``, ``ram`` or ``dsp``.
    cells : int
        Number of cells.
    """

    x: int
    y: int
    part: str
    kind: str
    cells: int


def write_placement(design: Path, place: Path) -> None:
    """Count the cells of a routed ``design`` by tile, and write the counts to the file ``place``.

    ``design`` is a file that nextpnr wrote with ``--write``.
    """
    modules = json.loads(design.read_text("utf-8"))["modules"]
    counts: Counter[tuple[int, int, str, str]] = Counter()
    for module in modules.values():
        for name, cell in module["cells"].items():
            found = _PLACE.fullmatch(cell["attributes"].get("NEXTPNR_BEL", ""))
            if found and cell["type"] in _KINDS:
                counts[int(found[1]), int(found[2]), part_of(name), _KINDS[cell["type"]]] += 1
    tiles = [[*key, number] for key, number in sorted(counts.items())]
    place.write_text(json.dumps(tiles), "utf-8")


def read_placement(place: Path) -> tuple[Tile, ...]:
    """Read the counts that :func:`write_placement` wrote; empty if there is no such file."""
    if not place.is_file():
        return ()
    return tuple(Tile(*entry) for entry in json.loads(place.read_text("utf-8")))
