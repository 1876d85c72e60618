"""Layers with absent synapses: properties, digests, summaries, and refused masks."""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest

from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom.graph.constants import constant_neurons
from xnorloom.graph.summary import graph_text, graph_values

WEIGHTS = np.array([[1, 0, 1], [0, 1, 1]])
PRESENT = np.array([[True, False, True], [False, False, False]])
LAYERS = {
    "dense": Dense("a", WEIGHTS, [1, 1], PRESENT),
    "score": Score("a", WEIGHTS, [3, -4], [2, 1], PRESENT),
    "conv": Conv("a", WEIGHTS.reshape(2, 1, 3, 1), [1, 1], Window((1, 3)),
                 present=PRESENT.reshape(2, 1, 3, 1)),
}


def graph(present=PRESENT, thresholds=(1, 1), bits=1):
    return Graph("g", Input((3,), bits), (Dense("a", WEIGHTS, thresholds, present),
                                          Score("s", [[1, 0], [0, 1]], [0, 0])))


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layer(layer):
    assert (layer.inputs, layer.neurons) == (3, 2)
    assert layer.present_inputs.tolist() == [2, 0]
    assert (layer.synapses, layer.weight_bits) == (2, 12)
    assert (layer.count_max(1), layer.count_max(3)) == (2, 14)
    assert not layer.present.flags.writeable and layer.present.dtype == np.bool_
    # Weights of absent synapses are 0, so that equal layers are stored equally.
    assert layer.weights.reshape(2, 3).tolist() == [[1, 0, 1], [0, 0, 0]]
    copied = copy.deepcopy(layer)
    assert np.array_equal(copied.present, layer.present) and not copied.present.flags.writeable


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_all_present(layer):
    every = replace(layer, present=np.ones(layer.weights.shape, int))
    assert every.present is None
    assert (every.synapses, every.weight_bits, every.count_max(1)) == (6, 6, 3)
    assert every.present_inputs.tolist() == [3, 3]


def test_repr():
    assert repr(LAYERS["dense"]) == "Dense('a', 3-2, 2 synapses)"
    assert repr(LAYERS["score"]) == "Score('a', 3-2, 2 synapses, scaled)"
    pooled = replace(LAYERS["conv"], pool=Pool((1, 2)))
    assert repr(pooled) == "Conv('a', 1x3x1-2, 2 synapses, pool 1x2)"
    assert repr(graph()) == "Graph('g', 3-2-2, 6 weights)"


def test_graph():
    assert (graph().synapses, graph().weight_bits) == (6, 16)
    assert graph(PRESENT.astype(int)) == graph()
    assert hash(graph(PRESENT.astype(int))) == hash(graph())
    assert graph(np.ones((2, 3), bool)) == graph(None)
    assert graph(None) != graph()


def test_absent_weights_do_not_count():
    other = replace(graph().layers[0], weights=WEIGHTS ^ ~PRESENT)
    assert Graph("g", Input((3,)), (other, graph().layers[1])) == graph()


def test_score_range():
    """The largest score is that of a class with few synapses here, and 2**41 does not overflow."""
    score = Score("s", np.ones((3, 8), int), [0, 50, -9], [1 << 40, 1, 1],
                  np.arange(24).reshape(3, 8) % 8 < np.array([[3], [0], [8]]))
    assert score.score_range(1) == (-9, 3 << 40)
    assert score.score_range(16) == (-9, (3 << 40) * 0xffff)
    assert replace(score, scales=None).score_range(4) == (-9, 8 * 15 - 9)


def test_border_classes():
    """Counts per class and neuron, against a loop over the taps."""
    rng = np.random.default_rng(2)
    window, map = Window((3, 2), (2, 1), padding=(1, 1, 2, 0)), Map(5, 4, 4)
    present = rng.random((6, 3, 2, 2)) < 0.5
    conv = Conv("c", np.zeros(present.shape, int), np.zeros(6, int), window, None, 2, present)
    counts, classes = conv.class_counts(map, 3), conv.borders(map).classes
    for (row, column), place in np.ndenumerate(classes):
        wanted = np.zeros(6, int)
        for tap in itertools.product(range(3), range(2)):
            y, x = 2 * row + tap[0] - 1, column + tap[1] - 1
            if 0 <= y < 5 and 0 <= x < 4:
                wanted += 7 * present[:, tap[0], tap[1]].sum(axis=1)
        assert counts[place].tolist() == wanted.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_constant_neurons(random_graph, sparse, seed):
    """A neuron is constant iff it is the same for all inputs, here of one layer."""
    rng = np.random.default_rng(seed)
    drawn = sparse(random_graph(rng, [5, 12, 2], 1 + seed % 2), rng)
    dense, top = drawn.layers[0], (1 << drawn.input.bits) - 1
    fired = []
    for frame in itertools.product(range(top + 1), repeat=5):
        counts = np.where(dense.weights, frame, top - np.array(frame)) * dense.present
        fired.append(counts.sum(axis=1) >= dense.thresholds)
    same = np.ptp(np.array(fired, int), axis=0) == 0
    assert constant_neurons(drawn)[0].tolist() == same.tolist()


def test_summary():
    first, last = graph_values(graph())["layers"]
    assert (first["synapses"], first["absent"], first["weight_bits"]) == (2, 4, 12)
    assert "absent" not in last and last["weight_bits"] == 4
    # The neuron without synapses is constant.
    assert first["constant"] == 1
    lines = [line.split() for line in graph_text(graph()).splitlines()]
    assert lines[-5] == ["layer", "kind", "inputs", "bits", "each", "neurons", "synapses",
                         "weight", "bits", "threshold", "bits", "absent", "constant"]
    assert lines[-3] == ["a", "dense", "3", "1", "2", "2", "12", "4", "4", "1"]
    assert lines[-1] == ["total", "6", "16", "4", "4"]


WRONG = {
    "shape": (np.ones((3, 2), bool), ValueError,
              r"present of layer 'a' must have the shape \(2, 3\) of its weights, not \(3, 2\)"),
    "flat": ([1, 1, 1], ValueError,
             r"present of layer 'a' must have the shape \(2, 3\) of its weights, not \(3,\)"),
    "ragged": ([[1], [1, 0]], ValueError,
               r"present of layer 'a' must be bools, in rows of one length"),
    "number": (True, ValueError,
               r"present of layer 'a' must have the shape \(2, 3\) of its weights, not \(\)"),
    "two": ([[1, 2, 1], [0, 0, 0]], ValueError,
            r"present of layer 'a' must be bools, or 0 or 1, not 2"),
    "signs": ([[1, -1, 1], [0, 0, 0]], ValueError,
              r"present of layer 'a' must be bools, or 0 or 1, not -1"),
    "floats": (np.ones((2, 3)), TypeError,
               r"present of layer 'a' must be bools, not an array of float64"),
    "text": ("all", TypeError, r"present of layer 'a' must be bools, not an array of <U3"),
}


@pytest.mark.parametrize("present, error, message", WRONG.values(), ids=WRONG)
def test_wrong(present, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Dense("a", WEIGHTS, [0, 0], present)


@pytest.mark.parametrize("thresholds, bits, message", [
    ((4, 0), 1, r"of neuron 0, which has 2 of 3 synapses, must be in 0 to 3, not 4"),
    ((0, 2), 8, r"of neuron 1, which has 0 of 3 synapses, must be in 0 to 1, not 2"),
    ((512, -1), 8, r"of neuron 0, which has 2 of 3 synapses, must be in 0 to 511, not 512")])
def test_wrong_thresholds(thresholds, bits, message):
    with pytest.raises(ValueError, match=f"^thresholds of layer 'a' {message}$"):
        graph(PRESENT, thresholds, bits)
