"""Shared by the tests of the commands: models, data, and calls of the command line."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xnorloom import loading
from xnorloom.graph import Graph, Input
from xnorloom.graph import bundled as bundled_models
from xnorloom.schedule import Fold, Schedule
from xnorloom_cli.main import main


@pytest.fixture
def model(random_graph, tmp_path):
    """A model file: 6 x 5 elements of 3 bits, 7 neurons, 4 classes."""
    graph = random_graph(np.random.default_rng(1), [30, 7, 4], bits=3)
    path = tmp_path / "toy.bnn"
    Graph("toy", Input((6, 5), 3), graph.layers).save(path)
    return path


@pytest.fixture
def data(tmp_path):
    """A data file that fits ``model``: nine images with labels."""
    rng = np.random.default_rng(2)
    path = tmp_path / "data.npz"
    np.savez(path, images=rng.integers(0, 256, (9, 6, 5), dtype=np.uint8),
             labels=rng.integers(0, 4, 9))
    return path


@pytest.fixture
def bundled(random_graph, tmp_path, monkeypatch):
    """Replaces the bundled TFC by a tiny untrained model; returns its graph."""
    graph = random_graph(np.random.default_rng(3), [784, 3, 10])
    graph = Graph("tfc", Input((28, 28), 1), graph.layers)
    graph.save(tmp_path / "bundled.bnn")
    for place in (bundled_models, loading):
        monkeypatch.setattr(place, "bundled", lambda: {"tfc": tmp_path / "bundled.bnn"})
    digest = hashlib.sha256((tmp_path / "bundled.bnn").read_bytes()).hexdigest()
    entry = replace(bundled_models.pinned()["tfc"], sha256=digest)
    monkeypatch.setattr(bundled_models, "pinned", lambda: {"tfc": entry})
    return graph


@pytest.fixture
def run(capsys):
    """``run(*arguments, status=0)``: standard output of a command that ends with ``status``."""
    def call(*arguments, status=0):
        assert main([str(argument) for argument in arguments]) == status
        return capsys.readouterr().out
    return call


@pytest.fixture
def run_json(run):
    """``run_json(*arguments, status=0)``: values of a command that ends with ``status``."""
    def call(*arguments, status=0):
        return json.loads(run(*arguments, "--json", status=status))
    return call


@pytest.fixture
def here(random_graph, tmp_path, monkeypatch):
    """A working directory with ``toy.bnn`` and ``data.npz``, which fits it."""
    monkeypatch.chdir(tmp_path)
    graph = random_graph(np.random.default_rng(1), [12, 5, 3], bits=2)
    Graph("toy", Input((4, 3), 2), graph.layers).save("toy.bnn")
    np.savez("data.npz", images=np.full((2, 4, 3), 255, np.uint8))


@pytest.fixture
def wrong(here, capsys):
    """``wrong(message, *arguments)``: a command that is refused.

    It fails with one line that matches ``message``, perhaps with a page of the documentation, and
    leaves the files as they are.
    """
    def listing():
        return sorted(str(path) for path in Path().rglob("*"))

    def call(message, *arguments):
        before = listing()
        assert main([str(argument) for argument in arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert re.fullmatch(rf"xnorloom: error: {message}(; see docs/[\w/.#-]+)?\n", captured.err)
        assert listing() == before
    return call


@pytest.fixture
def net(random_graph):
    """A graph for boards: 4 x 4 elements of a bit, 12 neurons, 4 classes."""
    random = random_graph(np.random.default_rng(10), [16, 12, 4])
    return Graph("my net", Input((4, 4), 1), random.layers)


@pytest.fixture
def net_file(net, tmp_path):
    """The model file of ``net``."""
    net.save(tmp_path / "net.bnn")
    return str(tmp_path / "net.bnn")


@pytest.fixture
def fold_file(net, tmp_path):
    """A schedule file for ``net``."""
    Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut"))).save(tmp_path / "fold.json", net)
    return str(tmp_path / "fold.json")


@pytest.fixture
def fakes(fake_tools, tmp_path, monkeypatch):
    """Fake programs of a build, and an empty cache; returns the file of their behaviour."""
    monkeypatch.setenv("PATH", f"{fake_tools.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fake_tools.write_text('{"fmax": {"0": 46.0, "5": 47.5}}')
    return fake_tools
