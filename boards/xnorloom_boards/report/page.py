"""The report of a build as a page: one file, no scripts, nothing from elsewhere."""

from html import escape
from typing import Any

from xnorloom.support.text import count

from .charts import bar, path_chart, timeline
from .critical_path import steps
from .values import TITLES

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6678; --line: #dfe4ec;
  --ground: #f6f7fa; --card: #ffffff; --accent: #2f6fdb; --warm: #d9822b; --track: #e8ecf3;
  --green: #2f9e77; --shade: rgba(28, 35, 48, 0.28); }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa5b8; --line: #2c3546;
  --ground: #12161e; --card: #1a202b; --accent: #6ea1ff; --warm: #f0a858; --track: #293142;
  --green: #58c69c; --shade: rgba(0, 0, 0, 0.75); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
 h2 { font-size: 17px; margin: 0 0 12px; }
.sub, .note { color: var(--soft); } .sub { margin: 4px 0 24px; } .note { font-size: 13px;
  margin: 12px 0 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px; margin: 0 0 16px; }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--card) 40%, transparent) left / 48px 100% no-repeat local,
  linear-gradient(to left, var(--card) 40%, transparent) right / 48px 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / 14px 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / 14px 100% no-repeat scroll; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 0 0 16px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.tile b { display: block; font-size: 24px; font-weight: 650; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; line-height: 1.3; }
.tile span { color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 13px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr > :last-child { padding-right: 0; } .n { text-align: right; }
tbody:last-child tr:last-child td, tfoot td { border-bottom: 0; } tfoot td { font-weight: 600; }
td.wide { width: 40%; min-width: 90px; }
svg { display: block; width: 100%; height: auto; } svg.chart { min-width: 800px; }
svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); } code { font-size: 12.5px; overflow-wrap: anywhere; }
td.long, tbody:first-child td + td { white-space: normal; } td.long { min-width: 150px; }
.name { display: inline-block; max-width: 15em; overflow: hidden; text-overflow: ellipsis;
  vertical-align: bottom; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 14px; padding: 0;
  list-style: none; font-size: 13px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px;
  margin-right: 7px; }
@media (max-width: 600px) { main { padding: 22px 12px 40px; } section { padding: 16px 14px; }
  h1 { font-size: 22px; } .name { max-width: 9em; } .tile b { font-size: 20px; } }
.mark { color: var(--warm); font-weight: 600; }
"""


def page(values: dict[str, Any]) -> str:
    """The page for the contents of a ``build.json``; well-formed XML, too."""
    board, model = values["board"], values["model"]
    title = f"{model['name']} on {board['title']}"
    shape = " × ".join(str(side) for side in model["input"]["shape"])
    body = "\n".join([
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{escape(board["device"])} · {shape} inputs of '
        f'{model["input"]["bits"]} bit · {model["classes"]} classes · '
        f'{model["synapses"]:,} binary weights</p>',
        _tiles(values), _utilisation(values), _layers(values), _parts(values),
        _schedule(values), _clock(values), _critical(values), _link(values), _origins(values)])
    return (f'<!DOCTYPE html>\n<html lang="en" xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
            f'<meta charset="utf-8" />\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1" />\n'
            f"<title>{escape(title)}</title>\n<style>{escape(_STYLE, quote=False)}</style>\n"
            f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n")


def _tiles(values: dict[str, Any]) -> str:
    clock, speed = values["clock"], values["speed"]
    tiles = [
        (f"{speed['frames_per_second']:,.0f}", "frames a second in the network"),
        (f"{speed['link_frames_per_second']:,.0f}",
         f"frames a second over the serial port ({values['link']['baud']:,} baud)"),
        (_time(speed["latency_seconds"]), f"latency, {speed['latency_cycles']:,} cycles"),
        (f"{clock['hz'] / 1e6:.4g} MHz", f"clock; routed for {clock['fmax_hz'] / 1e6:.4g} MHz")]
    return '<div class="tiles">' + "".join(
        f'<div class="tile"><b>{value}</b><span>{escape(text)}</span></div>'
        for value, text in tiles) + "</div>"


def _time(seconds: float) -> str:
    unit, size = next(pair for pair in (("s", 1.0), ("ms", 1e-3), ("µs", 0.0))
                      if seconds >= pair[1])
    return f"{seconds / (size or 1e-6):,.2f} {unit}"


def _utilisation(values: dict[str, Any]) -> str:
    rows = []
    for kind, entry in values["resources"].items():
        share = entry["used"] / max(1, entry["available"])
        rows.append((TITLES.get(kind, kind), f"{entry['used']:,}", f"{entry['available']:,}",
                     f"{100 * share:.0f} %", bar([(share, "var(--accent)")])))
    return _section("What the chip holds", _table(("resource", "used", "of", "", ""), rows, 1))


def _layers(values: dict[str, Any]) -> str:
    schedule = values["schedule"]
    most = max(layer["cycles"] for layer in schedule["layers"])
    rows = []
    for layer in schedule["layers"]:
        color = "var(--warm)" if layer["bottleneck"] else "var(--accent)"
        rows.append((_name(layer["name"]), f"{layer['neurons']:,} × {layer['inputs']:,}",
                     f"{layer['pe']} × {layer['simd']}", f"{layer['lanes']:,}", layer["style"],
                     f"{layer['depth']:,}", f"{layer['cycles']:,}",
                     bar([(layer["cycles"] / most, color)])))
    header = ("layer", "neurons × inputs", "PE × SIMD", "lanes", "weights", "depth", "cycles", "")
    note = ("The layers work at the same time, each on a frame of its own; the slowest sets the "
            "interval between frames.")
    return _section("Layers", _table(header, rows, 1), note)


def _parts(values: dict[str, Any]) -> str:
    parts = values["parts"]
    kinds = [kind for kind in TITLES if any(part.get(kind) for part in parts)]
    most = max(1, *(part["luts"] for part in parts))
    rows = [(_name(part["name"]), *(f"{part[kind]:,}" for kind in kinds),
             bar([(part["luts"] / most, "var(--accent)")])) for part in parts]
    total = ("all", *(f"{sum(part[kind] for part in parts):,}" for kind in kinds), "")
    note = ("Counted by Yosys before packing; a layer with the operand buffer in front of it and "
            "the register slice behind. The bars compare LUTs.")
    return _section("Cells by part", _table(("part", *(TITLES[kind] for kind in kinds), ""), rows,
                                            1, total), note)


def _schedule(values: dict[str, Any]) -> str:
    note = ("Cycles in which each part works on a frame; frames come one interval apart, and each "
            "has a shade of its own.")
    chart = timeline(values["timeline"], values["speed"]["interval_cycles"])
    return _section("Schedule", chart, note)


def _clock(values: dict[str, Any]) -> str:
    rows = []
    for attempt in values["clock"]["attempts"]:
        for entry in attempt["seeds"]:
            met = entry["fmax_hz"] >= attempt["hz"]
            kept = (attempt["hz"] == values["clock"]["hz"]
                    and entry["seed"] == values["clock"]["seed"])
            verdict = "kept" if kept else "met" if met else "missed"
            rows.append((f"{attempt['hz'] / 1e6:.4g} MHz", str(entry["seed"]),
                         f"{entry['fmax_hz'] / 1e6:.4g} MHz",
                         f'<span class="mark">{verdict}</span>' if kept else verdict))
    return _section("Clock", _table(("built for", "seed", "place and route reached", ""), rows, 0))


def _critical(values: dict[str, Any]) -> str:
    path = steps(values["critical_path"])
    if not path:
        return ""
    total = f"{sum(step.ns for step in path):.3f}"
    note = (f"This path of {total} ns limits the clock. Pointing at a component shows the whole "
            "name of the cell and its pin.")
    rows = [(escape(step.kind), f"{step.ns:.3f}",
             f'<code title="{escape(step.full)}">'
             f'{escape(step.component) or "by nextpnr"}</code>',
             escape(step.cell), escape(step.signal)) for step in path]
    table = _table(("", "ns", "component", "cell", "signal"), rows, 1, ("all", total, "", "", ""))
    return _section("Critical path", table, note, path_chart(path))


def _origins(values: dict[str, Any]) -> str:
    rows = [(escape(name), f"<code>{escape(str(value))}</code>")
            for name, value in (*values["tools"].items(),
                                *((f"SHA-256 of the {name}", value)
                                  for name, value in values["digests"].items()))]
    return _section("Made with", _table(("", ""), rows, 0))


def _link(values: dict[str, Any]) -> str:
    link, board = values["link"], values["board"]
    rows = [("rate", f"{link['baud']:,} baud"),
            ("a frame", f"{count(link['frame_bytes'], 'byte')}, "
                        f"{count(link['words'], 'word')} of {count(link['input_width'], 'bit')}"),
            ("an answer", f"{count(link['result_bytes'], 'byte')}, the class"
                          + (" and the scores" if link["scores"] else "")),
            ("frames under way", f"{link['credits']:,} at most"),
            ("protocol", f"version {link['version']}")]
    note = f"Board: {board['note']}." if board["note"] else ""
    return _section("Serial port", _table(("", ""), rows, 0), note)


def _section(title: str, content: str, note: str = "", above: str = "") -> str:
    """A section with ``content`` that scrolls sideways where the page is narrow."""
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return (f'<section><h2>{escape(title)}</h2>{above}<div class="scroll" role="region" '
            f'tabindex="0" aria-label="{escape(title)}">{content}</div>{below}</section>')


def _name(name: str) -> str:
    """A name that is cut where it is too long for a table; pointing at it shows all of it."""
    return f'<span class="name" title="{escape(name)}">{escape(name)}</span>'


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], numbers: int,
           total: tuple[str, ...] = ()) -> str:
    """A table; with ``numbers`` those columns from there on are aligned right that hold figures."""
    figures = [bool(numbers) and column >= numbers and bool(rows)
               and all(row[column][:1].isdigit() for row in rows)
               for column in range(len(header))]

    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(
            f"<{tag}{_class(cell, right)}>{cell}</{tag}>"
            for cell, right in zip(cells, figures)) + "</tr>"

    foot = f"<tfoot>{line(total, 'td')}</tfoot>" if total else ""
    head = f"<thead>{line(header, 'th')}</thead>" if any(header) else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody>{foot}</table>"


def _class(cell: str, right: bool) -> str:
    if cell.startswith("<svg"):
        return ' class="wide"'
    return ' class="n"' if right else ' class="long"' if cell.startswith("<code>") else ""
