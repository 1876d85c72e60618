"""Operators on constants against ONNX Runtime, node by node."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx import model
from xnorloom.frontend.onnx.file import Tensors
from xnorloom.frontend.onnx.graph import SourceGraph
from xnorloom.frontend.onnx.node import node_of
from xnorloom.frontend.onnx.operators import OPERATORS, Kind, names, operator
from xnorloom.frontend.onnx.tracer import Tracer

X = np.random.default_rng(1).normal(size=(4, 3, 5)).astype(np.float32)
FLAT = X.reshape(12, 5)
NONE = None


@pytest.fixture
def run(tmp_path):
    """``run(message, opset, *arrays)``: results of a node for constants."""
    def inner(message: onnx.NodeProto, opset: int, *arrays):
        node = node_of(message, {"": opset}, (), names(quant=False), ())
        source = SourceGraph("x", "y", np.dtype(np.float32), None, (1,), None, {}, (node,))
        tracer = Tracer(source, Tensors(tmp_path), 1)
        return OPERATORS[False, node.op].handle(tracer, node, list(arrays))
    assert callable(model.load), "the operators are registered"
    return inner


def ints(*values):
    return np.array(values, np.int64)


# Operator, arrays, version, attributes, number of outputs.
CASES = {
    "Gather rows": ("Gather", [X, ints(2, 0, -1)], 17, {}, 1),
    "Gather one": ("Gather", [X, np.array(-1)], 17, {"axis": 1}, 1),
    "Gather a matrix": ("Gather", [X, ints(1, 0).reshape(1, 2)], 17, {"axis": -1}, 1),
    "Slice": ("Slice", [X, ints(1, 0), ints(9, -1)], 17, {}, 1),
    "Slice axes": ("Slice", [X, ints(0, 1), ints(2 ** 62, 3), ints(2, -2)], 17, {}, 1),
    "Slice backwards": ("Slice", [X, ints(-1), ints(-2 ** 62), ints(0), ints(-1)], 17, {}, 1),
    "Slice in steps": ("Slice", [X, ints(0), ints(5), ints(2), ints(2)], 17, {}, 1),
    "Slice without axes": ("Slice", [X, ints(0, 0, 1), ints(5, 5, 5), NONE, ints(1, 1, 2)], 17, {},
                           1),
    "Slice attributes": ("Slice", [X], 9, {"starts": [1, 0], "ends": [3, -1], "axes": [0, 2]}, 1),
    "Concat": ("Concat", [X, X[:, :1]], 17, {"axis": 1}, 1),
    "Concat from the end": ("Concat", [X, X, X], 17, {"axis": -1}, 1),
    "Split": ("Split", [X], 13, {}, 2),
    "Split by attribute": ("Split", [X], 11, {"axis": 2, "split": [1, 4]}, 2),
    "Split by input": ("Split", [X, ints(0, 2, 3)], 13, {"axis": -1}, 3),
    "Split unevenly": ("Split", [X], 18, {"axis": 2, "num_outputs": 2}, 2),
    "Expand": ("Expand", [X[:, :1], ints(2, 1, 3, 1)], 17, {}, 1),
    "Tile": ("Tile", [X, ints(1, 2, 3)], 17, {}, 1),
    "Range": ("Range", [np.array(3), np.array(-4), np.array(-2)], 17, {}, 1),
    "Mod": ("Mod", [ints(5, -5, 4), ints(3, 3, -3)], 17, {}, 1),
    "Mod of floats": ("Mod", [np.float32([5.5, -5.5]), np.float32(3)], 17, {"fmod": 1}, 1),
    "Range of floats": ("Range", [np.float32(0), np.float32(1), np.float32(0.3)], 17, {}, 1),
    "Shape": ("Shape", [X], 17, {}, 1),
    "Shape in part": ("Shape", [X], 17, {"start": -2, "end": -1}, 1),
    "Size": ("Size", [X], 17, {}, 1),
    "CastLike": ("CastLike", [X, ints(1)], 17, {}, 1),
    "MatMul": ("MatMul", [FLAT, FLAT.T.copy()], 17, {}, 1),
    **{f"{op} {name}": (op, [X], 13 if op != "ReduceSum" else 11, attributes, 1)
       for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
                  "ReduceL2")
       for name, attributes in (("all", {}), ("last", {"axes": [-1], "keepdims": 0}),
                                ("two", {"axes": [0, 2], "keepdims": 1}))},
    "axes as an input": ("ReduceMean", [X, ints(1)], 18, {"keepdims": 0}, 1),
    "no axes": ("ReduceMean", [X], 18, {"noop_with_empty_axes": 1}, 1),
    "ReduceSum by input": ("ReduceSum", [X, ints(-1)], 13, {}, 1),
    "Exp": ("Exp", [X], 13, {}, 1),
    "Log": ("Log", [np.abs(X) + np.float32(0.5)], 13, {}, 1),
}
_ROUNDED = ("Exp", "Log", "MatMul", "ReduceMean", "ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2")


@pytest.mark.parametrize("name", CASES)
def test_operator(run, name):
    op, arrays, opset, attributes, count = CASES[name]
    arrays = [None if array is None else np.asarray(array) for array in arrays]
    message = helper.make_node(op, ["" if array is None else f"i{index}"
                                    for index, array in enumerate(arrays)],
                               [f"o{index}" for index in range(count)], **attributes)
    given = {f"i{index}": array for index, array in enumerate(arrays) if array is not None}
    graph = helper.make_graph(
        [message], "g", [helper.make_tensor_value_info(
            key, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for key, array in given.items()],
        [helper.make_empty_tensor_value_info(key) for key in message.output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    expected = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, given)
    results = run(message, opset, *arrays)
    assert len(results) == len(expected) == count
    for mine, theirs in zip(results, expected):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        if op in _ROUNDED:
            np.testing.assert_allclose(mine, theirs, rtol=3e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("attributes, expected", [
    ({"value_float": 0.5}, np.float32(0.5)), ({"value_int": 7}, np.int64(7)),
    ({"value_floats": [1.0, 2.0]}, np.float32([1, 2])), ({"value_ints": [3, 4]}, ints(3, 4))])
def test_constant(run, attributes, expected):
    [result] = run(helper.make_node("Constant", [], ["y"], **attributes), 17)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


HUGE = ints(1 << 20, 1 << 20)
BOMBS = {
    "ConstantOfShape": ([HUGE], {}),
    "Expand": ([X[:1, :1, :1], HUGE], {}),
    "Tile": ([FLAT, HUGE], {}),
    "Range": ([np.array(0), np.array(1 << 40), np.array(1)], {}),
    "Gather": ([FLAT, np.zeros(1 << 24, np.int64)], {}),
    "MatMul": ([np.zeros((1 << 14, 1), np.float32), np.zeros((1, 1 << 14), np.float32)], {}),
    "Concat": ([np.broadcast_to(np.float32(1), 1 << 26)] * 2, {"axis": 0}),
}


@pytest.mark.parametrize("op", BOMBS)
def test_bomb(run, op):
    arrays, attributes = BOMBS[op]
    message = helper.make_node(op, [f"i{index}" for index in range(len(arrays))], ["y"],
                               **attributes)
    with pytest.raises(SourceError, match=rf"^node '{op} y' \({op}\) cannot be computed: the "
                                          rf"result would have more than 67108864 elements$"):
        run(message, 17, *arrays)


WRONGS = {
    "Gather past the end": ("Gather", [X, ints(4)], {}),
    "Gather of an axis too many": ("Gather", [X, ints(0)], {"axis": 3}),
    "Slice by floats": ("Slice", [X, np.float32([0]), ints(1)], {}),
    "Slice of unlike lengths": ("Slice", [X, ints(0, 1), ints(1)], {}),
    "Slice by steps of nothing": ("Slice", [X, ints(0), ints(1), ints(0), ints(0)], {}),
    "Concat of unlike types": ("Concat", [X, X.astype(np.float64)], {"axis": 0}),
    "Concat of unlike shapes": ("Concat", [X, FLAT], {"axis": 0}),
    "Split that does not fill": ("Split", [X, ints(1, 1)], {}),
    "Mod of floats": ("Mod", [np.float32([1]), np.float32([1])], {}),
    "negative shape": ("Expand", [X, ints(-3)], {}),
    "negative repeats": ("Tile", [FLAT, ints(-1, 2)], {}),
    "steps of nothing": ("Range", [np.array(0), np.array(1), np.array(0)], {}),
    "no number": ("Range", [np.float32(0), np.float32("nan"), np.float32(1)], {}),
    "MatMul of unlike shapes": ("MatMul", [FLAT, FLAT], {}),
    "no axis": ("ReduceMax", [X], {"axes": [7]}),
    "nothing to reduce": ("ReduceMean", [X[:0]], {}),
}


@pytest.mark.parametrize("name", WRONGS)
def test_wrong(run, name):
    op, arrays, attributes = WRONGS[name]
    arrays = [np.asarray(array) for array in arrays]
    outputs = ["y", "z"] if op == "Split" else ["y"]
    message = helper.make_node(op, [f"i{index}" for index in range(len(arrays))], outputs,
                               **attributes)
    with pytest.raises(SourceError, match=rf"^node '{op} y' \({op}\) cannot be computed: "):
        run(message, 17, *arrays)


def test_an_operator_is_registered_once():
    with pytest.raises(ValueError, match="^operator Gather must be registered once$"):
        operator(Kind.CONSTANT, "Gather")(lambda tracer, node, operands: operands)
