"""Block diagram of a network: input, layers with their operand buffers, argmax, as inline SVG."""

from typing import Any

from markupsafe import Markup

from xnorloom.support.html import escape
from xnorloom.support.text import count

from .charts import cut

__all__ = ["diagram"]

# Sizes that fit a screen of 400 pixels without scaling.
_WIDTH, _BOX, _GAP, _BUFFER = 340, 58, 34, 24
_STYLES = {"block": "block RAM", "spram": "SPRAM", "lut": "look-up tables", "wired": "wires"}


def diagram(values: dict[str, Any]) -> Markup:
    """Draw the blocks of a ``build.json`` from top to bottom, with the bits of each stream."""
    layers, widths = values["schedule"]["layers"], values["widths"]
    model = values["model"]
    shape = " × ".join(map(str, model["input"]["shape"]))
    pieces = [
        _box(
            0,
            "input",
            f"{shape} values of {count(model['input']['bits'], 'bit')}",
            f"{count(values['schedule']['words'], 'word')} a frame",
        )
    ]
    y = _BOX
    for layer, width in zip(layers, widths):
        kind = layer["buffer"]
        if kind == "ring" and "rows" in layer:
            kind = f"{kind}, {count(layer['rows'], 'row')}"
        y = _arrow(pieces, y, count(width, "bit"), "" if kind == "direct" else kind)
        frames = f" × {layer['vectors']}" if layer.get("vectors", 1) > 1 else ""
        what = f"{count(layer['neurons'], 'neuron')} × {layer['inputs']:,}"
        style = _STYLES.get(layer["style"], layer["style"])
        pieces.append(_box(y, layer["name"],
                           f"{what}; PE {layer['pe']:,}, SIMD {layer['simd']:,}{frames}",
                           f"weights in {style}, {layer['depth']:,} deep"))
        y += _BOX
    y = _arrow(pieces, y, count(widths[len(layers)], "bit"), "")
    pieces.append(
        _box(
            y,
            "argmax",
            f"{count(model['classes'], 'class', 'es')}",
            f"result of {count(widths[-1], 'bit')}",
        )
    )
    height = y + _BOX
    return Markup(
        f'<svg class="blocks" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="block diagram">{"".join(pieces)}</svg>'
    )


def _box(y: int, name: str, first: str, second: str) -> str:
    return (
        f'<rect x="1" y="{y + 1}" width="{_WIDTH - 2}" height="{_BOX - 2}" rx="6" '
        f'style="fill:var(--ground);stroke:var(--line)" />'
        f'<text x="12" y="{y + 19}" font-size="13" font-weight="600">{escape(cut(name))}'
        f"<title>{escape(name)}</title></text>"
        f'<text x="12" y="{y + 35}" font-size="12" class="soft">{escape(first)}</text>'
        f'<text x="12" y="{y + 50}" font-size="12" class="soft">{escape(second)}</text>'
    )


def _arrow(pieces: list[str], y: int, bits: str, buffer: str) -> int:
    """Add an arrow down from ``y`` through a buffer, if there is one; return its end."""
    end, x = y + _GAP, 40
    pieces.append(f'<text x="{x + 12}" y="{y + 21}" font-size="12">{escape(bits)}</text>')
    pieces.append(_line(x, y, end))
    if buffer:
        pieces.append(
            f'<rect x="1" y="{end}" width="190" height="{_BUFFER}" rx="12" '
            f'style="fill:var(--track);stroke:var(--line)" /><text x="12" y="{end + 16}" '
            f'font-size="12">buffer: {escape(buffer)}</text>'
        )
        end += _BUFFER + 12
        pieces.append(_line(x, end - 12, end))
    return end


def _line(x: int, y: int, end: int) -> str:
    return (
        f'<path d="M{x} {y}V{end - 1}M{x - 4} {end - 6}L{x} {end - 1}L{x + 4} {end - 6}" '
        f'style="fill:none;stroke:var(--accent);stroke-width:1.5" />'
    )
