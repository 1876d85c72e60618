"""Rearranged inputs, rows on an axis of their own, quantized tensors: against ONNX Runtime.

Every input of eight elements is tried.
"""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnxruntime import quantization

from xnorloom.errors import SourceError
from xnorloom.frontend import load
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden
from xnorloom_sim.verification import SourceModel, verify
from xnorloom_sim.verification.frames import elements_of

INPUTS, NEURONS, CLASSES = 8, 6, 3
EVERY = np.array(list(itertools.product([0, 255], repeat=INPUTS)), np.uint8)
RNG = np.random.default_rng(11)


def signs(*shape):
    return RNG.choice(np.float32([-1, 1]), shape)


TENSORS = {
    "w": signs(INPUTS, NEURONS), "v": signs(NEURONS, CLASSES), "zero": np.float32(0),
    "one": np.float32(1), "minus": np.float32(-1), "half": np.float32(0.5),
    "two": np.float32(2), "perm": RNG.permutation(INPUTS), "back": np.int64([-1]),
    "far": np.int64([-2**62]), "axis1": np.int64([1]), "axis2": np.int64([2]),
    "axis12": np.int64([1, 2]), "start": np.int64([0]),
    "five": np.int64([5]), "end": np.int64([2**62]), "square": np.int64([-1, 2, 4]),
    "negative": np.int64([-1, -3, -2, -4, -5, -7, -6, -8]),
    "lengths": np.int64([3, 5]), "flat": np.int64([-1, INPUTS]), "classes": np.int64([-1, CLASSES]),
    "once": signs(1, INPUTS, NEURONS), "left": signs(NEURONS, INPUTS),
    "left2": signs(CLASSES, NEURONS), "s255": np.float32(1 / 255), "u0": np.uint8(0),
    "s1": np.float32(1), "i0": np.int8(0), "wide": RNG.choice(np.int8([-1, 1]), (INPUTS, NEURONS)),
    "quarter": np.float32(0.25), "bytes": RNG.choice(np.uint8([1, 3]), (INPUTS, NEURONS)),
    "u2": np.uint8(2), "each": np.float32([.25, .5, 1, 2, .125, 3]),
    "none": np.int8([0] * NEURONS), "s2": np.float32(2 / 255), "u128": np.uint8(128),
    "offset": (2 * RNG.integers(-2, 3, NEURONS) + 1).astype(np.float32) * np.float32(0.3),
}
SIGN = "g = GreaterOrEqual({0}, zero)  s = Where(g, one, minus)  "
END = "p = MatMul(h, w)  " + SIGN.format("p") + "y = MatMul(s, v)"
ROWS = SIGN.format("p") + "y = MatMul(s, v)"


def save(path, nodes, shape=f"N,{INPUTS}", opset=17):
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["": {opset}, "qonnx.custom_op.general": 1]> '
        f"g (float[{shape}] x) => (float[N,{CLASSES}] y) {{ {nodes} }}")
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name)
                                   for name, value in TENSORS.items() if name in used)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", 1, None))
    onnx.save(model, path)
    return path


def check(path):
    """Compare classes and activations on every input; returns the graph."""
    lowered = lower(load(path), "bipolar")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    [entry] = session.get_inputs()
    frames = EVERY.astype(np.float32) / np.float32(127.5) - 1
    frames = frames.reshape(-1, *entry.shape[1:])
    step = entry.shape[0] if isinstance(entry.shape[0], int) else len(frames)
    scores = np.concatenate([session.run(None, {"x": frames[start:start + step]})[0]
                             for start in range(0, len(frames), step)])
    elements = elements_of(lowered.graph, EVERY.reshape(-1, *lowered.graph.input.shape))
    np.testing.assert_array_equal(golden.evaluate(lowered.graph, elements).classes,
                                  scores.reshape(len(frames), -1).argmax(axis=1))
    source = SourceModel(lowered, EVERY, path)
    assert verify(lowered.graph, elements, source=source, steps=["source"]).equal
    return lowered.graph


MOVES = {
    "Gather": "h = Gather<axis=1>(x, perm)",
    "Gather from the end": "h = Gather<axis=-1>(x, negative)",
    "Gather of rows": "a = Reshape(x, square)  b = Gather<axis=1>(a, rows)  h = Reshape(b, flat)",
    "flip": "h = Slice(x, back, far, axis1, back)",
    "roll": "a = Slice(x, five, end, axis1)  b = Slice(x, start, five, axis1)"
            "  h = Concat<axis=1>(a, b)",
    "split and swap": "a, b = Split<axis=1>(x, lengths)  h = Concat<axis=-1>(b, a)",
    "roll of a shifted pixel": "c = Add(x, half)  a = Slice(c, five, end, axis1)"
                               "  b = Slice(c, start, five, axis1)  h = Concat<axis=1>(a, b)",
    "even and odd": "a = Slice(x, start, end, axis1, pair)  b = Slice(x, axis1, end, axis1, pair)"
                    "  h = Concat<axis=1>(a, b)",
    "moved twice": "a = Gather<axis=1>(x, perm)  b, c = Split<axis=1>(a, lengths)"
                   "  d = Concat<axis=1>(c, b)  h = Slice(d, back, far, axis1, back)",
    "all of it": "h = Slice(x, start, end, start)",
    "Transpose": "a = Reshape(x, square)  b = Transpose<perm=[0, 2, 1]>(a)  h = Reshape(b, flat)",
}
TENSORS |= {"rows": np.int64([1, 0]), "pair": np.int64([2])}


@pytest.mark.parametrize("name", MOVES)
def test_moves_of_the_input(tmp_path, name):
    check(save(tmp_path / "net.onnx", f"{MOVES[name]}  {END}"))


def test_move_between_layers(tmp_path):
    nodes = ("p = MatMul(x, w)  a, b = Split<axis=1>(p)  c = Concat<axis=1>(b, a)  "
             + SIGN.format("c") + "y = MatMul(s, v)")
    check(save(tmp_path / "net.onnx", nodes))


def test_move_of_scores(tmp_path):
    nodes = ("p = MatMul(x, w)  " + SIGN.format("p") + "q = MatMul(s, v)  "
             "y = Slice(q, back, far, axis1, back)")
    check(save(tmp_path / "net.onnx", nodes))


@pytest.mark.parametrize("nodes", [
    "a = Slice(x, start, five, axis1)  h = Concat<axis=1>(a, a)",
    "a = Slice(x, start, five, axis1)  b = Slice(x, start, three, axis1)"
    "  h = Concat<axis=1>(a, b)"])
def test_elements_that_are_missing_or_twice_wrong(tmp_path, nodes):
    TENSORS["three"] = np.int64([3])
    TENSORS["w10"] = signs(10, NEURONS)
    end = END.replace("(h, w)", "(h, w10)") if "a, a" in nodes else END
    path = save(tmp_path / "net.onnx", f"{nodes}  {end}")
    message = ("an element of each of the 8 pixels of the input, but lacks 3, first of pixel 5"
               if "a, a" in nodes else "each of the 8 elements of the input once, in any order, "
               "but takes some several times, as circular padding and concatenation do")
    with pytest.raises(SourceError, match=f"^Concat h must have {message}$"):
        lower(load(path), "bipolar")


SHAPES = {
    "row": (f"N,1,{INPUTS}", f"p = MatMul(x, w)  {ROWS.replace('y =', 'q =')}"
                             "  y = Reshape(q, classes)"),
    "row, squeezed": (f"N,1,{INPUTS}", f"p = MatMul(x, w)  {ROWS.replace('y =', 'q =')}"
                                       "  y = Squeeze(q, axis1)"),
    "row to the end": (f"N,1,{INPUTS}", f"p = MatMul(x, w)  {ROWS}"),
    "row of one frame": (f"1,1,{INPUTS}", f"p = MatMul(x, w)  {ROWS.replace('y =', 'q =')}"
                                          "  y = Squeeze(q)"),
    "two axes": (f"N,1,1,{INPUTS}", f"p = MatMul(x, w)  {ROWS.replace('y =', 'q =')}"
                                    "  y = Reshape(q, classes)"),
    "weights of three axes": (f"N,1,{INPUTS}", f"p = MatMul(x, once)  {ROWS.replace('y =', 'q =')}"
                                               "  y = Reshape(q, classes)"),
    "column": (f"N,{INPUTS},1", f"p = MatMul(left, x)  {SIGN.format('p')}q = MatMul(left2, s)"
                                "  y = Squeeze(q, axis2)"),
    "unsqueezed": (f"N,{INPUTS}", f"h = Unsqueeze(x, axis1)  p = MatMul(h, w)  "
                                  f"{ROWS.replace('y =', 'q =')}  y = Squeeze(q, axis1)"),
    "ten thousand frames": (f"10000,{INPUTS}", f"p = MatMul(x, w)  {ROWS}"),
    "many frames, reshaped": (f"300,2,{INPUTS // 2}", "h = Reshape(x, frames)  " + END),
}
TENSORS |= {"frames": np.int64([300, INPUTS])}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(tmp_path, name):
    shape, nodes = SHAPES[name]
    path = save(tmp_path / "net.onnx", nodes, shape)
    if shape.startswith(("10000", "300")):
        lowered = lower(load(path), "bipolar")
        elements = elements_of(lowered.graph, EVERY.reshape(-1, *lowered.graph.input.shape))
        source = SourceModel(lowered, EVERY, path)
        assert verify(lowered.graph, elements, source=source, steps=["source"]).equal
    else:
        check(path)


QUANTIZED = {
    "input": "a = QuantizeLinear(x, s255, u0)  h = DequantizeLinear(a, s255, u0)  " + END,
    "int8 weights": "k = DequantizeLinear(wide, quarter, i0)  p = MatMul(x, k)  " + ROWS,
    "uint8 weights": "k = DequantizeLinear(bytes, quarter, u2)  p = MatMul(x, k)  " + ROWS,
    "weights by neuron": "k = DequantizeLinear<axis=1>(wide, each, none)  p = MatMul(x, k)  "
                         "n = Add(p, offset)  " + ROWS.replace("(p, zero)", "(n, zero)"),
    "sums": "m = MatMul(x, w)  a = QuantizeLinear(m, s1, i0)  p = DequantizeLinear(a, s1, i0)  "
            + ROWS,
    "signs": "p = MatMul(x, w)  g = GreaterOrEqual(p, zero)  t = Where(g, one, minus)  "
             "a = QuantizeLinear(t, s2, u128)  s = DequantizeLinear(a, s2, u128)  y = MatMul(s, v)",
    "bits by sigmoid": "p = MatMul(x, w)  n = Add(p, offset)  a = Sigmoid(n)  s = Round(a)  "
                       "y = MatMul(s, v)",
    "bits by sigmoid and greater": "p = MatMul(x, w)  n = Add(p, offset)  a = Sigmoid(n)  "
                                   "b = Greater(a, half)  s = Where(b, one, minus)  "
                                   "y = MatMul(s, v)",
    "signs by sigmoid": "p = MatMul(x, w)  a = Sigmoid(p)  b = Round(a)  c = Mul(b, two)  "
                        "s = Sub(c, one)  y = MatMul(s, v)",
    "signs by tanh": "p = MatMul(x, w)  a = Tanh(p)  " + ROWS.replace("(p, zero)", "(a, zero)"),
    "halves of sigmoid": "p = MatMul(x, w)  a = Sigmoid(p)  b = Sub(a, half)  "
                         + ROWS.replace("(p, zero)", "(b, zero)"),
}


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized(tmp_path, name):
    graph = check(save(tmp_path / "net.onnx", QUANTIZED[name]))
    assert graph.layers[0].neurons == NEURONS


@pytest.mark.parametrize("weights", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("by_channel", [False, True])
def test_static_quantization_of_onnx_runtime(tmp_path, weights, by_channel):
    class Frames(quantization.CalibrationDataReader):
        rest = iter([{"x": EVERY.astype(np.float32) / np.float32(127.5) - 1}])

        def get_next(self):
            return next(self.rest, None)

    path = save(tmp_path / "plain.onnx", "h = Identity(x)  " + END)
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(path)), path)
    quantization.quantize_static(
        str(path), str(tmp_path / "net.onnx"), Frames(), per_channel=by_channel,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=getattr(quantization.QuantType, weights),
        quant_format=quantization.QuantFormat.QDQ)
    assert check(tmp_path / "net.onnx") is not None


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8, np.float32])
def test_integer_parameters_of_quant(tmp_path, opset, kind):
    TENSORS.update(bits=np.array(2, kind), point=np.array(0, kind), scale=np.array(1, kind))
    nodes = ("k = qonnx.custom_op.general.Quant<signed=1, narrow=0>(w, {}, point, bits)  "
             "p = MatMul(x, k)  " + ROWS)
    path = save(tmp_path / "net.onnx", nodes.format("one"), opset=opset)
    lowered = lower(load(path), "bipolar")
    elements = elements_of(lowered.graph, EVERY)
    source = SourceModel(lowered, EVERY, path)
    assert source.title.startswith("qonnx")
    assert verify(lowered.graph, elements, source=source, steps=["source"]).equal
    np.testing.assert_array_equal(2.0 * lowered.graph.layers[0].weights - 1, TENSORS["w"].T)


# Nodes after the scores q, and the steps that the message names.
FLAT = {
    "sign": ("g2 = GreaterOrEqual(q, zero)  y = Where(g2, one, minus)",
             "'GreaterOrEqual g2' to 'Where y' follow"),
    "Sign": ("y = Sign(q)", "'Sign y' follows"),
    "Relu": ("y = Relu(q)", "'Relu y' follows"),
    "Clip": ("y = Clip(q, minus, one)", "'Clip y' follows"),
    "HardSigmoid": ("y = HardSigmoid<alpha=2.0>(q)", "'HardSigmoid y' follows"),
    "BipolarQuant": ("y = qonnx.custom_op.general.BipolarQuant(q, one)", "'BipolarQuant y' follow"),
    "Relu and shift": ("r = Relu(q)  y = Add(r, half)", "'Relu r' to 'Add y' follow"),
    "Relu and Softmax": ("r = Relu(q)  y = Softmax(r)", "'Relu r' follows"),
    "Relu and ArgMax": ("r = Relu(q)  y = ArgMax<axis=1>(r)", "'Relu r' follows"),
    "Abs": ("y = Abs(q)", "must only rise or only fall"),
    "Sigmoid, doubled": ("a = Sigmoid(q)  y = Mul(a, two)", "computed with a Sigmoid or Tanh"),
    "Sigmoid, rounded": ("a = Sigmoid(q)  y = Round(a)", "computed with a Sigmoid or Tanh"),
}


@pytest.mark.parametrize("name", FLAT)
def test_flat_scores_wrong(tmp_path, name):
    end, text = FLAT[name]
    nodes = "h = Identity(x)  " + END.replace("y =", "q =") + "  " + end
    with pytest.raises(SourceError) as caught:
        lower(load(save(tmp_path / "net.onnx", nodes)), "bipolar")
    assert text in str(caught.value)
    if "follow" in text:
        assert "the last layer, 'MatMul q'" in str(caught.value)
        assert "leave " in str(caught.value)


@pytest.mark.parametrize("end", ["Sigmoid", "Tanh", "Softmax", "LogSoftmax"])
def test_ends_that_keep_the_order(tmp_path, end):
    nodes = "h = Identity(x)  " + END.replace("y =", "q =") + f"  y = {end}(q)"
    path = save(tmp_path / "net.onnx", nodes)
    lowered = lower(load(path), "bipolar")
    assert lowered.notes == (f"{end} at the end is left out: it keeps the order of the scores, but "
                             f"for ties that its rounding makes",)
    assert lowered.output == "q"
    check(path)


def test_nan_in_a_constant_wrong(tmp_path):
    TENSORS["nan"] = np.float32([1, 2, np.nan, 4, 5, 6])
    nodes = "p = MatMul(x, w)  n = Mul(p, nan)  " + ROWS.replace("(p, zero)", "(n, zero)")
    with pytest.raises(SourceError, match=r"^Mul n must have numbers as its parameters, but has a "
                                          r"constant that is NaN$"):
        lower(load(save(tmp_path / "net.onnx", nodes)), "bipolar")
