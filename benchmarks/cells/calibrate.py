"""Error of the estimates of cells, against synthesis: a table in docs/results.md.

Layers are synthesised without their operand buffers, and whole networks, with the options of
builds; nextpnr packs them. The results are also written as JSON.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from cases import Case, cases
from count import add_files, put
from measure import packed, synthesise

from xnorloom.support.files import write_atomic
from xnorloom.support.process import Jobs
from xnorloom_boards.flow import tools
from xnorloom_cli.exit_status import exit_status

__all__ = ["BEGIN", "END", "table"]

BEGIN, END = "<!-- estimates: begin -->", "<!-- estimates: end -->"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT",
                        help="synthesise only cases with TEXT in their name, and keep the packed "
                             "cells of the others")
    parser.add_argument("--render", action="store_true",
                        help="synthesise nothing; estimate again, and compare with the recorded "
                             "cells")
    add_files(parser, "calibration.json")
    return parser.parse_args(arguments)


def table(results: list[dict[str, Any]]) -> str:
    """Render results as a table, a line per case, and the errors of layers and networks."""
    lines = ["| layer or network | fold | family | estimate | packed | error |",
             "| --- | --- | --- | ---: | ---: | ---: |"]
    for entry in results:
        lines.append(f"| {entry['what']} | {entry['fold']} | {entry['family']} "
                     f"| {entry['estimate']:,} | {entry['packed']:,} | {_error(entry):+.0f} % |")
    for kind in ("layer", "network"):
        errors = [abs(_error(entry)) for entry in results if entry["kind"] == kind]
        if errors:
            middle, most = statistics.median(errors), max(errors)
            lines += ["", f"Errors of {len(errors)} {kind}s: median {middle:.1f} %, largest "
                          f"{most:.1f} %."]
    return "\n".join(lines)


def _error(entry: dict[str, Any]) -> float:
    return 100 * (entry["estimate"] / entry["packed"] - 1)


def store(path: Path, entries: list[dict[str, Any]], versions: list[str]) -> dict[str, Any]:
    """Add packed cells to those in the file ``path``; estimate all again; return its contents."""
    data = json.loads(path.read_text()) if path.exists() else {"tools": [], "results": []}
    found = {_key(entry): entry["packed"] for entry in (*data["results"], *entries)}
    results = []
    for case in cases():
        entry = _entry(case)
        if _key(entry) in found:
            results.append({**entry, "estimate": case.estimate(), "packed": found[_key(entry)]})
    data = {"tools": versions or data["tools"], "results": results}
    write_atomic(path, json.dumps(data, indent=1) + "\n")
    return data


def _entry(case: Case) -> dict[str, Any]:
    return {"kind": case.kind, "what": case.what, "fold": case.fold, "family": str(case.family)}


def _key(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry["kind"], entry["what"], entry["fold"], entry["family"]


def run(arguments: argparse.Namespace) -> int:
    """Synthesise, or estimate only; return the exit status."""
    wanted = [] if arguments.render else [
        case for case in cases() if arguments.only in case.name]
    versions = [tools.find(name).version
                for name in ("nextpnr-ecp5", "nextpnr-ice40", "yosys")] if wanted else []
    for number, case in enumerate(wanted, 1):
        with tempfile.TemporaryDirectory(prefix="xnorloom-") as folder, Jobs() as jobs:
            synthesise(case.component(), case.family, Path(folder), jobs)
            entry = {**_entry(case), "packed": packed(case.family, Path(folder), jobs)}
        print(f"{number} of {len(wanted)}: {case.name}: {entry['packed']:,} cells, estimated "
              f"{case.estimate():,}", file=sys.stderr)
        store(arguments.results, [entry], versions)
    data = store(arguments.results, [], [])
    block = table(data["results"])
    print(block)
    made = f"\n\nMade with {', '.join(data['tools'])}." if data["tools"] else ""
    write_atomic(arguments.page, put(arguments.page.read_text("utf-8"), block + made, BEGIN, END))
    return 0


if __name__ == "__main__":
    given = parse()
    sys.exit(exit_status(lambda: run(given)))
