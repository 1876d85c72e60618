"""``xnorloom boards``: the list, and estimates of a model."""

import re

import numpy as np
import pytest

from xnorloom.graph import Conv, Dense, Graph, Input, Score, Window
from xnorloom_boards import find, names
from xnorloom_boards.errors import BuildError
from xnorloom_boards.fits import fit_on
from xnorloom_boards.flow.budget import ResourceBudget


def test_list(run):
    text = run("boards")
    rows = text.splitlines()[2:2 + len(names())]
    assert [row.split()[0] for row in rows] == list(names())
    assert re.search(r"^icebreaker +iCE40UP5K +5,280 +120 kbit \+ 1,024 +USB, 3,000,000 baud +"
                     r"-b ice40_generic$", text, re.M)
    assert re.search(r"^orangecrab_25f .* adapter, 3,000,000 baud", text, re.M)
    for name in names():
        assert find(name).note in text
    assert "--board sim" in text


def test_list_json(run_json):
    rows = run_json("boards")
    assert [row["name"] for row in rows] == list(names())
    [row] = [row for row in rows if row["name"] == "icebreaker"]
    assert row == {
        "name": "icebreaker", "title": "iCEBreaker", "chip": "iCE40UP5K", "family": "ice40",
        "logic_cells": 5280, "ram_bits": 30 * 4096, "spram_bits": 2**20, "multipliers": 8,
        "usb": {"vendor": 0x0403, "product": 0x6010, "channel": 1}, "baud": 3_000_000,
        "programmer": ["openFPGALoader", "-b", "ice40_generic"], "note": ""}


@pytest.fixture
def wide(tmp_path):
    """A model of 600,000 weights, more than the block RAM of small chips holds."""
    rng = np.random.default_rng(4)
    layers = (Dense("wide", rng.integers(0, 2, (600, 990)), np.full(600, 495)),
              Score("score", rng.integers(0, 2, (2, 600)), [0, 0]))
    Graph("wide", Input((990,)), layers).save(tmp_path / "wide.bnn")
    return tmp_path / "wide.bnn"


def test_fits(run_json, run, wide):
    rows = {row["name"]: row for row in run_json("boards", wide)["boards"]}
    assert set(rows) == set(names())
    graph = Graph.load(wide)
    for name in ("icestick", "hx8k_evn", "ulx3s_85f"):
        row = rows[name]
        assert row["fits"] == (row["reason"] is None) == (name == "ulx3s_85f")
        if row["fits"]:
            plan = ResourceBudget(graph, find(name).device).schedule().bind(graph)
            assert row["interval"] == plan.cycles_per_frame
            assert row["frames_per_second"] == plan.frames_per_second(row["clock_hz"])
        else:
            assert row["reason"].startswith(f"network 'wide' does not fit {row['chip']}: ")
    text = run("boards", wide)
    order = [line.split()[0] for line in text.splitlines()[4:4 + len(rows)]]
    assert sorted(order) == list(names())
    speeds = [rows[name]["frames_per_second"] or 0 for name in order]
    assert speeds == sorted(speeds, reverse=True)
    assert re.search(r"^icestick .* no +[\d.]+ MHz$", text, re.M)
    assert "\nicestick: network 'wide' does not fit iCE40HX1K: " in text
    assert text.endswith(f"Next: xnorloom build MODEL --board {order[0]}\n")


def test_frames_too_large():
    """No board takes them, which is an error and not a row of the table."""
    pixels = Conv("conv", [[[[1]]]], [1], Window((1, 1)))
    score = Score("score", np.ones((1, 90_000), int), [0])
    with pytest.raises(BuildError, match="^network 'wide' takes 90,000 words for a frame .*$"):
        fit_on(Graph("wide", Input((300, 300, 1)), (pixels, score)), find("icebreaker"))


def test_wrong(wrong):
    wrong(r"model file none\.bnn cannot be read: No such file or directory", "boards", "none.bnn")
    wrong(r"unrecognized arguments: more \(see xnorloom boards --help\)", "boards", "toy.bnn",
          "more")
