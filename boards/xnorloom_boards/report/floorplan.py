# amaranth: UnusedElaboratable=no
"""Floorplan of a routed design: tiles of the chip in the colours of the parts, as inline SVG."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from xnorloom.support.html import escape
from xnorloom.support.text import count
from xnorloom.target.family import Family

from ..flow.placement import Tile

__all__ = ["Floorplan", "color", "draw"]

# Columns and rows of tiles: Project IceStorm's and Project Trellis's databases. nextpnr uses their
# coordinates; rows of an iCE40 count from the bottom, those of an ECP5 from the top.
_GRIDS = {
    "iCE40HX1K": (14, 18),
    "iCE40HX8K": (34, 34),
    "iCE40UP5K": (26, 32),
    "LFE5U-25F": (73, 51),
    "LFE5U-45F": (91, 72),
    "LFE5U-85F": (127, 96),
    "LFE5UM5G-85F": (127, 96),
}
# Logic cells of a tile, and opacities of tiles up to a third full, up to two thirds, and above.
_CELLS = 8
_FILLS = ((1 / 3, 0.45), (2 / 3, 0.7), (float("inf"), 1))
# Hues of layers turn by the golden angle, so that neighbours differ; other parts are grey.
_FIRST, _TURN = 212, 137.5
_GREYS = (30, 42, 54, 66, 76, 84)


@dataclass(frozen=True)
class Floorplan:
    """Places of the parts of a design.

    Parameters
    ----------
    device : str
        Name of the chip.
    family : Family
        Its family.
    parts : sequence of (str, bool)
        Name of each part, and whether it is a layer, in the order of the legend.
    tiles : sequence of Tile
        Cells by tile, with the names of ``parts``.
    """

    device: str
    family: Family
    parts: Sequence[tuple[str, bool]]
    tiles: Sequence[Tile]


def color(index: int, layer: bool) -> str:
    """Return the CSS colour of the layer ``index``, or of another part."""
    if layer:
        return f"hsl({(_FIRST + _TURN * index) % 360:.0f} 58% 52%)"
    return f"hsl(220 9% {_GREYS[index % len(_GREYS)]}%)"


def draw(plan: Floorplan) -> Markup:
    """Draw a floorplan with its legend. A tile with several parts has the colour of the largest."""
    columns, rows = _GRIDS.get(plan.device, (1, 1))
    columns = max([columns, *(tile.x + 1 for tile in plan.tiles)])
    rows = max([rows, *(tile.y + 1 for tile in plan.tiles)])
    colors, seen = {}, Counter()
    for name, layer in plan.parts:
        colors[name] = color(seen[layer], layer)
        seen[layer] += 1
    pieces = [f'<rect x="0" y="0" width="{columns}" height="{rows}" style="fill:var(--track)" />']
    for (name, opacity), boxes in _boxes(plan).items():
        path = "".join(
            f"M{x} {rows - 1 - y if plan.family is Family.ICE40 else y}h{width}v1h-{width}z"
            for x, y, width in boxes
        )
        pieces.append(
            f'<path d="{path}" style="fill:{colors[name]};opacity:{opacity}">'
            f"<title>{escape(name)}</title></path>"
        )
    legend = "".join(
        f'<li><i style="background:{colors[name]}"></i>{escape(name)}: {_said(plan, name)}</li>'
        for name, _ in plan.parts
        if any(tile.part == name for tile in plan.tiles)
    )
    return Markup(
        f'<svg class="plan" viewBox="0 0 {columns} {rows}" role="img" '
        f'aria-label="floorplan of the {escape(plan.device)}">{"".join(pieces)}</svg>'
        f'<ul class="legend">{legend}</ul>'
    )


def _boxes(plan: Floorplan) -> dict[tuple[str, float], list[tuple[int, int, int]]]:
    """Runs of equal tiles, (x, y, width), by part and opacity."""
    tiles: dict[tuple[int, int], list[Tile]] = defaultdict(list)
    for tile in plan.tiles:
        tiles[tile.y, tile.x].append(tile)
    looks = {}
    for place, found in tiles.items():
        most = max(found, key=lambda tile: tile.cells)
        share = sum(tile.cells for tile in found) / _CELLS if most.kind == "logic" else 1
        looks[place] = most.part, next(opacity for end, opacity in _FILLS if share <= end)
    boxes: dict[tuple[str, float], list[tuple[int, int, int]]] = defaultdict(list)
    # A run has one row, one look, and columns without a gap.
    places = enumerate(sorted(looks))
    for (y, look, _), run in groupby(places, lambda at: (at[1][0], looks[at[1]], at[1][1] - at[0])):
        places_of_run = [place for _, place in run]
        boxes[look].append((places_of_run[0][1], y, len(places_of_run)))
    return boxes


def _said(plan: Floorplan, name: str) -> str:
    """Cells and RAMs of a part."""
    numbers: Counter[str] = Counter()
    for tile in plan.tiles:
        if tile.part == name:
            numbers[tile.kind] += tile.cells
    nouns = {"logic": "cell", "ram": "RAM", "dsp": "multiplier"}
    return ", ".join(count(numbers[kind], noun) for kind, noun in nouns.items() if numbers[kind])
