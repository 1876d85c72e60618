"""Model files: saved graphs load, and files are written whole or not at all."""

import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import Graph, Score, modelfile

# Saved graphs load

NAMES = st.text(min_size=1, max_size=9).filter(str.isprintable)


@given(name=NAMES, layer=NAMES, seed=st.integers(0, 1 << 32), bits=st.integers(1, 16),
       sizes=st.lists(st.integers(1, 70), min_size=2, max_size=5))
def test_loads_what_was_saved(tmp_path_factory, random_graph, name, layer, seed, bits, sizes, same):
    drawn = random_graph(np.random.default_rng(seed), sizes, bits)
    last = Score(layer + "!", drawn.layers[-1].weights, drawn.layers[-1].offsets)
    graph = Graph(name, drawn.input, (*drawn.layers[:-1], last))
    directory = tmp_path_factory.mktemp("round")
    graph.save(directory / "a.bnn")
    loaded = Graph.load(directory / "a.bnn")
    assert same(loaded, graph)
    for ours, theirs in zip(loaded.layers, graph.layers):
        assert np.array_equal(ours.weights, theirs.weights)
    assert loaded.input == graph.input
    loaded.save(directory / "b.bnn")
    assert (directory / "a.bnn").read_bytes() == (directory / "b.bnn").read_bytes()


def test_numpy_reads_and_writes_it(members, tmp_path, pack, graph, same):
    assert list(members) == ["header", "weights0", "values0", "weights1", "values1"]
    assert members["weights0"].tolist() == [[0b00010110, 1], [0b10111101, 0], [0b11101000, 1]]
    assert members["values1"].tolist() == [-3, 1 << 40]
    pack(tmp_path / "numpy.bnn", members)
    assert same(modelfile.load(tmp_path / "numpy.bnn"), graph)


def test_path_may_be_a_string(tmp_path, graph, same):
    graph.save(str(tmp_path / "a.bnn"))
    assert same(Graph.load(str(tmp_path / "a.bnn")), graph)


# Files are written atomically


def test_save_replaces(tmp_path, graph, same):
    path = tmp_path / "a.bnn"
    path.write_bytes(b"before")
    graph.save(path)
    assert same(Graph.load(path), graph)
    assert os.listdir(tmp_path) == ["a.bnn"]


def test_save_gives_the_usual_mode(tmp_path, graph):
    graph.save(tmp_path / "a.bnn")
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_save_over_a_directory(tmp_path, graph):
    (tmp_path / "a.bnn").mkdir()
    with pytest.raises(IsADirectoryError):
        graph.save(tmp_path / "a.bnn")
    assert os.listdir(tmp_path) == ["a.bnn"]


def test_save_into_no_directory(tmp_path, graph):
    with pytest.raises(FileNotFoundError):
        graph.save(tmp_path / "none" / "a.bnn")
    assert os.listdir(tmp_path) == []


def test_no_file_is_saved_that_could_not_be_loaded(random_graph, tmp_path, monkeypatch):
    graph = random_graph(np.random.default_rng(0), [9, 5, 3])
    monkeypatch.setattr(modelfile, "_LIMIT", 1000)
    with pytest.raises(ModelFileError, match=r"^graph 'random' is too large for a model file: it "
                                             r"unpacks to \d+ bytes, and 1000 is the limit$"):
        graph.save(tmp_path / "large.bnn")
    monkeypatch.setattr(modelfile, "_LIMIT", 1 << 26)
    monkeypatch.setattr(modelfile, "_MOST_WEIGHTS", 59)
    with pytest.raises(ModelFileError, match=r"^graph 'random' is too large for a model file: it "
                                             r"has 60 weights of 8 neurons, and 59 and 1048576 are "
                                             r"the limits$"):
        graph.save(tmp_path / "large.bnn")
    assert list(tmp_path.iterdir()) == []
