"""Graphs: properties, equality, digests, and refused arguments."""

import copy
import dataclasses

import numpy as np
import pytest

import xnorloom
from xnorloom.graph import Dense, Graph, Input, Score

WEIGHTS = np.array([[0, 1, 1], [1, 0, 1]])


def dense(name="a", weights=WEIGHTS, thresholds=(1, 2)):
    return Dense(name, weights, thresholds)


def score(name="s", weights=WEIGHTS, offsets=(0, 0)):
    return Score(name, weights, offsets)


def graph(name="g", shape=(3,), bits=1, layers=None):
    if layers is None:
        layers = (dense(), score(weights=[[1, 0], [0, 1], [1, 1]], offsets=[0, -2, 5]))
    return Graph(name, Input(shape, bits), layers)


# Properties


def test_exported():
    assert xnorloom.Graph is Graph
    assert xnorloom.Input is Input
    assert xnorloom.Dense is Dense
    assert xnorloom.Score is Score


def test_input():
    assert Input((28, 28)).size == 784
    assert Input((28, 28)).bits == 1
    assert Input((np.int64(3),), np.int8(8)) == Input((3,), 8)
    assert type(Input((np.int64(3),)).shape[0]) is int


def test_layer():
    layer = dense()
    assert (layer.inputs, layer.neurons) == (3, 2)
    assert (layer.weights.dtype, layer.thresholds.dtype) == (np.uint8, np.int64)


def test_graph():
    g = graph()
    assert g.classes == 3
    assert g.synapses == 12
    assert (g.planes(0), g.planes(1)) == (1, 1)
    assert (g.count_max(0), g.count_max(1)) == (3, 2)
    assert g.score_range == (-2, 7)


def test_graph_bits():
    g = graph(bits=8)
    assert (g.planes(0), g.planes(1)) == (8, 1)
    assert (g.count_max(0), g.count_max(1)) == (3 * 255, 2)


def test_only_a_score_layer():
    g = graph(bits=4, layers=[score(offsets=[-7, 3])])
    assert g.layers[0].name == "s"
    assert g.score_range == (-7, 3 * 15 + 3)


def test_one_of_everything():
    g = graph(shape=(1, 1), layers=[dense("a", [[1]], [2]), score("s", [[0]], [0])])
    assert (g.input.size, g.classes, g.synapses) == (1, 1, 2)


def test_booleans_are_weights():
    assert np.array_equal(dense(weights=WEIGHTS.astype(bool)).weights, WEIGHTS)


@pytest.mark.parametrize("bits", [1, 3, 16])
def test_thresholds_from_always_to_never(bits):
    top = 3 * ((1 << bits) - 1) + 1
    layers = [dense(thresholds=[0, top]), score(weights=[[1, 1]], offsets=[0])]
    assert graph(bits=bits, layers=layers).layers[0].thresholds.tolist() == [0, top]


# Frozen


def test_arrays_are_copies_that_cannot_be_written():
    weights, thresholds = np.ones((2, 3), np.uint8), np.array([1, 2])
    layer = Dense("a", weights, thresholds)
    weights[:], thresholds[:] = 0, 0
    assert layer.weights.all()
    assert layer.thresholds.tolist() == [1, 2]
    for array in (layer.weights, layer.thresholds):
        with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
            array[0] = 0


def test_fields_cannot_be_set():
    g = graph()
    for thing, field in ((g, "name"), (g.input, "bits"), (g.layers[0], "weights")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field, None)


# Equality and digest


def test_equal_without_regard_to_names():
    other = graph("other", layers=(dense("x"), score("y", [[1, 0], [0, 1], [1, 1]], [0, -2, 5])))
    assert graph() == other
    assert hash(graph()) == hash(other)
    assert graph() != "g"


@pytest.mark.parametrize("other", [
    graph(bits=2),
    graph(shape=(3, 1)),
    graph(layers=[score(offsets=[0, 0])]),
    graph(layers=(dense(thresholds=[1, 3]), graph().layers[1])),
    graph(layers=(dense(weights=1 - WEIGHTS), graph().layers[1])),
    graph(layers=(dense(), score(weights=[[1, 0], [0, 1], [1, 1]], offsets=[0, -2, 6]))),
    graph(layers=(dense(), score(weights=[[1, 0], [0, 1]], offsets=[0, -2]))),
], ids=["bits", "shape", "depth", "threshold", "weight", "offset", "classes"])
def test_different(other):
    assert graph() != other
    assert graph().digest != other.digest


def test_digest_is_pinned():
    # Model files store the digest: another value here makes all of them unreadable.
    assert graph().digest == "8b482eef3c6a46dcbd5537d3e5836e74cdbea317dccbcec95aa299aab5fa663e"


# Refused arguments

WRONG = {
    "shape a list": (
        lambda: Input([3]), TypeError,
        r"^Input shape must be a tuple of integers, not \[3\]$"),
    "shape empty": (
        lambda: Input(()), ValueError,
        r"^Input shape must have at least one dimension, not \(\)$"),
    "dimension zero": (
        lambda: Input((3, 0)), ValueError,
        r"^Each dimension of an input shape must be at least 1, not 0$"),
    "dimension a float": (
        lambda: Input((3.0,)), TypeError,
        r"^Each dimension of an input shape must be an integer, not 3\.0$"),
    "no bits": (
        lambda: Input((3,), 0), ValueError, r"^Input bits must be in 1 to 16, not 0$"),
    "too many bits": (
        lambda: Input((3,), 17), ValueError, r"^Input bits must be in 1 to 16, not 17$"),
    "bits a bool": (
        lambda: Input((3,), True), TypeError, r"^Input bits must be an integer, not True$"),
    "name a number": (
        lambda: dense(name=3), TypeError, r"^Layer name must be a string, not 3$"),
    "name empty": (
        lambda: dense(name=""), ValueError,
        r"^Layer name must be a printable string that is not empty, not ''$"),
    "name of two lines": (
        lambda: score(name="a\nb"), ValueError,
        r"^Layer name must be a printable string that is not empty, not 'a\\nb'$"),
    "weights floats": (
        lambda: dense(weights=[[0.5, 1.0]]), TypeError,
        r"^weights of layer 'a' must be integers 0 or 1 \(1 stands for \+1\), not an array of "
        r"float64$"),
    "weights strings": (
        lambda: dense(weights=[["0", "1"]]), TypeError,
        r"^weights of layer 'a' must be integers 0 or 1 \(1 stands for \+1\), not an array of "
        r"<U1$"),
    "weights signed": (
        lambda: dense(weights=[[-1, 1]]), ValueError,
        r"^weights of layer 'a' must be 0 or 1 \(1 stands for \+1\), not -1$"),
    "weight of two": (
        lambda: dense(weights=[[0, 2]]), ValueError,
        r"^weights of layer 'a' must be 0 or 1 \(1 stands for \+1\), not 2$"),
    "weights flat": (
        lambda: dense(weights=[0, 1]), ValueError,
        r"^weights of layer 'a' must have a shape \(neurons, inputs\) with no zero in it, not "
        r"\(2,\)$"),
    "no neurons": (
        lambda: dense(weights=np.zeros((0, 3), np.uint8)), ValueError,
        r"^weights of layer 'a' must have a shape \(neurons, inputs\) with no zero in it, not "
        r"\(0, 3\)$"),
    "no inputs": (
        lambda: score(weights=np.zeros((3, 0), np.uint8)), ValueError,
        r"^weights of layer 's' must have a shape \(neurons, inputs\) with no zero in it, not "
        r"\(3, 0\)$"),
    "thresholds floats": (
        lambda: dense(thresholds=[1.0, 2.0]), TypeError,
        r"^thresholds of layer 'a' must be integers, not an array of float64$"),
    "thresholds bools": (
        lambda: dense(thresholds=[True, False]), TypeError,
        r"^thresholds of layer 'a' must be integers, not an array of bool$"),
    "too many thresholds": (
        lambda: dense(thresholds=[1, 2, 3]), ValueError,
        r"^thresholds of layer 'a' must have the shape \(2,\), one for each neuron, not \(3,\)$"),
    "thresholds scalar": (
        lambda: dense(thresholds=1), ValueError,
        r"^thresholds of layer 'a' must have the shape \(2,\), one for each neuron, not \(\)$"),
    "offset too small": (
        lambda: score(offsets=[1, -(1 << 40) - 1]), ValueError,
        r"^offsets of layer 's' must be within ±2\*\*40, not -1099511627777$"),
    "offset beyond int64": (
        lambda: score(offsets=np.array([1, 1 << 63], np.uint64)), ValueError,
        r"^offsets of layer 's' must be within ±2\*\*40, not 9223372036854775808$"),
    "too few offsets": (
        lambda: score(offsets=[1]), ValueError,
        r"^offsets of layer 's' must have the shape \(2,\), one for each neuron, not \(1,\)$"),
    "graph name None": (
        lambda: graph(name=None), TypeError, r"^Graph name must be a string, not None$"),
    "input a tuple": (
        lambda: Graph("g", (3,), [score()]), TypeError,
        r"^Graph input must be an Input, not \(3,\)$"),
    "layers one layer": (
        lambda: graph(layers=score()), TypeError,
        r"^Graph layers must be a sequence of layers, not a Score$"),
    "no layers": (
        lambda: graph(layers=[]), ValueError,
        r"^Graph must have at least one layer, the Score layer$"),
    "no score layer": (
        lambda: graph(layers=[dense()]), TypeError,
        r"^The last layer must be a Score, not a Dense$"),
    "two score layers": (
        lambda: graph(layers=[score("r"), score()]), TypeError,
        r"^Every layer before the last must be a Conv or a Dense, not a Score$"),
    "names equal": (
        lambda: graph(layers=[dense("s"), score("s", [[1, 1]], [0])]), ValueError,
        r"^Layer names must differ, but 's' occurs twice$"),
    "frame too large": (
        lambda: graph(shape=(2, 2)), ValueError,
        r"^Layer 'a' must have 4 inputs, as many as 'input' has outputs, not 3$"),
    "layer too wide": (
        lambda: graph(layers=[dense(), score()]), ValueError,
        r"^Layer 's' must have 2 inputs, as many as 'a' has outputs, not 3$"),
    "threshold too large": (
        lambda: graph(layers=[dense(thresholds=[1, 5]), score(weights=[[1, 1]], offsets=[0])]),
        ValueError, r"^thresholds of layer 'a' must be in 0 to 4, not 5$"),
    "threshold negative": (
        lambda: graph(layers=[dense(thresholds=[-1, 2]), score(weights=[[1, 1]], offsets=[0])]),
        ValueError, r"^thresholds of layer 'a' must be in 0 to 4, not -1$"),
    "threshold too large for the bits": (
        lambda: graph(bits=2, layers=[dense(thresholds=[1, 11]),
                                      score(weights=[[1, 1]], offsets=[0])]),
        ValueError, r"^thresholds of layer 'a' must be in 0 to 10, not 11$"),
}


@pytest.mark.parametrize("make, error, message", WRONG.values(), ids=WRONG)
def test_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_copies_are_as_constant(random_graph, clone):
    graph = random_graph(np.random.default_rng(0), [5, 4, 3])
    assert graph.digest
    other = clone(graph)
    assert other == graph
    for layer in other.layers:
        for array in (layer.weights, getattr(layer, "thresholds", None)):
            assert array is None or not array.flags.writeable


def test_reprs():
    assert repr(graph()) == "Graph('g', 3-2-3, 12 weights)"
    assert repr(graph().layers) == "(Dense('a', 3-2), Score('s', 2-3))"
    assert repr(Score("s", WEIGHTS, [0, 0], [1, 2])) == "Score('s', 3-2, scaled)"
