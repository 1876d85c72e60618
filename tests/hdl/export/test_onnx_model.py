"""ONNX models of graphs, run by ONNX Runtime."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from xnorloom import load
from xnorloom.errors import MissingToolError, XnorloomError
from xnorloom.export.onnx_model import onnx_model, write_onnx
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom_sim.data import bundled
from xnorloom_sim.data.frames import frames_of
from xnorloom_sim.golden import evaluate


def check(graph, frames):
    """ONNX Runtime gives the scores and classes of the golden model."""
    data = onnx_model(graph).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    dtype = np.uint8 if graph.input.bits <= 8 else np.uint16
    scores, classes = session.run(["scores", "class"], {
        "frames": np.asarray(frames, dtype).reshape(-1, *graph.input.shape)})
    golden = evaluate(graph, frames)
    assert np.array_equal(scores, golden.scores) and scores.dtype == np.int64
    assert np.array_equal(classes, golden.classes)
    return golden


def random_frames(graph, rng, count=60):
    return rng.integers(0, 1 << graph.input.bits, (count, *graph.input.shape))


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 9, 16])
@pytest.mark.parametrize("sizes", [(1, 1), (30, 9, 4), (65, 33, 17, 2)], ids=str)
def test_dense(random_graph, bits, sizes):
    rng = np.random.default_rng(bits)
    graph = random_graph(rng, sizes, bits=bits)
    check(graph, random_frames(graph, rng))


@pytest.mark.parametrize("name", ["tfc", "sfc8", "mnist-cnn"])
def test_bundled(name):
    """Real digits and random frames."""
    graph = load(name)
    golden = check(graph, frames_of(graph, bundled())[:50])
    assert len(set(golden.classes.tolist())) > 5
    check(graph, random_frames(graph, np.random.default_rng(1), 20))


def conv(rng, name, map, neurons, window, *, bits=1, groups=1, pool=None, absent=False):
    """A convolution on ``map`` with thresholds among its counts, by border class if it has any."""
    weights = rng.integers(0, 2, (neurons, *window.kernel, map[2] // groups))
    present = rng.integers(0, 4, weights.shape) > 0 if absent else None
    zero = Conv(name, weights, np.zeros(neurons, int), window, pool, groups, present)
    most = zero.class_counts(Map(*map), bits)
    thresholds = np.round(most * rng.normal(0.5, 0.1, most.shape)).clip(0, most + 1).astype(int)
    return Conv(name, weights, thresholds if len(most) > 1 else thresholds[0], window, pool,
                groups, present)


PAD = (1, 2, 0, 1)
WINDOWS = {
    "plain": (Window((3, 2)), {}),
    "stride and dilation": (Window((2, 3), (2, 1), (1, 2)), {}),
    "zeros": (Window((3, 3), padding=PAD), {}),
    "zeros and stride": (Window((3, 3), (2, 2), padding=PAD), {"groups": 2}),
    "code": (Window((3, 3), padding=PAD, pad=1), {}),
    "codes": (Window((3, 3), padding=PAD, pad=(0, 1, 1, 0)), {}),
    "codes of groups": (Window((3, 3), padding=PAD, pad=(0, 1, 3, 2)), {"groups": 2, "bits": 2}),
    "groups": (Window((2, 2)), {"groups": 4}),
    "OR": (Window((2, 2)), {"pool": Pool((2, 3))}),
    "AND": (Window((2, 2)), {"pool": Pool((3, 2), [True, False] * 4)}),
    "absent": (Window((3, 3), padding=PAD), {"absent": True}),
    "bits": (Window((3, 3), padding=PAD), {"bits": 7}),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_convolution(name):
    window, options = WINDOWS[name]
    rng, shape = np.random.default_rng(7), (9, 8, 4)
    bits = options.get("bits", 1)
    first = conv(rng, "first", shape, 8, window, **options)
    out = first.output(Map(*shape))
    second = conv(rng, "second", tuple(out), 5, Window((2, 2), padding=(1, 0, 0, 1)))
    size = (out.rows * out.columns) * 5
    layers = (first, second, Dense("dense", rng.integers(0, 2, (6, size)), np.full(6, size // 2)),
              Score("score", rng.integers(0, 2, (4, 6)), [0, 1, -7, 2**40], [1, 3, 2, 1]))
    graph = Graph("maps", Input(shape, bits), layers)
    golden = check(graph, random_frames(graph, rng))
    for activations in golden.activations:
        assert 0 < activations.mean() < 1


def test_absent_dense():
    rng = np.random.default_rng(3)
    present = rng.integers(0, 2, (5, 20)).astype(bool)
    layers = (Dense("dense", rng.integers(0, 2, (5, 20)) & present, present.sum(1) // 2, present),
              Score("score", rng.integers(0, 2, (3, 5)), [0, 0, 1]))
    graph = Graph("absent", Input((20,)), layers)
    check(graph, random_frames(graph, rng))


def test_large_sums():
    """Sums beyond float32 are computed in float64."""
    rng = np.random.default_rng(3)
    graph = Graph("large", Input((400,), 16), (
        Dense("dense", rng.integers(0, 2, (5, 400)), np.full(5, 200 * 65535 + 1)),
        Score("score", rng.integers(0, 2, (3, 5)), [0, 0, 1])))
    assert any(node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.DOUBLE
               for node in onnx_model(graph).graph.node)
    check(graph, random_frames(graph, rng))


def test_file(random_graph, tmp_path):
    graph = random_graph(np.random.default_rng(1), (6, 3, 2))
    write_onnx(graph, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "xnorloom.digest": graph.digest, "xnorloom.bits": "1"}
    assert {node.op_type for node in model.graph.node} == {
        "Cast", "Mul", "Sub", "Reshape", "MatMul", "GreaterOrEqual", "Where", "Add", "Div",
        "ArgMax"}
    # The same graph gives the same bytes.
    write_onnx(graph, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_wrong():
    window = Window((20, 20))
    layers = (Conv("wide", np.ones((1, 20, 20, 1), int), [1], window),
              Score("score", [[1]], [0]))
    with pytest.raises(XnorloomError, match=r"^network 'net' cannot be written as ONNX: sums of "
                                            r"layer 'wide' reach 52,428,000, and its operator is "
                                            r"exact below 16,777,216$"):
        onnx_model(Graph("net", Input((20, 20, 1), 16), layers))


def test_no_onnx(random_graph, monkeypatch):
    graph = random_graph(np.random.default_rng(1), (6, 2))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingToolError, match=r"^ONNX models need onnx, which is not installed: "
                                               r"pip install '\.\[onnx\]'$"):
        onnx_model(graph)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        ((28, 28, 3), (60, 128, 200)),
        ((6, 5, 7), [(3, 200), (0, 9, 256), (40, 90)]),
        ((12,), (10, 100, 250)),
        ((5,), [(7,), (8, 9), (1, 1)]),
    ],
    ids=str,
)
def test_thermometer(shape, rows):
    """The cuts are a part of the model, which takes pixels."""
    rng = np.random.default_rng(3)
    frame = Input(shape, thermometer=rows)
    layers = ()
    if len(shape) == 3:
        layers = (conv(rng, "conv", shape, 4, Window((3, 3), (2, 2)), absent=True),)
    size = layers[0].output(Map(*shape)).size if layers else frame.size
    graph = Graph("cuts", frame, (*layers, Score("last", rng.integers(0, 2, (3, size)), [0, 1, 0])))
    session = onnxruntime.InferenceSession(
        onnx_model(graph).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [one.name for one in session.get_inputs()] == ["pixels"]
    pixels = rng.integers(0, 256, (70, *frame.pixel_shape), np.uint8)
    scores, classes = session.run(["scores", "class"], {"pixels": pixels})
    channels = frame.pixel_shape[-1] if len(frame.thermometer) > 1 else 1
    elements = np.concatenate(
        [
            pixels.reshape(70, -1, channels, 1)[:, :, number] >= np.array(row)
            for number, row in enumerate(frame.thermometer)
        ],
        axis=2,
    ).reshape(70, -1)
    golden = evaluate(graph, elements)
    assert np.array_equal(scores, golden.scores)
    assert np.array_equal(classes, golden.classes)
