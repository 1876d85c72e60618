"""Table of cells per bit, synapse and lane in docs/results.md, from place and route.

Popcounts and neurons of this project stand beside a `sum` of all bits and a plain tree of halves,
wired neurons beside the adders of da4ml, all made by the same run. The results are also written as
JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import measure
from structures import FORMS, structures

from xnorloom.errors import XnorloomError
from xnorloom.support.files import write_atomic
from xnorloom.support.process import Jobs
from xnorloom_boards.flow import tools
from xnorloom_cli.exit_status import exit_status

__all__ = ["BEGIN", "END", "add_files", "put", "table"]

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- cells: begin -->", "<!-- cells: end -->"
_TITLES = {"xnorloom": "xnorloom", "sum": "`sum`", "halves": "halves", "da4ml": "da4ml"}
_UNITS = {"popcount": "bit", "neuron": "synapse", "layer": "lane", "batch": "lane",
          "wired": "synapse", "pipelined": "synapse"}
# Wired layers take long to route.
_ONE_SEED = ("wired", "pipelined")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="64 bits only, one seed, and no file is written")
    parser.add_argument("--only", default="", metavar="TEXT",
                        help="measure only structures with TEXT in their name, and keep the others "
                             "as recorded")
    parser.add_argument("--render", action="store_true",
                        help="measure nothing; put the recorded results into the page")
    add_files(parser, "results.json")
    return parser.parse_args(arguments)


def add_files(parser: argparse.ArgumentParser, results: str) -> None:
    """Add ``--results``, by default the file ``results`` beside this one, and ``--page``."""
    for name, path, contents in (
            ("results", HERE / results, "file of results"),
            ("page", HERE.parents[1] / "docs" / "results.md", "page with the table")):
        parser.add_argument(f"--{name}", type=Path, default=path, metavar="FILE",
                            help=f"{contents} (default: {path.name})")


def table(results: list[dict[str, Any]]) -> str:
    """Render results as a table, a line per structure and family."""
    found = {_key(entry): entry for entry in results}
    lines = ["| structure | family | cells per | " + " | ".join(_TITLES[form] for form in FORMS)
             + " |", "| --- | --- | --- |" + " ---: |" * len(FORMS)]
    for kind, what, family in dict.fromkeys(key[:3] for key in found):
        cells = [_cell(found.get((kind, what, family, form))) for form in FORMS]
        lines.append(f"| {kind} {what} | {family} | {_UNITS[kind]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    if "minutes" in entry:
        return f"did not end in {entry['minutes']} minutes"
    # Wired neurons have fewer cells than synapses, so that the third digit tells them apart.
    cells = f"{entry['cells'] / entry['size']:.{3 if 'matrix' in entry else 2}f}"
    speed = f"{entry['fmax_hz'] / 1e6:.0f} MHz" if "fmax_hz" in entry else "packed"
    return f"{cells}, {speed}"


def put(page: str, block: str, begin: str = BEGIN, end: str = END) -> str:
    """Return the text of a page with ``block`` between the marks.

    Raises
    ------
    XnorloomError
        If the page does not have each mark once, in order.
    """
    before, first, rest = page.partition(f"{begin}\n")
    _, last, after = rest.partition(end)
    if not first or not last or page.count(begin) != 1 or page.count(end) != 1:
        raise XnorloomError(f"the page must have the lines {begin} and {end}, once each")
    return f"{before}{first}\n{block}\n\n{last}{after}"


def store(path: Path, entries: list[dict[str, Any]], versions: list[str]) -> dict[str, Any]:
    """Add results to those in the file ``path``; return its contents."""
    # Read again each time: another run may have written to it.
    data = json.loads(path.read_text()) if path.exists() else {"tools": [], "results": []}
    found = {_key(entry): entry for entry in (*data["results"], *entries)}
    order = [(item.kind, item.matrix or item.size, str(item.family), item.form)
             for item in structures()]
    data = {"tools": versions or data["tools"],
            "results": [found[key] for key in order if key in found]}
    write_atomic(path, json.dumps(data, indent=1) + "\n")
    return data


def _key(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry["kind"], entry.get("matrix", entry["size"]), entry["family"], entry["form"]


def run(arguments: argparse.Namespace) -> int:
    """Measure, or render only; return the exit status."""
    measured: list[dict[str, Any]] = []
    wanted = [] if arguments.render else [
        entry for entry in structures(quick=arguments.quick) if arguments.only in entry.name]
    versions = [tools.find(name).version
                for name in ("nextpnr-ecp5", "nextpnr-ice40", "yosys")] if wanted else []
    for number, structure in enumerate(wanted, 1):
        with tempfile.TemporaryDirectory(prefix="xnorloom-") as folder, Jobs() as jobs:
            few = arguments.quick or structure.kind in _ONE_SEED
            entry = measure(structure, (1,) if few else (1, 2, 3), Path(folder), jobs)
        print(f"{number} of {len(wanted)}: {structure.name}: {_cell(entry)}", file=sys.stderr)
        measured.append(entry)
        if not arguments.quick:
            store(arguments.results, [entry], versions)
    if arguments.quick:
        print(table(measured))
        return 0
    data = store(arguments.results, [], [])
    block = table(data["results"])
    print(block)
    made = f"\n\nMade with {', '.join(data['tools'])}." if data["tools"] else ""
    write_atomic(arguments.page, put(arguments.page.read_text("utf-8"), block + made))
    return 0


if __name__ == "__main__":
    given = parse()
    sys.exit(exit_status(lambda: run(given)))
