# amaranth: UnusedElaboratable=no
"""Simulations checked against the golden model."""

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom_sim import golden
from xnorloom_sim.check import check
from xnorloom_sim.harness import Stall


@pytest.fixture
def graph(random_graph):
    return random_graph(np.random.default_rng(1), [12, 5, 3])


@pytest.fixture
def plan(graph):
    return automatic(graph, 20).bind(graph)


@pytest.fixture
def frames():
    return np.random.default_rng(2).integers(0, 2, (6, 12), dtype=np.uint8)


def test_values(graph, plan, frames):
    classes = golden.evaluate(graph, frames).classes
    labels = classes.copy()
    labels[4] ^= 1
    checked = check(plan, frames, labels, engine="amaranth")
    times = Network(plan)
    assert (checked.simulation.classes == classes).all()
    assert checked.first is None
    assert checked.values == {
        "frames": 6, "correct": 5, "accuracy": 5 / 6, "mismatches": 0,
        "cycles": checked.simulation.cycles, "latency": times.latency, "interval": times.interval,
        "engine": "amaranth"}


def test_nothing_measured(graph, plan, frames):
    checked = check(plan, frames, engine="golden")
    assert checked.values == {"frames": 6, "correct": None, "accuracy": None, "mismatches": 0,
                              "cycles": None, "latency": None, "interval": None,
                              "engine": "golden"}
    checked = check(plan, frames, engine="amaranth", stall=Stall(i=0.5))
    assert (checked.latency, checked.interval, checked.mismatches) == (None, None, 0)
    checked = check(plan, frames[:1], engine="amaranth")
    assert (checked.latency, checked.interval) == (Network(plan).latency, None)


def test_mismatch(graph, plan, frames, monkeypatch):
    true = golden.evaluate

    def false(graph, frames):
        result = true(graph, frames)
        result.scores[3, 1] += 1
        return result

    monkeypatch.setattr(golden, "evaluate", false)
    checked = check(plan, frames, engine="amaranth")
    assert checked.mismatches == checked.values["mismatches"] == 1
    assert checked.first is not None
    assert checked.first.startswith("frame 3: score of class 1 is ")
