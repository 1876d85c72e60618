"""QuantizeLinear and DequantizeLinear against unoptimised ONNX Runtime, bit for bit."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx.model import load

RNG = np.random.default_rng(7)
FLOATS = np.concatenate([
    [0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e9, -1e9, 3e38, -3e38, np.inf, -np.inf, 1e-45],
    np.arange(-300, 301) / 2, RNG.normal(size=153) * 60]).astype(np.float32).reshape(-1, 4)


def integers(dtype):
    limits = np.iinfo(dtype)
    values = RNG.integers(max(limits.min, -2**30), min(limits.max, 2**30), 96, endpoint=True)
    values[:2] = max(limits.min, -2**30), min(limits.max, 2**30)
    return values.astype(dtype).reshape(-1, 4)


def model_of(path, node, x, constants, opset):
    kind = helper.np_dtype_to_tensor_dtype
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info("x", kind(x.dtype), ["N", *x.shape[1:]])],
        [helper.make_tensor_value_info("y", kind(np.dtype(np.float32)), None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    if node.op_type == "QuantizeLinear":
        zero = constants.get("z", np.uint8(0))
        graph.output[0].type.tensor_type.elem_type = kind(np.asarray(zero).dtype)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                ir_version=9), path)
    return path


FOUR = np.float32([0.25, 1, 3, 0.1])
# Operator, tensor, scale, zero point, version of the operator set, attributes.
CASES = {
    "uint8": ("QuantizeLinear", FLOATS, np.float32(1), np.uint8(3), 17, {}),
    "int8": ("QuantizeLinear", FLOATS, np.float32(0.3), np.int8(-5), 13, {}),
    "without a zero point": ("QuantizeLinear", FLOATS, np.float32(0.5), None, 10, {}),
    "int16": ("QuantizeLinear", FLOATS, np.float32(0.01), np.int16(-5), 21, {}),
    "uint16": ("QuantizeLinear", FLOATS, np.float32(0.01), np.uint16(9), 21, {}),
    "scale on an axis": ("QuantizeLinear", FLOATS, FOUR, np.uint8([0, 1, 2, 255]), 17, {}),
    "scale of one element": ("QuantizeLinear", FLOATS, np.float32([2]), np.uint8([7]), 17, {}),
    "scale of one element only": ("QuantizeLinear", FLOATS, np.float32([2]), np.uint8(7), 17, {}),
    "from uint8": ("DequantizeLinear", integers(np.uint8), np.float32(1 / 255), np.uint8(0), 17,
                   {}),
    "from int8": ("DequantizeLinear", integers(np.int8), np.float32(0.007874016), np.int8(-3), 10,
                  {}),
    "from int32": ("DequantizeLinear", integers(np.int32), np.float32(1e-3), None, 13, {}),
    "from uint16": ("DequantizeLinear", integers(np.uint16), np.float32(0.1), np.uint16(77), 21,
                    {}),
    "from int8 on an axis": ("DequantizeLinear", integers(np.int8), FOUR, np.int8([1, -1, 0, 9]),
                             17, {"axis": -1}),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_onnx_runtime(tmp_path, name):
    op, x, scale, zero, opset, attributes = CASES[name]
    constants = {"s": scale, **({} if zero is None else {"z": zero})}
    node = helper.make_node(op, ["x", *constants], ["y"], **attributes)
    path = model_of(tmp_path / "one.onnx", node, x, constants, opset)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {"x": x})
    program = load(path)
    found = program.run(x)[program.output.step]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_constant_weights(tmp_path):
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["v"], axis=1)
    product = helper.make_node("MatMul", ["x", "v"], ["y"])
    weights = np.int8([[1, 3], [-1, 5], [1, 3], [1, 5]])
    graph = helper.make_graph(
        [node, product], "two", [helper.make_tensor_value_info("x", 1, ["N", 4])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(weights, "w"),
         numpy_helper.from_array(np.float32([0.5, 2]), "s"),
         numpy_helper.from_array(np.int8([0, 4]), "z")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              tmp_path / "two.onnx")
    [step] = load(tmp_path / "two.onnx").steps
    np.testing.assert_array_equal(step.weights, [[0.5, -2], [-0.5, 2], [0.5, -2], [0.5, 2]])


ONE = np.float32(1)
WRONG = {
    "scale for each frame": ("QuantizeLinear", FLOATS, FOUR, np.uint8([0] * 4), 17, {"axis": 0},
                             "must have a scale for each of the elements on axis 0 of the shape "
                             "(3, 4), not a scale of the shape (4,)"),
    "scale of zero": ("QuantizeLinear", FLOATS, np.float32(0), np.uint8(0), 17, {},
                      "must have a scale of finite numbers other than 0"),
    "scale that is NaN": ("QuantizeLinear", FLOATS, np.float32(np.nan), np.uint8(0), 17, {},
                          "must have a scale of finite numbers other than 0"),
    "zero point of another shape": ("QuantizeLinear", FLOATS, FOUR, np.uint8(0), 17, {},
                                    "must have a zero point of the shape of its scale, (4,), not "
                                    "()"),
    "blocks": ("DequantizeLinear", integers(np.int8), FOUR[np.newaxis], None, 21,
               {"block_size": 1}, "must have one scale for the tensor or for each channel, not for "
               "blocks"),
    "integers of another type": ("DequantizeLinear", integers(np.int8), ONE, np.uint8(0), 17, {},
                                 "must take integers and a zero point of their type, not int8 and "
                                 "uint8"),
    "floats": ("DequantizeLinear", FLOATS, ONE, None, 17, {}, "must take integers and a zero point "
               "of their type, not float32 and None"),
    "doubles": ("QuantizeLinear", FLOATS.astype(np.float64), ONE, None, 17, {}, "must quantize "
                "floats of the type of their scale, float32, not float64"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(tmp_path, name):
    op, x, scale, zero, opset, attributes, message = WRONG[name]
    constants = {"s": scale, **({} if zero is None else {"z": zero})}
    node = helper.make_node(op, ["x", *constants], ["y"], **attributes)
    path = model_of(tmp_path / "one.onnx", node, x, constants, opset)
    with pytest.raises(SourceError, match=rf"^node '{op} y' \({op}\) {re.escape(message)}$"):
        load(path)
