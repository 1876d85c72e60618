"""Elementwise operators against unoptimised ONNX Runtime, and quantizers against qonnx."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from qonnx.custom_op.registry import getCustomOp

from xnorloom.frontend.onnx.model import load
from xnorloom.frontend.program import Elementwise

SPECIAL = np.array([0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-45,
                    -1e-45, 1e38, -3e38, 1e-38, 0.1, -0.1, 3], np.float32)


def numbers(seed: int, dtype=np.float32) -> np.ndarray:
    """Make rows of 64 numbers, special ones among them."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.permutation(SPECIAL), rng.normal(size=620) * 10])
    if np.dtype(dtype).kind in "iu":
        values = np.clip(np.nan_to_num(values), 0 if np.dtype(dtype).kind == "u" else -99, 99)
    return values.astype(dtype).reshape(10, 64)


def run_both(tmp_path, node, x, constants=(), *, opset=17, outputs=np.float32):
    """Results of the program and of the oracle for ``x``, with one node and its constants."""
    kind = helper.np_dtype_to_tensor_dtype
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info("x", kind(x.dtype), ["N", *x.shape[1:]])],
        [helper.make_tensor_value_info("y", kind(np.dtype(outputs)), ["N", *x.shape[1:]])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants])
    opsets = [helper.make_opsetid("", opset)]
    if node.domain:
        opsets.append(helper.make_opsetid(node.domain, 1))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path = tmp_path / "one.onnx"
    onnx.save(model, path)
    program = load(path)
    mine = program.run(x)[program.output.step]
    if node.domain:
        node.domain = "qonnx.custom_op.general"
        context = {"x": x, **dict(constants)}
        getCustomOp(node).execute_node(context, graph)
        theirs = context["y"]
    else:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        [theirs] = session.run(None, {"x": x})
    return mine, theirs


def same_bits(mine: np.ndarray, theirs: np.ndarray) -> None:
    """Assert equality, bit for bit except NaN."""
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(mine, theirs)
    if mine.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(mine) & ~np.isnan(mine),
                                      np.signbit(theirs) & ~np.isnan(theirs))


OTHER = numbers(1)[:1]
# Operator, constants after or around x, version of the operator set, attributes.
CASES = {
    **{op: (op, ["x", OTHER], 17, {}) for op in (
        "Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "PRelu")},
    **{f"{op} left": (op, [OTHER, "x"], 17, {}) for op in ("Sub", "Div", "Max")},
    **{op: (op, ["x"], 17, {}) for op in (
        "Abs", "Neg", "Sign", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "LeakyRelu",
        "HardSigmoid")},
    "Max of three": ("Max", ["x", OTHER, OTHER[:, ::-1]], 12, {}),
    "LeakyRelu 0.3": ("LeakyRelu", ["x"], 17, {"alpha": 0.3}),
    "HardSigmoid brevitas": ("HardSigmoid", ["x"], 17, {"alpha": 0.5, "beta": 0.5}),
    "square": ("Pow", ["x", np.float32([2])], 17, {}),
    "cube": ("Pow", ["x", np.array(3, np.int64)], 17, {}),
    "Clip": ("Clip", ["x", np.float32(-1), np.float32(1)], 17, {}),
    "Clip low": ("Clip", ["x", np.float32(-1)], 12, {}),
    "Clip high": ("Clip", ["x", None, np.float32(1)], 13, {}),
    "Clip none": ("Clip", ["x"], 11, {}),
    "Clip attributes": ("Clip", ["x"], 10, {"min": -1.0, "max": 1.0}),
    "Clip attribute": ("Clip", ["x"], 7, {"max": 1.0}),
    "Clip crossed": ("Clip", ["x", np.float32(2), np.float32(1)], 17, {}),
    "Cast to double": ("Cast", ["x"], 17, {"to": 11}),
    "Cast to half": ("Cast", ["x"], 17, {"to": 10}),
    "Cast to float": ("Cast", ["x"], 9, {"to": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_elementwise(tmp_path, name):
    op, operands, opset, attributes = CASES[name]
    constants = [(f"c{index}", operand) for index, operand in enumerate(operands)
                 if isinstance(operand, np.ndarray | np.generic)]
    inputs = [operand if isinstance(operand, str) else "" if operand is None else f"c{index}"
              for index, operand in enumerate(operands)]
    node = helper.make_node(op, inputs, ["y"], **attributes)
    dtype = helper.tensor_dtype_to_np_dtype(attributes.get("to", 1))
    with np.errstate(all="ignore"):
        x = numbers(2)
    if name == "Cast to half":
        x = np.nan_to_num(x, nan=0, posinf=9e4, neginf=-9e4).clip(-9e4, 9e4)
    same_bits(*run_both(tmp_path, node, x, constants, opset=opset, outputs=dtype))


@pytest.mark.parametrize("inputs", [["Relu", "x"], ["Where", "c", "x", "d"],
                                    ["Where", "c", "d", "x"]], ids=" ".join)
def test_but_for_the_sign_of_zero(tmp_path, inputs):
    op, *names = inputs
    constants = [(name, value) for name, value in (("c", OTHER > 0), ("d", OTHER)) if name in names]
    mine, theirs = run_both(tmp_path, helper.make_node(op, names, ["y"]), numbers(2), constants)
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("exponent", [0.5, -0.5, -1, 1.7])
def test_other_powers_to_one_unit_in_the_last_place(tmp_path, exponent):
    x = np.abs(np.nan_to_num(numbers(2), posinf=7, neginf=7)) % 100 + np.float32(1e-3)
    mine, theirs = run_both(tmp_path, helper.make_node("Pow", ["x", "c"], ["y"]), x,
                            [("c", np.float32([exponent]))])
    np.testing.assert_array_max_ulp(mine, theirs, 1)


@pytest.mark.parametrize("op", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"])
def test_comparison(tmp_path, op):
    # Scores are numbers, not truth values.
    x = numbers(3)
    x[:, ::3] = OTHER[:, ::3]
    zero, one = np.float32(0), np.float32(1)
    nodes = [helper.make_node(op, ["x", "c"], ["b"]), helper.make_node("Not", ["b"], ["n"]),
             helper.make_node("Where", ["n", "zero", "one"], ["y"])]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, ["N", 64])],
        [helper.make_tensor_value_info("y", 1, ["N", 64])],
        [numpy_helper.from_array(value, name) for name, value in
         (("c", OTHER), ("zero", np.asarray(zero)), ("one", np.asarray(one)))])
    path = tmp_path / "c.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                ir_version=8), path)
    program = load(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    same_bits(program.run(x)[-1], session.run(None, {"x": x})[0])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64, np.float16])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max"])
def test_other_types(tmp_path, op, dtype):
    with np.errstate(over="ignore"):
        x, other = numbers(4, dtype), numbers(5, dtype)[:1]
    if np.dtype(dtype).kind == "i":
        other[other == 0] = 7
    same_bits(*run_both(tmp_path, helper.make_node(op, ["x", "c"], ["y"]), x, [("c", other)],
                        outputs=dtype))


@pytest.mark.parametrize("opset", [7, 8, 9, 14, 15, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_normalization(tmp_path, opset, dtype):
    rng = np.random.default_rng(opset)
    gamma, beta, mean = rng.normal(size=(3, 64)).astype(dtype)
    variance = (rng.random(64) ** 20).astype(dtype)
    gamma[:4], variance[4:8] = 1e-9, 0
    constants = list(zip("gbmv", (gamma, beta, mean, variance)))
    node = helper.make_node("BatchNormalization", ["x", *"gbmv"], ["y"], epsilon=1e-5)
    same_bits(*run_both(tmp_path, node, rng.integers(-784, 785, (200, 64)).astype(dtype),
                        constants, opset=opset, outputs=dtype))


WIDE = np.random.default_rng(6).normal(size=(64, 1)).astype(np.float32)
QUANTIZERS = {
    "BipolarQuant": (["BipolarQuant", np.float32(0.3)], {}),
    "BipolarQuant by channel": (["BipolarQuant", WIDE.T], {}),
    "bipolar": (["Quant", np.float32(0.3), np.float32(0), np.float32(1)], {}),
    "binary": (["Quant", np.float32(1), np.float32(0), np.float32(1)], {"signed": 0, "narrow": 0}),
    "with a zero point": (["Quant", np.float32(0.7), np.float32(3), np.float32(4)],
                          {"signed": 0, "narrow": 0}),
    "IntQuant": (["IntQuant", np.float32(0.7), np.float32(0), np.float32(4)], {"narrow": 0}),
    **{mode: (["Quant", np.float32(0.5), np.float32(0), np.float32(3)], {"rounding_mode": mode})
       for mode in ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN",
                    "half_up")},
    "MultiThreshold": (["MultiThreshold", np.sort(WIDE * [1, 2, 5], 1).astype(np.float32)],
                       {"out_dtype": "UINT2"}),
    "MultiThreshold of two signs": (["MultiThreshold", WIDE], {
        "out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0, "data_layout": "NC"}),
    "MultiThreshold for all": (["MultiThreshold", WIDE[:1]], {
        "out_dtype": "BINARY", "out_scale": 0.1, "out_bias": 0.7}),
}


@pytest.mark.parametrize("domain", ["qonnx.custom_op.general", "onnx.brevitas", "finn"])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_quantizer(tmp_path, name, domain):
    (op, *values), attributes = QUANTIZERS[name]
    if op in ("Quant", "IntQuant"):
        attributes = {"signed": 1, "narrow": 1, **attributes}
    constants = [(f"c{index}", value) for index, value in enumerate(values)]
    node = helper.make_node(op, ["x", *(name for name, _ in constants)], ["y"], domain=domain,
                            **attributes)
    with np.errstate(all="ignore"):
        same_bits(*run_both(tmp_path, node, numbers(7), constants))


def test_what_a_step_says_of_itself(tmp_path):
    node = helper.make_node("Add", ["x", "c"], ["y"], name="shift")
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", 1, ["N", 2])],
                              [helper.make_tensor_value_info("y", 1, ["N", 2])],
                              [numpy_helper.from_array(np.float32([1, 2]), "c")])
    path = tmp_path / "named.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    program = load(path)
    [step] = program.steps
    assert isinstance(step, Elementwise)
    assert (program.name, step.name, step.tensor) == ("named", "shift", "y")
    np.testing.assert_array_equal(step.inputs[1], [1, 2])
