"""Absent synapses in the golden model, against sums of -1, 0 and +1 in plain Python."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom_sim.golden import evaluate, evaluate_packed, layer_counts

PATHS = [evaluate, evaluate_packed]


def dots(weights, present, values):
    """The sum of a neuron and its largest, term by term; weights are 0 or 1."""
    total = largest = 0
    for weight, here, (value, top) in zip(weights, present, values):
        signed = 0 if not here else 1 if weight else -1
        total += signed * value
        largest += abs(signed) * top
    return total, largest


def naive(graph, frame):
    """The class, scores and activations of one flat frame."""
    top = 2**graph.input.bits - 1
    values, activations = [2 * int(x) - top for x in frame], []
    for index, layer in enumerate(graph.layers):
        map, outputs = graph.maps[index], []
        here = np.ones(layer.weights.shape) if layer.present is None else layer.present
        if isinstance(layer, Conv):
            values = naive_map(layer, here, map, values, top)
            activations.append(values)
            values, top = [1 if a else -1 for a in values], 1
            continue
        for neuron in range(layer.neurons):
            dot, largest = dots(layer.weights[neuron], here[neuron], [(v, top) for v in values])
            count, odd = divmod(dot + largest, 2)
            assert not odd
            outputs.append(count)
        if isinstance(layer, Score):
            scores = [int(s) * c + int(o)
                      for s, c, o in zip(layer.scales, outputs, layer.offsets)]
            return scores.index(max(scores)), scores, activations
        activations.append([int(c >= t) for c, t in zip(outputs, layer.thresholds)])
        values, top = [1 if a else -1 for a in activations[-1]], 1
    raise AssertionError("no score layer")


def naive_map(layer, here, map, values, top):
    """Activations of a convolution in the order (row, column, channel)."""
    window, (rows, columns) = layer.window, layer.positions(map)
    classes = layer.borders(map).classes
    table = layer.thresholds.reshape(-1, layer.neurons)
    fires = np.zeros((rows, columns, layer.neurons), bool)
    each = layer.channels // layer.groups
    for row, column, neuron in np.ndindex(fires.shape):
        first, terms = neuron // (layer.neurons // layer.groups) * each, []
        for tap in np.ndindex(*window.kernel, each):
            y = row * window.stride[0] + tap[0] * window.dilation[0] - window.padding[0]
            x = column * window.stride[1] + tap[1] * window.dilation[1] - window.padding[1]
            channel = first + tap[2]
            if 0 <= y < map.rows and 0 <= x < map.columns:
                value = values[(y * map.columns + x) * map.channels + channel], top
            elif window.pad is None:
                value = 0, 0
            else:
                pads = np.broadcast_to(window.pad, layer.channels)
                value = 2 * int(pads[channel]) - top, top
            terms.append(value)
        dot, largest = dots(layer.weights[neuron].reshape(-1), here[neuron].reshape(-1), terms)
        level = classes[row, column] if len(table) > 1 else 0
        fires[row, column, neuron] = (dot + largest) // 2 >= table[level, neuron]
    high, wide = layer.pool_size
    areas = fires.reshape(rows // high, high, columns // wide, wide, layer.neurons)
    pooled = np.where(layer.least, areas.all(axis=(1, 3)), areas.any(axis=(1, 3)))
    return pooled.astype(int).reshape(-1).tolist()


def assert_naive(graph, frames):
    for path in PATHS:
        found = path(graph, frames)
        for index, frame in enumerate(frames):
            best, scores, activations = naive(graph, frame)
            assert found.classes[index] == best
            assert found.scores[index].tolist() == scores
            assert [a[index].tolist() for a in found.activations] == activations


@given(seed=st.integers(0, 1 << 32), bits=st.integers(1, 10),
       sizes=st.lists(st.integers(1, 12), min_size=2, max_size=4))
def test_dense(random_graph, sparse, seed, bits, sizes):
    rng = np.random.default_rng(seed)
    graph = sparse(random_graph(rng, sizes, bits), rng)
    graph = Graph("g", graph.input, (*graph.layers[:-1], replace(
        graph.layers[-1], scales=rng.integers(0, 4, sizes[-1]))))
    assert_naive(graph, rng.integers(0, 1 << bits, (3, sizes[0])))


@pytest.mark.parametrize("pad", ["nothing", "code", "codes"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("bits", [1, 3])
def test_conv(sparse, pad, groups, bits):
    rng = np.random.default_rng(groups * 10 + bits)
    codes = {"nothing": None, "code": 1, "codes": rng.integers(0, 1 << bits, 4)}[pad]
    window = Window((3, 2), (1, 2), (2, 1), (1, 0, 2, 1), codes)
    draft = Conv("c", rng.integers(0, 2, (6, 3, 2, 4 // groups)), np.zeros(6, int), window,
                 Pool((2, 1), [0, 1, 0, 1, 1, 0]), groups)
    map = Map(5, 6, 4)
    classes = draft.borders(map).count
    draft = replace(draft, thresholds=np.zeros((classes, 6) if classes > 1 else 6, int))
    score = Score("s", rng.integers(0, 2, (3, draft.output(map).size)), [0, 1, -1])
    graph = sparse(Graph("g", Input(tuple(map), bits), (draft, score)), rng)
    assert_naive(graph, rng.integers(0, 1 << bits, (2, map.size)))


@given(seed=st.integers(0, 1 << 32), bits=st.integers(1, 16), inputs=st.integers(1, 200))
def test_packed_equals_plain(random_graph, sparse, seed, bits, inputs):
    rng = np.random.default_rng(seed)
    graph = sparse(random_graph(rng, [inputs, 9, 5], bits), rng)
    frames = rng.integers(0, 1 << bits, (5, inputs))
    plain, packed = evaluate(graph, frames), evaluate_packed(graph, frames)
    assert np.array_equal(plain.scores, packed.scores)
    assert np.array_equal(plain.activations[0], packed.activations[0])


def test_no_synapse():
    """Neurons without synapses count 0: they fire iff their threshold is 0."""
    graph = Graph("g", Input((4,), 3), (
        Dense("a", np.ones((2, 4), int), [0, 1], np.zeros((2, 4), bool)),
        Score("s", [[1, 1], [0, 1]], [5, 6], [3, 0], np.zeros((2, 2), int))))
    for path in PATHS:
        found = path(graph, np.arange(8).reshape(2, 4))
        assert found.activations[0].tolist() == [[1, 0], [1, 0]]
        assert found.scores.tolist() == [[5, 6], [5, 6]]
    assert layer_counts(graph, 0, np.ones((1, 4), np.uint8)).tolist() == [[0, 0]]
