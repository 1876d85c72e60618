"""The table as Markdown, and its place in the README."""

import re
from pathlib import Path

from results import Result, current
from rows import Model, Row, RowsError

from xnorloom.support.files import write_atomic
from xnorloom_boards import board
from xnorloom_boards.link.protocol import LINE_BITS, line_bytes

__all__ = ["BEGIN", "END", "put", "render"]

BEGIN, END = "<!-- boards: begin -->", "<!-- boards: end -->"
_SPRAM_BITS = 16

_HEADER = ("board", "chip", "logic cells", "block RAMs", "Fmax, MHz", "clock, MHz",
           "interval, cycles", "latency", "frames/s", "frames/s over the port")
_RIGHT = ("Fmax, MHz", "clock, MHz", "interval, cycles", "latency", "frames/s",
          "frames/s over the port", "weights a cycle", "at most", "reached")
_LEGEND = """\
Every row of numbers comes from place and route of the whole design with its serial link, which
takes one block RAM. Fmax is that of the slowest corner the tools know, clock the fastest that the
design was built for and met, and frames/s is clock / interval. Over the port is what the serial
line lets through at the baud rate of the board: ten bits a byte, and five bytes besides the
frame."""
_BOUND = """\
What block RAM allows, if all weights come from there and each bit of its ports brings one in every
cycle:

    frames/s <= block RAMs · bits of a port · Fmax / weights

A block RAM has 16 bits on an iCE40 and 36 on an ECP5; all of the chip are counted, and all SPRAMs,
of 16 bits, where a row uses any. Fmax is that of the row. Reached is the part of the bound that
Fmax / interval is; it can be above 100 %, since weights in look-up tables need no RAM."""
_CAUSES = (
    (re.compile(r"of ([\d,]+) weights its block RAMs hold ([\d,]*\d)"),
     r"\1 weights, room for \2 in block RAM"),
    (re.compile(r"needs (\S+ .+?) where (?:there are )?([\d,]*\d(?: of [\d,]*\d)?)"),
     r"\1 needed, \2 there"),
)


def render(rows: list[Row], results: list[Result]) -> str:
    """The tables of all networks, and below them the bound of each board."""
    models = list({row.model.name: row.model for row in rows}.values())
    found = {row.name: current(row, results) for row in rows}
    parts = [_LEGEND]
    for model in models:
        lines = [_line(row, found[row.name]) for row in rows if row.model is model]
        parts += [_title(model), _table(_HEADER, lines)]
    parts += [_BOUND, _bounds(models, rows, found)]
    tools = _tools(results)
    if tools:
        parts.append(f"Made with {', '.join(tools)}.")
    return "\n\n".join(parts)


def _title(model: Model) -> str:
    sizes = [model.graph.input.size, *(layer.neurons for layer in model.graph.layers)]
    return (f"**{model.name.upper()}**, {'-'.join(map(str, sizes))}, "
            f"{model.graph.synapses:,} weights:")


def _line(row: Row, result: Result | None) -> tuple[str, ...]:
    chosen = board.find(row.board)
    start = chosen.title, chosen.device.name
    if result is None or "refused" in result:
        text = "not run yet" if result is None else _reason(result["refused"])
        return (*start, text, *[""] * (len(_HEADER) - 3))
    cells, rams = result["logic_cells"], result["brams"]
    hz, interval = result["clock_hz"], result["interval"]
    stores = f"{rams[0]} of {rams[1]}"
    if result["sprams"][0]:
        stores += f", {result['sprams'][0]} of {result['sprams'][1]} SPRAMs"
    frames = hz / interval
    line = result["baud"] / LINE_BITS / line_bytes(result["frame_bytes"])
    return (*start, f"{cells[0]:,} ({100 * cells[0] / cells[1]:.0f} %)", stores,
            f"{result['fmax_hz'] / 1e6:.4g}", f"{hz / 1e6:.4g}", f"{interval:,}",
            f"{result['latency']:,}, {1e6 * result['latency'] / hz:.3g} µs",
            f"{frames:,.0f}", f"{min(frames, line):,.0f}")


def _reason(message: str) -> str:
    """Of a message, what was needed and what there is."""
    for pattern, put_as in _CAUSES:
        found = pattern.search(message)
        if found:
            return f"does not fit: {found.expand(put_as)}"
    return message


def _bounds(models: list[Model], rows: list[Row], found: dict[str, Result | None]) -> str:
    header = ["board", "weights a cycle"]
    for model in models:
        header += [f"{model.name.upper()} at most", "reached"]
    lines = []
    for name in dict.fromkeys(row.board for row in rows):
        chosen = board.find(name)
        width = max(bits for _, bits in chosen.device.family.block_ram_shapes)
        fed = chosen.device.brams * width
        line = [chosen.title, f"{chosen.device.brams} · {width} = {fed:,}"]
        for model in models:
            result = found.get(f"{model.name}/{name}")
            if result is None or "refused" in result:
                line += ["–", "–"]
                continue
            used, there = result["sprams"]
            lanes = fed + (_SPRAM_BITS * there if used else 0)
            # Weights of the first layer are read once for each bit plane.
            weights = sum(layer.weights.size * model.graph.planes(index)
                          for index, layer in enumerate(model.graph.layers))
            line += [f"{lanes * result['fmax_hz'] / weights:,.0f}",
                     f"{100 * weights / result['interval'] / lanes:.0f} %"]
        lines.append(tuple(line))
    return _table(tuple(header), lines)


def _tools(results: list[Result]) -> list[str]:
    """Versions of Yosys and nextpnr, each once."""
    return sorted({str(version) for result in results
                   for name, version in result.get("tools", {}).items()
                   if name.startswith(("yosys", "nextpnr"))})


def _table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    rule = ["---:" if name.endswith(_RIGHT) else "---" for name in header]
    cells = [header, rule, *([cell.replace("|", r"\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def put(path: Path, block: str, *, check: bool = False) -> bool:
    """Write ``block`` between the marks in the file ``path``; whether it was there before.

    Parameters
    ----------
    check : bool
        Whether to look only.

    Raises
    ------
    RowsError
        If the file cannot be read, or the marks are not there once each, in their order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RowsError(f"file {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RowsError(f"file {path} is not text: {error}") from error
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not end or text.count(BEGIN) != 1 or text.count(END) != 1 or not begin:
        raise RowsError(f"file {path} must have the lines {BEGIN} and {END}, once each")
    new = f"{before}{begin}\n{block}\n\n{end}{after}"
    if new != text and not check:
        write_atomic(path, new)
    return new == text
