"""Refused models, and the messages."""

import re

import onnx
import pytest
from onnx import helper

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx.model import load

W = "float[4,2] w = {1,-1,1,1,-1,-1,1,1}"
OPSETS = '"": 17, "qonnx.custom_op.general": 1, "foo": 1'


def refused(tmp_path, made: onnx.ModelProto | str, message: str, opsets: str = OPSETS) -> None:
    if isinstance(made, str):
        made = onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{opsets}]> g {made}")
    onnx.save(made, tmp_path / "net.onnx")
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        load(tmp_path / "net.onnx")


# Nodes from x, float[N,4], to y, and the message.
NODES = {
    "unknown": ("y = MatMull(x, w)", "node 'MatMull y' (MatMull) is an operator that is not "
                "supported; the one nearest in name is MatMul of ONNX itself"),
    "unknown and like nothing": ("y = Zzzz(x, w)",
                                 "node 'Zzzz y' (Zzzz) is an operator that is not supported"),
    "known elsewhere": ("y = BipolarQuant(x, w)", "node 'BipolarQuant y' (BipolarQuant) is an "
                        "operator that is not supported; the one nearest in name is "
                        "BipolarQuant of the domain 'qonnx.custom_op.general'"),
    "domain": ("y = foo.Add(x, w)", "node 'Add y' (Add) is an operator of the domain 'foo' that "
               "is not supported; the one nearest in name is Add of ONNX itself"),
    "quantizer": ("y = qonnx.custom_op.general.Trunc(x, w)", "node 'Trunc y' (Trunc) is an "
                  "operator of the domain 'qonnx.custom_op.general' that is not supported"),
    "integer product": ("y = MatMulInteger(x, w)", "node 'MatMulInteger y' (MatMulInteger) is an "
                        "operator that is not supported; ONNX Runtime's static quantization can be "
                        "read if it is made with quant_format=QuantFormat.QDQ"),
    "too new": ("y = Gelu(x)", "node 'Gelu y' (Gelu) is an operator that is not supported; the "
                "one nearest in name is Relu of ONNX itself"),
    "inputs": ("y = MatMul(x)", "node 'MatMul y' (MatMul) must have 2 inputs, not 1"),
    "attribute": ("y = MatMul<axis=1>(x, w)", "node 'MatMul y' (MatMul) has an attribute 'axis', "
                  "which version 17 of ONNX's operation set does not have"),
    "kind of an attribute": ("y = Flatten<axis=1.0>(x)", "node 'Flatten y' (Flatten) must have an "
                             "integer as its attribute 'axis'"),
    "left out": ("a = Concat<axis=0>(w, , w)  y = MatMul(x, a)", "node 'Concat a' (Concat) lacks "
                 "a required input"),
    "too many axes": ("a = Reshape(x, many)  y = Neg(a)", "node 'Reshape a' (Reshape) must have at "
                      "most 16 integers as its shape, not 17"),
    "missing": ("y = MatMul(x, v)", "node 'MatMul y' (MatMul) takes 'v', which nothing in the "
                "model provides"),
    "circle": ("a = Add(x, b)  b = Neg(a)  y = MatMul(b, w)", "the model has a cycle: 'b' needs "
               "itself"),
    "weights on the left": ("y = MatMul(w, x)", "node 'MatMul y' (MatMul) must multiply a "
                            "tensor that depends on the input by constant weights on the right, "
                            "not weights on the left"),
    "two values": ("a = Neg(x)  y = Gemm<transB=1>(x, a)", "node 'Gemm y' (Gemm) must multiply "
                   "a tensor that depends on the input by constant weights on the right, not "
                   "two values that both depend on the input"),
    "frames of two axes": ("a = Reshape(x, split)  y = MatMul(a, w2)", "node 'MatMul y' (MatMul) "
                           "must take frames of one axis, not of the shape (2, 2); flatten them "
                           "first"),
    "weights of another size": ("v = Transpose(w)  y = MatMul(x, v)", "node 'MatMul y' (MatMul) "
                                "must have weights for frames of the shape (4,), not of the shape "
                                "(2, 4)"),
    "weights of another type": ("v = Cast<to=11>(w)  y = MatMul(x, v)", "node 'MatMul y' (MatMul) "
                                "must multiply floats of one type, not float32 by float64"),
    "transA": ("y = Gemm<transA=1>(x, w)", "node 'Gemm y' (Gemm) must have transA = 0: frames "
               "must be rows"),
    "batch into the frame": ("a = Reshape(x, all)  y = MatMul(a, w)", "node 'Reshape a' (Reshape) "
                             "must keep frames apart, and makes (12,) of (3, 4), where axis 0 is "
                             "the batch"),
    "batch moved": ("a = Transpose(x)  y = MatMul(a, w)", "node 'Transpose a' (Transpose) must "
                    "leave axis 0, the batch, where it is, not order axes as [1, 0]"),
    "axis before the batch": ("a = Unsqueeze(x, zero)  y = MatMul(a, w)", "node 'Unsqueeze a' "
                              "(Unsqueeze) must not add an axis before axis 0, the batch"),
    "more axes by a constant": ("a = Add(x, deep)  y = MatMul(a, w)", "node 'Add a' (Add) must not "
                                "add axes to frames, and has a constant of the shape (1, 1, 4)"),
    "frames unlike each other": ("a = Add(x, tall)  y = MatMul(a, w)", "node 'Add a' (Add) must do "
                                 "the same to every frame, and has a constant of the shape (3, 1)"),
    "number of frames": (
        "s = Size(x)  f = Cast<to=1>(s)  a = Mul(x, f)  y = MatMul(a, w)",
        "node 'Mul a' must do the same for any number of frames, and uses their number"),
    "number of frames in a bias": (
        "s = Size(x)  f = Cast<to=1>(s)  y = Gemm(x, w, f)",
        "node 'Gemm y' must do the same for any number of frames, and uses their number"),
    "shapes": ("a = Add(x, w)  y = MatMul(a, w)", "node 'Add a' (Add) must do the same to every "
               "frame, and has a constant of the shape (4, 2)"),
    "shapes that do not fit": ("a = Add(x, three)  y = MatMul(a, w)", "node 'Add a' (Add) cannot "
                               "be computed: shape mismatch: objects cannot be broadcast to a "
                               "single shape.  Mismatch is between arg 0 with shape (3, 4) and "
                               "arg 1 with shape (3,)"),
    "types": ("a = Add(x, one)  y = MatMul(a, w)", "node 'Add a' (Add) must have inputs of one "
              "type, not float32 and int64"),
    "kind": ("a = Not(x)  y = MatMul(a, w)", "node 'Not a' (Not) cannot work on float32"),
    "constants only": ("s = Tile(x, pair)  y = MatMul(s, w)", "node 'Tile s' (Tile) "
                       "works on constants only here, and its input depends on the input of the "
                       "model"),
    "some elements": ("a = Slice(x, zero, one, one)  y = MatMul(a, w)", "node 'MatMul y' (MatMul) "
                      "must have weights for frames of the shape (1,), not of the shape (4, 2)"),
    "some frames": ("a = Slice(x, zero, one, zero)  y = MatMul(a, w)", "node 'Slice a' (Slice) "
                    "must keep frames apart, and takes elements on axis 0, the batch"),
    "frames turned round": ("a = Slice(x, last, first, zero, last)  y = MatMul(a, w)", "node "
                            "'Slice a' (Slice) must keep frames apart, and takes elements on "
                            "axis 0, the batch"),
    "a frame": ("a = Gather(x, zero)  y = MatMul(a, w)", "node 'Gather a' (Gather) must keep "
                "frames apart, and takes elements on axis 0, the batch"),
    "elements past the end": ("a = Gather<axis=1>(x, five)  y = MatMul(a, w)", "node 'Gather a' "
                              "(Gather) cannot be computed: index 5 is out of bounds for axis 1 "
                              "with size 4"),
    "places from the frame": ("a = Cast<to=7>(x)  b = Gather<axis=1>(x, a)  y = MatMul(b, w)",
                              "node 'Gather b' (Gather) must take elements of frames at constant "
                              "places, and not put constants between them"),
    "constants between": ("a = Concat<axis=1>(x, deep1)  y = MatMul(a, w)", "node 'Concat a' "
                          "(Concat) must take elements of frames at constant places, and not put "
                          "constants between them"),
    "bomb": ("a = ConstantOfShape(huge)  b = Mul(w, a)  y = MatMul(x, b)", "node "
             "'ConstantOfShape a' (ConstantOfShape) cannot be computed: the result would have "
             "more than 67108864 elements"),
    "training": ("y, a, b = BatchNormalization<training_mode=1>(x, four, four, four, four)",
                 "node 'BatchNormalization y' (BatchNormalization) must be in the mode of "
                 "inference, not of training"),
    "parameters": ("y = BatchNormalization(x, three, four, four, four)", "node "
                   "'BatchNormalization y' (BatchNormalization) must have parameters of the shape "
                   "(4,) and of its type float32, not (3,) and float32"),
    "scale of a quantizer": ("a = Abs(x)  y = qonnx.custom_op.general.BipolarQuant(x, a)",
                             "node 'BipolarQuant y' (BipolarQuant) must have a constant scale, "
                             "not one that depends on the input"),
    "bits": ("y = qonnx.custom_op.general.Quant(x, four, four, half)", "node 'Quant y' (Quant) "
             "must have one whole number of bits from 1 to 32, not 0.5"),
    "rounding": ('y = qonnx.custom_op.general.Quant<rounding_mode="STOCHASTIC">(x, four, four, '
                 "unit)", "node 'Quant y' (Quant) must round by one of ROUND, HALF_EVEN, CEIL, "
                 "FLOOR, DOWN, UP, HALF_UP, HALF_DOWN, not 'STOCHASTIC'"),
    "thresholds": ("y = qonnx.custom_op.general.MultiThreshold(x, w3)", "node 'MultiThreshold y' "
                   "(MultiThreshold) must have thresholds of the shape (4, levels) or "
                   "(1, levels), not (3, 1)"),
    "weights that are no bits": ("y = qonnx.custom_op.general.XnorPopcountMatMul(x, w)",
                                 "node 'XnorPopcountMatMul y' (XnorPopcountMatMul) must have "
                                 "weights 0 and 1 only"),
    "Tanh of integers": ("a = Cast<to=7>(x)  y = Tanh(a)", "node 'Tanh y' (Tanh) cannot work on "
                         "int64"),
    "Sigmoid to integers, then the class": (
        "p = MatMul(x, w)  s = Softmax(p)  y = Cast<to=7>(s)",
        "node 'Cast y' (Cast) must not take Softmax or Sigmoid, which must be the last result"),
    "no root": ("v = Sqrt(low)  a = Div(x, v)  y = MatMul(a, w)", "node 'Sqrt v' (Sqrt) has no "
                "result for these constants, such as a variance without a square root"),
    "variance": ("p = MatMul(x, w)  y = BatchNormalization(p, two, two, two, low2)", "node "
                 "'BatchNormalization y' (BatchNormalization) must have variances of 0 or more, "
                 "with epsilon 1e-05 added, but that of channel 1 is -1, which has no square root"),
    "Softmax inside": ("s = Softmax(x)  y = MatMul(s, w)", "node 'MatMul y' (MatMul) must not take "
                       "Softmax or Sigmoid, which must be the last result"),
    "Softmax of frames": ("y = Softmax<axis=0>(x)", "node 'Softmax y' (Softmax) must work along "
                          "axis 1 of scores [batch, classes], not along axis 0 of frames of the "
                          "shape (4,)"),
    "ArgMax of frames": ("y = ArgMax(x)", "node 'ArgMax y' (ArgMax) must work along axis 1 of "
                         "scores [batch, classes], not along axis 0 of frames of the shape (4,)"),
    "last of equals": ("y = ArgMax<axis=1, select_last_index=1>(x)", "node 'ArgMax y' (ArgMax) "
                       "must take the first of equal scores, not the last"),
    "smallest": ("v, y = TopK<largest=0>(x, one)", "node 'TopK v' (TopK) must take the largest "
                 "scores, not the smallest"),
    "largest score": ("y, v = TopK(x, one)", "the output of the model, 'y', must be the scores or "
                      "the class, not the largest score"),
    "after the class": ("a = ArgMax<axis=1>(x)  y = Neg(a)", "node 'Neg y' (Neg) must not take the "
                        "class, which must be the last result"),
    "constant": ("y = Neg(w)", "the output of the model, 'y', must depend on its input"),
    "truth": ("y = Greater(x, four)", "the output of the model, 'y', must be scores of the shape "
              "[batch, classes], not bool of the shape [batch, 4]"),
    "deep output": ("y = Reshape(x, split)", "the output of the model, 'y', must be scores of the "
                    "shape [batch, classes], not float32 of the shape [batch, 2, 2]"),
    "output of no use": ("p, y = Dropout(x)", "node 'Dropout p' (Dropout) gives 'y', and that "
                         "output is not supported"),
}
CONSTANTS = (f"{W}, float[4] four = {{1,1,1,1}}, float[3] three = {{1,1,1}}, int64[1] one = {{1}}, "
             "int64[1] zero = {0}, int64[1] all = {-1}, float[1,1,4] deep = {1,1,1,1}, "
             "float[3,1] tall = {1,2,3}, int64[2] huge = {1048576, 1048576}, float half = {0.5}, "
             f"int64[17] many = {{{','.join('1' * 17)}}}, float unit = {{1}}, "
             "float[3,1] w3 = {1,2,3}, int64[3] split = {0,2,2}, float[2,2] w2 = {1,1,1,-1}, "
             "int64[2] pair = {1,2}, int64[1] last = {-1}, int64[1] first = {-1000}, "
             "int64[1] five = {5}, float[1,4] deep1 = {1,1,1,1}, float[4] low = {1,1,-1,1}, "
             "float[2] two = {1,1}, float[2] low2 = {1,-1}")


@pytest.mark.parametrize("name", NODES)
def test_node(tmp_path, name):
    nodes, message = NODES[name]
    refused(tmp_path, f"(float[N,4] x) => (float[N,2] y) <{CONSTANTS}> {{ {nodes} }}", message)


TYPES = {
    "inputs": ("(float[N,4] x, float[N,4] z) => (float[N,2] y)",
               "the model must have one input, not 2: 'x', 'z'"),
    "no input": ("() => (float[N,2] y)", "the model must have one input, not 0"),
    "outputs": ("(float[N,4] x) => (float[N,2] y, float[N,2] z)",
                "the model must have one output, not 2: 'y', 'z'"),
    "batch": ("(float[67108865,4] x) => (float[67108865,2] y)", "the input of the model, 'x', must "
              "have a batch of at most 67108864 frames, not 67108865"),
    "no batch": ("(float[4] x) => (float[2] y)", "the input of the model, 'x', must have a shape "
                 "[batch, ...], not [4]"),
    "free size": ("(float[N,K] x) => (float[N,2] y)", "the input of the model, 'x', must have a "
                  "fixed size on every axis but the first, and axis 1 is 'K'"),
    "no shape": ("(float[] x) => (float[N,2] y)", "the input of the model, 'x', must have a shape "
                 "in the model"),
    "text": ("(string[N,4] x) => (float[N,2] y)", "the input of the model, 'x', must be a tensor "
             "of numbers, not of ONNX type 8"),
    "truth": ("(bool[N,4] x) => (float[N,2] y)", "the input of the model, 'x', must be a tensor of "
              "numbers, not of truth values"),
    "size": ("(float[N,99999,9999] x) => (float[N,2] y)", "the input of the model, 'x', must have "
             "at most 4194304 elements, not 999890001"),
    "output from nowhere": ("(float[N,4] x) => (float[N,2] q)", "the output of the model, 'q', "
                            "must be the result of a node"),
}


@pytest.mark.parametrize("name", TYPES)
def test_graph(tmp_path, name):
    types, message = TYPES[name]
    refused(tmp_path, f"{types} <{W}> {{ y = MatMul(x, w) }}", message)


@pytest.mark.parametrize("opsets, message", [
    ('"": 6', "the model must use version 7 or later of ONNX's operation set, not 6; "
     "onnx.version_converter can convert it"),
    ('"": 999', "the model uses version 999 of ONNX's operation set, and the installed package "
     f"onnx knows those up to {onnx.defs.onnx_opset_version()}"),
    ('"": 8', "node 'GreaterOrEqual y' (GreaterOrEqual) is no operator of version 8 of ONNX's "
     "operation set")])
def test_version(tmp_path, opsets, message):
    refused(tmp_path, "(float[N,4] x) => (float[N,2] y) { y = GreaterOrEqual(x, x) }", message,
            opsets)


def test_loop(tmp_path):
    branch = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "b", [],
                               [helper.make_tensor_value_info("z", 1, None)])
    made = onnx.parser.parse_model(
        f"<ir_version: 8, opset_import: [{OPSETS}]> g (float[N,4] x) => (float[N,2] y) {{ y = "
        "Neg(x) }")
    made.graph.node[0].CopyFrom(helper.make_node("If", ["x"], ["y"], then_branch=branch,
                                                 else_branch=branch, name="choice"))
    refused(tmp_path, made, "node 'choice' (If) cannot be read: conditions and loops are not "
            "supported")


def test_local_function(tmp_path):
    made = onnx.parser.parse_model(
        f"<ir_version: 8, opset_import: [{OPSETS}]> g (float[N,4] x) => (float[N,2] y) {{ y = "
        'foo.Half(x) } <domain: "foo", opset_import: ["": 17]> Half (a) => (b) { b = Neg(a) }')
    refused(tmp_path, made, "node 'Half y' (Half) calls a function that the model defines; "
            "inline such functions, for instance with onnx.inliner.inline_local_functions")


def test_two_of_one_name(tmp_path):
    made = onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{OPSETS}]> g (float[N,4] x) => "
                                   f"(float[N,2] y) <{W}> {{ y = MatMul(x, w) }}")
    made.graph.node.add().CopyFrom(made.graph.node[0])
    refused(tmp_path, made, "the model has two tensors 'y'")
    made.graph.node[1].output[0] = "w"
    refused(tmp_path, made, "the model has two tensors 'w'")
    made.graph.initializer.add().CopyFrom(made.graph.initializer[0])
    refused(tmp_path, made, "the model has two initializers 'w'")


def test_names_on_one_line(tmp_path):
    made = onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{OPSETS}]> g (float[N,4] x) => "
                                   f"(float[N,2] y) <{W}> {{ y = MatMul(x, w) }}")
    made.graph.node[0].op_type, made.graph.node[0].name = "Mat\nMul", "a\nb"
    refused(tmp_path, made, r"node 'a\nb' ('Mat\nMul') is an operator that is not supported; the "
            "one nearest in name is MatMul of ONNX itself")


def test_long_names_are_cut(tmp_path):
    refused(tmp_path, f"(float[N,4] x) => (float[N,2] y) {{ y = Neg({'z' * 99}) }}",
            f"node 'Neg y' (Neg) takes '{'z' * 27}...{'z' * 28}', which nothing in the "
            f"model provides")
