# amaranth: UnusedElaboratable=no
"""Program benchmarks/boards/table.py, from its rows to the page."""

import hashlib
import importlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom_boards import board
from xnorloom_cli.exit_status import exit_status

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "boards" / "table.py"
FILES = ("--rows", "rows.json", "--results", "results.json", "--page", "results.md")
BEGIN, END = "<!-- boards: begin -->\n", "<!-- boards: end -->\n"


@pytest.fixture(scope="module")
def program():
    """Program as a module, for tests without a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROGRAM.parent)
        return importlib.import_module("table")


class Place:
    """Folder with rows, a page, and two networks, one of them too large for an iCEstick."""

    def __init__(self, folder, random_graph):
        self.folder = folder
        for name, sizes in (("toy", [16, 12, 4]), ("big", [900, 100, 4])):
            random = random_graph(np.random.default_rng(11), sizes)
            Graph(name, random.input, random.layers).save(folder / f"{name}.bnn")
        self.rows({"model": "toy", "board": "icestick", "interval": 12},
                  {"model": "big", "board": "icestick"})
        (folder / "results.md").write_text(f"before\n{BEGIN}{END}after\n")

    def rows(self, *rows):
        models = {"big": "big.bnn", "toy": "toy.bnn"}
        (self.folder / "rows.json").write_text(json.dumps({"models": models, "rows": rows}))

    def results(self):
        return json.loads((self.folder / "results.json").read_text())["results"]

    def table(self):
        """Cells after the chip, by network and board."""
        model, found = None, {}
        for line in (self.folder / "results.md").read_text().splitlines():
            title = re.match(r"\*\*(\w+)\*\*", line)
            model = title[1].lower() if title else model
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            for name in board.names():
                if cells[0] == board.find(name).title and len(cells) == 10:
                    found[f"{model}/{name}"] = cells[2:]
        return found


@pytest.fixture
def place(tmp_path, random_graph, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, random_graph)


@pytest.fixture
def run(place, program, monkeypatch, capsys):
    """Function that runs the program in the folder: exit status and both outputs."""
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["table.py", *FILES, *arguments])
        status = exit_status(lambda: program.run(program.parse()))
        return status, *capsys.readouterr()
    return call


@pytest.mark.full
def test_make(place, run):
    done = subprocess.run([sys.executable, PROGRAM, *FILES, "--directory", "out"], text=True,
                          capture_output=True)
    messages = done.stderr
    assert (done.returncode, done.stdout) == (0, "")
    assert "row 1 of 2: big/icestick\n" in messages and "row 2 of 2: toy/icestick\n" in messages
    assert re.search(r"\n +\d+:\d\d  toy/icestick: designing for [\d.]+ MHz\n", messages)
    refused, made = place.results()
    assert refused["refused"].startswith("network 'big' does not fit iCE40HX1K: ")
    folder = place.folder / "out" / "toy-icestick"
    assert not (place.folder / "out" / "big-icestick").exists()
    values = json.loads((folder / "build.json").read_text())
    bitstream = (folder / "toy-icestick.bin").read_bytes()
    assert made["digests"]["bitstream"] == hashlib.sha256(bitstream).hexdigest()
    assert made["fmax_hz"] == values["clock"]["fmax_hz"]
    log = (folder / "routing.log").read_text()
    assert re.search(rf"ICESTORM_LC: +{made['logic_cells'][0]}/ +1280 ", log)
    assert re.search(rf"ICESTORM_RAM: +{made['brams'][0]}/ +16 ", log)
    shown = place.table()
    assert shown["toy/icestick"][6] == f"{made['clock_hz'] / made['interval']:,.0f}"
    assert shown["big/icestick"] == ["does not fit: 90,400 weights, room for 61,440 in block RAM",
                                     *[""] * 7]
    page = (place.folder / "results.md").read_text()
    assert page.startswith("before\n") and page.endswith("after\n")
    assert run("--check") == (0, "", "")
    # A result of another row does not count.
    place.rows({"model": "toy", "board": "icestick", "interval": 11})
    status, out, messages = run("--check")
    assert (status, out) == (1, "")
    assert messages == ("results.md has another table than the results; --render updates it\n")
    assert run("--render") == (0, "", "")
    assert place.table() == {"toy/icestick": ["not run yet", *[""] * 7]}


@pytest.fixture
def fakes(fake_tools, tmp_path, monkeypatch):
    """Fake programs, and an empty cache; the value is the file that controls them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return fake_tools


def test_rows(fakes, place, run):
    fakes.write_text('{"fmax": {"0": 90.0, "3": 99.0}}')
    others = ({"model": "big", "board": "icebreaker", "interval": 1},
              {"model": "toy", "board": "icestick"},
              {"model": "big", "board": "icestick", "why": "too large"})
    place.rows({"model": "toy", "board": "hx8k_evn", "interval": 6, "seeds": [0, 3],
                "first_clock": 30, "spread": True}, *others)
    # A row that fails leaves the others alone. One interval that does not fit is no result.
    status, _, messages = run()
    assert status == 1
    assert re.search(r"big/icebreaker: failed: network 'big' at an .+\n", messages)
    assert messages.endswith("\n1 row failed: big/icebreaker\n")
    names = [(entry["model"], entry["board"]) for entry in place.results()]
    assert names == [("big", "icestick"), ("toy", "hx8k_evn"), ("toy", "icestick")]
    made = place.results()[1]
    assert (made["seed"], made["interval"], made["built_from"]["seeds"]) == (3, 6, [0, 3])
    assert made["built_from"]["first_clock"] == 30 and made["built_from"]["spread"]
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert all(("--router router2" in line) == ("hx8k" in line)
               for line in calls if line.startswith("nextpnr"))
    first = re.search(r"toy/hx8k_evn: designing for (\S+) MHz\n", messages)
    assert float(first[1]) == 30
    assert place.table()["big/icebreaker"][0] == "not run yet"
    # One row again, with another interval: the others do not change.
    place.rows({"model": "toy", "board": "hx8k_evn", "interval": 4, "seeds": [0, 3]}, *others)
    assert run("--check")[0] == 1
    before = place.results()
    assert run("--row", "toy/hx8k_evn")[0] == 0
    after = place.results()
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1]["interval"] == 4
    assert after[1]["built_from"] != before[1]["built_from"]
    assert run("--check") == (0, "", "")


def test_larger_than_estimated(fakes, place, run):
    # Nothing that fits is left once the estimate has proved to be that far off.
    fakes.write_text('{"cells": [90000, 1280], "sleep": 300}')
    place.rows({"model": "toy", "board": "icestick"})
    assert run()[0] == 0
    [result] = place.results()
    assert "needs 90,000 logic cells where there are 1,280" in result["refused"]
    assert place.table() == {
        "toy/icestick": ["does not fit: 90,000 logic cells needed, 1,280 there", *[""] * 7]}
    place.rows({"model": "toy", "board": "icestick", "interval": 12})
    status, _, messages = run()
    assert status == 1 and messages.endswith("\n1 row failed: toy/icestick\n")
    assert place.table() == {"toy/icestick": ["not run yet", *[""] * 7]}


def test_interrupted(fakes, place, run):
    fakes.write_text('{"sleep": 300}')
    # The runner of the tests may ignore SIGINT, as background programs of a shell do.
    with subprocess.Popen([sys.executable, PROGRAM, *FILES], text=True, stderr=subprocess.PIPE,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
                          ) as process:
        for line in process.stderr:
            if "placing and routing" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "xnorloom: interrupted"
    [result] = place.results()
    assert result["board"] == "icestick" and "refused" in result
    assert place.table()["toy/icestick"][0] == "not run yet"
    assert run("--check") == (0, "", "")


MODEL, ROW = '"models": {"toy": "toy.bnn"}', '{"model": "toy", "board": "icestick"'
RESULT = '{"format": "xnorloom-boards-table", "version": 2, "results": '
WRONG = {  # file, contents, message
    "no rows": ("rows.json", None, r"file rows\.json cannot be read: No such file or directory"),
    "rows no JSON": ("rows.json", "{", r"file rows\.json is not JSON: .+"),
    "rows a list": ("rows.json", "[]", r"file rows\.json must be an object with models and rows"),
    "rows an object": ("rows.json", f'{{{MODEL}, "rows": {{}}}}',
                       r"file rows\.json: rows must be a list, not \{\}"),
    "unknown key": ("rows.json", f'{{{MODEL}, "rows": [{ROW}, "fps": 1}}]}}',
                    r"file rows\.json: row 1 has the unknown key 'fps', wanted model, .+, why"),
    "no board": ("rows.json", f'{{{MODEL}, "rows": [{{"model": "toy"}}]}}',
                 r"file rows\.json: row 1 lacks 'board'"),
    "unknown board": ("rows.json", f'{{{MODEL}, "rows": [{{"model": "toy", "board": "nut"}}]}}',
                      r"file rows\.json: board must be one of .+, not 'nut'"),
    "unknown model": ("rows.json", f'{{{MODEL}, "rows": [{{"model": "x", "board": "nut"}}]}}',
                      r"file rows\.json: model of row 1 must be one of toy, not 'x'"),
    "twice": ("rows.json", f'{{{MODEL}, "rows": [{ROW}}}, {ROW}, "interval": 3}}]}}',
              r"file rows\.json: row toy/icestick must be there once, not 2 times"),
    "first clock": ("rows.json", f'{{{MODEL}, "rows": [{ROW}, "first_clock": 0.5}}]}}',
                    r"file rows\.json: first clock of row 1 must be an integer, not 0\.5"),
    "spread": ("rows.json", f'{{{MODEL}, "rows": [{ROW}, "spread": 1}}]}}',
               r"file rows\.json: spread of row 1 must be true or false, not 1"),
    "interval": ("rows.json", f'{{{MODEL}, "rows": [{ROW}, "interval": 0}}]}}',
                 r"file rows\.json: interval of row 1 must be at least 1, not 0"),
    "no seeds": ("rows.json", f'{{{MODEL}, "rows": [{ROW}, "seeds": []}}]}}',
                 r"file rows\.json: row 1 must have a seed"),
    "results no JSON": ("results.json", "", r"file results\.json is not JSON: .+"),
    "other results": ("results.json", "{}", r"file results\.json is not one of results "
                                            r"\(format must be 'xnorloom-boards-table'\)"),
    "version": ("results.json", RESULT.replace("2", "3") + "[]}",
                r"file results\.json must have version 2, not 3"),
    "no results": ("results.json", RESULT + "7}",
                   r"file results\.json must have a list of results, not 7"),
    "empty result": ("results.json", RESULT + "[{}]}",
                     r"file results\.json: result 1 lacks 'model'"),
    "wrong result": ("results.json", RESULT + '[{"refused": 1, "model": "toy", "board": "x", '
                                              '"built_from": {}}]}',
                     r"file results\.json: result 1 has a wrong refused: 1"),
    "no marks": ("results.md", "text\n", r"file results\.md must have the lines <!-- boards: begin "
                                        r"--> and <!-- boards: end -->, once each"),
    "marks twice": ("results.md", 2 * (BEGIN + END), r"file results\.md must have the lines .+"),
    "no page": ("results.md", None, r"file results\.md cannot be read: No such file or directory"),
}


@pytest.mark.parametrize("name, contents, message", WRONG.values(), ids=WRONG)
def test_wrong(place, run, name, contents, message):
    path = place.folder / name
    path.unlink(missing_ok=True)
    if contents is not None:
        path.write_text(contents)
    for option in ("--check", "--render"):
        status, out, text = run(option)
        assert (status, out) == (2, "")
        assert re.fullmatch(f"xnorloom: error: {message}\n", text)


def test_unknown_row(place, run):
    before = (place.folder / "results.md").read_text()
    assert run("--row", "toy/icestick", "--row", "toy/nut") == (
        2, "", "xnorloom: error: row must be one of big/icestick, toy/icestick, not 'toy/nut'\n")
    assert (place.folder / "results.md").read_text() == before
    assert not (place.folder / "results.json").exists()
