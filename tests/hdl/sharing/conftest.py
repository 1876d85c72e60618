"""Fixtures of the tests of the sharing compiler: a cache of their own, layers of a model."""

from pathlib import Path

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom.support import cache


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Folder of the cache of a test, which hypothesis may share among examples."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(cache, "folder", lambda name: place / name)
    return place


@pytest.fixture(scope="session")
def trained():
    """``trained(layer)``: weights of -1 and +1, and thresholds, of a layer of TFC."""
    graph = Graph.load(Path(__file__).parents[3] / "models" / "tfc.bnn")

    def layer(index):
        return 2 * graph.layers[index].weights.astype(int) - 1, graph.layers[index].thresholds
    return layer


@pytest.fixture(scope="session")
def counts():
    """``counts(vectors, weights)``: inputs that agree with their weight, by definition."""
    def of(vectors, weights):
        bipolar = 2 * np.asarray(vectors) - 1
        return (bipolar[:, None] == np.asarray(weights)[None]).sum(axis=2)
    return of
