"""Charts of the report as inline SVG."""

from html import escape
from typing import Any

__all__ = ["bar", "path_chart", "timeline"]

# Frames that the timeline shows, and the shades that they have in turn.
_FRAMES = 4
_SHADES = (1.0, 0.62, 0.38, 0.2)
_COLORS = {"logic": "var(--accent)", "routing": "var(--warm)"}
_LEFT, _WIDTH, _ROW = 110, 960, 26


def bar(parts: list[tuple[float, str]]) -> str:
    """A bar of ``parts`` as shares of the whole, each with its color."""
    pieces, x = [], 0.0
    for share, color in parts:
        width = 300 * min(1.0, max(0.0, share))
        pieces.append(f'<rect x="{x:.1f}" y="1" width="{width:.1f}" height="8" rx="2" '
                      f'style="fill:{color}" />')
        x += width
    return ('<svg viewBox="0 0 300 10" preserveAspectRatio="none" style="height:10px" '
            'aria-hidden="true"><rect x="0" y="1" width="300" height="8" rx="2" '
            f'style="fill:var(--track)" />{"".join(pieces)}</svg>')


def timeline(bars: list[dict[str, Any]], interval: int) -> str:
    """When each part works: ``first`` and ``last`` cycle of a frame, then of those that follow."""
    end = max(entry["last"] for entry in bars) + 1 + (_FRAMES - 1) * interval
    scale = (_WIDTH - _LEFT - 10) / end
    height = _ROW * len(bars) + 30
    pieces = []
    for row, entry in enumerate(bars):
        y = row * _ROW
        pieces.append(f'<text x="0" y="{y + 17}" font-size="13">{escape(entry["name"])}</text>')
        pieces.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y + _ROW - 2}" '
                      f'y2="{y + _ROW - 2}" style="stroke:var(--line)" />')
        for frame in range(_FRAMES):
            x = _LEFT + scale * (entry["first"] + frame * interval)
            width = max(1.5, scale * (entry["last"] - entry["first"] + 1) - 1)
            first, last = (entry[key] + frame * interval for key in ("first", "last"))
            pieces.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="16" rx="2" '
                f'style="fill:var(--accent);opacity:{_SHADES[frame]}">'
                f'<title>{escape(entry["name"])}, frame {frame + 1}: cycles {first:,} to {last:,}'
                f"</title></rect>")
    pieces += _axis(end, scale, height)
    return (f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'aria-label="schedule of {_FRAMES} frames">{"".join(pieces)}</svg>')


def _axis(end: int, scale: float, height: int) -> list[str]:
    tick = next(size for power in range(12) for size in (10 ** power, 2 * 10 ** power,
                                                         5 * 10 ** power) if 8 * size >= end)
    pieces = []
    for cycle in range(0, end + 1, tick):
        x = _LEFT + scale * cycle
        pieces.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 24}" '
                      f'style="stroke:var(--line)" />')
        anchor = "end" if x > _WIDTH - 60 else "middle"
        pieces.append(f'<text x="{x:.1f}" y="{height - 8}" font-size="12" class="soft" '
                      f'text-anchor="{anchor}">{cycle:,}</text>')
    return pieces


def path_chart(hops: list[dict[str, Any]]) -> str:
    """Delays of a path, one after the other, to scale."""
    total = sum(hop["ns"] for hop in hops) or 1.0
    pieces, x = [], 0.0
    for hop in hops:
        width = hop["ns"] / total * _WIDTH
        color = _COLORS.get(hop["kind"], "var(--soft)")
        pieces.append(f'<rect x="{x:.1f}" y="0" width="{max(0.0, width - 1):.1f}" height="22" '
                      f'rx="2" style="fill:{color}"><title>{escape(hop["kind"])} {hop["ns"]:.2f} '
                      f'ns: {escape(hop["cell"])}</title></rect>')
        x += width
    legend = "".join(
        f'<rect x="{place}" y="30" width="12" height="12" rx="2" style="fill:{color}" />'
        f'<text x="{place + 18}" y="41" font-size="13">{name}</text>'
        for place, name, color in ((0, "logic", _COLORS["logic"]),
                                   (90, "routing", _COLORS["routing"]),
                                   (190, "clock to output, setup", "var(--soft)")))
    return (f'<svg viewBox="0 0 {_WIDTH} 50" role="img" aria-label="critical path">'
            f'{"".join(pieces)}{legend}</svg>')
