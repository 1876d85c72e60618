"""Larq and Keras files: every layer and the integer graph against results of TensorFlow."""

import io
import json
import lzma
from pathlib import Path

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from xnorloom import frontend
from xnorloom.frontend.keras.model import load
from xnorloom.frontend.keras.quantizers import elementwise, quantized
from xnorloom.frontend.program import Dense, Elementwise, Program
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim.golden import evaluate

FILES = Path(__file__).parents[3] / "fixtures" / "larq"
# Network, files, preprocessing, and the Keras layers whose signs are the activations of the graph's
# dense layers, then the layer of the scores.
NETWORKS = {
    "sequential": (("sequential.h5", "sequential.keras", "sequential_quantized.h5"), "bipolar",
                   ("norm", "norm2", "norm3")),
    "functional": (("functional.h5", "functional.keras", "functional_quantized.h5"), None,
                   ("sign", "sign2", "third")),
    "keras3": (("keras3.h5", "keras3.keras"), "bipolar", ("sign2", "norm2")),
    "mnist": (("mnist.h5.xz",), "bipolar",
              ("batch_normalization", "batch_normalization_1", "batch_normalization_2")),
}
CASES = [pytest.param(network, file, id=file)
         for network, (files, _, _) in NETWORKS.items() for file in files]
ULP = 2.0 ** -23


@pytest.fixture
def open_file(tmp_path):
    """Program of a fixture file, decompressed if necessary."""
    def inner(name: str, load=load) -> Program:
        path = FILES / name
        if path.suffix == ".xz":
            path = tmp_path / path.stem
            path.write_bytes(lzma.decompress((FILES / name).read_bytes()))
        return load(path)

    return inner


def oracle(network: str) -> dict[str, np.ndarray]:
    with np.load(FILES / f"{network}.npz") as arrays:
        return dict(arrays)


def results(program: Program, frames: np.ndarray) -> dict[str, np.ndarray]:
    return {step.tensor: value for step, value in zip(program.steps, program.run(frames))}


@pytest.mark.parametrize("network,file", CASES)
def test_layers_as_tensorflow(open_file, network, file):
    program, wanted = open_file(file), oracle(network)
    frames = wanted.pop("input")
    assert program.shape == frames.shape[1:] and program.dtype == frames.dtype
    found = results(program, frames)
    # Left out: the identity, and the softmax at the end.
    missing = [name for name in wanted if name not in found]
    assert missing == {"sequential": ["dropout", "classes"],
                       "functional": ["gaussian_noise"]}.get(network, [])
    for name in found.keys() & wanted.keys():
        assert found[name].dtype == np.float32, name
        if name.startswith(("norm", "batch")) or (network, name) == ("functional", "first"):
            # TensorFlow's rsqrt, and sums of products other than integers, are off by up to three
            # units.
            bound = 8 * ULP * np.abs(wanted[name]).max(axis=0)
            assert (np.abs(found[name] - wanted[name]) <= bound).all(), name
        else:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


@pytest.mark.parametrize("network,file", CASES)
def test_graph_as_tensorflow(open_file, network, file):
    _, preprocessing, layers = NETWORKS[network]
    program, wanted = open_file(file), oracle(network)
    lowered = lower(program, preprocessing)
    frames = wanted["input"]
    if preprocessing == "bipolar":
        binary = (np.abs(frames) == 1).all(axis=tuple(range(1, frames.ndim)))
        assert binary.sum() >= 24
        wanted = {name: values[binary] for name, values in wanted.items()}
        elements = (wanted["input"] > 0).astype(np.uint8)
    else:
        elements = encode(lowered.graph.input, frames)
    golden = evaluate(lowered.graph, elements)
    assert len(golden.activations) == len(layers) - 1
    for bits, name, probe in zip(golden.activations, layers, lowered.probes):
        # Signs of Keras 3 are -1 and +1; those of Larq are taken after the layer.
        np.testing.assert_array_equal(bits[:, np.argsort(probe.order)], wanted[name] >= 0,
                                      err_msg=name)
    np.testing.assert_array_equal(golden.classes, wanted[layers[-1]].argmax(axis=1))


TERNARY = {
    "ste_tern": ("ste_tern", lambda kernel: np.sign(kernel) * (np.abs(kernel) > 0.05)),
    "threshold": ({"class_name": "SteTern", "config": {"threshold_value": 0.2}},
                  lambda kernel: np.sign(kernel) * (np.abs(kernel) > 0.2)),
    "ternary weight networks": (
        {"class_name": "SteTern", "config": {"ternary_weight_networks": True}},
        lambda kernel: np.sign(kernel) * (np.abs(kernel) > 0.7 * np.abs(kernel).mean())),
    "heaviside": ("ste_heaviside", lambda kernel: np.float32(kernel > 0)),
}


@pytest.mark.parametrize("spec, ternary", TERNARY.values(), ids=TERNARY)
def test_ternary_kernels(tmp_path, spec, ternary):
    """Kernels by Larq's definition, and the graph against the steps of the file."""
    path = tmp_path / "net.h5"
    path.write_bytes((FILES / "sequential.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for entry in config["config"]["layers"]:
            if "kernel_quantizer" in entry["config"]:
                entry["config"]["kernel_quantizer"] = spec
        file.attrs["model_config"] = json.dumps(config)
        kernel = file["model_weights/first/first/kernel:0"][:]
    program = load(path)
    lowered = lower(program, "bipolar")
    first = lowered.graph.layers[0]
    wanted = ternary(kernel)
    assert 0 < first.synapses < first.weights.size
    assert np.array_equal(np.count_nonzero(first.present, axis=1),
                          np.count_nonzero(wanted, axis=0))
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (500, *lowered.graph.input.shape), dtype=np.uint8)
    found = results(program, 2 * bits.astype(np.float32) - 1)
    golden = evaluate(lowered.graph, bits)
    for activations, probe in zip(golden.activations, lowered.probes, strict=True):
        shown = found[probe.tensor].reshape(len(bits), -1)[:, probe.order]
        np.testing.assert_array_equal(activations, shown > probe.middle)
    np.testing.assert_array_equal(golden.classes, found[lowered.output].argmax(axis=1))


@pytest.mark.parametrize("network", ["sequential", "functional", "keras3"])
def test_kinds_of_file_agree(open_file, network):
    files, preprocessing, _ = NETWORKS[network]
    assert len({lower(open_file(file), preprocessing).graph.digest for file in files}) == 1


@pytest.mark.parametrize("libver", ["earliest", "v110", "latest"])
@pytest.mark.parametrize("text", [str, np.bytes_], ids=["str", "bytes"])
def test_versions_of_hdf5(open_file, tmp_path, libver, text):
    """Structures that other versions of h5py write: newer headers, texts of fixed length."""
    path = tmp_path / "net.h5"
    with h5py.File(FILES / "sequential.h5") as old, h5py.File(path, "w", libver=libver) as new:
        new.attrs["model_config"] = text(old.attrs["model_config"])
        new.copy(old["model_weights"], "model_weights")
        for group in new["model_weights"].values():
            names = [text(name) for name in group.attrs["weight_names"]]
            group.attrs["weight_names"] = names
    assert lower(load(path), "bipolar").graph == lower(open_file("sequential.h5"), "bipolar").graph


def test_slopes_of_all_kinds(open_file):
    lowered = lower(open_file("sequential.h5"), "bipolar")
    assert lowered.layers[0].inverted >= 5 and lowered.layers[0].constant >= 3


def test_onnx_of_the_same_network(open_file):
    ours, theirs = open_file("mnist.h5.xz"), open_file("mnist.onnx.xz", frontend.load)
    assert lower(ours, "bipolar").graph == lower(theirs, "bipolar").graph


def test_runtime_of_the_same_network(open_file):
    """Compare with unoptimised ONNX Runtime on frames with zeros and floats."""
    model = onnx.load(io.BytesIO(lzma.decompress((FILES / "mnist.onnx.xz").read_bytes())))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    signs = [node.output[0] for node in model.graph.node if node.name.endswith("Sign_1")]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in signs)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    random = np.random.default_rng(3)
    frames = random.normal(0, 1, (200, 28, 28)).astype(np.float32)
    frames[random.random(frames.shape) < 0.3] = 0
    frames[:50] = np.where(frames[:50] < 0, -1, 1)
    program = open_file("mnist.h5.xz")
    found = results(program, frames)
    scores, *bits = session.run(None, {model.graph.input[0].name: frames})
    for name, wanted in zip(("quant_dense", "quant_dense_1", "quant_dense_2"), bits):
        np.testing.assert_array_equal(found[f"{name}/input_quantizer"], wanted)
    np.testing.assert_allclose(found["batch_normalization_2"], scores, rtol=0, atol=1e-5)
    # Constants of the two files: equal kernels, nearly equal slopes and shifts.
    for step in program.steps:
        if isinstance(step, Dense):
            assert any(np.array_equal(step.weights, value) for value in constants.values())
        if isinstance(step, Elementwise) and len(step.inputs) == 3:
            for found, name in zip(step.inputs[1:], ("mul", "sub")):
                wanted = constants[f"mnist/{step.name}/batchnorm/{name}:0"]
                bound = 4 * ULP * max(1, np.abs(wanted).max())
                np.testing.assert_allclose(found, wanted, rtol=4 * ULP, atol=bound)


LINE = np.array([-9, -1, -0.5, -0.04, -0.0, 0, 0.04, 0.5, 1, 9], np.float32)
SIGN = [-1, -1, -1, -1, 1, 1, 1, 1, 1, 1]
FUNCTIONS = {
    "word": ("ste_sign", SIGN),
    "class": ("ApproxSign", SIGN),
    "object": ({"class_name": "SwishSign", "config": {"beta": 5.0}}, SIGN),
    "registered": ({"class_name": "Larq>SteSign", "config": {}}, SIGN),
    "function": ({"class_name": "function", "config": "hard_tanh"},
                 [-1, -1, -0.5, -0.04, 0, 0, 0.04, 0.5, 1, 1]),
    "heaviside": ("ste_heaviside", [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
    "relu": ("relu", [0, 0, 0, 0, 0, 0, 0.04, 0.5, 1, 9]),
    "three-valued sign": ("sign", [-1, -1, -1, -1, 0, 0, 1, 1, 1, 1]),
    "ternary": ("ste_tern", [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]),
    "ternary, other": ({"class_name": "SteTern", "config": {"threshold_value": 0.75}},
                       [-1, -1, 0, 0, 0, 0, 0, 0, 1, 1]),
    "DoReFa": ({"class_name": "DoReFa", "config": {"k_bit": 1, "mode": "activations"}},
               [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
    "DoReFa, two bits": ("dorefa_quantizer",
                         np.float32([0, 0, 0, 0, 0, 0, 0, 2, 3, 3]) / np.float32(3)),
}


@pytest.mark.parametrize("spec,wanted", FUNCTIONS.values(), ids=FUNCTIONS)
def test_elementwise(spec, wanted):
    function = elementwise(spec, "it")
    assert function is not None
    found = function(LINE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.float32(wanted))


@pytest.mark.parametrize("spec", [None, "linear", {"class_name": "NoOp", "config": {}}])
def test_identity(spec):
    assert elementwise(spec, "it") is None
    assert quantized(LINE, spec, "it") is LINE


KERNELS = {
    "sign": ("ste_sign", [[1, -1], [1, 1], [-1, 1]]),
    "magnitude": ("magnitude_aware_sign", [[0.5, -1], [0.5, 1], [-0.5, 1]]),
    "ternary": ({"class_name": "SteTern", "config": {"ternary_weight_networks": True}},
                [[1, -1], [0, 0], [-1, 1]]),
    "DoReFa": ({"class_name": "DoReFa", "config": {"k_bit": 1, "mode": "weights"}},
               [[1, -1], [-1, 1], [-1, 1]]),
}


@pytest.mark.parametrize("spec,wanted", KERNELS.values(), ids=KERNELS)
def test_quantized(spec, wanted):
    kernel = np.float32([[0.75, -1.5], [0, 0.25], [-0.75, 1.25]])
    found = quantized(kernel, spec, "it")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.float32(wanted))
    if "DoReFa" not in str(spec) and "Tern" not in str(spec):
        np.testing.assert_array_equal(quantized(found, spec, "it"), found)
