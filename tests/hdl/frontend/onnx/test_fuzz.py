"""Mutated files: the reader succeeds or raises an error of one line.

`make fuzz` runs it with other examples each time.
"""

import lzma
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx.model import load

KEPT = Path(__file__).parents[3] / "fixtures" / "onnx"
OPERATIONS = (
    "Add", "ArgMax", "AveragePool", "BatchNormalization", "BipolarQuant", "Cast", "CastLike",
    "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "Div", "Dropout", "Expand", "Flatten",
    "Gather", "Gemm",
    "GlobalAveragePool", "If", "MatMul", "Max", "MaxPool", "Mul", "MultiThreshold", "Not", "Pad",
    "Pow", "Quant", "Range", "ReduceMean",
    "Reshape", "Shape", "Sign", "Size", "Slice", "Softmax", "Split", "Squeeze", "Sub", "Sum",
    "Tanh", "Tile", "TopK", "Transpose", "Unsqueeze", "Where", "XnorPopcountMatMul", "Zzz", "")
DOMAINS = ("", "ai.onnx", "qonnx.custom_op.general", "finn", "zzz")
SIZES = (-2 ** 63, -1, 0, 1, 2, 3, 4, 6, 12, 2 ** 31, 2 ** 40, 2 ** 62, 2 ** 63 - 1)
NUMBERS = (0.0, -1.0, 0.5, 1e38, -1e-45, float("inf"), float("nan"))

# Many operators in few bytes.
SMALL = """
<ir_version: 8, opset_import: ["": 17, "qonnx.custom_op.general": 1]> g (float[N,2,3] x) =>
(int64[N,1] y) <float[6,4] w = {1,-1,1,1,-1,-1,1,1,-1,1,1,-1,1,-1,1,1,-1,-1,1,1,-1,1,1,-1},
float[4,3] v = {1,-1,1,1,-1,-1,1,1,-1,1,1,-1}, float[4] o = {1,2,-3,4}, float s = {0.5},
float z = {0}, float n = {4}, float[4,2] t = {0,1,2,3,4,5,6,7}, int64 a = {0}, int64[1] e = {0},
int64[1] m = {-1}, int64[1] k = {1}, int64[1] two = {2}, float c = {255}> {
 i = Div(x, c)  h = Shape(i)  b = Gather<axis=0>(h, a)  u = Unsqueeze(b, e)
 r = Concat<axis=0>(u, m)  f = Reshape(i, r)  q = qonnx.custom_op.general.BipolarQuant(f, s)
 aw = Abs(w)  mw = ReduceMean<axes=[0]>(aw)  sw = Sign(w)  ww = Mul(sw, mw)
 d = Gemm<beta=0.5>(q, ww, o)  bn = BatchNormalization(d, o, o, o, o)  x3 = Unsqueeze(bn, two)
 x2 = Squeeze(x3, two)  mt = qonnx.custom_op.general.MultiThreshold<out_bias=-1.0>(x2, t)
 qq = qonnx.custom_op.general.Quant<signed=1, narrow=1>(mt, s, z, n)  cl = Clip(qq, z, s)
 g = Greater(cl, z)  ca = Cast<to=1>(g)  wh = Where(g, ca, cl)  cs = ConstantOfShape(h)
 p = MatMul(wh, v)  sm = Softmax<axis=1>(p)  best, y = TopK(sm, k)
}
"""
MAPS = """
<ir_version: 8, opset_import: ["": 17]> g (float[N,2,5,6] x) => (float[N,2] y)
<float[2,2,3,2] w = {1,-1,1,1,-1,-1,1,1,-1,1,1,-1,1,-1,1,1,-1,-1,1,1,-1,1,1,-1},
float[2] o = {1,-2}, float[2,1,2,2] d = {1,-1,1,1,-1,-1,1,1}, int64[8] p = {0,0,1,0,0,0,0,1},
float z = {-1}, int64[2] both = {2,3}> {
 a = Conv<auto_pad="SAME_UPPER", strides=[1,2]>(x, w, o)  b = Sign(a)
 c = Pad<mode="constant">(b, p, z)  e = Conv<group=2, dilations=[1,1], pads=[0,0,0,0]>(c, d)
 f = MaxPool<kernel_shape=[2,1], strides=[2,1], ceil_mode=0>(e)  g = Sign(f)
 t = Transpose<perm=[0,2,3,1]>(g)  u = Transpose<perm=[0,3,1,2]>(t)
 v = AveragePool<kernel_shape=[1,2], count_include_pad=1>(u)  s = Sign(v)
 h = ReduceMean<keepdims=0, axes=[2,3]>(s)  y = Neg(h)
}
"""
MODELS = {"small": onnx.parser.parse_model(SMALL), "maps": onnx.parser.parse_model(MAPS)}
for _name in ("tfc_finn_xnor", "larq_mlp_tf2onnx"):
    MODELS[_name] = onnx.ModelProto.FromString(
        lzma.decompress((KEPT / f"{_name}.onnx.xz").read_bytes()))
FILES = {name: model.SerializeToString() for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """``check(data)``: load a file, and run the program."""
    path = tmp_path_factory.mktemp("fuzz") / "net.onnx"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            program = load(path)
        except SourceError as error:
            message = str(error)
            assert message and "\n" not in message and len(message) < 600
            return
        with np.errstate(all="ignore"):
            results = program.run(np.ones((2, *program.shape), program.dtype))
        assert all(len(result) == 2 for result in results)
    return check


def limits(examples: int):
    """Settings for this number of examples, some large and slow."""
    return settings(max_examples=examples, suppress_health_check=[
        HealthCheck.data_too_large, HealthCheck.too_slow])


def test_unchanged(check):
    for data in FILES.values():
        check(data)


@given(st.binary(max_size=200))
@example(b"")
@limits(250)
def test_noise(check, data):
    check(data)


@given(st.sampled_from(sorted(FILES)), st.data())
@limits(250)
def test_bytes(check, name, data):
    raw = bytearray(FILES[name])
    # Weights are in the middle of the file.
    place = st.one_of(st.integers(0, len(raw) - 1), st.integers(0, min(3000, len(raw)) - 1),
                      st.integers(max(0, len(raw) - 3000), len(raw) - 1))
    for index, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=8)):
        raw[index] = value
    if data.draw(st.booleans()):
        del raw[data.draw(place):]
    check(bytes(raw))


def _node(graph, draw):
    return draw(st.sampled_from(list(graph.node)))


def _tensor(graph, draw):
    return draw(st.sampled_from(list(graph.initializer)))


def _names(graph):
    return ["", "zzz", *(value.name for value in (*graph.input, *graph.initializer)),
            *(name for node in graph.node for name in node.output)]


def operation(model, draw):
    _node(model.graph, draw).op_type = draw(st.sampled_from(OPERATIONS))


def domain(model, draw):
    _node(model.graph, draw).domain = draw(st.sampled_from(DOMAINS))


def no_tensor(model, draw):
    model.graph.initializer.remove(_tensor(model.graph, draw))


def attribute(model, draw):
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    entry = draw(st.sampled_from(list(draw(st.sampled_from(nodes)).attribute)))
    entry.i, entry.f = draw(st.sampled_from(SIZES)), draw(st.sampled_from(NUMBERS))
    entry.ints.extend(draw(st.lists(st.sampled_from(SIZES), max_size=2)))
    entry.s = draw(st.binary(max_size=3))
    entry.type = draw(st.sampled_from([entry.type, 0, 1, 2, 3, 4, 5, 6, 7, 11]))


def dims(model, draw):
    tensor = _tensor(model.graph, draw)
    sizes = draw(st.one_of(st.lists(st.sampled_from(SIZES), max_size=3),
                           st.permutations(list(tensor.dims))))
    del tensor.dims[:]
    tensor.dims.extend(sizes)


def element_type(model, draw):
    _tensor(model.graph, draw).data_type = draw(st.integers(0, 30))


def values(model, draw):
    tensor = _tensor(model.graph, draw)
    raw = bytearray(tensor.raw_data)
    for index, value in draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)))):
        raw[index:index + 1] = [value]
    tensor.raw_data = bytes(raw)


def connection(model, draw):
    node = _node(model.graph, draw)
    names = draw(st.lists(st.sampled_from(_names(model.graph)), max_size=3))
    start = draw(st.integers(0, len(node.input)))
    kept = [*node.input[:start], *names, *node.input[start + len(names):]]
    del node.input[:]
    node.input.extend(kept)


def result(model, draw):
    model.graph.output[0].name = draw(st.sampled_from(_names(model.graph)))


def entry(model, draw):
    kind = model.graph.input[0].type.tensor_type
    kind.elem_type = draw(st.sampled_from([kind.elem_type, *range(17)]))
    size = draw(st.sampled_from(list(kind.shape.dim)))
    size.dim_value = draw(st.sampled_from(SIZES))


def version(model, draw):
    model.opset_import[0].version = draw(st.sampled_from([0, 6, 7, 9, 11, 13, 18, 21, 2 ** 40]))


CHANGES = (operation, domain, no_tensor, attribute, dims, element_type, values, connection, result,
           entry, version)


@given(st.sampled_from(["small", "small", "maps", *sorted(MODELS)]), st.data())
@limits(700)
def test_structure(check, name, data):
    model = onnx.ModelProto.FromString(FILES[name])
    for change in data.draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
        change(model, data.draw)
    check(model.SerializeToString())
