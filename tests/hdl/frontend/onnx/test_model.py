"""Small models in ONNX's text form, compared with ONNX Runtime and with definitions."""

import numpy as np
import onnx
import onnxruntime
import pytest

from xnorloom.frontend.onnx.model import load
from xnorloom.frontend.program import Dense, Elementwise, Move

DOMAINS = ", ".join(f'"{domain}": 1' for domain in ("qonnx.custom_op.general", "finn"))
# A matrix of 6 inputs and 2 classes.
W = "float[6,2] w = {1,-1,1,1,-1,-1,1,1,-1,1,1,-1}"


def model(text: str, opset: int = 17) -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}, {DOMAINS}]> g {text}')


@pytest.fixture
def read(tmp_path):
    """``read(text)``: the program of a model; ``read.path`` is its file."""
    def read(text: str, opset: int = 17):
        onnx.save(model(text, opset), tmp_path / "net.onnx")
        return load(tmp_path / "net.onnx")
    read.path = tmp_path / "net.onnx"
    return read


def oracle(path, x, batch=None):
    """Results of ONNX Runtime, in batches of the size in the file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    size = batch or len(x)
    return np.concatenate([session.run(None, {name: x[i:i + size]})[0]
                           for i in range(0, len(x), size)])


# Formulations of one product: name, input, nodes up to `y`, initializers, operator set, batch.
WAYS = {
    "static batch of one": ("float[1,2,3] x", "f = Reshape(x, k)  y = MatMul(f, w)",
                            "int64[2] k = {1,-1}", 17, 1),
    "static batch of two": ("float[2,2,3] x", "f = Reshape(x, k)  y = MatMul(f, w)",
                            "int64[2] k = {2,6}", 17, 2),
    "free leading size": ("float[2,2,3] x", "f = Reshape(x, k)  y = MatMul(f, w)",
                          "int64[2] k = {-1,6}", 17, 2),
    "copied batch": ("float[N,2,3] x", "f = Reshape(x, k)  y = MatMul(f, w)",
                     "int64[2] k = {0,-1}", 17, None),
    "batch of one under a name": ("float[N,2,3] x", "f = Reshape(x, k)  y = MatMul(f, w)",
                                  "int64[2] k = {1,-1}", 17, 1),
    "Flatten": ("float[N,2,3] x", "f = Flatten(x)  y = MatMul(f, w)", "", 17, None),
    "Flatten from the end": ("float[N,2,3] x", "f = Flatten<axis=-2>(x)  y = MatMul(f, w)", "", 17,
                             None),
    "size of the batch": (
        "float[N,2,3] x", "s = Shape(x)  b = Gather<axis=0>(s, z)  u = Unsqueeze(b, e)"
        "  k = Concat<axis=0>(u, m)  f = Reshape(x, k)  y = MatMul(f, w)",
        "int64 z = {0}, int64[1] e = {0}, int64[1] m = {-1}", 17, None),
    "part of the shape": (
        "float[N,2,3] x", "s = Shape<start=0, end=1>(x)  k = Concat<axis=0>(s, m)"
        "  f = Reshape(x, k)  y = MatMul(f, w)", "int64[1] m = {-1}", 17, None),
    "Transpose": ("float[N,3,2] x", "t = Transpose<perm=[0,2,1]>(x)  f = Flatten(t)"
                  "  y = MatMul(f, w)", "", 17, None),
    "Squeeze and Unsqueeze": (
        "float[N,1,6] x", "a = Squeeze(x, d)  b = Unsqueeze(a, e)  c = Squeeze(b, e)"
        "  y = MatMul(c, w)", "int64[1] d = {1}, int64[1] e = {-1}", 17, None),
    "Squeeze by attribute": ("float[2,1,6] x", "a = Squeeze<axes=[1]>(x)"
                             "  b = Unsqueeze<axes=[2]>(a)  c = Squeeze(b)  y = MatMul(c, w)",
                             "", 11, 2),
    "Gemm": ("float[N,6] x", "y = Gemm(x, w)", "", 17, None),
    "Gemm of a transposed matrix": ("float[N,6] x", "v = Transpose(w)  y = Gemm<transB=1>(x, v)",
                                    "", 17, None),
    "Gemm with a bias": ("float[N,6] x", "y = Gemm(x, w, c)", "float[2] c = {0.3,-7}", 17, None),
    "Gemm with a bias for each frame": ("float[2,6] x", "y = Gemm(x, w, c)",
                                        "float[2,2] c = {0.3,-7,0.3,-7}", 17, 2),
    "Gemm with a number for a bias": ("float[N,6] x", "y = Gemm<beta=3.0>(x, w, c)",
                                      "float c = {0.3}", 17, None),
    "dropout, identity": ("float[N,6] x", "a, q = Dropout(x)  b = Identity(a)  y = MatMul(b, w)",
                          "", 17, None),
    "constants of the shape of a value": (
        "float[N,6] x", "p = MatMul(x, w)  s = Shape(p)  o = ConstantOfShape<value=float[1] {1}>(s)"
        "  n = Neg(o)  g = GreaterOrEqual(p, z)  y = Where(g, o, n)", "float z = {0}", 17, None),
    "constants with the batch": ("float[2,6] x", "p = MatMul(x, w)  y = Add(p, o)",
                                 "float[2,2] o = {4,5,4,5}", 17, 2),
    "batch norm with an axis more": (
        "float[N,6] x", "p = MatMul(x, w)  u = Unsqueeze(p, e)"
        "  n = BatchNormalization(u, o, o, o, v)  y = Squeeze(n, e)",
        "int64[1] e = {2}, float[2] o = {0.3, -3}, float[2] v = {0, 2}", 17, None),
    "merged magnitudes": ("float[N,6] x", "v = Mul(w, o)  y = Gemm(x, v, o)",
                          "float[2] o = {0.25, -3}", 17, None),
    "weights from a chain": (
        "float[N,6] x", "a = Abs(w)  m = ReduceMean<axes=[0], keepdims=1>(a)  s = Sign(w)"
        "  d = Sub(s, w)  v = Add(w, d)  u = Mul(v, m)  t = Cast<to=11>(u)  r = Cast<to=1>(t)"
        "  y = MatMul(x, r)", "", 17, None),
    "weights from parts": (
        "float[N,6] x", "a = Slice(w, i, j)  b = Slice(w, j, l)  v = Concat<axis=0>(a, b)"
        "  c, d = Split<axis=1>(v)  u = Concat<axis=1>(d, c)  y = MatMul(x, u)",
        "int64[1] i = {0}, int64[1] j = {2}, int64[1] l = {9}", 13, None),
    "weights from constants": (
        "float[N,6] x", "o = Constant<value_float=3.0>()  r = Expand(o, k)  t = Tile(r, q)"
        "  y = MatMul(x, t)", "int64[2] k = {6,1}, int64[2] q = {1,2}", 17, None),
    "a range": ("float[N,6] x", "r = Range(z, n, o)  f = Cast<to=1>(r)  v = Mul(w, f)"
                "  y = MatMul(x, v)", "int64 z = {1}, int64 n = {3}, int64 o = {1}", 17, None),
    "sums of values": ("float[N,6] x", "p = MatMul(x, w)  s = Sign(p)  d = Sub(s, p)"
                       "  y = Add(p, d)", "", 17, None),
    "type of another": ("float[N,6] x", "p = MatMul(x, w)  g = Greater(p, z)"
                        "  y = CastLike(g, p)", "float z = {0}", 17, None),
    "nodes in any order": ("float[N,6] x", "y = MatMul(b, w)  b = Neg(a)  a = Abs(x)", "", 17,
                           None),
}


@pytest.mark.parametrize("way", WAYS)
def test_against_onnx_runtime(read, way):
    taken, nodes, more, opset, batch = WAYS[way]
    program = read(f"({taken}) => (float[N,2] y) <{W}{', ' if more else ''}{more}> {{ {nodes} }}",
                   opset)
    x = np.random.default_rng(1).integers(-3, 4, (8, *program.shape)).astype(np.float32)
    if way == "nodes in any order":
        # The definition requires an order, and ONNX Runtime implements the definition.
        expected = -abs(x) @ onnx.numpy_helper.to_array(model(f"() => () <{W}> {{}}")
                                                        .graph.initializer[0])
    elif way == "constants of the shape of a value":
        expected = np.where(program.run(x)[0] >= 0, np.float32(1), np.float32(-1))
        np.testing.assert_array_equal(oracle(read.path, x), expected)
    else:
        expected = oracle(read.path, x, batch)
    result = program.run(x)[program.output.step]
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    # Also a batch of another size.
    np.testing.assert_array_equal(program.run(x[:5])[program.output.step], expected[:5])


@pytest.mark.parametrize("layout, shape", [("NCHW", (4, 2, 3)), ("NHWC", (2, 3, 4)), ("", (2, 4)),
                                           ("NWC", (2, 4)), ("", (4, 2, 3))])
def test_channels_of_multithreshold(read, layout, shape):
    size = int(np.prod(shape))
    sizes = ",".join(map(str, shape))
    program = read(
        f"(float[N,{sizes}] x) => (float[N,{size}] y) <float[4,2] t = {{0,1,2,3,4,5,6,7}}> {{ a = "
        f'finn.MultiThreshold<out_dtype="UINT2", data_layout="{layout}">(x, t)  y = Flatten(a) }}')
    x = np.random.default_rng(2).integers(-2, 9, (5, *shape)).astype(np.float32)
    axis = 1 if shape[0] == 4 else len(shape)
    counts = sum((np.moveaxis(x, axis, -1) >= np.arange(8).reshape(4, 2)[:, k]).astype(np.float32)
                 for k in range(2))
    np.testing.assert_array_equal(program.run(x)[-1], np.moveaxis(counts, -1, axis).reshape(5, -1))


def test_xnor_popcount(read):
    program = read("(float[N,6] x) => (float[N,2] y) <float[6,2] v = {1,0,0,0,1,1,1,0,1,1,1,0}> "
                   "{ y = finn.XnorPopcountMatMul(x, v) }")
    x = np.random.default_rng(3).integers(0, 2, (9, 6)).astype(np.float32)
    v = np.array([1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0]).reshape(6, 2)
    agreeing = (x[:, :, None] == v).sum(axis=1)
    np.testing.assert_array_equal(program.run(x)[-1], agreeing)
    [dense] = [step for step in program.steps if isinstance(step, Dense)]
    np.testing.assert_array_equal(dense.weights, 2 * v - 1)


KEEPS = ("{} at the end is left out: it keeps the order of the scores, but for ties that its "
         "rounding makes")
ENDS = {
    "Softmax": ("y = Softmax<axis=1>(p)", KEEPS.format("Softmax")),
    "Sigmoid": ("y = Sigmoid(p)", KEEPS.format("Sigmoid")),
    "LogSoftmax": ("y = LogSoftmax(p)", KEEPS.format("LogSoftmax")),
    "ArgMax": ("y = ArgMax<axis=1>(p)", "ArgMax at the end is left out: the hardware has its own"),
    "ArgMax to float": ("a = ArgMax<axis=-1, keepdims=0>(p)  y = Cast<to=1>(a)",
                        "ArgMax at the end is left out: the hardware has its own"),
    "TopK": ("v, y = TopK(p, k)", "TopK at the end is left out: the hardware has its own ArgMax"),
    "TopK of two": ("v, y = TopK(p, k2)", "TopK at the end is left out: the hardware has its own "
                    "ArgMax, and gives the first of the 2 classes"),
    "none": ("y = Neg(p)", None),
}


@pytest.mark.parametrize("end", ENDS)
def test_end(read, end):
    nodes, note = ENDS[end]
    program = read(f"(float[N,6] x) => (int64[N,1] y) <{W}, int64[1] k = {{1}}, int64[1] k2 = {{2}}"
                   f"> {{ p = MatMul(x, w)  {nodes} }}")
    assert program.notes == ((note,) if note else ())
    assert [type(step) for step in program.steps] == [Dense, *([] if note else [Elementwise])]
    assert program.output.step == len(program.steps) - 1


def test_softmax_and_argmax(read):
    program = read(f"(float[N,6] x) => (int64[N,1] y) <{W}> "
                   "{ p = MatMul(x, w)  s = Softmax(p)  y = ArgMax<axis=1>(s) }")
    assert len(program.notes) == 2 and len(program.steps) == 1


DECLARED = {
    "nothing": ("float[N,6] x", "y = MatMul(x, w)", None),
    "bytes": ("uint8[N,6] x", "a = Cast<to=1>(x)  y = MatMul(a, w)", "u8"),
    "divided": ("float[N,2,3] x", "a = Div(x, c)  b = Flatten(a)  y = MatMul(b, w)", "u8"),
    "divided after a move": ("float[N,2,3] x", "b = Flatten(x)  a = Div(b, c)  y = MatMul(a, w)",
                             "u8"),
    "multiplied": ("float[N,6] x", "a = Mul(f, x)  y = MatMul(a, w)", "u8"),
    "divided elsewhere only": ("float[N,6] x", "a = Div(x, c)  b = Add(x, a)  y = MatMul(b, w)",
                               None),
    "divided the other way": ("float[N,6] x", "a = Div(c, x)  y = MatMul(a, w)", None),
    "divided by another": ("float[N,6] x", "a = Div(x, f)  y = MatMul(a, w)", None),
    "small integers": ("int8[N,6] x", "d = Div(x, e)  a = Cast<to=1>(d)  y = MatMul(a, w)", None),
    "integers times nothing": ("int8[N,6] x", "d = Mul(x, o)  a = Cast<to=1>(d)  y = MatMul(a, w)",
                               None),
    "cast and divided": ("int32[N,6] x", "a = Cast<to=1>(x)  b = Div(a, c)  y = MatMul(b, w)",
                         "u8"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declared_preprocessing(read, name):
    taken, nodes, declared = DECLARED[name]
    program = read(f"({taken}) => (float[N,2] y) <{W}, float c = {{255}}, float f = "
                   f"{{0.003921568859368563}}, int8 e = {{-1}}, int8 o = {{0}}> {{ {nodes} }}")
    assert program.declared_preprocessing == declared


@pytest.mark.parametrize("datatype, declared", [("UINT8", "u8"), ("BIPOLAR", "bipolar"),
                                             ("BINARY", "bits"), ("FLOAT32", None)])
def test_declared_by_annotation(tmp_path, datatype, declared):
    made = model(f"(float[N,6] x) => (float[N,2] y) <{W}> {{ y = MatMul(x, w) }}")
    annotation = made.graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
    onnx.save(made, tmp_path / "net.onnx")
    assert load(tmp_path / "net.onnx").declared_preprocessing == declared


def test_initializers_among_the_inputs(tmp_path):
    made = model(f"(float[1,6] x, float[6,2] w) => (float[1,2] y) <{W}> {{ y = MatMul(x, w) }}")
    assert len(made.graph.input) == 2
    onnx.save(made, tmp_path / "net.onnx")
    program = load(tmp_path / "net.onnx")
    assert program.shape == (6,) and program.dtype == np.float32


@pytest.mark.parametrize("size", [{}, {"dim_value": 0}, {"dim_value": -1}, {"dim_param": "N"},
                                  {"dim_value": 7}, {"dim_value": 1 << 26}], ids=str)
def test_any_batch(tmp_path, size):
    made = model(f"(float[1,6] x) => (float[1,2] y) <{W}> {{ y = MatMul(x, w) }}")
    dim = made.graph.input[0].type.tensor_type.shape.dim[0]
    dim.Clear()
    dim.MergeFrom(onnx.TensorShapeProto.Dimension(**size))
    onnx.save(made, tmp_path / "net.onnx")
    program = load(tmp_path / "net.onnx")
    assert program.run(np.zeros((4, 6), np.float32))[-1].shape == (4, 2)


def test_moves_take_any_type(read):
    program = read(f"(float[N,2,3] x) => (float[N,2] y) <{W}> "
                   "{ t = Transpose<perm=[0,2,1]>(x)  f = Flatten(t)  y = MatMul(f, w) }")
    places = np.arange(6).reshape(1, 2, 3)
    for step in program.steps:
        if isinstance(step, Move):
            places = step.function(places)
    np.testing.assert_array_equal(places, [[0, 3, 1, 4, 2, 5]])


def test_tanh_for_its_sign(read):
    program = read(f"(float[N,6] x) => (float[N,2] y) <{W}, float z = {{0}}> {{ p = MatMul(x, w)  "
                   "t = Tanh(p)  s = Sign(t)  g = GreaterOrEqual(t, z)  c = Cast<to=1>(g)  "
                   "y = Add(s, c) }")
    x = np.random.default_rng(4).integers(-1, 2, (20, 6)).astype(np.float32)
    np.testing.assert_array_equal(program.run(x)[-1], oracle(read.path, x))


def test_dead_nodes_do_not_matter(read):
    program = read(f"(float[N,6] x) => (float[N,2] y) <{W}> {{ z = NonZero(x)  q = foo.Bar(x)  "
                   "y = MatMul(x, w) }")
    assert len(program.steps) == 1
