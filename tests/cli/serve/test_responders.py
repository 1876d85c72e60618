"""Simulated gateware as a responder: results, measured cycles, differences."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom_cli.serve.responders import BoardNetwork, SimulatedNetwork
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


CHANGES = {
    "score": (lambda found: {"scores": found.scores + np.array([0, 1, 0])},
              r"score of class 1 is (-?\d+), golden (-?\d+)"),
    "activation": (lambda found: {"activations": (found.activations[0] ^ (np.arange(30) < 2),
                                                  *found.activations[1:])},
                   "2 of 30 activations of layer 'first'"),
    "class": (lambda found: {"classes": (found.classes + 1) % 3}, "class is [0-2], golden [0-2]"),
}


@pytest.mark.parametrize("change, message", CHANGES.values(), ids=CHANGES)
def test_difference(frames, responder, monkeypatch, change, message):
    """Gateware that computes something else is reported."""
    original = Simulator.run

    def run(self, *arguments):
        found = original(self, *arguments)
        return dataclasses.replace(found, **change(found))

    monkeypatch.setattr(Simulator, "run", run)
    assert re.fullmatch(message, responder.answer(frames[0]).difference)


@pytest.mark.parametrize("sends_scores", [True, False])
def test_board(cnn, frames, sends_scores):
    """Results that a board does not send are those of the golden model."""
    right = golden.evaluate(cnn, frames)

    class Connection:
        hello = SimpleNamespace(scores=sends_scores)

        def results(self, given):
            found = golden.evaluate(cnn, given)
            return found.classes, found.scores if sends_scores else None

    responder = BoardNetwork(cnn, Connection(), "a board", None)
    assert (responder.scores, responder.activations) == (sends_scores, False)
    for index, frame in enumerate(frames):
        answer = responder.answer(frame)
        assert answer.read == right.classes[index]
        assert np.array_equal(answer.scores, right.scores[index])
        assert np.array_equal(answer.activations[0], right.activations[0][index])
        assert (answer.latency, answer.difference) == (None, None)


def test_board_that_is_wrong(cnn, frames):
    class Connection:
        hello = SimpleNamespace(scores=False)

        def results(self, given):
            return (golden.evaluate(cnn, given).classes + 1) % 3, None

    right = golden.evaluate(cnn, frames).classes[0]
    answer = BoardNetwork(cnn, Connection(), "a board", None).answer(frames[0])
    assert answer.difference == f"class is {(right + 1) % 3}, golden {right}"
