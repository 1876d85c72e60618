# amaranth: UnusedElaboratable=no
"""Program benchmarks/cells/count.py, and its table in docs/results.md."""

import importlib
import json
from pathlib import Path

import pytest

from xnorloom.errors import XnorloomError

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks" / "cells" / "count.py"
BEGIN, END = "<!-- cells: begin -->\n", "<!-- cells: end -->"


@pytest.fixture(scope="module")
def program():
    """Program as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROGRAM.parent)
        return importlib.import_module("count")


@pytest.fixture
def place(tmp_path, program, monkeypatch):
    """Folder with a page, where structures are not measured: a cell per bit, at 50 MHz."""
    (tmp_path / "page.md").write_text(f"before\n\n{BEGIN}old\n{END}\n\nafter\n")

    def measure(structure, seeds, folder, jobs):
        assert folder.is_dir()
        return {"kind": structure.kind, "size": structure.size, "form": structure.form,
                "family": str(structure.family), "seeds": list(seeds), "cells": structure.size,
                "fmax_hz": 50_000_000}
    monkeypatch.setattr(program, "measure", measure)

    def run(*arguments):
        return program.run(program.parse([*arguments, "--results", str(tmp_path / "results.json"),
                                          "--page", str(tmp_path / "page.md")]))
    run.folder = tmp_path
    return run


def rows(text):
    """Rows of the table in a text: kind and size, family, and the cells of each form."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {(cells[0].strip(), cells[1].strip()): [cell.strip() for cell in cells[3:]]
            for cells in lines[2:]}


def test_all_structures(place):
    assert place() == 0
    page = (place.folder / "page.md").read_text()
    assert page.startswith(f"before\n\n{BEGIN}")
    assert page.endswith(f"{END}\n\nafter\n")
    found = rows(page)
    kinds = [*(f"popcount {size}" for size in (64, 256, 784)), "neuron 64", "neuron 256",
             "layer 384", "batch 1024", "wired 4096", "pipelined 4096"]
    assert list(found) == [(kind, family) for kind in kinds for family in ("ice40", "ecp5")]
    assert found["popcount 256", "ecp5"] == ["1.00, 50 MHz"] * 3
    assert found["layer 384", "ice40"] == ["1.00, 50 MHz", "–", "–"]
    assert len(json.loads((place.folder / "results.json").read_text())["results"]) == 38


def test_some_structures(place, capsys):
    assert place("--only", "popcount-64-sum-ecp5") == 0
    assert rows((place.folder / "page.md").read_text()) == {
        ("popcount 64", "ecp5"): ["–", "1.00, 50 MHz", "–"]}
    assert place("--render") == 0
    assert "1 of 1: popcount-64-sum-ecp5: 1.00, 50 MHz" in capsys.readouterr().err


def test_quick_writes_no_file(place, capsys):
    assert place("--quick") == 0
    assert len(rows(capsys.readouterr().out)) == 4
    assert sorted(path.name for path in place.folder.iterdir()) == ["page.md"]


def test_page_without_marks(place):
    (place.folder / "page.md").write_text(BEGIN)
    with pytest.raises(XnorloomError, match="^the page must have the lines <!-- cells: begin --> "
                                            "and <!-- cells: end -->, once each$"):
        place("--render")


def test_page_shows_the_results():
    page = (ROOT / "docs" / "results.md").read_text()
    block = page.partition(BEGIN)[2].partition(END)[0]
    found = rows(block)
    results = json.loads((PROGRAM.parent / "results.json").read_text())["results"]
    assert len(found) == len({(entry["kind"], entry["size"], entry["family"])
                              for entry in results}) > 8
    for entry in results:
        column = ("xnorloom", "sum", "halves").index(entry["form"])
        cells, speed = entry["cells"] / entry["size"], entry["fmax_hz"] / 1e6
        assert (found[f"{entry['kind']} {entry['size']}", entry["family"]][column]
                == f"{cells:.2f}, {speed:.0f} MHz")
        # No structure of this project is larger than a plain one.
        if entry["form"] != "xnorloom":
            [own] = [other for other in results if other["form"] == "xnorloom" and all(
                other[name] == entry[name] for name in ("kind", "size", "family"))]
            assert own["cells"] <= entry["cells"]
