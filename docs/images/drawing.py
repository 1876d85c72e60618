"""SVG drawings of cells, frames and words, for light and dark pages."""

from html import escape

__all__ = ["Drawing"]

# Class: fill and stroke on a light page, then on a dark one.
_COLOURS = {
    "page": ("#ffffff", "#d0d7de", "#0d1117", "#30363d"),
    "cell": ("#f3f4f6", "#8c959f", "#21262d", "#656c76"),
    "blank": ("none", "#8c959f", "none", "#656c76"),
    "held": ("#cfe0fc", "#2f5fb3", "#16294a", "#6ea8fe"),
    "used": ("#2f5fb3", "#1d3f7a", "#6ea8fe", "#c4dcff"),
    "next": ("#fbdcb0", "#a15c00", "#3a2a10", "#e3a34a"),
    "first": ("#fbdcb0", "#a15c00", "#3a2a10", "#e3a34a"),
    "agree": ("#cfe0fc", "#2f5fb3", "#16294a", "#6ea8fe"),
    "blue": ("none", "#2f5fb3", "none", "#6ea8fe"),
    "orange": ("none", "#c26a00", "none", "#e3a34a"),
    "line": ("none", "#57606a", "none", "#9198a1"),
    "head": ("#57606a", "none", "#9198a1", "none"),
    "tint0": ("#cfe0fc", "#8c959f", "#1f3d6b", "#656c76"),
    "tint1": ("#fbdcb0", "#8c959f", "#5a3f14", "#656c76"),
    "tint2": ("#d8ecd0", "#8c959f", "#25472a", "#656c76"),
    "tint3": ("#ecd9f2", "#8c959f", "#4a2a58", "#656c76"),
    "tint4": ("#f3f4f6", "#8c959f", "#21262d", "#656c76"),
    "tint5": ("#f7d3d3", "#8c959f", "#5c2626", "#656c76"),
    "tint6": ("#cdeeee", "#8c959f", "#16484a", "#656c76"),
    "tint7": ("#efe8b8", "#8c959f", "#4c4713", "#656c76"),
    "tint8": ("#dcdcf6", "#8c959f", "#2f2f63", "#656c76"),
}
_STYLE = """\
  .{name} {{ fill: {0}; stroke: {1}; }}
"""
_FIXED = """\
  .blank { stroke-dasharray: 3 3; }
  .blue, .orange { stroke-width: 3; }
  .line { stroke-width: 1.6; }
  text { font: 14px system-ui, "DejaVu Sans", sans-serif; text-anchor: middle; }
  .big { font-weight: 600; }
  .small { font-size: 12px; }
  .left { text-anchor: start; }
"""
_TEXT = "  text {{ fill: {0}; }}\n  .small {{ fill: {1}; }}\n  .inverse {{ fill: {2}; }}\n"


def _rules(part: int) -> str:
    texts = (("#1f2328", "#57606a", "#ffffff"), ("#e6edf3", "#9da7b3", "#0d1117"))[part]
    return "".join(_STYLE.format(*pair[2 * part:], name=name)
                   for name, pair in _COLOURS.items()) + _TEXT.format(*texts)


class Drawing:
    """Drawing on a page of ``width`` times ``height`` pixels.

    Parameters
    ----------
    title : str
        Description for readers that see no pictures.
    """

    def __init__(self, title: str, width: int, height: int):
        self._lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(title)}</title>', "<style>",
            (_rules(0) + _FIXED).rstrip("\n"), "  @media (prefers-color-scheme: dark) {",
            _rules(1).rstrip("\n"), "  }", "</style>"]
        self.box("page", 0.5, 0.5, width - 1, height - 1, 10)

    def box(self, kind: str, x: float, y: float, wide: float, high: float, round: int = 0) -> None:
        """Draw a rectangle."""
        corner = f' rx="{round}"' if round else ""
        self._lines.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{wide:g}" '
                           f'height="{high:g}"{corner}/>')

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Write a line; ``kind`` are classes, such as ``big``, ``small`` and ``left``."""
        self._lines.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>')

    def arrow(self, x: float, y: float, length: float) -> None:
        """Draw an arrow to the right."""
        self._lines.append(f'<path class="line" d="M{x:g} {y:g} h{length:g}"/>')
        self._lines.append(f'<path class="head" d="M{x + length:g} {y:g} l-9 -4.5 v9 z"/>')

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw a line."""
        self._lines.append(f'<path class="line" d="M{x:g} {y:g} L{to_x:g} {to_y:g}"/>')

    def cross(self, x: float, y: float, side: float) -> None:
        """Draw a cross in a square."""
        self._lines.append(f'<path class="line" d="M{x:g} {y:g} l{side:g} {side:g} '
                           f'M{x + side:g} {y:g} l{-side:g} {side:g}"/>')

    def __str__(self) -> str:
        return "\n".join([*self._lines, "</svg>", ""])
