"""Cell counts of a synthesised design, by part."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KEPT_MODULES", "Part", "around_parts", "network_parts", "part_of"]

# Modules whose hierarchy synthesis keeps until their cells are counted, and their names in reports.
KEPT_MODULES = {"top.design.core.link": "link", "top.design.core.uart": "serial port",
                "top.design.core.spi": "SPI"}
_NETWORK = "top.design.core.network."
_NETWORK_PART = re.compile(r"(?:operands|layer|slice)\d+|argmax")
_CELL = re.compile(r"^  cell \\(\w+) \\?(\S+)$", re.MULTILINE)

# Names in reports of the cells in the vendors' libraries.
_KINDS = (
    ("luts", re.compile(r"SB_LUT4|LUT4|L6MUX21|PFUMX")),
    ("carries", re.compile(r"SB_CARRY|CCU2C")),
    ("flip_flops", re.compile(r"SB_DFF.*|TRELLIS_FF")),
    ("brams", re.compile(r"SB_RAM40.*|DP16KD|PDPW16KD")),
    ("lut_rams", re.compile(r"TRELLIS_DPR16X4")),
    ("sprams", re.compile(r"SB_SPRAM256KA")),
    ("dsps", re.compile(r"SB_MAC16|MULT18X18D|ALU54B")),
)


@dataclass(frozen=True)
class Part:
    """Cell counts of a part of a design, by kind of cell, before packing."""

    name: str
    cells: dict[str, int]


def around_parts(path: Path) -> list[Part]:
    """Cells by kept module, from the JSON of ``stat``; all others are ``clock and pins``."""
    modules = json.loads(path.read_text())["modules"]
    return _parts((KEPT_MODULES.get(module.removeprefix("\\"), "clock and pins"), kind, number)
                  for module, found in modules.items()
                  for kind, number in found.get("num_cells_by_type", {}).items())


def network_parts(text: str) -> list[Part]:
    """Cells of the flattened network in RTLIL, by the part that the cell is named after."""
    def part(cell: str) -> str:
        found = _NETWORK_PART.fullmatch(cell.partition(".")[0])
        return found[0] if found else "network"

    return _parts((part(cell), kind, 1) for kind, cell in _CELL.findall(text))


def part_of(cell: str) -> str:
    """Part to which a cell of the routed design belongs, by its name.

    Its name is that of :func:`around_parts` or :func:`network_parts`.
    """
    name = f"top.{cell.removeprefix('$gbuf_')}"
    if name.startswith(_NETWORK):
        first = name.removeprefix(_NETWORK).partition(".")[0]
        return first if _NETWORK_PART.fullmatch(first) else "network"
    return next((part for module, part in KEPT_MODULES.items() if name.startswith(f"{module}.")),
                "clock and pins")


def _parts(found: Iterable[tuple[str, str, int]]) -> list[Part]:
    """Sum counts of cells, each with the name of its part and the type of the cell."""
    parts: dict[str, dict[str, int]] = {}
    for part, kind, number in found:
        cells = parts.setdefault(part, {})
        for title, pattern in _KINDS:
            if pattern.fullmatch(kind):
                cells[title] = cells.get(title, 0) + number
    return [Part(name, cells) for name, cells in parts.items() if cells]
