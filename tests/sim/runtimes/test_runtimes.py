"""Source models in independent runtimes: a batch must equal its single frames."""

import re
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from xnorloom.errors import SourceError, ToolError
from xnorloom.frontend.program import INPUT, Dense, Elementwise, Program, Value
from xnorloom_sim.runtimes import select

INPUTS, HIDDEN, CLASSES = 12, 9, 4
TENSORS = ["hidden", "scores"]


def constants(rng):
    """Weights and batch-norm parameters by name."""
    def floats(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return {"w0": np.sign(floats(INPUTS, HIDDEN)), "w1": np.sign(floats(HIDDEN, CLASSES)),
            "gamma": floats(HIDDEN), "beta": floats(HIDDEN), "mean": floats(HIDDEN),
            "var": np.abs(floats(HIDDEN)), "zero": np.float32(0), "one": np.float32(1),
            "minus": np.float32(-1), "alpha": floats(CLASSES)}


def save(path, nodes, arrays, *, batch, opset=17, domain=None, listed=False):
    """An ONNX file with the input ``x`` of 3 x 4 elements and the output ``scores``."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 4])]
    if listed:
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
                   for name, array in arrays.items() if array.dtype == np.float32]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, CLASSES])]
    graph = helper.make_graph(nodes, "toy", inputs, outputs,
                              [numpy_helper.from_array(array, name)
                               for name, array in arrays.items()])
    opsets = [helper.make_opsetid("", opset)]
    if domain is not None:
        opsets.append(helper.make_opsetid(domain, 1))
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def reshape(target, constant):
    """The nodes and arrays that flatten a frame."""
    array = np.array(target, np.int64)
    node = helper.make_node("Reshape", ["x", "shape"], ["flat"])
    if constant:
        value = numpy_helper.from_array(array, "value")
        return [helper.make_node("Constant", [], ["shape"], value=value), node], {}
    return [node], {"shape": array}


TAIL = [
    helper.make_node("MatMul", ["flat", "w0"], ["sums"]),
    helper.make_node("BatchNormalization", ["sums", "gamma", "beta", "mean", "var"], ["normal"]),
    helper.make_node("GreaterOrEqual", ["normal", "zero"], ["fires"]),
    helper.make_node("Where", ["fires", "one", "minus"], ["hidden"]),
    helper.make_node("MatMul", ["hidden", "w1"], ["counts"]),
    helper.make_node("Mul", ["counts", "alpha"], ["scores"]),
]

FILES = {
    # name: (batch of the input, first node, whether initialisers are listed as inputs, too)
    "any number": ("N", ([helper.make_node("Flatten", ["x"], ["flat"])], {}), False),
    "reshaped by -1": ("N", reshape([-1, INPUTS], False), False),
    "one": (1, reshape([1, INPUTS], False), True),
    "one, constant node": (1, reshape([1, -1], True), False),
    "two": (2, reshape([2, INPUTS], False), False),
}


@pytest.fixture(params=FILES)
def standard(request, tmp_path):
    batch, (nodes, arrays), listed = FILES[request.param]
    values = constants(np.random.default_rng(1)) | arrays
    return save(tmp_path / "toy.onnx", [*nodes, *TAIL], values, batch=batch, listed=listed), batch


def bipolar(count, seed=2):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((count, 3, 4)) < 0.5, np.float32(-1), np.float32(1))


def frame_by_frame(path, frames, few, *, optimised=False):
    """Tensors of the unchanged file, ``few`` frames at a time."""
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("hidden", TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    parts = [session.run(TENSORS, {"x": frames[start:start + few]})
             for start in range(0, len(frames), few)]
    return {name: np.concatenate([part[index] for part in parts])
            for index, name in enumerate(TENSORS)}


@pytest.mark.parametrize("count", [1, 6, 1002])
def test_standard(standard, count):
    path, batch = standard
    frames, seen = bipolar(count), []
    found = select.run(path, frames, TENSORS, lambda *numbers: seen.append(numbers))
    few = batch if batch == 2 and count > 1 else 1
    if batch == 2 and count == 1:
        expected = {name: array[:1] for name, array
                    in frame_by_frame(path, np.repeat(frames, 2, axis=0), 2).items()}
    else:
        expected = frame_by_frame(path, frames, few)
    for name in TENSORS:
        np.testing.assert_array_equal(found[name], expected[name], strict=True)
    assert seen[-1] == (count, count)


def test_standard_title(standard):
    runtime = select.open_model(standard[0], TENSORS)
    assert runtime.title == f"onnxruntime {onnxruntime.__version__}, optimisation off"


def test_the_input_is_a_tensor_too(standard):
    frames = bipolar(3)
    found = select.run(standard[0], frames, ["x", "hidden"])
    np.testing.assert_array_equal(found["x"], frames)


def test_nothing_is_merged(tmp_path):
    # The optimiser merges the batch norm into the weights.
    values = constants(np.random.default_rng(3))
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]),
             TAIL[0], TAIL[1],
             helper.make_node("Identity", ["normal"], ["hidden"]),
             helper.make_node("MatMul", ["hidden", "w1"], ["scores"])]
    path = save(tmp_path / "toy.onnx", nodes, values, batch="N")
    frames = bipolar(200)
    found = select.run(path, frames, TENSORS)["hidden"]
    np.testing.assert_array_equal(found, frame_by_frame(path, frames, 1)["hidden"])
    assert (found != frame_by_frame(path, frames, 1, optimised=True)["hidden"]).any()


def test_frames_that_depend_on_each_other(tmp_path):
    """A copy for more frames would compute other tensors, so it is not used."""
    nodes = [helper.make_node("Flatten", ["x"], ["alone"]),
             helper.make_node("ReduceMean", ["alone"], ["average"], axes=[0], keepdims=1),
             helper.make_node("Sub", ["alone", "average"], ["flat"]), *TAIL]
    path = save(tmp_path / "toy.onnx", nodes, constants(np.random.default_rng(4)), batch=2)
    frames = bipolar(10)
    found = select.run(path, frames, TENSORS)
    for name, array in frame_by_frame(path, frames, 2).items():
        np.testing.assert_array_equal(found[name], array)


# qonnx


def quantised(op, domain, path, *, batch=1):
    """A network whose activations are ``BipolarQuant`` or ``MultiThreshold`` nodes."""
    rng = np.random.default_rng(5)
    values = constants(rng)
    kept = ["w0", "w1", "alpha", *(["one"] if op == "BipolarQuant" else [])]
    values = {name: values[name] for name in kept}
    if op == "BipolarQuant":
        node = helper.make_node(op, ["sums", "one"], ["hidden"], domain=domain)
    else:
        values["steps"] = np.sort(rng.integers(-4, 5, (HIDDEN, 1)), axis=1).astype(np.float32)
        node = helper.make_node(op, ["sums", "steps"], ["hidden"], domain=domain, out_scale=2.0,
                                out_bias=-1.0, out_dtype="BIPOLAR")
    nodes, arrays = reshape([batch if batch != "N" else -1, INPUTS], False)
    return save(path, [*nodes, TAIL[0], node, *TAIL[4:]], values | arrays, batch=batch,
                domain=domain), values


@pytest.mark.parametrize("op", ["BipolarQuant", "MultiThreshold"])
@pytest.mark.parametrize("batch", [1, 2, "N"])
@pytest.mark.parametrize(
    "domain", ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "finn"])
def test_custom_from_the_definition(op, batch, domain, tmp_path):
    path, values = quantised(op, domain, tmp_path / "toy.onnx", batch=batch)
    frames = bipolar(501)
    found = select.run(path, frames, TENSORS)
    sums = frames.reshape(501, -1) @ values["w0"]
    limit = values["steps"][:, 0] if op == "MultiThreshold" else 0
    hidden = np.where(sums >= limit, 1, -1)
    np.testing.assert_array_equal(found["hidden"], hidden)
    np.testing.assert_array_equal(found["scores"],
                                  (hidden @ values["w1"]).astype(np.float32) * values["alpha"])


def test_custom_frame_by_frame(tmp_path):
    path, _ = quantised("BipolarQuant", "qonnx.custom_op.general", tmp_path / "toy.onnx")
    frames = bipolar(5)
    runtime = select.open_model(path, TENSORS)
    assert re.fullmatch(r"qonnx \d\S*, node by node", runtime.title)
    found = runtime.execute(frames)
    model = ModelWrapper(str(path)).transform(InferShapes())
    for index, frame in enumerate(frames):
        context = execute_onnx(model, {"x": frame[np.newaxis]}, True)
        for name in TENSORS:
            np.testing.assert_array_equal(found[name][index:index + 1], context[name])


def test_notes_of_data_types_change_nothing(tmp_path):
    """By the annotation qonnx would round to integers, and fail for a half."""
    path, values = quantised("BipolarQuant", "qonnx.custom_op.general", tmp_path / "toy.onnx")
    model = ModelWrapper(str(path))
    note = model.graph.quantization_annotation.add()
    note.tensor_name = "x"
    note.quant_parameter_tensor_names.add(key="finn_datatype", value="INT2")
    model.save(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = select.run(path, bipolar(3) / 2, TENSORS)
    np.testing.assert_array_equal(found["hidden"], np.where(
        bipolar(3).reshape(3, -1) @ values["w0"] >= 0, 1, -1))


# what goes wrong


def test_wrong(standard, tmp_path):
    path, _ = standard
    with pytest.raises(SourceError, match=r"^no node computes tensor 'other'$"):
        select.open_model(path, ["hidden", "other"])
    with pytest.raises(ValueError, match=r"^frames must hold at least one frame, not none$"):
        select.run(path, bipolar(0), TENSORS)
    with pytest.raises(SourceError, match=r"^onnxruntime cannot run the model: .*"):
        select.run(path, bipolar(3).astype(np.float64), TENSORS)
    broken = save(tmp_path / "broken.onnx", [helper.make_node("Flatten", ["x"], ["scores"]),
                                             helper.make_node("Nonsense", ["x"], ["hidden"])],
                  {}, batch="N")
    with pytest.raises(SourceError, match=r"^onnxruntime cannot load the model: .*Nonsense"):
        select.run(broken, bipolar(3), TENSORS)


def test_custom_wrong(tmp_path):
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), TAIL[0],
             helper.make_node("Nonsense", ["sums"], ["hidden"], domain="finn"), *TAIL[4:]]
    path = save(tmp_path / "toy.onnx", nodes, constants(np.random.default_rng(1)), batch=1)
    with pytest.raises(SourceError, match=r"^qonnx cannot load the model: .*Nonsense"):
        select.run(path, bipolar(3), TENSORS)


@pytest.mark.parametrize("package", ["onnxruntime", "qonnx"])
def test_packages_missing(package, tmp_path, monkeypatch):
    path, _ = quantised("BipolarQuant", "onnx.brevitas", tmp_path / "toy.onnx")
    for name in list(sys.modules):
        if name.startswith((f"{package}.", "xnorloom_sim.runtimes.onnxruntime",
                            "xnorloom_sim.runtimes.qonnx")):
            monkeypatch.delitem(sys.modules, name)
    for name in ("onnxruntime", "qonnx"):
        monkeypatch.delattr(f"xnorloom_sim.runtimes.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    message = (f"the package {package} that runs the source model is missing: "
               f"pip install '.[verify]'")
    with pytest.raises(ToolError, match=f"^{re.escape(message)}$"):
        select.open_model(path, TENSORS)


# numpy


def test_numpy_runtime():
    weights = np.sign(np.random.default_rng(1).normal(size=(3, 2)))
    program = Program("toy", (3,), np.dtype(np.float32), (
        Elementwise("Sign", "s", (INPUT,), np.sign), Dense("MatMul", "y", Value(0), weights),
    ), Value(1))
    runtime = select.numpy_runtime(program, ["y", "s"])
    assert runtime.title == "source, in numpy"
    frames = np.array([[1, -2, 3], [0, 0, 5]], np.float32)
    found = runtime.execute(frames)
    np.testing.assert_array_equal(found["s"], np.sign(frames))
    np.testing.assert_array_equal(found["y"], np.sign(frames) @ weights)
    with pytest.raises(SourceError, match=r"^'toy': no step computes tensor 'z'$"):
        select.numpy_runtime(program, ["z"])


@pytest.mark.parametrize(("start", "expected"), [
    (b"\x08\x08\x12\x07pytorch", True), (b"\x89HDF\r\n\x1a\nrest", False), (b"PK\x03\x04", False)])
def test_has_runtime(start, expected, tmp_path):
    (tmp_path / "model").write_bytes(start)
    assert select.has_runtime(tmp_path / "model") is expected


@pytest.mark.parametrize("domain", [None, "qonnx.custom_op.general"])
def test_a_batch_that_does_not_fit_is_quiet(tmp_path, capfd, domain):
    """The shape of one frame is put together by Concat, so that a larger batch fails to run."""
    rng = np.random.default_rng(3)
    sizes = {"first": np.array([1], np.int64), "rest": np.array([INPUTS], np.int64)}
    nodes = [helper.make_node("Concat", ["first", "rest"], ["shape"], axis=0),
             helper.make_node("Reshape", ["x", "shape"], ["flat"], allowzero=1), *TAIL[:3]]
    if domain:
        nodes += [helper.make_node("Cast", ["fires"], ["number"], to=1),
                  helper.make_node("Sub", ["number", "half"], ["moved"]),
                  helper.make_node("BipolarQuant", ["moved", "one"], ["hidden"], domain=domain)]
    else:
        nodes.append(TAIL[3])
    arrays = {**constants(rng), **sizes, "half": np.float32(0.5)}
    path = save(tmp_path / "net.onnx", [*nodes, *TAIL[4:]], arrays, batch=1, opset=17,
                domain=domain)
    frames = rng.normal(size=(7, 3, 4)).astype(np.float32)
    tensors = select.run(path, frames, TENSORS)
    assert tensors["scores"].shape == (7, CLASSES)
    one_by_one = [select.run(path, frames[n:n + 1], TENSORS)["scores"] for n in range(7)]
    np.testing.assert_array_equal(tensors["scores"], np.concatenate(one_by_one))
    captured = capfd.readouterr()
    assert "onnxruntime" not in captured.err + captured.out


def test_a_batch_that_takes_too_much_memory(tmp_path):
    rng = np.random.default_rng(4)
    path = save(tmp_path / "net.onnx", [helper.make_node("Flatten", ["x"], ["flat"]), *TAIL],
                constants(rng), batch=1 << 40)
    frames = rng.normal(size=(5, 3, 4)).astype(np.float32)
    assert select.run(path, frames, TENSORS)["scores"].shape == (5, CLASSES)
