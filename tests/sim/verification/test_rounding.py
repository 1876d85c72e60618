"""Differences by the source's own rounding, told apart from others."""

import dataclasses
from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xnorloom import frontend
from xnorloom.frontend.program import INPUT, Dense, Elementwise, Program, Value
from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden
from xnorloom_sim.verification import SourceModel, frames, verify


def signs(rng, *shape):
    return np.sign(rng.normal(size=shape)).astype(np.float32)


def step(x):
    return np.where(x >= 0, np.float32(1), np.float32(-1))


def source_row(lowered, pixels, path=None, graph=None):
    graph = graph or lowered.graph
    result = verify(graph, encode(graph.input, pixels), steps=["source"],
                    source=SourceModel(lowered, pixels, path))
    return result, result.rows[0]


def changed(graph, layer, field, place, by):
    array = getattr(graph.layers[layer], field).astype(np.int64)
    array[place] += by
    layers = list(graph.layers)
    layers[layer] = dataclasses.replace(layers[layer], **{field: array})
    return Graph(graph.name, graph.input, tuple(layers))


# scores that tie


@pytest.fixture
def tied(tmp_path):
    """One layer of weights -0.1 and +0.1, whose sums ONNX Runtime rounds: lowered, path, signs."""
    weights = signs(np.random.default_rng(3), 16, 4)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])], "tied",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(weights * np.float32(0.1), "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              tmp_path / "tied.onnx")
    return lower(frontend.load(tmp_path / "tied.onnx"), "bipolar"), tmp_path / "tied.onnx", weights


def test_ties_of_scores(tied):
    """Frames in which ONNX Runtime chooses another of the classes whose exact sums are largest."""
    lowered, path, weights = tied
    pixels = frames.random_pixels((16,), 400)
    result, row = source_row(lowered, pixels, path)
    sums = np.where(pixels >= 128, 1, -1) @ weights.astype(np.int64)
    assert (np.sort(sums, axis=1)[:, -1] == np.sort(sums, axis=1)[:, -2]).sum() > row.rounding > 0
    assert (row.differences, row.first) == (0, None)
    assert result.equal
    first = row.first_rounding
    assert first.kind == "class"
    assert sums[first.frame, first.found] == sums[first.frame, first.expected] \
        == sums[first.frame].max()
    # The source chose another class in no other frame.
    here = encode(lowered.graph.input, pixels)
    assert row.correct is None
    labels = golden.evaluate(lowered.graph, here).classes
    again = verify(lowered.graph, here, steps=["source"], labels=labels,
                   source=SourceModel(lowered, pixels, path)).rows[0]
    assert again.correct == 400 - row.rounding


@pytest.mark.parametrize(("field", "place", "by"), [("offsets", 2, 2), ("offsets", 0, -2)])
def test_other_scores_are_no_ties(tied, field, place, by):
    lowered, path, weights = tied
    pixels = frames.random_pixels((16,), 400)
    graph = changed(lowered.graph, 0, field, place, by)
    result, row = source_row(lowered, pixels, path, graph)
    sums = np.where(pixels >= 128, 1, -1) @ weights.astype(np.int64)
    classes = golden.evaluate(graph, encode(graph.input, pixels)).classes
    wrong = sums[np.arange(400), classes] < sums.max(axis=1)
    assert not result.equal
    assert row.differences == wrong.sum() > 0
    assert row.first.frame == np.argmax(wrong)


def test_order_of_exact_ties(random_graph, monkeypatch):
    """Sums of ±1 are exact: a graph that prefers the last of equal classes differs."""
    weights = signs(np.random.default_rng(5), 12, 4)
    program = Program("exact", (12,), np.dtype(np.float32), (
        Dense("Dense_0", "scores", INPUT, weights),), Value(0))
    lowered = lower(program, "bipolar")
    pixels = frames.random_pixels((12,), 200)
    _, row = source_row(lowered, pixels)
    assert (row.differences, row.rounding) == (0, 0)
    right = golden.evaluate

    def last(graph, elements):
        result = right(graph, elements)
        classes = 3 - np.argmax(result.scores[:, ::-1], axis=1)
        return dataclasses.replace(result, classes=classes)

    monkeypatch.setattr(golden, "evaluate", last)
    sums = np.where(pixels >= 128, 1, -1) @ weights.astype(np.int64)
    ties = (sums == sums.max(axis=1, keepdims=True)).sum(axis=1) > 1
    result, row = source_row(lowered, pixels)
    assert not result.equal
    # Frames of which the source's class is not that of the graph.
    assert (row.differences, row.rounding) == (ties.sum(), 0)


def test_score_bits_are_no_rounding():
    """Scales of one bit change decisions; equal integers then stand for other scores."""
    rng = np.random.default_rng(6)
    scales = np.array([1, 1.7, 0.6, 1.3], np.float32)
    program = Program("scaled", (12,), np.dtype(np.float32), (
        Dense("Dense_0", "sums", INPUT, signs(rng, 12, 4)),
        Elementwise("Mul", "scores", (Value(0), scales), np.multiply)), Value(1))
    pixels = frames.random_pixels((12,), 300)
    assert source_row(lower(program, "bipolar"), pixels)[0].equal
    result, row = source_row(lower(program, "bipolar", score_bits=1), pixels)
    assert not result.equal
    assert row.differences > 0
    assert row.rounding == 0


# neurons in doubt


class Uncertain:
    """Pixels u8/255 into 6 neurons with a bias within the sum, 4 neurons, 3 classes.

    Each of the first neurons has its switch where the pixels sum to ``shift``, in units of 1/255,
    so that the source's rounding decides frames of exactly that sum. Activations are ``size`` and
    ``-size``.
    """

    def __init__(self, size=1.0):
        rng = np.random.default_rng(8)
        self.weights = [signs(rng, 9, 6), signs(rng, 6, 4), signs(rng, 4, 3)]
        self.shift = np.array([0, 255, -255, 100, 17, -60])
        bias = (-self.shift / np.float32(255)).astype(np.float32)
        size = np.float32(size)
        half = size / 2
        self.program = Program("uncertain", (9,), np.dtype(np.float32), (
            Dense("Dense_0", "sums0", INPUT, self.weights[0], bias),
            Elementwise("Step_0", "hidden0", (Value(0),), lambda x: step(x) * size),
            Dense("Dense_1", "sums1", Value(1), self.weights[1]),
            Elementwise("Add_1", "shifted1", (Value(2), half), np.add),
            Elementwise("Step_1", "hidden1", (Value(3),), lambda x: step(x) * size),
            Dense("Dense_2", "scores", Value(4), self.weights[2])), Value(5))
        # Frames in which the pixels of one neuron sum to its shift.
        rng = np.random.default_rng(9)
        self.pixels = np.zeros((300, 9), np.uint8)
        for number, frame in enumerate(self.pixels):
            column, shift = self.weights[0][:, number % 6], self.shift[number % 6]
            frame[:] = rng.integers(0, 256, 9)
            for place in rng.permutation(9):
                missing = shift - int(column @ frame.astype(np.int64))
                frame[place] = np.clip(frame[place] + missing * column[place], 0, 255)
            assert column @ frame.astype(np.int64) == shift

    def exact(self, pixels):
        """Activations of the first layer, by fractions."""
        return np.array([[sum((Fraction(int(w)) * int(x) for w, x in zip(column, frame)),
                              Fraction(0)) >= int(shift) for column, shift
                          in zip(self.weights[0].T, self.shift)] for frame in pixels])


@pytest.fixture
def uncertain():
    return Uncertain()


@pytest.mark.parametrize("size", [1, 2.0**-16, 2.0**16])
def test_uncertain_neurons(size):
    uncertain = Uncertain(size)
    lowered = lower(uncertain.program, "u8/255")
    pixels = uncertain.pixels
    numbers = pixels.astype(np.float32) / np.float32(255)
    source = uncertain.program.run(numbers)[1] > 0
    elements = encode(lowered.graph.input, pixels)
    graph = golden.evaluate(lowered.graph, elements)
    flipped = (source != graph.activations[0]).any(axis=1)
    assert flipped.sum() > 10
    # The graph has the threshold of the source's table, which rounds once.
    assert (graph.activations[0] != uncertain.exact(pixels)).sum() <= 300
    result, row = source_row(lowered, pixels)
    assert result.equal
    assert (row.differences, row.rounding) == (0, flipped.sum())
    assert row.first_rounding.layer == "dense0"
    assert row.first_rounding.frame == np.argmax(flipped)


@pytest.mark.parametrize("by", [-3, 3])
def test_thresholds_beyond_the_rounding(uncertain, by):
    lowered = lower(uncertain.program, "u8/255")
    rng = np.random.default_rng(2)
    pixels = np.concatenate([uncertain.pixels, rng.integers(0, 256, (500, 9), dtype=np.uint8)])
    graph = changed(lowered.graph, 0, "thresholds", 3, by)
    result, row = source_row(lowered, pixels, graph=graph)
    assert not result.equal
    assert (row.first.kind, row.first.layer, row.first.neuron) == ("activation", "dense0", 3)
    assert row.rounding > 0


def test_a_real_difference_after_one_by_rounding(uncertain):
    """A neuron that differs by rounding excuses no other, in its frame or after it."""
    lowered = lower(uncertain.program, "u8/255")
    pixels = uncertain.pixels
    graph = changed(lowered.graph, 1, "thresholds", 2, 1)
    numbers = pixels.astype(np.float32) / np.float32(255)
    tensors = uncertain.program.run(numbers)
    # The wrong threshold of the graph, on the activations of the source.
    found, sums = tensors[4][:, 2] > 0, tensors[2][:, 2]
    direction = 1 if (graph.layers[1].weights[2] == (uncertain.weights[1][:, 2] > 0)).all() else -1
    counts = (6 + direction * sums.astype(int)) // 2
    wrong = found != (counts >= graph.layers[1].thresholds[2])
    result, row = source_row(lowered, pixels, graph=graph)
    assert not result.equal
    assert row.differences == wrong.sum() > 0
    assert (row.first.layer, row.first.neuron) == ("dense1", 2)
    assert row.first.frame == np.argmax(wrong)
    rounded = tensors[1] > 0
    flipped = (rounded != golden.evaluate(graph, encode(graph.input, pixels)).activations[0])
    assert (flipped.any(axis=1) & wrong).any()




@pytest.mark.parametrize("sigmoid", [False, True])
def test_one_output(sigmoid, tmp_path):
    """Two classes: sums of ±0.1 that are 0 in exact arithmetic fall on either side of it."""
    weights = signs(np.random.default_rng(4), 16, 1)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logit"])]
    if sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logit"], ["output"]))
    last = nodes[-1].output[0]
    graph = helper.make_graph(
        nodes, "one", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(weights * np.float32(0.1), "w")])
    path = tmp_path / "one.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              path)
    lowered = lower(frontend.load(path), "bipolar")
    pixels = frames.random_pixels((16,), 600)
    result, row = source_row(lowered, pixels, path)
    sums = np.where(pixels >= 128, 1, -1) @ weights[:, 0].astype(np.int64)
    assert result.equal
    assert row.differences == 0
    assert 0 <= row.rounding <= (sums == 0).sum()
    other = changed(lowered.graph, 0, "offsets", 1, 5)
    result, row = source_row(lowered, pixels, path, other)
    assert not result.equal
    classes = golden.evaluate(other, encode(other.input, pixels)).classes
    assert row.differences == (classes != (sums > 0))[sums != 0].sum() > 0
