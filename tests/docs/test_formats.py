# amaranth: UnusedElaboratable=no
"""Page docs/formats.md: an example of each format has the keys, members and types of the page."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xnorloom.export import verilog
from xnorloom.gateware.axi_stream import AxiStreamNetwork
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.packing import load_words
from xnorloom.schedule import Fold, Schedule
from xnorloom.support import artifacts
from xnorloom_boards import find
from xnorloom_boards.build import build
from xnorloom_sim import data

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    """Rows of the tables of the page, by section: words in the first cell, and the second cell."""
    sections, found = (ROOT / "docs" / "formats.md").read_text().split("\n## "), {}
    for section in sections[1:]:
        rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.M)
        found[section.partition("\n")[0]] = {
            name: cell for names, cell in rows for name in re.findall(r"`([^`]+)`", names)}
    return found


def check(value, rows):
    """Compare the keys of an object, and those of the objects in it, with rows of the page."""
    for key, contents in value.items():
        assert key in rows
        inner = contents[0] if isinstance(contents, list) and contents else contents
        if isinstance(inner, dict) and key not in ("attempts", "models", "tools"):
            described = set(re.findall(r"`([^`]+)`", rows[key]))
            assert set(inner) <= described, key


@pytest.fixture
def graph(random_graph):
    random = random_graph(np.random.default_rng(3), [20, 8, 3])
    return Graph("toy", random.input, random.layers)


def members(path):
    """Arrays of a model file by the names of their members."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name.removesuffix(".npy")] for name in names}


def test_model_file(page, graph, tmp_path):
    rows = page["Model file (.bnn)"]
    by_kind = {re.sub(r"\d", "", name): row for name, row in rows.items()}
    final = graph.layers[-1]
    later = Graph("toy", Input((20,), 1, np.arange(20)[:, None] * 5, "u8/255"),
                  (graph.layers[0], Score("score", final.weights, final.offsets, [1, 2, 3])))
    window = Window((2, 2), padding=(1, 0, 0, 0), pad=[1, 0])
    zeros = Window((1, 2), padding=(0, 1, 0, 0))
    weights = [np.zeros(shape, int) for shape in ((2, 2, 2, 1), (2, 1, 2, 2))]
    maps = Graph("toy", Input((4, 3, 2), 1, None, "u8/255"), (
        Conv("c", weights[0], [0, 1], window, Pool((2, 1), [0, 1]), 2),
        Conv("d", weights[1], [[0, 1], [2, 3]], zeros),
        Score("s", np.zeros((2, 8), int), [0, 1], [1, 2])))
    sparse = Graph("toy", maps.input, (
        Conv("c", weights[0], [0, 1], window, Pool((2, 1), [0, 1]), 2, weights[0] == 1),
        *maps.layers[1:]))
    cuts = Graph("toy", Input((4, 3, 2), thermometer=(64, 128)), maps.layers)
    for version, saved in ((1, graph), (3, maps), (4, sparse), (5, cuts), (2, later)):
        saved.save(tmp_path / "toy.bnn")
        arrays = members(tmp_path / "toy.bnn")
        header = json.loads(arrays.pop("header.npy").tobytes())
        assert header["version"] == version
        check(header, rows)
        for name, array in arrays.items():
            kind, versions, _ = by_kind[re.sub(r"\d", "", name)].split(" | ")
            assert kind.startswith(f"{array.dtype}, (")
            assert str(version) in versions
        assert Graph.load(tmp_path / "toy.bnn") == saved
    wanted = {"weights0.npy", "weights1.npy", "values0.npy", "values1.npy", "cuts.npy",
              "scales1.npy"}
    assert set(arrays) == wanted
    np.testing.assert_array_equal(
        np.unpackbits(arrays["weights0.npy"], axis=1, count=20, bitorder="little"),
        graph.layers[0].weights)


def spram(graph):
    folds = [Fold(2, 10, "spram"), Fold(1, 4, "block")]
    return Schedule(7, folds)


def test_schedule(page, graph, tmp_path):
    rows = page["schedule.json"]
    spram(graph).save(tmp_path / "schedule.json", graph)
    values = json.loads((tmp_path / "schedule.json").read_text())
    assert list(values) == list(rows)
    check(values, rows)
    for entry in values["layers"]:
        del entry["register_every"], entry["read_register"]
    (tmp_path / "schedule.json").write_text(json.dumps(values))
    assert Schedule.load(tmp_path / "schedule.json", graph) == spram(graph)


def test_manifest_and_weights(page, graph, tmp_path):
    rows = page["manifest.json"]
    schedule = spram(graph)
    paths = verilog.write(Network(schedule.bind(graph)), tmp_path)
    assert [path.name for path in paths] == ["bnn_toy.v", "manifest.json", "bnn_toy_load.hex"]
    values = json.loads(paths[1].read_text())
    assert set(values) == set(rows)
    check(values, rows)
    assert all(re.search(f"`{name}`", rows["tools"]) for name in values["tools"])
    lines = paths[2].read_text().splitlines()
    assert all(re.fullmatch("[0-9a-f]{4}", line) for line in lines)
    assert len(lines) == values["load"]["words"]
    assert [int(line, 16) for line in lines] == load_words(schedule.bind(graph)).tolist()
    streams = verilog.manifest(AxiStreamNetwork(Network(schedule.bind(graph))))
    assert set(streams) == set(rows)
    check(streams, rows)


def test_build(fake_tools, page, graph, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = build(graph, find("icebreaker"), directory=tmp_path / "out")
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    assert values == made.values
    rows = page["build.json"]
    assert set(values) == set(rows)
    check(values, rows)
    assert values["files"] == [path.name for path in made.files]
    # The entries of the cache that the build left.
    entries = [path for path in (tmp_path / "cache" / "xnorloom" / "builds").iterdir()
               if path.is_dir()]
    assert entries
    for entry in entries:
        assert re.fullmatch("[0-9a-f]{32}", entry.name)
        listed = json.loads((entry / "manifest.json").read_text())
        for name, (size, digest) in listed.items():
            assert (entry / name).stat().st_size == size
            assert re.fullmatch("[0-9a-f]{64}", digest)


def test_damaged_entry(tmp_path):
    calls = []

    def make(folder):
        calls.append(folder)
        (folder / "product").write_text("whole")

    place = tmp_path / artifacts.key(["anything", 1])
    for _ in range(2):
        assert artifacts.entry(place, "product", make) == place
    assert len(calls) == 1
    (place / "product").write_text("dirty")
    assert artifacts.entry(place, "product", make) == place
    assert len(calls) == 2
    assert (place / "product").read_text() == "whole"


def test_rows_and_results(page):
    rows = page["rows.json and results.json"]
    folder = ROOT / "benchmarks" / "boards"
    listed = json.loads((folder / "rows.json").read_text())
    check(listed, rows)
    for entry in listed["rows"]:
        assert all(f"`{key}`" in rows["rows"] for key in entry)
    results = json.loads((folder / "results.json").read_text())
    assert (results["format"], results["version"]) == ("xnorloom-boards-table", 2)
    check(results, rows)
    for entry in results["results"]:
        assert all(f"`{key}`" in rows["results"] for key in entry)


def test_images(page, tmp_path):
    assert set(page["Images (.npz)"]) == {"images", "labels"}
    images = np.arange(2 * 9, dtype=np.uint8).reshape(2, 3, 3)
    np.savez(tmp_path / "some.npz", images=images, labels=[1, 0], other=[1.5])
    dataset = data.load(tmp_path / "some.npz")
    np.testing.assert_array_equal(dataset.images, images)
    assert dataset.labels.tolist() == [1, 0]


def test_every_format_is_listed(page):
    text = (ROOT / "docs" / "formats.md").read_text()
    used = set()
    for root in ("hdl", "sim", "boards", "cli", "benchmarks"):
        for path in (ROOT / root).rglob("*.py"):
            used |= set(re.findall(r'"(xnorloom-(?:graph|schedule|manifest|build|[a-z]+-table))"',
                                   path.read_text()))
    assert len(used) == 5
    assert all(f"`{name}`" in text for name in used)
