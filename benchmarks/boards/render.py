"""Markdown tables of networks on boards, and their place in a page."""

import re
from pathlib import Path

from results import Result, current, frames_per_second
from rows import Model, Row, RowsError

from xnorloom.graph import Conv, Graph
from xnorloom.support.files import write_atomic
from xnorloom.support.text import clipped, duration
from xnorloom_boards import board
from xnorloom_boards.link.protocol import LINE_BITS, line_bytes

__all__ = ["BEGIN", "END", "put", "render"]

BEGIN, END = "<!-- boards: begin -->", "<!-- boards: end -->"
_SPRAM_BITS = 16

_HEADER = ("board", "chip", "logic cells", "block RAMs", "Fmax, MHz", "clock, MHz",
           "interval, cycles", "latency", "frames/s", "frames/s over the port")
_RIGHT = ("Fmax, MHz", "clock, MHz", "interval, cycles", "latency", "frames/s",
          "frames/s over the port", "weights a cycle", "frames/s at most", "reached")
_LEGEND = """\
Every row of numbers comes from place and route of the whole design with its serial link, which
takes one block RAM.

- Fmax: of the slowest corner in the timing models of the tools.
- Clock: the fastest clock that the design was built for and met.
- Interval: of one frame, or of so many frames that share each weight. Frames/s: clock · frames /
  interval.
- Frames/s over the port: at most the rate of the serial line, at the baud rate of the board, ten
  bits per byte and five bytes besides the frame."""
_BOUND = """\
Upper bound by block RAM bandwidth, if all weights come from block RAM and each bit of its ports
delivers one weight per cycle:

    frames/s <= block RAMs · bits of a port · Fmax / weights

A weight of a convolution counts once for each output before pooling. A block RAM port has 16 bits
on an iCE40 and 36 on an ECP5. All block RAMs of the chip are counted,
and all SPRAMs, of 16 bits, if the row uses any. Fmax is that of the row. "Reached" is Fmax /
interval as a share of the bound; it exceeds 100 % where weights are in look-up tables, which need
no RAM."""
_CAUSES = (
    (re.compile(r"of ([\d,]+) weights its block RAMs hold ([\d,]*\d)"),
     r"\1 weights, room for \2 in block RAM"),
    (re.compile(r"needs (\S+ .+?) where (?:there are )?([\d,]*\d(?: of [\d,]*\d)?)"),
     r"\1 needed, \2 there"),
)


def render(rows: list[Row], results: list[Result]) -> str:
    """Render the tables of all networks, then the bound of each row."""
    models = list({row.model.name: row.model for row in rows}.values())
    found = {row.name: current(row, results) for row in rows}
    parts = [_LEGEND]
    for model in models:
        lines = [_line(row, found[row.name]) for row in rows if row.model is model]
        parts += [_title(model), _table(_HEADER, lines)]
    parts += [_BOUND, _bounds(rows, found)]
    tools = _tools(results)
    if tools:
        parts.append(f"Made with {', '.join(tools)}.")
    return "\n\n".join(parts)


def _title(model: Model) -> str:
    graph, sizes = model.graph, []
    for layer in graph.layers:
        sizes.append(str(layer.neurons))
        if isinstance(layer, Conv) and layer.pool is not None:
            sizes.append("P")
    shape = "x".join(map(str, graph.input.shape)) if graph.by_pixel else str(graph.input.size)
    return f"**{model.name.upper()}**, {'-'.join([shape, *sizes])}, {graph.synapses:,} weights:"


def _reads(graph: Graph) -> int:
    """Return the weights read for a frame: for each bit plane, and each output of a convolution."""
    reads = 0
    for index, layer in enumerate(graph.layers):
        rows, columns = layer.positions(graph.maps[index]) if isinstance(layer, Conv) else (1, 1)
        reads += layer.weights.size * graph.planes(index) * rows * columns
    return reads


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
    frames, together = frames_per_second(result), result["frames_per_interval"]
    line = result["baud"] / LINE_BITS / line_bytes(result["frame_bytes"])
    return (*start, f"{cells[0]:,} ({100 * cells[0] / cells[1]:.0f} %)", stores,
            f"{result['fmax_hz'] / 1e6:.4g}", f"{hz / 1e6:.4g}",
            f"{interval:,}" + (f" for {together}" if together > 1 else ""),
            f"{result['latency']:,}, {duration(result['latency'] / hz)}",
            f"{frames:,.0f}", f"{min(frames, line):,.0f}")


def _reason(message: str) -> str:
    """Short form of a refusal: the resource needed, and the resource available."""
    for pattern, put_as in _CAUSES:
        found = pattern.search(message)
        if found:
            return f"does not fit: {found.expand(put_as)}"
    return clipped(message)


def _bounds(rows: list[Row], found: dict[str, Result | None]) -> str:
    """Table of the bounds of the rows that were built."""
    lines = []
    for row in rows:
        result = found[row.name]
        if result is None or "refused" in result:
            continue
        chosen, graph = board.find(row.board), row.model.graph
        width = max(bits for _, bits in chosen.device.family.block_ram_shapes)
        used, there = result["sprams"]
        lanes, text = chosen.device.brams * width, f"{chosen.device.brams} · {width}"
        if used:
            lanes, text = lanes + there * _SPRAM_BITS, f"{text} + {there} · {_SPRAM_BITS}"
        # Each word serves a batch of frames.
        frames, weights = result["frames_per_interval"], _reads(graph)
        lines.append((row.model.name.upper(), chosen.title, f"{text} = {lanes:,}",
                      f"{frames * lanes * result['fmax_hz'] / weights:,.0f}",
                      f"{100 * weights / result['interval'] / lanes:.0f} %"))
    return _table(("network", "board", "weights a cycle", "frames/s at most", "reached"), lines)


def _tools(results: list[Result]) -> list[str]:
    """Versions of Yosys and nextpnr, without repetition."""
    return sorted({str(version) for result in results
                   for name, version in result.get("tools", {}).items()
                   if name.startswith(("yosys", "nextpnr"))})


def _table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    rule = ["---:" if name.endswith(_RIGHT) else "---" for name in header]
    cells = [header, rule, *([cell.replace("|", r"\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def put(path: Path, block: str, *, check: bool = False) -> bool:
    """Write ``block`` between the marks in the file ``path``. True if it was there before.

    Parameters
    ----------
    check : bool
        Compare only, write nothing.

    Raises
    ------
    RowsError
        If the file cannot be read, or does not hold each mark once, in order.
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
