"""Simulated gateware as a responder: results, measured cycles, differences."""

import dataclasses

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom_cli.serve.responders import SimulatedNetwork
from xnorloom_sim import golden
from xnorloom_sim.simulation import Simulator


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(7).integers(0, 4, (3, 56), dtype=np.uint8)


def test_compiled(cnn, frames):
    responder = SimulatedNetwork(automatic(cnn).bind(cnn), "compiled")
    right = golden.evaluate(cnn, frames)
    for index, frame in enumerate(frames):
        answer = responder.answer(frame)
        assert answer.read == right.classes[index]
        assert np.array_equal(answer.scores, right.scores[index])
        for found, wanted in zip(answer.activations, right.activations, strict=True):
            assert np.array_equal(found, wanted[index])
        assert answer.latency == responder.network.latency
        assert answer.difference is None


def test_difference(cnn, frames, responder, monkeypatch):
    """Gateware that computes another score is reported."""
    original = Simulator.run

    def run(self, *arguments):
        found = original(self, *arguments)
        return dataclasses.replace(found, scores=found.scores + np.array([0, 1, 0]))

    monkeypatch.setattr(Simulator, "run", run)
    score = golden.evaluate(cnn, frames[:1]).scores[0, 1]
    assert responder.answer(frames[0]).difference == (
        f"frame 0: score of class 1 is {score + 1}, golden {score}")
