"""Shared by the tests of the server: networks, data, and a client."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from xnorloom.folding import automatic
from xnorloom.graph import Conv, Dense, Graph, Input, Pool, Score, Window
from xnorloom_cli.serve.app import make_app
from xnorloom_cli.serve.examples import Examples
from xnorloom_cli.serve.responders import SimulatedNetwork
from xnorloom_sim.data import Dataset


@pytest.fixture
def cnn():
    """A graph of 8 x 7 elements of 2 bits: a convolution, a dense layer, 3 classes."""
    rng = np.random.default_rng(5)
    return Graph("cnn", Input((8, 7), 2), (
        Conv("first", rng.integers(0, 2, (5, 3, 3, 1)), np.full(5, 14), Window((3, 3)),
             Pool((2, 2))),
        Dense("middle", rng.integers(0, 2, (6, 30)), np.full(6, 15)),
        Score("last", rng.integers(0, 2, (3, 6)), [0, 1, -2])))


@pytest.fixture
def dataset():
    """Five images with labels that fit ``cnn``."""
    rng = np.random.default_rng(6)
    return Dataset("five", rng.integers(0, 256, (5, 8, 7), np.uint8), np.array([0, 1, 2, 0, 1]))


@pytest.fixture
def examples(cnn, dataset):
    return Examples(cnn, dataset, None, lambda done, total: None)


@pytest.fixture
def responder(cnn):
    """Without a compiler."""
    return SimulatedNetwork(automatic(cnn).bind(cnn), "golden")


@pytest.fixture
def client(responder, examples):
    return TestClient(make_app(responder, examples), base_url="http://localhost:8000",
                      raise_server_exceptions=False)
