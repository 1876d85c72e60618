"""The two paths of the golden model against the definition in plain Python."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom_sim import golden
from xnorloom_sim.golden import evaluate, evaluate_packed

PATHS = [evaluate, evaluate_packed]


def naive(graph, frame):
    """The class, scores and activations of one flat frame, one synapse at a time."""
    values = [2 * int(x) - (2**graph.input.bits - 1) for x in frame]
    largest = 2**graph.input.bits - 1
    activations = []
    for layer in graph.layers:
        counts = []
        for neuron in range(layer.weights.shape[0]):
            dot = sum((1 if w else -1) * v for w, v in zip(layer.weights[neuron], values))
            count, odd = divmod(dot + layer.weights.shape[1] * largest, 2)
            assert not odd
            counts.append(count)
        if isinstance(layer, Score):
            scores = [c + int(o) for c, o in zip(counts, layer.offsets)]
            return scores.index(max(scores)), scores, activations
        activations.append([int(c >= t) for c, t in zip(counts, layer.thresholds)])
        values, largest = [1 if a else -1 for a in activations[-1]], 1


def assert_same(result, other):
    assert result.classes.dtype == result.scores.dtype == np.int64
    assert np.array_equal(result.classes, other.classes)
    assert np.array_equal(result.scores, other.scores)
    assert len(result.activations) == len(other.activations)
    for left, right in zip(result.activations, other.activations):
        assert left.dtype == np.uint8
        assert np.array_equal(left, right)


def assert_naive(graph, frames, result):
    for index, frame in enumerate(frames.reshape(len(frames), -1)):
        best, scores, activations = naive(graph, frame)
        assert result.classes[index] == best
        assert result.scores[index].tolist() == scores
        assert [a[index].tolist() for a in result.activations] == activations


def wild_graph(rng, sizes, bits=1, shape=None, extreme=0.2):
    """A graph of random weights, with some thresholds at or beyond the ends of their range."""
    layers = []
    for index, (n, m) in enumerate(itertools.pairwise(sizes)):
        weights = rng.integers(0, 2, (m, n), dtype=np.uint8)
        top = n * (2**bits - 1 if index == 0 else 1)
        if index < len(sizes) - 2:
            thresholds = rng.integers(0, top + 2, m)
            ends = rng.choice([0, 1, top, top + 1], m)
            thresholds = np.where(rng.random(m) < extreme, ends, thresholds)
            layers.append(Dense(f"dense{index}", weights, thresholds))
        else:
            layers.append(Score("score", weights, rng.integers(-top, top + 1, m)))
    return Graph("random", Input(shape or (sizes[0],), bits), layers)


def random_frames(rng, graph, count):
    dtype = np.uint8 if graph.input.bits <= 8 else np.uint16
    return rng.integers(0, 2**graph.input.bits, (count, graph.input.size), dtype=dtype)


# Against the definition


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    bits=st.integers(1, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_naive(sizes, bits, seed):
    rng = np.random.default_rng(seed)
    graph = wild_graph(rng, sizes, bits)
    frames = random_frames(rng, graph, 4)
    for path in PATHS:
        assert_naive(graph, frames, path(graph, frames))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("sizes", "bits"),
    [([70, 65, 3], 1), ([67, 2, 64, 4], 8), ([130, 5], 3), ([9, 3, 2], 16)],
    ids=["more than a word", "planes of two words", "no dense layer", "16 bits"],
)
def test_naive_wide(path, sizes, bits):
    rng = np.random.default_rng(len(sizes))
    graph = wild_graph(rng, sizes, bits)
    frames = random_frames(rng, graph, 3)
    frames[0], frames[1] = 0, 2**bits - 1
    assert_naive(graph, frames, path(graph, frames))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("inputs", "bits"), [(1, 1), (2, 1), (3, 1), (1, 3), (2, 2)])
def test_exhaustive(path, inputs, bits):
    """Every input of every neuron: one dense layer with all weights and thresholds at once."""
    top = inputs * (2**bits - 1)
    pairs = list(itertools.product(itertools.product([0, 1], repeat=inputs), range(top + 2)))
    weights = np.array([w for w, _ in pairs])
    layers = [Dense("all", weights, np.array([t for _, t in pairs])),
              Score("score", np.ones((2, len(pairs)), int), np.array([0, 0]))]
    graph = Graph("all", Input((inputs,), bits), layers)
    elements = itertools.product(range(2**bits), repeat=inputs)
    frames = np.array(list(elements), np.uint8)
    assert_naive(graph, frames, path(graph, frames))


# The two paths


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 200), min_size=2, max_size=5),
    bits=st.integers(1, 8),
    count=st.integers(0, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_paths_agree(sizes, bits, count, seed):
    rng = np.random.default_rng(seed)
    graph = wild_graph(rng, sizes, bits)
    frames = random_frames(rng, graph, count)
    assert_same(evaluate(graph, frames), evaluate_packed(graph, frames))


def test_chunks(monkeypatch):
    rng = np.random.default_rng(1)
    graph = wild_graph(rng, [20, 7, 5, 3], bits=2)
    frames = random_frames(rng, graph, 11)
    whole = evaluate(graph, frames)
    monkeypatch.setattr(golden, "_MATMUL_ELEMENTS", 60)
    monkeypatch.setattr(golden, "_PACKED_ELEMENTS", 1)
    for path in PATHS:
        assert_same(path(graph, frames), whole)


def test_beyond_float32():
    """301 elements of 16 bits reach 19,726,035: float32 would lose the lowest bit.

    Sums of as many ±1 are odd, and those are what float32 has no room for.
    """
    rng = np.random.default_rng(2)
    graph = wild_graph(rng, [301, 4, 2], bits=16, extreme=0)
    weights = graph.layers[0].weights
    frames = np.where(weights, 65535, 0).astype(np.uint16)
    frames[:, 0] ^= 1
    counts = [301 * 65535 - 1] * 4
    layers = [Dense("exact", weights, np.array([c + k for c, k in zip(counts, (0, 1, 0, 1))])),
              graph.layers[1]]
    graph = Graph("exact", graph.input, layers)
    for path in PATHS:
        fired = path(graph, frames).activations[0]
        assert np.diagonal(fired).tolist() == [1, 0, 1, 0]
    assert_same(evaluate(graph, frames), evaluate_packed(graph, frames))


# Meaning


@pytest.mark.parametrize("path", PATHS)
def test_first_of_equal_scores(path):
    graph = Graph("tie", Input((2,)), [Score("s", np.array([[0, 0], [1, 0], [0, 1]]), [0, 1, 1])])
    result = path(graph, np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.uint8))
    assert result.scores.tolist() == [[2, 2, 2], [1, 3, 1], [1, 1, 3], [0, 2, 2]]
    assert result.classes.tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize("path", PATHS)
def test_shapes(path):
    rng = np.random.default_rng(3)
    graph = wild_graph(rng, [24, 5, 3], bits=4, shape=(2, 3, 4))
    frames = random_frames(rng, graph, 6)
    assert_same(path(graph, frames.reshape(6, 2, 3, 4)), path(graph, frames.astype(np.uint64)))
    empty = path(graph, frames[:0])
    assert empty.classes.shape == (0,)
    assert empty.scores.shape == (0, 3)
    assert [a.shape for a in empty.activations] == [(0, 5)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        (np.zeros((1, 6)), TypeError,
         r"^frames must be an array of integers, not of float64$"),
        (None, TypeError, r"^frames must be an array of integers, not of object$"),
        (np.zeros((1, 6), object), TypeError,
         r"^frames must be an array of integers, not of object$"),
        ([[2**64] * 6], TypeError, r"^frames must be an array of integers, not of object$"),
        ([[0] * 6, [0] * 5], ValueError,
         r"^frames must be an array, not lists of different lengths$"),
        (np.full((1, 6), -1), ValueError,
         r"^elements of frames must be in 0 to 3, as the input has 2 bits, not -1$"),
        (np.full((1, 6), 2**64 - 1, np.uint64), ValueError,
         r"^elements of frames must be in 0 to 3, as the input has 2 bits, "
         r"not 18446744073709551615$"),
        (np.zeros((1, 7), np.uint8), ValueError,
         r"^frames must have the shape \(frames, 2, 3\) or \(frames, 6\), not \(1, 7\)$"),
        (np.zeros(6, np.uint8), ValueError,
         r"^frames must have the shape \(frames, 2, 3\) or \(frames, 6\), not \(6,\)$"),
        (np.full((1, 6), 4, np.uint8), ValueError,
         r"^elements of frames must be in 0 to 3, as the input has 2 bits, not 4$"),
    ],
    ids=["float", "none", "object", "huge", "ragged", "negative", "uint64", "size", "one frame",
         "range"],
)  # fmt: skip
def test_frames_wrong(path, frames, error, message):
    graph = wild_graph(np.random.default_rng(4), [6, 2], bits=2, shape=(2, 3))
    with pytest.raises(error, match=message):
        path(graph, frames)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bits", [1, 2, 8, 9])
def test_frames_of_any_type_whose_values_fit(path, bits):
    rng = np.random.default_rng(bits)
    graph = wild_graph(rng, [6, 4, 2], bits=bits, shape=(2, 3))
    bools = rng.integers(0, 2, (5, 6), dtype=np.uint8).astype(bool)
    expected = path(graph, bools.astype(np.uint8))
    for dtype in (bool, np.int8, np.int64, np.uint16, np.uint64):
        assert_same(path(graph, bools.astype(dtype)), expected)
    assert_same(path(graph, bools.astype(int).reshape(5, 2, 3).tolist()), expected)
    top = np.full((1, 6), 2**bits - 1)
    assert golden.check_frames(graph, top).dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert_same(path(graph, top), path(graph, top.astype(np.uint64)))


@pytest.mark.parametrize("path", PATHS)
def test_graph_wrong(path):
    with pytest.raises(TypeError, match=r"^graph must be a Graph, not None$"):
        path(None, np.zeros((1, 6), np.uint8))


def test_frames_wrong_flat():
    graph = wild_graph(np.random.default_rng(5), [6, 2])
    with pytest.raises(ValueError, match=r"^frames must have the shape \(frames, 6\), "
                                         r"not \(2, 5\)$"):
        evaluate(graph, np.zeros((2, 5), np.uint8))
    with pytest.raises(ValueError, match=r"^elements of frames must be in 0 to 1, as the input has "
                                         r"1 bit, not 9$"):
        evaluate(graph, np.full((2, 6), 9, np.uint8))
