"""Shared by the tests of builds: fake programs, and a small network."""

import json

import numpy as np
import pytest

from xnorloom.graph import Graph


class Fakes:
    """Plan for the programs, and their calls."""

    def __init__(self, plan):
        self._plan = plan

    def plan(self, **plan):
        self._plan.write_text(json.dumps(plan))

    def calls(self, name=""):
        path = self._plan.with_name("CALLS")
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(name)]


@pytest.fixture
def fakes(fake_tools, tmp_path, monkeypatch):
    """Fake programs, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Fakes(fake_tools)


@pytest.fixture
def toy(random_graph):
    """A network of 16, 12 and 4 neurons."""
    random = random_graph(np.random.default_rng(5), [16, 12, 4])
    return Graph("toy", random.input, random.layers)
