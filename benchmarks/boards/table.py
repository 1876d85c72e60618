"""Table of networks on boards in docs/results.md, from place and route.

Builds the rows of a file one after another, adds each result to the file of results, and renders
the table into the page. Builds that were done before come from the cache.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from render import put, render
from results import Result, built, frames_per_second, read_results, refused, store
from rows import Row, chosen, read_rows

from xnorloom.errors import XnorloomError
from xnorloom.folding.fit import NoScheduleError
from xnorloom.support.text import count
from xnorloom_boards import board
from xnorloom_boards.build import build
from xnorloom_boards.flow.clock_search import MOST_CLOCKS
from xnorloom_cli.console import timed, write
from xnorloom_cli.exit_status import exit_status

HERE = Path(__file__).resolve().parent


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--row", action="append", default=[], metavar="MODEL/BOARD",
                      help="build this row only; can be given several times")
    what.add_argument("--render", action="store_true",
                      help="build nothing; render the recorded results into the page")
    what.add_argument("--check", action="store_true",
                      help="build and write nothing; exit status 1 if the page has another table")
    parser.add_argument("--directory", type=Path, metavar="DIR",
                        help="keep bitstreams and reports, a folder per row")
    for name, path, contents in (
            ("rows", HERE / "rows.json", "rows to build"),
            ("results", HERE / "results.json", "their results"),
            ("page", HERE.parents[1] / "docs" / "results.md", "page with the table")):
        parser.add_argument(f"--{name}", type=Path, default=path, metavar="FILE",
                            help=f"{contents} (default: {path.name})")
    return parser.parse_args()


def run_row(row: Row, directory: Path, say: Callable[[str], object]) -> Result:
    """Build a row."""
    folder = directory / row.name.replace("/", "-")
    target = board.find(row.board)
    if row.spread:
        target = replace(target, spread=True)
    if row.first_clock is not None:
        target = replace(target, first_hz=row.first_clock * 1_000_000)
    try:
        made = build(row.model.graph, target, directory=folder,
                     interval=row.interval, seeds=row.seeds,
                     clocks=row.clocks or MOST_CLOCKS, progress=say)
    except XnorloomError as error:
        # A given interval that does not fit is no result: others may fit. Without one the build
        # has tried all that might.
        nothing_fits = any(isinstance(fault, NoScheduleError) for fault in (error, error.__cause__))
        if not nothing_fits or row.interval is not None:
            raise
        say(str(error))
        return refused(row, str(error))
    result = built(row, made)
    say(f"{result['logic_cells'][0]:,} cells, {result['fmax_hz'] / 1e6:.1f} MHz, "
        f"{frames_per_second(result):,.0f} frames a second")
    return result


def run(arguments: argparse.Namespace) -> int:
    """Build, render or check; return the exit status."""
    rows = read_rows(arguments.rows)
    results = read_results(arguments.results)
    if arguments.check:
        if put(arguments.page, render(rows, results), check=True):
            return 0
        write(sys.stderr, f"{arguments.page} has another table than the results; --render updates "
                          f"it")
        return 1
    wanted = chosen(rows, arguments.row) if arguments.row else rows
    # Fail on a page without the marks now, not after hours of building.
    put(arguments.page, render(rows, results))
    if arguments.render:
        return 0
    failed = []
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as temporary:
        for number, row in enumerate(wanted, 1):
            write(sys.stderr, f"row {number} of {len(wanted)}: {row.name}")
            say = timed(partial(write, sys.stderr), before=f"{row.name}: ")
            try:
                result = run_row(row, arguments.directory or Path(temporary), say)
            except XnorloomError as error:
                say(f"failed: {error}")
                failed.append(row.name)
                continue
            put(arguments.page, render(rows, store(arguments.results, result, rows)))
    if failed:
        write(sys.stderr, f"{count(len(failed), 'row')} failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    given = parse()
    sys.exit(exit_status(lambda: run(given)))
