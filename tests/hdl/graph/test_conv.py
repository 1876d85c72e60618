"""Convolutions in a graph: their maps, border classes, digest and copies, and what is refused."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window, input_map
from xnorloom.graph.constants import constant_neurons, constant_warnings
from xnorloom.graph.summary import graph_text, graph_values, window_text
from xnorloom_sim import golden

COPIES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]  # noqa: S301
WEIGHTS = np.random.default_rng(0).integers(0, 2, (4, 3, 3, 2))
ONES = (1, 1, 1, 1)
PLAIN = Window((3, 3))


def conv(name="c", weights=WEIGHTS, thresholds=(1, 2, 3, 4), window=PLAIN, pool=None, groups=1):
    return Conv(name, weights, thresholds, window, pool, groups)


def network(layer, shape=(6, 5, 2), bits=1):
    size = layer.output(input_map(Input(shape))).size
    return Graph("net", Input(shape, bits), (layer, Score("s", np.ones((2, size), int), [0, 0])))


# Values


def test_conv():
    layer = conv(pool=Pool((2, 1), [0, 1, 0, 0]), groups=2)
    assert (layer.inputs, layer.neurons, layer.channels, layer.count_max(3)) == (18, 4, 4, 126)
    assert layer.pool_size == (2, 1) and layer.least.tolist() == [False, True, False, False]
    assert repr(layer) == "Conv('c', 3x3x4-4, pool 2x1, 2 groups)"
    assert repr(conv()) == "Conv('c', 3x3x2-4)"
    assert layer.positions(Map(6, 5, 4)) == (4, 3)
    assert layer.positions(Map(7, 5, 4)) == (4, 3)
    assert layer.output(Map(7, 5, 4)) == Map(2, 3, 4)
    assert not layer.scaled


def test_pad_of_one_channel():
    window = Window((2, 2), padding=(1, 0, 0, 0), pad=(1,))
    conv = Conv("conv", np.ones((1, 2, 2, 1), int), [1], window)
    assert conv.window == Window((2, 2), padding=(1, 0, 0, 0), pad=1)


def test_pool_of_one():
    layer = conv(pool=Pool((1, 1), [1, 0, 0, 0]))
    assert layer.pool is None and layer.pool_size == (1, 1) and not layer.least.any()
    assert network(layer) == network(conv())


@pytest.mark.parametrize("other", COPIES)
def test_copies(other):
    layer = conv(window=Window((3, 3), padding=ONES, pad=[0, 1]), pool=Pool((2, 2), [0, 1, 1, 0]),
                 groups=1)
    again = other(layer)
    assert again.window == layer.window and again.least.tolist() == layer.least.tolist()
    for array in (again.weights, again.thresholds, again.pool.least):
        assert not array.flags.writeable
    graph = network(layer)
    assert other(graph) == graph and hash(other(graph)) == hash(graph)


def test_graph():
    graph = Graph("net", Input((6, 5, 2)), (
        conv(pool=Pool((2, 1))), conv("d", WEIGHTS[:, :1, :1].repeat(2, 3), window=Window((1, 1))),
        Dense("e", np.ones((5, 24), int), [1] * 5), Score("s", np.ones((2, 5), int), [0, 0])))
    assert graph.maps == ((6, 5, 2), (2, 3, 4), (2, 3, 4), (1, 1, 5), (1, 1, 2))
    assert graph.by_pixel
    assert repr(graph) == "Graph('net', 6x5x2-2x3x4-2x3x4-5-2, 218 weights)"
    assert not Graph("g", Input((6, 5)), graph.layers[3:][:0] + (
        Score("s", np.ones((2, 30), int), [0, 0]),)).by_pixel


# Border classes


def test_borders():
    zeros = Window((3, 3), (1, 2), padding=(1, 1, 1, 0))
    layer = conv(thresholds=np.ones((6, 4), int), window=zeros)
    borders = layer.borders(Map(4, 6, 2))
    assert borders.rows.tolist() == [0, 1, 1, 2]
    assert borders.columns.tolist() == [0, 1, 1]
    assert borders.row_taps.astype(int).tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 0]]
    assert borders.column_taps.astype(int).tolist() == [[0, 1, 1], [1, 1, 1]]
    assert borders.count == 6
    assert borders.classes.tolist() == [[0, 1, 1], [2, 3, 3], [2, 3, 3], [4, 5, 5]]
    assert borders.taps.sum(axis=(1, 2)).tolist() == [4, 6, 6, 9, 4, 6]
    assert layer.class_counts(Map(4, 6, 2), 2)[:, 0].tolist() == [24, 36, 36, 54, 24, 36]


@pytest.mark.parametrize("window", [Window((3, 3)), Window((3, 3), padding=ONES, pad=0),
                                    Window((3, 3), padding=ONES, pad=[0, 1])],
                         ids=["none", "code", "codes"])
def test_one_border_class(window):
    borders = conv(window=window).borders(Map(4, 5, 2))
    assert borders.count == 1 and borders.taps.all() and not borders.classes.any()


def test_border_that_the_stride_never_reaches():
    """The last row of padding lies outside all windows."""
    layer = conv(thresholds=np.ones((4, 4), int), window=Window((3, 3), (2, 2), padding=ONES))
    assert layer.borders(Map(4, 4, 2)).count == 4


# Errors


WRONG = {
    "name": ({"name": ""}, ValueError,
             r"^Layer name must be a printable string that is not empty, not ''$"),
    "window": ({"window": (3, 3)}, TypeError,
               r"^window of layer 'c' must be a Window, not \(3, 3\)$"),
    "pool": ({"pool": (2, 2)}, TypeError,
             r"^pool of layer 'c' must be a Pool or None, not \(2, 2\)$"),
    "weights of two axes": (
        {"weights": np.ones((4, 18), int)}, ValueError,
        r"^weights of layer 'c' must have a shape \(neurons, kernel rows, kernel columns, "
        r"channels\) with no zero in it, not \(4, 18\)$"),
    "weights -1": ({"weights": 2 * WEIGHTS - 1}, ValueError,
                   r"^weights of layer 'c' must be 0 or 1 \(1 stands for \+1\), not -1$"),
    "weights of another kernel": (
        {"window": Window((3, 2))}, ValueError,
        r"^weights of layer 'c' must have a kernel of \(3, 2\), that of its window, not "
        r"\(3, 3\)$"),
    "groups zero": ({"groups": 0}, ValueError,
                    r"^groups of layer 'c' must be at least 1, not 0$"),
    "groups a float": ({"groups": 2.0}, TypeError,
                       r"^groups of layer 'c' must be an integer, not 2\.0$"),
    "groups that do not divide": (
        {"groups": 3}, ValueError, r"^groups of layer 'c' must divide its 4 neurons, not 3$"),
    "thresholds of floats": (
        {"thresholds": [1.0] * 4}, TypeError,
        r"^thresholds of layer 'c' must be integers, not an array of float64$"),
    "thresholds of three": (
        {"thresholds": [1, 2, 3]}, ValueError,
        r"^thresholds of layer 'c' must have the shape \(4,\) or \(border classes, 4\), not "
        r"\(3,\)$"),
    "thresholds of three axes": (
        {"thresholds": [[[1, 2, 3, 4]]]}, ValueError,
        r"^thresholds of layer 'c' must have the shape \(4,\) or \(border classes, 4\), not "
        r"\(1, 1, 4\)$"),
    "thresholds too large": (
        {"thresholds": [1, 2, 3, 1 << 41]}, ValueError,
        r"^thresholds of layer 'c' must be within ±2\*\*40, not 2199023255552$"),
    "least of another number": (
        {"pool": Pool((2, 2), [1, 0])}, ValueError,
        r"^pool least of layer 'c' must have a bool for each of its 4 neurons, not 2$"),
    "pads of another number": (
        {"window": Window((3, 3), padding=ONES, pad=[0, 1, 0])}, ValueError,
        r"^pad of layer 'c' must be one code, or one for each of its 2 channels, not 3 codes$"),
}


@pytest.mark.parametrize("changes, error, message", WRONG.values(), ids=WRONG)
def test_conv_wrong(changes, error, message):
    with pytest.raises(error, match=message):
        conv(**changes)


MISFITS = {
    "channels": ({}, (6, 5), 1,
                 r"^layer 'c' has weights for 2 channels, but its input is a map 6x5x1 of 1$"),
    "a vector": ({}, (60,), 1,
                 r"^layer 'c' has weights for 2 channels, but its input is a map 1x1x60 of 60$"),
    "groups that do not divide the channels": (
        {"groups": 2}, (6, 5, 5), 1,
        r"^layer 'c' has weights for 4 channels, but its input is a map 6x5x5 of 5$"),
    "kernel": ({}, (6, 2, 2), 1,
               r"^window of layer 'c' covers 3x3 pixels, more than the 6x2 of its padded input; "
               r"take a smaller kernel or dilation, or more padding$"),
    "dilation": ({"window": Window((3, 3), dilation=(3, 1), padding=(1, 0, 0, 0))}, (5, 6, 2), 1,
                 r"^window of layer 'c' covers 7x3 pixels, more than the 6x6 of its padded input; "
                 r"take a smaller kernel or dilation, or more padding$"),
    "pool": ({"pool": Pool((5, 2))}, (6, 5, 2), 1,
             r"^pool of layer 'c' covers 5x2 outputs, more than the 4x3 of its convolution; take a "
             r"smaller pool$"),
    "map too large": ({}, (2048, 2048, 2), 1,
                      r"^layer 'c' reads a map of 2048x2048x2 elements, more than 4194304; take "
                      r"smaller maps$"),
    "outputs too large": ({}, (1024, 2048, 2), 1,
                          r"^layer 'c' computes 1022x2046x4 elements, more than 4194304; take "
                          r"smaller maps$"),
    "one class": ({"window": Window((3, 3), padding=ONES)}, (6, 5, 2), 1,
                  r"^thresholds of layer 'c' must have the shape \(9, 4\), as its windows on the "
                  r"map 6x5x2 have 9 border classes, not \(4,\)$"),
    "many classes": ({"thresholds": [[1, 2, 3, 4]] * 9,
                      "window": Window((3, 3), padding=ONES, pad=0)}, (6, 5, 2), 1,
                     r"^thresholds of layer 'c' must have the shape \(4,\), as its windows on the "
                     r"map 6x5x2 have 1 border class, not \(9, 4\)$"),
    "pad": ({"window": Window((3, 3), padding=ONES, pad=2)}, (6, 5, 2), 1,
            r"^pad of layer 'c' must be in 0 to 1, not 2$"),
    "pads": ({"window": Window((3, 3), padding=ONES, pad=[0, 8])}, (6, 5, 2), 3,
             r"^pad of layer 'c' must be in 0 to 7, not 8$"),
    "windows outside": (
        {"thresholds": np.ones((10, 4), int),
         "window": Window((3, 3), dilation=(2, 2), padding=(4, 1, 4, 0))}, (1, 6, 2), 1,
        r"^windows of layer 'c' at the border of the map 1x6x2 lie wholly outside it; take less "
        r"padding$"),
    "threshold": ({"thresholds": [0, 20, 1, 1]}, (6, 5, 2), 1,
                  r"^thresholds of layer 'c' must be in 0 to 19, not 20$"),
    "threshold at the border": (
        {"thresholds": [[10, 0, 0, 0]] + 8 * [[0, 0, 0, 0]],
         "window": Window((3, 3), padding=ONES)}, (6, 5, 2), 1,
        r"^thresholds of layer 'c' must be in 0 to 9, not 10$"),
    "threshold negative": ({"thresholds": [0, -1, 1, 1]}, (6, 5, 2), 1,
                           r"^thresholds of layer 'c' must be in 0 to 19, not -1$"),
}


@pytest.mark.parametrize("changes, shape, bits, message", MISFITS.values(), ids=MISFITS)
def test_graph_wrong(changes, shape, bits, message):
    layer = conv(**changes)
    with pytest.raises(ValueError, match=message):
        network(layer, shape, bits)


def test_score_wrong():
    with pytest.raises(ValueError, match=(
            r"^Layer 's' must have 64 inputs, as many as 'c' has outputs, not 48$")):
        Graph("net", Input((6, 6, 2)), (conv(), Score("s", np.ones((2, 48), int), [0, 0])))


def test_too_many_border_classes():
    layer = Conv("c", np.ones((1, 4096, 1, 1), int), [[1]],
                 Window((4096, 1), padding=(4095, 0, 4095, 0)))
    with pytest.raises(ValueError, match=(
            r"^windows of layer 'c' at the border of the map 4096x1x1 see 8191 sets of 4096 taps; "
            r"take less padding$")):
        layer.borders(Map(4096, 1, 1))


# Digest


def test_digest():
    """Each value that results depend on changes it; names do not."""
    pads = {"padding": (1, 1, 0, 1)}
    layer = conv(window=Window((3, 3), pad=0, **pads), pool=Pool((2, 2), [0, 1, 0, 0]))
    graph = network(layer)
    flipped = WEIGHTS.copy()
    flipped[0, 0, 0, 0] ^= 1
    windows = [Window((3, 3), pad=pad, **pads) for pad in (1, [0, 1], [1, 0])]
    windows += [Window((3, 3), (2, 1), pad=0, **pads), Window((3, 3), (1, 2), pad=0, **pads),
                Window((3, 3), dilation=(2, 1), pad=0, padding=(2, 1, 1, 1)),
                Window((3, 3), pad=0, padding=(0, 1, 1, 1)),
                Window((3, 3), pad=0, padding=(1, 0, 0, 2)), Window((3, 3))]
    changes = [{"window": window} for window in windows]
    changes += [{"weights": flipped}, {"thresholds": [1, 2, 3, 5]},
                {"pool": Pool((2, 2), [1, 0, 0, 0])}, {"pool": Pool((2, 2))}, {"pool": None},
                {"pool": Pool((1, 2), [0, 1, 0, 0])}, {"pool": Pool((2, 1), [0, 1, 0, 0])}]
    digests = {network(dataclasses.replace(layer, **change)).digest for change in changes}
    digests |= {network(layer, (5, 6, 2)).digest, network(layer, bits=2).digest, graph.digest}
    assert len(digests) == len(changes) + 3
    assert network(dataclasses.replace(layer, name="other")).digest == graph.digest
    # One table for nine border classes, whose rows are equal, and one row.
    zeros = conv(thresholds=[[1, 2, 3, 4]] * 9, window=Window((3, 3), padding=ONES))
    assert network(zeros) != network(conv(window=Window((3, 3), padding=ONES, pad=0)))
    # The same arrays, read as two groups or as one.
    two = network(conv(groups=2), (6, 5, 4))
    assert two.digest != network(conv(weights=np.concatenate([WEIGHTS] * 2, 3)), (6, 5, 4)).digest
    assert dataclasses.replace(layer).window == layer.window


# Constant neurons


@given(st.integers(0, 2**32), st.sampled_from([None, 0, 1]), st.integers(1, 2))
def test_constant_neurons(seed, pad, groups):
    """No neuron that is said to be constant varies with the frame or the position."""
    rng = np.random.default_rng(seed)
    window = Window((2, 2), padding=(1, 0, 0, 1), pad=pad)
    map, layers = Map(2, 2, 2), []
    for name in "ab":
        classes = 4 if pad is None else 1
        weights = rng.integers(0, 2, (4, 2, 2, map.channels // groups))
        thresholds = rng.integers(0, weights[0].size // 4 + 2, (classes, 4))
        layers.append(Conv(name, weights, thresholds if pad is None else thresholds[0], window,
                           Pool((2, 2), rng.integers(0, 2, 4)) if name == "b" else None, groups))
        map = layers[-1].output(map)
    layers.append(Score("s", rng.integers(0, 2, (3, map.size)), rng.integers(-3, 4, 3)))
    graph = Graph("net", Input((2, 2, 2)), layers)
    elements = np.array(list(itertools.product(range(2), repeat=8)))
    result = golden.evaluate(graph, elements)
    *found, scores = constant_neurons(graph)
    for constant, bits in zip(found, result.activations):
        channels = bits.reshape(-1, 4)
        assert not (constant & (channels.min(axis=0) != channels.max(axis=0))).any()
    assert not (scores & (result.scores.min(axis=0) != result.scores.max(axis=0))).any()


def test_constant_channels_make_constant_neurons():
    """Values of a channel that is always 1 leave a threshold on one side; a pad may not."""
    first = Conv("first", np.ones((2, 1, 1, 1), int), [0, 1], Window((1, 1)))
    weights = np.zeros((3, 1, 2, 2), int)
    weights[..., 0] = 1
    for pad, constant in ((1, [True, False, True]), (0, [False, False, True]),
                          (None, [False, False, True])):
        thresholds = np.array([2, 3, 0])
        window = Window((1, 2), padding=(0, 1, 0, 0), pad=pad)
        if pad is None:
            thresholds = np.array([[2, 3, 0], [2, 2, 0]])
        second = Conv("second", weights, thresholds, window)
        graph = Graph("net", Input((2, 3)), (first, second,
                                             Score("s", np.ones((2, 18), int), [0, 0])))
        found = constant_neurons(graph)
        assert found[0].tolist() == [True, False]
        assert found[1].tolist() == constant
    assert constant_warnings(graph) == []


def test_constant_warning():
    graph = network(conv(thresholds=[0, 0, 19, 4]))
    assert constant_warnings(graph) == ["layer c: 3 of 4 neurons are constant"]


# Summary


def test_summary():
    zeros = conv(thresholds=np.ones((6, 4), int), window=Window((3, 3), padding=ONES),
                 pool=Pool((2, 2), [1, 0, 0, 0]))
    graph = network(zeros, bits=2)
    entry = graph_values(graph)["layers"][0]
    assert entry == {
        "name": "c", "kind": "conv", "inputs": 18, "neurons": 4, "input_bits": 2, "synapses": 72,
        "weight_bits": 72, "threshold_bits": 6 * 4 * 6, "scale_bits": 0, "constant": 0,
        "map": [6, 5, 2], "output_map": [3, 2, 4], "kernel": [3, 3], "stride": [1, 1],
        "dilation": [1, 1], "padding": [1, 1, 1, 1], "pad": None, "pool": [2, 2], "pool_and": 1,
        "groups": 1, "border_classes": 6, "positions": 24}
    header, _, row, _, total = graph_text(graph).split("\n\n")[1].splitlines()
    assert header.split() == ("layer kind inputs bits each neurons synapses weight bits threshold "
                              "bits input map output map window").split()
    assert row.endswith("  6x5x2      3x2x4       3x3, padding 1 not counted, pool 2x2 AND of 1")
    assert total.split() == ["total", "120", "120", "144"]
    assert "input map" in graph._repr_html_()


@pytest.mark.parametrize("changes, text", [
    ({}, "3x3"),
    ({"window": Window((3, 3), (2, 1), (1, 2))}, "3x3, stride 2x1, dilation 1x2"),
    ({"window": Window((3, 3), padding=(1, 0, 2, 0), pad=1), "groups": 4},
     "3x3, padding 1 0 2 0 of code 1, 4 groups"),
    ({"window": Window((3, 3), padding=ONES, pad=[0, 1]), "pool": Pool((2, 1), [1] * 4)},
     "3x3, padding 1 of a code for each channel, pool 2x1 AND"),
    ({"pool": Pool((2, 1))}, "3x3, pool 2x1"),
], ids=["plain", "stride", "groups", "codes", "pool"])
def test_window_text(changes, text):
    assert window_text(conv(**changes)) == text
