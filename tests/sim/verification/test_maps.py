"""Verification of convolutions: activations are maps, and a difference has a place in one."""

import numpy as np
import pytest

from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.lowering.doubt import NeuronDoubts
from xnorloom_cli.tables.verification import verification_text, verification_values
from xnorloom_sim import golden
from xnorloom_sim.verification import rounding, verify


@pytest.fixture
def graph():
    rng = np.random.default_rng(5)
    zeros = Window((3, 3), padding=(1, 1, 1, 1))
    counts = np.outer([2, 3, 2], [2, 3, 2]).reshape(-1, 1) * 2
    return Graph("maps", Input((6, 4, 2)), (
        Conv("first", rng.integers(0, 2, (3, 3, 3, 2)), counts // 2 + [0, 1, 0], zeros),
        Conv("second", rng.integers(0, 2, (4, 1, 1, 3)), [1, 2, 2, 3], Window((1, 1)),
             Pool((2, 2), [0, 1, 0, 1])),
        Score("score", rng.integers(0, 2, (3, 24)), [0, 1, 0])))


@pytest.fixture
def elements():
    return np.random.default_rng(6).integers(0, 2, (9, 6, 4, 2), dtype=np.uint8)


def test_equal(graph, elements):
    result = verify(graph, elements, steps=["packed", "amaranth"])
    assert result.equal
    assert [row.step for row in result.rows] == ["graph", "packed", "amaranth"]
    assert result.neurons == result.rows[1].neurons == 6 * 4 * 3 + 3 * 2 * 4


@pytest.mark.parametrize("layer, place, where", [
    (0, (5, 2, 1), "layer first row 5 column 2 neuron 1"),
    (1, (2, 0, 3), "layer second row 2 column 0 neuron 3")])
def test_difference_in_a_map(graph, elements, monkeypatch, layer, place, where):
    right = golden.evaluate_packed

    def wrong(graph, frames):
        result = right(graph, frames)
        result.activations[layer].reshape(-1, *graph.maps[layer + 1])[(4, *place)] ^= 1
        return result

    monkeypatch.setattr(golden, "evaluate_packed", wrong)
    result = verify(graph, elements, steps=["packed"])
    first = result.rows[1].first
    assert (first.frame, first.row, first.column, first.neuron) == (4, *place)
    assert str(first).startswith(f"frame 4: {where} is ")
    assert f"packed differs first in frame 4: {where} is " in verification_text(result)
    values = verification_values(result)["steps"][1]["first"]
    assert (values["row"], values["column"], values["neuron"]) == place


def test_difference_of_a_score(graph, elements, monkeypatch):
    right = golden.evaluate_packed

    def wrong(graph, frames):
        result = right(graph, frames)
        result.scores[2, 1] += 1
        return result

    monkeypatch.setattr(golden, "evaluate_packed", wrong)
    first = verify(graph, elements, steps=["packed"]).rows[1].first
    assert (first.kind, first.row, first.column, first.neuron) == ("score", None, None, 1)


@pytest.mark.parametrize("layer", [0, 1])
def test_rounding(graph, elements, layer):
    """Each output in doubt may fall on either side; pooled ones change only if it decides."""
    result = golden.evaluate(graph, elements)
    inputs = [elements.reshape(9, -1), *result.activations][layer]
    counts = golden.layer_counts(graph, layer, inputs)
    conv, map = graph.layers[layer], graph.maps[layer]
    doubts = NeuronDoubts(conv.thresholds - 1, conv.thresholds)
    bits, doubtful = rounding._decide(graph, layer, counts, doubts)
    assert np.array_equal(bits, result.activations[layer])
    classes = conv.borders(map).classes
    thresholds = conv.thresholds.reshape(-1, conv.neurons)[classes]
    rows, columns = classes.shape
    high, wide = conv.pool_size

    def shifted(by):
        """Activations where all counts in doubt are on one side."""
        fires = counts >= thresholds + by
        areas = fires.reshape(9, rows // high, high, columns // wide, wide, -1)
        return np.where(conv.least, areas.all(axis=(2, 4)), areas.any(axis=(2, 4)))

    wanted = (shifted(-1) != shifted(1)).reshape(9, -1)
    assert np.array_equal(doubtful, wanted)
    assert wanted.any() and not wanted.all()
