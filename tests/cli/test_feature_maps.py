# amaranth: UnusedElaboratable=no
"""``xnorloom simulate --show``: the picture of a frame, and its layout."""

import sys

import numpy as np
import pytest

from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom_cli.feature_maps.layout import grid, mosaic
from xnorloom_cli.feature_maps.picture import Shown, panels
from xnorloom_cli.main import main
from xnorloom_sim import golden

SIMULATE = ["simulate", "toy.bnn", "--data", "data.npz", "--engine", "golden"]


@pytest.fixture
def cnn(tmp_path, monkeypatch):
    """A folder with ``cnn.bnn`` and ``maps.npz``, three images for it; returns the graph."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    graph = Graph("cnn", Input((8, 7), 2), (
        Conv("first", rng.integers(0, 2, (5, 3, 3, 1)), np.full(5, 14), Window((3, 3)),
             Pool((2, 2))),
        Dense("middle", rng.integers(0, 2, (6, 30)), np.full(6, 15)),
        Score("last", rng.integers(0, 2, (3, 6)), [0, 1, 2])))
    graph.save("cnn.bnn")
    np.savez("maps.npz", images=rng.integers(0, 256, (3, 8, 7), np.uint8), labels=[0, 1, 2])
    return graph


def tiles(image, gap):
    """Tiles of an image, counted by the lines of ``gap`` between them."""
    count = 1
    for axis in (0, 1):
        line = (image == gap).all(axis=1 - axis)
        count *= 1 + int((np.diff(line.astype(int)) == 1).sum())
    return count


@pytest.mark.parametrize("map, rows, columns, element", [
    (Map(26, 26, 16), 2, 8, (5, 5)),
    (Map(5, 5, 1), 1, 1, (14, 14)),
    (Map(1, 1, 64), 1, 64, (12, 12)),
    (Map(1, 1, 10), 1, 10, (14, 14)),
    (Map(1, 131, 16), 16, 1, (12, 8)),
    (Map(30, 30, 64), 4, 16, (2, 2)),
], ids=str)
def test_grid(map, rows, columns, element):
    found = grid(map, 1120, 400)
    assert (found.rows, found.columns, found.element, found.every) == (rows, columns, element, 1)
    assert found.rows * found.columns >= map.channels
    assert found.width <= 1120
    assert found.height <= 400


@pytest.mark.parametrize("map, every, tile", [
    (Map(100, 3000, 2), 3, (34, 1000)), (Map(900, 10, 1), 3, (300, 4))], ids=str)
def test_grid_of_large_maps(map, every, tile):
    found = grid(map, 1120, 400)
    assert (found.every, found.tile) == (every, tile)
    image = mosaic(np.zeros(map, np.int64), found, 2)
    assert image.shape == (found.height, found.width)
    assert image.shape[1] <= 1120


def test_grid_of_many_channels():
    found = grid(Map(1, 1, 5000), 1120, 400)
    assert found.channels == 4096
    assert mosaic(np.zeros((1, 1, 5000), np.int64), found, 2).shape[1] <= 1120


def test_mosaic():
    map = Map(4, 3, 5)
    elements = np.random.default_rng(0).integers(0, 2, map)
    found = grid(map, 100, 100)
    image = mosaic(elements, found, 2)
    high, wide = (length * side for length, side in zip(found.tile, found.element))
    for channel in range(5):
        row, column = divmod(channel, found.columns)
        tile = image[row * (high + 5):, column * (wide + 5):][:high, :wide]
        np.testing.assert_array_equal(tile[::found.element[0], ::found.element[1]],
                                      elements[..., channel])
    assert (image == 2).any()


def test_panels(cnn):
    frame = np.random.default_rng(1).integers(0, 4, (1, 8, 7))
    result = golden.evaluate(cnn, frame)
    found = panels(cnn, Shown("title", frame.reshape(-1), [row[0] for row in result.activations],
                              result.scores[0], 0, None))
    assert [panel.name for panel in found] == ["input", "first", "middle"]
    fires = [int(row.sum()) for row in result.activations]
    assert [panel.details for panel in found] == [
        "8x7, 2 bits", f"5 maps of 3x2, kernel 3x3, pool 2x2; {fires[0]} of 30 fire",
        f"6 neurons; {fires[1]} of 6 fire"]
    assert [tiles(panel.image.min(axis=2), 255) for panel in found] == [1, 5, 6]
    blue = (found[1].image == (33, 102, 172)).all(axis=2).sum()
    assert blue == fires[0] * np.prod(found[1].grid.element)


@pytest.mark.parametrize("engine", ["golden", "amaranth"])
def test_show(run, run_json, cnn, tmp_path, engine):
    text = run("simulate", "cnn.bnn", "--data", "maps.npz", "--engine", engine, "--show", 2)
    assert text.endswith("\n\nwrote frame2.png\n")
    assert (tmp_path / "frame2.png").read_bytes().startswith(b"\x89PNG")
    values = run_json("simulate", "cnn.bnn", "--data", "maps.npz", "--engine", engine, "--show",
                      2, "--out", "other.png")
    assert values["picture"] == "other.png"
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "frame2.png").read_bytes()


def test_show_dense(run, model, data, tmp_path):
    run("simulate", model, "--data", data, "--engine", "golden", "--show", 0, "--out",
        tmp_path / "dense.png")
    assert (tmp_path / "dense.png").read_bytes().startswith(b"\x89PNG")


def test_differences(cnn, capsys, monkeypatch):
    true = golden.evaluate_packed

    def false(graph, frames):
        result = true(graph, frames)
        result.activations[0][1] ^= 1
        return result

    monkeypatch.setattr(golden, "evaluate_packed", false)
    assert main(["simulate", "cnn.bnn", "--data", "maps.npz", "--engine", "golden", "--show",
                 "1"]) == 1
    assert capsys.readouterr().err == (
        "xnorloom: warning: layer 'first' of frame 1: 30 of 30 activations differ from the golden "
        "model\n")


@pytest.mark.parametrize("options, message", [
    (["--show", "2"], r"argument --show: must be a frame in 0 to 1, since 2 frames of data\.npz "
                      r"are simulated, not 2"),
    (["--show", "1", "--limit", "1"], r"argument --show: must be a frame in 0 to 0, since 1 frame "
                                      r"of data\.npz is simulated, not 1"),
    (["--show", "-1"], r"argument --show: must be an integer of at least 0, not '-1' "
                       r"\(see xnorloom simulate --help\)"),
    (["--out", "a.png"], r"argument --out: only allowed with --show, which draws the picture"),
    (["--show", "0", "--out", "nowhere/a.png"],
     r"file nowhere/a\.png cannot be written: No such file or directory"),
], ids=["no such frame", "limit", "negative", "out without show", "no directory"])
def test_show_wrong(wrong, options, message):
    wrong(message, *SIMULATE, *options)


def test_show_without_matplotlib(wrong, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    wrong(r"argument --show needs matplotlib, which is not installed: pip install '\.\[plot\]'",
          *SIMULATE, "--show", "0")
