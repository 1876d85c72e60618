"""Verification of equal steps, and of steps with a planted difference, which it must name."""

import dataclasses
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xnorloom.folding import automatic
from xnorloom.frontend.program import INPUT, Dense, Elementwise, Program, Value
from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom.schedule import Plan
from xnorloom_sim import golden
from xnorloom_sim.verification import STEPS, SourceModel, frames, steps, verify

SIZES = (20, 8, 6, 5)
COUNT = 700  # more than are executed at once


def sign(x):
    return np.where(x >= 0, np.float32(1), np.float32(-1))


def three_valued(x):
    return np.sign(x)


@pytest.fixture
def network():
    """Weights of three layers, and shifts after the first two that no sum equals."""
    rng = np.random.default_rng(1)
    weights = [np.sign(rng.normal(size=shape)).astype(np.float32)
               for shape in zip(SIZES, SIZES[1:])]
    shifts = [(2 * rng.integers(-2, 3, size) + 0.5).astype(np.float32) for size in SIZES[1:-1]]
    return weights, shifts


@pytest.fixture
def lowered(network):
    weights, (first, second) = network
    steps = (
        Dense("MatMul_0", "sums0", INPUT, weights[0]),
        Elementwise("Add_0", "shifted0", (Value(0), first), np.add),
        Elementwise("Sign_0", "hidden0", (Value(1),), sign),
        Dense("MatMul_1", "sums1", Value(2), weights[1]),
        Elementwise("Add_1", "shifted1", (Value(3), second), np.add),
        Elementwise("Sign_1", "hidden1", (Value(4),), sign),
        Dense("MatMul_2", "scores", Value(5), weights[2]))
    program = Program("toy", (20,), np.dtype(np.float32), steps, Value(6))
    return lower(program, "bipolar")


@pytest.fixture
def path(network, tmp_path):
    """The same network as an ONNX file."""
    weights, shifts = network
    arrays = {f"w{index}": array for index, array in enumerate(weights)}
    arrays |= {f"t{index}": array for index, array in enumerate(shifts)}
    nodes, last = [], "x"
    for index in (0, 1):
        nodes += [helper.make_node("MatMul", [last, f"w{index}"], [f"sums{index}"]),
                  helper.make_node("Add", [f"sums{index}", f"t{index}"], [f"shifted{index}"]),
                  helper.make_node("Sign", [f"shifted{index}"], [f"hidden{index}"])]
        last = f"hidden{index}"
    nodes.append(helper.make_node("MatMul", [last, "w2"], ["scores"]))
    graph = helper.make_graph(
        nodes, "toy", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 20])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              tmp_path / "toy.onnx")
    return tmp_path / "toy.onnx"


@pytest.fixture
def pixels():
    return frames.random_pixels((20,), COUNT)


def changed(graph, layer, field, place, value):
    """A copy of ``graph`` with one number of one layer changed."""
    array = getattr(graph.layers[layer], field).copy()
    array[place] = value
    layers = list(graph.layers)
    layers[layer] = dataclasses.replace(layers[layer], **{field: array})
    return Graph(graph.name, graph.input, tuple(layers))


def frames_that_differ(one, other):
    """Number of frames that differ, and frame, layer and neuron of the first difference."""
    parts = [*zip(one.activations, other.activations), (one.scores, other.scores)]
    wrong = np.any([(a != b).any(axis=1) for a, b in parts], axis=0)
    frame = int(np.argmax(wrong))
    layer = next(n for n, (a, b) in enumerate(parts) if (a[frame] != b[frame]).any())
    neuron = int(np.argmax(parts[layer][0][frame] != parts[layer][1][frame]))
    return int(wrong.sum()), frame, layer, neuron


@pytest.mark.parametrize("runtime", ["onnxruntime", "numpy"])
def test_all_steps_are_equal(lowered, path, pixels, runtime):
    seen = []
    source = SourceModel(lowered, pixels, path if runtime == "onnxruntime" else None)
    elements = encode(lowered.graph.input, pixels)
    result = verify(lowered.graph, elements, source=source, amaranth_frames=3,
                    progress=lambda *what: seen.append(what))
    assert result.equal
    assert [(row.step, row.frames, row.layers, row.differences, row.first)
            for row in result.rows] == [
        ("source", COUNT, 3, 0, None), ("graph", COUNT, 3, None, None),
        ("packed", COUNT, 3, 0, None), ("amaranth", 3, 3, 0, None),
        ("compiled", COUNT, 3, 0, None)]
    assert result.rows[0].title.startswith(
        "onnxruntime " if runtime == "onnxruntime" else "source, in numpy")
    for step in STEPS:
        total = 3 if step == "amaranth" else COUNT
        assert [what for what in seen if what[0] == step][-1] == (step, total, total)
    assert result.neurons == 14
    expected = golden.evaluate(lowered.graph, elements).activations
    assert result.switched == sum(len(set(column)) == 2 for bits in expected for column in bits.T)


def test_without_source(random_graph):
    rng = np.random.default_rng(2)
    graph = random_graph(rng, [30, 9, 11, 4], bits=3)
    result = verify(graph, rng.integers(0, 8, (40, 30)), schedule=automatic(graph, 12))
    assert result.equal
    assert [row.step for row in result.rows] == ["graph", "packed", "amaranth", "compiled"]
    result = verify(graph, rng.integers(0, 8, (40, 30)), steps=["packed"])
    assert [row.step for row in result.rows] == ["graph", "packed"]


def test_a_network_of_one_layer(random_graph):
    rng = np.random.default_rng(3)
    result = verify(random_graph(rng, [9, 4]), rng.integers(0, 2, (5, 9)), steps=["amaranth"])
    assert result.equal
    assert (result.neurons, result.switched) == (0, 0)


# planted differences


def test_source_with_another_weight(lowered, path, pixels):
    graph = changed(lowered.graph, 1, "weights", (2, 3), 1 - lowered.graph.layers[1].weights[2, 3])
    elements = encode(graph.input, pixels)
    result = verify(graph, elements, source=SourceModel(lowered, pixels, path), steps=["source"])
    differ, frame, layer, neuron = frames_that_differ(golden.evaluate(lowered.graph, elements),
                                                      golden.evaluate(graph, elements))
    row = result.rows[0]
    assert not result.equal
    assert row.differences == differ > 0
    assert (layer, neuron) == (1, 2)
    bit = golden.evaluate(graph, elements).activations[1][frame, 2]
    assert (row.first.kind, row.first.layer, row.first.neuron) == ("activation", "dense1", 2)
    assert (row.first.frame, row.first.found, row.first.expected) == (frame, 1 - bit, bit)
    value = "-1" if bit else "1"
    assert str(row.first) == (
        f"frame {frame}: layer dense1 neuron 2 is {1 - bit}, the integer graph has {bit} "
        f"(source value {value} in tensor 'hidden1')")


def test_source_with_another_class(lowered, path, pixels):
    graph = changed(lowered.graph, 2, "offsets", 4, lowered.graph.layers[2].offsets[4] + 1)
    elements = encode(graph.input, pixels)
    result = verify(graph, elements, source=SourceModel(lowered, pixels, path), steps=["source"])
    right = golden.evaluate(lowered.graph, elements)
    wrong = golden.evaluate(graph, elements)
    frame = int(np.argmax(right.classes != wrong.classes))
    [row, _] = result.rows
    assert row.differences == (right.classes != wrong.classes).sum() > 0
    found, expected = right.classes[frame], wrong.classes[frame]
    hidden = 2 * right.activations[1][frame].astype(np.int64) - 1
    scores = hidden @ lowered.program.steps[6].weights
    assert str(row.first) == (
        f"frame {frame}: class is {found}, the integer graph has {expected} (source scores "
        f"{scores[found]:.9g} and {scores[expected]:.9g} in tensor 'scores')")


def test_source_with_a_third_value(lowered, pixels):
    tap = dataclasses.replace(lowered.probes[0], tensor="shifted0")
    steps = list(lowered.program.steps)
    steps[1] = dataclasses.replace(steps[1], function=lambda sums, shift: np.where(
        np.arange(8) == 5, np.float32(0), np.copysign(np.float32(1), sums + shift)))
    program = dataclasses.replace(lowered.program, steps=tuple(steps))
    odd = dataclasses.replace(lowered, program=program, probes=(tap, *lowered.probes[1:]))
    graph = lowered.graph
    row = verify(graph, encode(graph.input, pixels), source=SourceModel(odd, pixels),
                 steps=["source"]).rows[0]
    assert row.differences == COUNT
    assert (row.first.neuron, row.first.found) == (5, None)
    assert re.fullmatch(r"frame 0: layer dense0 neuron 5 is neither 0 nor 1, the integer graph has "
                        r"[01] \(source value 0 in tensor 'shifted0'\)", str(row.first))


PLANTED = [(0, "thresholds", 3, 1), (1, "thresholds", 0, -1), (2, "offsets", 1, 1)]


@pytest.mark.parametrize(("step", "layer", "field", "place", "by"), [
    *(("packed", *planted) for planted in PLANTED),
    *(("amaranth", *planted) for planted in PLANTED),
    ("compiled", *PLANTED[1])])  # one is enough: the comparison is the same, compiling takes long
def test_gateware_with_another_number(lowered, pixels, monkeypatch, step, layer, field, place, by):
    """Thresholds and offsets off by one in the graph of the step."""
    graph = lowered.graph
    other = changed(graph, layer, field, place, getattr(graph.layers[layer], field)[place] + by)
    if step == "packed":
        right = golden.evaluate_packed
        monkeypatch.setattr(golden, "evaluate_packed", lambda _, frames: right(other, frames))
    else:
        right = steps.simulate
        monkeypatch.setattr(steps, "simulate", lambda plan, *rest, **options: right(
            plan.schedule.bind(other), *rest, **options))
    elements = encode(graph.input, pixels)
    row = verify(graph, elements, steps=[step], amaranth_frames=40).rows[1]
    elements = elements[:row.frames]
    found, expected = golden.evaluate(other, elements), golden.evaluate(graph, elements)
    differ, frame, first, neuron = frames_that_differ(found, expected)
    assert (first, neuron) == (layer, place)
    assert row.differences == differ > 0
    name = graph.layers[layer].name
    values = (found.scores, expected.scores) if layer == 2 else (
        found.activations[layer], expected.activations[layer])
    where = f"layer {name} {'score of class' if layer == 2 else 'neuron'} {place}"
    assert str(row.first) == (f"frame {frame}: {where} is {values[0][frame, place]}, the integer "
                              f"graph has {values[1][frame, place]}")


@pytest.mark.parametrize(("interval", "asked", "run"), [
    (33_333, None, 2), (33_334, None, 1), (50_000, None, 1), (50_001, None, 0), (50_001, 1, 1),
    (50_001, 3, 3)])
def test_frames_of_amaranth(lowered, pixels, monkeypatch, interval, asked, run):
    """Frames that Amaranth's simulator runs fit in 100,000 cycles, unless their number is given."""
    monkeypatch.setattr(Plan, "interval", interval)
    row = verify(lowered.graph, encode(lowered.graph.input, pixels), steps=["amaranth"],
                 amaranth_frames=asked).rows[1]
    assert row.frames == run
    assert row.left_out == (None if run else (
        "one frame takes 50,001 cycles, too many for this simulator unless a number of frames is "
        "given"))


# arguments


@pytest.mark.parametrize(("options", "message"), [
    ({"steps": ["sources"]},
     "steps must be of source, graph, packed, amaranth, compiled, not 'sources'"),
    ({"elements": np.zeros((0, 20), int)}, "frames must hold at least one frame, not none"),
    ({"elements": np.zeros((3, 20), int)}, f"source must have 3 frames, as the graph, not {COUNT}"),
    ({"amaranth_frames": 0}, "amaranth_frames must be at least 1, not 0"),
])
def test_wrong(lowered, pixels, options, message):
    elements = options.pop("elements", encode(lowered.graph.input, pixels))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        verify(lowered.graph, elements, source=SourceModel(lowered, pixels), **options)


# random frames


def test_random_pixels():
    pixels = frames.random_pixels((4, 25), 200, 7)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (200, 4, 25)
    np.testing.assert_array_equal(pixels, frames.random_pixels((4, 25), 200, 7))
    assert (pixels != frames.random_pixels((4, 25), 200, 8)).any()
    assert (pixels[0] == 0).all()
    assert (pixels[1] == 255).all()
    share = (pixels >= 128).mean(axis=(1, 2))
    assert ((share > 0) & (share < 0.1)).any()
    assert ((share > 0.9) & (share < 1)).any()
    assert len(np.unique(pixels)) == 256
    for count in (1, 2):
        np.testing.assert_array_equal(frames.random_pixels((4, 25), count, 7),
                                      pixels[:count])


@pytest.mark.parametrize("bits", [1, 3, 8, 9, 16])
def test_elements_of(random_graph, bits):
    graph = random_graph(np.random.default_rng(4), [6, 3, 2], bits)
    pixels = frames.random_pixels((6,), 300)
    elements = frames.elements_of(graph, pixels)
    assert elements.min() == 0
    assert elements.max() == 2**bits - 1
    np.testing.assert_array_equal(elements >> max(bits - 8, 0), pixels >> max(8 - bits, 0))
