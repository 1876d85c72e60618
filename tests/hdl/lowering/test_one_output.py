"""Networks with one output against ONNX Runtime, on every input.

The source's decision is stated here for each ending, by the definition of the ending.
"""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from xnorloom.errors import SourceError
from xnorloom.frontend import load
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden
from xnorloom_sim.verification import SourceModel, verify
from xnorloom_sim.verification.frames import elements_of

INPUTS, NEURONS = 8, 5
EVERY = np.array(list(itertools.product([0, 255], repeat=INPUTS)), np.uint8)


def signs(rng, *shape):
    return rng.choice(np.float32([-1, 1]), shape)


def network(path, end, *, seed=0, norm=True, batch="N", opset=17, constants=(), kind=1,
            outputs=1, gemm=False):
    """Write a network of two layers whose last sums ``z``, or batch-normed ones, go into ``end``.

    Without ``norm``, the sums are small integers, 0 among them.
    """
    rng = np.random.default_rng(seed)
    tensors = {"w": signs(rng, INPUTS, NEURONS), "v": signs(rng, NEURONS, outputs),
               "zero": np.float32(0), "one": np.float32(1), "minus": np.float32(-1),
               "bias": rng.integers(-2, 3, outputs).astype(np.float32) * 2 + 1,
               "gamma": rng.normal(size=outputs), "beta": rng.normal(size=outputs),
               "mean": rng.normal(size=outputs), "variance": rng.random(outputs) + 0.1,
               **dict(constants)}
    last = ("z = Gemm(s, v, bias)" if gemm else
            "q = MatMul(s, v)  z = BatchNormalization(q, gamma, beta, mean, variance)" if norm
            else "z = Gemm(s, v, bias)")
    text = (f"<ir_version: 9, opset_import: [\"\": {opset}, \"qonnx.custom_op.general\": 1]> "
            f"g (float[{batch},{INPUTS}] x) => (float[{batch},{outputs}] y) {{ p = MatMul(x, w)  "
            f"g = GreaterOrEqual(p, zero)  s = Where(g, one, minus)  {last}  {end} }}")
    model = onnx.parser.parse_model(text)
    for name, value in tensors.items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", kind, None))
    onnx.save(model, path)
    return path


def run(path):
    """Outputs of the model for every input."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    [y] = session.run(None, {"x": EVERY.astype(np.float32) / np.float32(127.5) - 1})
    return np.asarray(y).reshape(len(EVERY))


# Nodes from the sum z to the output y, the type of y, and the source's class of a value of y.
TRUTH = 9
ENDS = {
    "logit": ("y = Identity(z)", 1, lambda y: y > 0),
    "logit from a threshold": ("y = Sub(z, half)", 1, lambda y: y > 0),
    "Sigmoid": ("y = Sigmoid(z)", 1, lambda y: y > 0.5),
    "Sigmoid squeezed": ("a = Sigmoid(z)  y = Squeeze(a, axis)", 1, lambda y: y > 0.5),
    "Sigmoid as double": ("a = Sigmoid(z)  y = Cast<to=11>(a)", 11, lambda y: y > 0.5),
    "Tanh": ("y = Tanh(z)", 1, lambda y: y > 0),
    "HardSigmoid": ("y = HardSigmoid(z)", 1, lambda y: y > 0.5),
    "hard tanh": ("y = Clip(z, minus, one)", 1, lambda y: y > 0),
    "Sigmoid to ±1": ("a = Sigmoid(z)  b = Add(a, a)  y = Sub(b, one)", 1, lambda y: y > 0),
    "Greater": ("y = Greater(z, zero)", TRUTH, lambda y: y),
    "GreaterOrEqual": ("y = GreaterOrEqual(z, zero)", TRUTH, lambda y: y),
    "Less": ("y = Less(z, zero)", TRUTH, lambda y: y),
    "LessOrEqual": ("a = LessOrEqual(z, zero)  y = Cast<to=6>(a)", 6, lambda y: y == 1),
    "not Less": ("a = Less(z, zero)  y = Not(a)", TRUTH, lambda y: y),
    "Greater than a number": ("a = Greater(z, half)  y = Cast<to=1>(a)", 1, lambda y: y == 1),
    "Less than a number on the left": ("y = Less(half, z)", TRUTH, lambda y: y),
    "Sigmoid, Greater": ("a = Sigmoid(z)  y = Greater(a, half)", TRUTH, lambda y: y),
    "Sigmoid, GreaterOrEqual": ("a = Sigmoid(z)  b = GreaterOrEqual(a, half)  y = Cast<to=7>(b)", 7,
                                lambda y: y == 1),
    "Sigmoid, Greater than 0.3": ("a = Sigmoid(z)  y = Greater(a, third)", TRUTH, lambda y: y),
    "Sigmoid, Round": ("a = Sigmoid(z)  y = Round(a)", 1, lambda y: y == 1),
    "Sigmoid, Round, int": ("a = Sigmoid(z)  b = Round(a)  y = Cast<to=7>(b)", 7,
                            lambda y: y == 1),
    "sign": ("a = GreaterOrEqual(z, zero)  y = Where(a, one, minus)", 1, lambda y: y == 1),
    "sign of floor": ("a = Greater(z, zero)  y = Where(a, minus, one)", 1, lambda y: y == 1),
    "Sign": ("y = Sign(z)", 1, lambda y: y > 0),
    "Reshape": ("y = Reshape(z, all)", 1, lambda y: y > 0),
    "Flatten": ("y = Flatten(z)", 1, lambda y: y > 0),
    "Squeeze": ("y = Squeeze(z)", 1, lambda y: y > 0),
    "HardSigmoid, Round": ("a = HardSigmoid(z)  y = Round(a)", 1, lambda y: y == 1),
    "quantized": ("a = QuantizeLinear(z, step, middle)  y = DequantizeLinear(a, step, middle)", 1,
                  lambda y: y > 0),
    "quantized Sigmoid": ("p0 = Sigmoid(z)  a = QuantizeLinear(p0, part, none)"
                          "  y = DequantizeLinear(a, part, none)", 1, lambda y: y > 0.5),
}
CONSTANTS = {"half": np.float32(0.5), "third": np.float32(0.3), "axis": np.int64([1]),
             "all": np.int64([-1]), "step": np.float32(0.1), "middle": np.uint8(128),
             "part": np.float32(1 / 255), "none": np.uint8(0)}


@pytest.mark.parametrize("kind", ["integers", "norm"])
@pytest.mark.parametrize("name", ENDS)
def test_class_is_the_decision_of_the_source(tmp_path, name, kind):
    end, dtype, decide = ENDS[name]
    seen = set()
    for seed in range(6):
        path = network(tmp_path / "net.onnx", end, seed=seed, norm=kind == "norm", kind=dtype,
                       constants=CONSTANTS)
        try:
            lowered = lower(load(path), "bipolar")
        except SourceError as error:
            # A score that no input moves across the quantizer's range.
            assert "for every input" in str(error), name
            continue
        wanted = decide(run(path)).astype(int)
        assert lowered.graph.layers[-1].neurons == 2
        assert lowered.graph.layers[-1].offsets.min() == 0
        found = golden.evaluate(lowered.graph, elements_of(lowered.graph, EVERY)).classes
        np.testing.assert_array_equal(found, wanted, name)
        seen.update(wanted.tolist())
    assert seen == {0, 1}


def test_ties_decide_as_in_the_source(tmp_path):
    classes = {}
    for op in ("Greater", "GreaterOrEqual"):
        path = network(tmp_path / f"{op}.onnx", f"y = {op}(z, zero)", norm=False, kind=TRUTH,
                       constants={"bias": np.float32([1])})
        graph = lower(load(path), "bipolar").graph
        classes[op] = golden.evaluate(graph, elements_of(graph, EVERY)).classes
        np.testing.assert_array_equal(classes[op], run(path))
    assert (classes["Greater"] != classes["GreaterOrEqual"]).any()


@pytest.mark.parametrize("batch", [1, 10000])
@pytest.mark.parametrize("end", ["y = Squeeze(z)", "y = Sigmoid(z)", "y = Reshape(z, all)",
                                 "a = Sigmoid(z)  y = Squeeze(a)"])
def test_batch_in_the_file(tmp_path, batch, end):
    path = network(tmp_path / "net.onnx", end, batch=batch, constants=CONSTANTS)
    free = network(tmp_path / "free.onnx", end, constants=CONSTANTS)
    graph = lower(load(path), "bipolar").graph
    classes = golden.evaluate(graph, elements_of(graph, EVERY)).classes
    np.testing.assert_array_equal(classes, run(free) > (0.5 if "Sigmoid" in end else 0))
    source = SourceModel(lower(load(path), "bipolar"), EVERY, path)
    assert verify(graph, elements_of(graph, EVERY), source=source,
                  steps=["source", "packed"]).equal


@pytest.mark.parametrize("opset", [13, 17, 20])
@pytest.mark.parametrize("gemm", [False, True])
def test_versions(tmp_path, opset, gemm):
    path = network(tmp_path / "net.onnx", "y = Sigmoid(z)", opset=opset, gemm=gemm)
    graph = lower(load(path), "bipolar").graph
    classes = golden.evaluate(graph, elements_of(graph, EVERY)).classes
    np.testing.assert_array_equal(classes, run(path) > 0.5)


def test_verify_compares_the_class_of_the_source(tmp_path):
    """A graph with another decision point differs; so the comparison is of two things."""
    path = network(tmp_path / "net.onnx", "y = Sigmoid(z)")
    lowered = lower(load(path), "bipolar")
    other = lower(load(network(tmp_path / "other.onnx", "y = Sigmoid(z)", seed=1)), "bipolar")
    elements = elements_of(lowered.graph, EVERY)
    source = SourceModel(lowered, EVERY, path)
    assert verify(lowered.graph, elements, source=source, steps=["source"]).equal
    assert not verify(other.graph, elements, source=source, steps=["source"]).equal


def test_gateware(tmp_path):
    path = network(tmp_path / "net.onnx", "y = Sigmoid(z)")
    lowered = lower(load(path), "bipolar")
    elements = elements_of(lowered.graph, EVERY)[::16]
    assert verify(lowered.graph, elements, steps=["packed", "amaranth"], amaranth_frames=8).equal
    assert lowered.boundary == 0.5
    assert lowered.notes == ("one output, 'y': class 1 where it is above 0.5, else class 0",)


@pytest.mark.parametrize("end,text", [
    ("y = Relu(z)", "'Relu y' follows the last layer"),
    ("y = Clip(z, zero, six)", "'Clip y' follows the last layer"),
    ("y = Abs(z)", "has values from"),
    ("y = Exp(z)", "Exp"),
    ("y = Softmax(z)", "of one score it makes the same result for every input"),
    ("y = LogSoftmax(z)", "of one score it makes the same result for every input"),
    ("y = ArgMax<axis=1>(z)", "of one score it makes the same result for every input"),
    ("v0, y = TopK(z, only)", "of one score it makes the same result for every input"),
    ("y = Mul(z, zero)", "is 0 for every input"),
])
def test_wrong(tmp_path, end, text):
    path = network(tmp_path / "net.onnx", end, constants={"six": np.float32(6),
                                                          "only": np.int64([1])})
    with pytest.raises(SourceError) as caught:
        lower(load(path), "bipolar")
    assert text in str(caught.value)
