"""Constant neurons and classes of a graph, against all of its inputs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.graph.constants import constant_neurons, constant_warnings
from xnorloom.graph.summary import graph_text, graph_values
from xnorloom_sim import golden

# With weights of 1 of 3 inputs of a bit, the count is 0 to 3.
ALWAYS, NEVER, SOMETIMES = 0, 4, 2


def network(thresholds, *, score=None, frame=None):
    """Three inputs, one neuron per threshold, two classes."""
    neurons = len(thresholds)
    score = score or Score("score", np.stack([np.ones(neurons, int), np.zeros(neurons, int)]),
                           [0, 0])
    return Graph("net", frame or Input((3,)), (
        Dense("first", np.ones((neurons, 3), int), thresholds), score))


@pytest.mark.parametrize(("thresholds", "number", "warnings"), [
    ([SOMETIMES] * 4, 0, []),
    ([SOMETIMES, ALWAYS, NEVER, SOMETIMES], 2, []),
    ([SOMETIMES, ALWAYS, NEVER, NEVER], 3, ["layer first: 3 of 4 neurons are constant"]),
    ([SOMETIMES, NEVER, NEVER, NEVER], 3, ["layer first: 3 of 4 neurons are constant",
                                           "the class is 1 for every input"]),
    ([ALWAYS, NEVER, NEVER], 3, [
        "layer first: all 3 neurons are constant, so that the network ignores its input",
        "the class is 1 for every input"]),
    ([NEVER], 1, [
        "layer first: its only neuron is constant, so that the network ignores its input",
        "the class is 1 for every input"]),
], ids=["none", "half", "most", "most, one class", "all", "only"])
def test_warnings(thresholds, number, warnings):
    graph = network(thresholds)
    assert constant_neurons(graph)[0].sum() == number
    assert constant_warnings(graph) == warnings
    values = graph_values(graph)
    assert values["layers"][0]["constant"] == number
    assert values["warnings"] == warnings
    text = graph_text(graph)
    assert [line[9:] for line in text.splitlines() if line.startswith("warning  ")] == warnings
    header, _, row, *_ = text.split("\n\n")[1].splitlines()
    assert header.endswith("constant") == (number > 0)
    assert row.endswith(f"  {number}") or not number


def test_constants_make_constants():
    """Counts that the layer before no longer reaches leave a threshold on one side."""
    first = Dense("first", np.ones((3, 3), int), [ALWAYS, NEVER, SOMETIMES])
    # The first synapse always counts, and the second never.
    second = Dense("second", np.ones((4, 3), int), [1, 2, 3, 0])
    graph = Graph("net", Input((3,)), (first, second, Score("s", [[1, 0, 0, 0]] * 2, [0, 1])))
    found = constant_neurons(graph)
    assert found[0].tolist() == [True, True, False]
    assert found[1].tolist() == [True, False, True, True]


def test_levels_that_no_pixel_reaches():
    cut = Input((3,), 2, [[0, 100, 256]])
    thresholds = np.array([3, 4, 6, 7])  # the elements are 1 or 2, the count 3 to 6
    assert constant_neurons(network(thresholds, frame=cut))[0].tolist() == [
        True, False, False, True]


def test_one_class_is_no_decision():
    graph = network([SOMETIMES], score=Score("s", [[1]], [0]))
    assert constant_warnings(graph) == []


@given(st.integers(0, 2**32), st.integers(1, 3))
def test_all_inputs(seed, bits):
    rng = np.random.default_rng(seed)
    elements = np.array(list(itertools.product(range(1 << bits), repeat=3)))
    top = 3 * ((1 << bits) - 1)
    layers = (Dense("a", rng.integers(0, 2, (4, 3)), rng.integers(0, top + 2, 4)),
              Score("s", rng.integers(0, 2, (3, 4)), rng.integers(-3, 4, 3),
                    rng.integers(0, 3, 3)))
    graph = Graph("net", Input((3,), bits), layers)
    result = golden.evaluate(graph, elements)
    constant, scores = constant_neurons(graph)
    np.testing.assert_array_equal(
        constant, result.activations[0].min(axis=0) == result.activations[0].max(axis=0))
    # Bounds: a score that is said to be constant is.
    varies = result.scores.min(axis=0) != result.scores.max(axis=0)
    assert not (scores & varies).any()
    for line in constant_warnings(graph):
        if line.startswith("the class is "):
            assert (result.classes == int(line.split()[3])).all()
