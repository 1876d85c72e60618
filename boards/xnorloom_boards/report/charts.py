"""Charts of the report, as inline SVG."""

from typing import Any
from unicodedata import east_asian_width

from markupsafe import Markup

from xnorloom.support.html import escape

from .critical_path import Step

__all__ = ["bar", "cut", "path_chart", "timeline"]

# Frames in the timeline, and their shades.
_FRAMES = 4
_SHADES = (1.0, 0.62, 0.38, 0.2)
_COLORS = {"logic": "var(--accent)", "routing": "var(--warm)", "carry chain": "var(--green)"}
_OTHER = "var(--soft)"
_WIDTH, _ROW = 960, 26
# Width of a letter in the timeline, and the most letters of a name there.
_LETTER, _LETTERS = 8, 24


def bar(share: float, color: str) -> Markup:
    """Bar for a share of a whole, in a color of the page: ``accent`` or ``warm``."""
    width = 300 * min(1.0, max(0.0, share))
    return Markup(
        '<svg viewBox="0 0 300 10" preserveAspectRatio="none" style="height:10px" '
        'aria-hidden="true"><rect x="0" y="1" width="300" height="8" rx="2" '
        f'style="fill:var(--track)" /><rect x="0.0" y="1" width="{width:.1f}" height="8" rx="2" '
        f'style="fill:var(--{color})" /></svg>')


def timeline(bars: list[dict[str, Any]], interval: int) -> Markup:
    """Timeline of the parts of a network, for frames one interval apart.

    Each part has the ``first`` and ``last`` cycle in which it works on the first frame.
    """
    end = max(entry["last"] for entry in bars) + 1 + (_FRAMES - 1) * interval
    names = [cut(entry["name"]) for entry in bars]
    left = max(100, 14 + _LETTER * max(map(_letters, names)))
    scale = (_WIDTH - left - 10) / end
    height = _ROW * len(bars) + 30
    pieces = _axis(end, left, scale, height)
    # Where a convolution waits for its map, its frames may overlap: edges keep them apart.
    longest = max(entry["last"] - entry["first"] + 1 for entry in bars)
    edge = ";stroke:var(--card)" if longest > interval else ""
    for row, (entry, name) in enumerate(zip(bars, names, strict=True)):
        y = row * _ROW
        pieces.append(f'<text x="0" y="{y + 17}" font-size="14">{escape(name)}'
                      f'<title>{escape(entry["name"])}</title></text>')
        pieces.append(f'<line x1="{left}" x2="{_WIDTH - 10}" y1="{y + _ROW - 2}" '
                      f'y2="{y + _ROW - 2}" style="stroke:var(--line)" />')
        for frame in range(_FRAMES):
            x = left + scale * (entry["first"] + frame * interval)
            width = max(1.5, scale * (entry["last"] - entry["first"] + 1) - 1)
            first, last = (entry[key] + frame * interval for key in ("first", "last"))
            pieces.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="16" rx="2" '
                f'style="fill:var(--accent);opacity:{_SHADES[frame]}{edge}">'
                f'<title>{escape(entry["name"])}, frame {frame + 1}: cycles {first:,} to {last:,}'
                f"</title></rect>")
    return Markup(f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" '
                  f'aria-label="schedule of {_FRAMES} frames">{"".join(pieces)}</svg>')


def _letters(name: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in name)


def cut(name: str) -> str:
    """Return ``name``, shortened to the letters for which a chart has room."""
    if _letters(name) <= _LETTERS:
        return name
    while _letters(name) >= _LETTERS:
        name = name[:-1]
    return f"{name}…"


def _axis(end: int, left: float, scale: float, height: int) -> list[str]:
    label = _LETTER * len(f"{end:,}")
    ticks = min(8, int((_WIDTH - left) / (label + 12)))
    tick = next(size for power in range(18) for size in (10 ** power, 2 * 10 ** power,
                                                         5 * 10 ** power) if ticks * size >= end)
    pieces = []
    for cycle in range(0, end + 1, tick):
        x = left + scale * cycle
        pieces.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 24}" '
                      f'style="stroke:var(--line)" />')
        anchor = "end" if x > _WIDTH - label / 2 else "middle"
        pieces.append(f'<text x="{x:.1f}" y="{height - 8}" font-size="13" class="soft" '
                      f'text-anchor="{anchor}">{cycle:,}</text>')
    return pieces


def path_chart(path: list[Step]) -> Markup:
    """Delays of a path in order and to scale, with their sums by kind."""
    total = sum(max(0.0, step.ns) for step in path) or 1.0
    pieces, x = [], 0.0
    sums: dict[str, float] = {}
    for step in path:
        width = max(0.0, step.ns) / total * _WIDTH
        pieces.append(f'<rect x="{x:.1f}" y="0" width="{max(0.0, width - 1.5):.1f}" height="24" '
                      f'style="fill:{_COLORS.get(step.kind, _OTHER)}"><title>'
                      f'{escape(step.kind)} {step.ns:.3f} ns: {escape(step.full)}</title></rect>')
        x += width
        sums[step.kind] = sums.get(step.kind, 0.0) + step.ns
    legend = "".join(f'<li><i style="background:{_COLORS.get(kind, _OTHER)}"></i>{escape(kind)} '
                     f"{ns:.3f} ns</li>" for kind, ns in sums.items())
    return Markup(f'<svg viewBox="0 0 {_WIDTH} 24" preserveAspectRatio="none" '
                  f'style="height:24px" role="img" aria-label="critical path">{"".join(pieces)}'
                  f'</svg><ul class="legend">{legend}</ul>')
