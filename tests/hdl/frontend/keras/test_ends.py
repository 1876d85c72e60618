"""Ends of Keras networks: one output, and functions that keep the order of scores."""

import itertools
import json

import h5py
import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.keras.model import load
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden
from xnorloom_sim.verification import SourceModel, verify
from xnorloom_sim.verification.frames import elements_of

INPUTS, NEURONS = 8, 5
EVERY = np.array(list(itertools.product([0, 255], repeat=INPUTS)), np.uint8)


def save(path, outputs, activation, *, bias=True, after=()):
    """Write a network of two layers of weights ±1; returns the sums of its last layer."""
    rng = np.random.default_rng(outputs)
    kernels = {"first": rng.choice(np.float32([-1, 1]), (INPUTS, NEURONS)),
               "last": rng.choice(np.float32([-1, 1]), (NEURONS, outputs))}
    offsets = (2 * rng.integers(-1, 2, outputs) + 1).astype(np.float32) / 2
    layers = [{"class_name": "InputLayer", "config": {
        "name": "input", "batch_input_shape": [None, INPUTS], "dtype": "float32"}}]
    for name, kernel in kernels.items():
        last = name == "last"
        layers.append({"class_name": "QuantDense", "config": {
            "name": name, "units": kernel.shape[1], "use_bias": last and bias, "dtype": "float32",
            "activation": activation if last else "linear", "kernel_quantizer": None,
            "input_quantizer": "ste_sign" if last else None}})
    layers += [{"class_name": kind, "config": {"name": f"after{number}", "dtype": "float32",
                                               **config}}
               for number, (kind, config) in enumerate(after)]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": {"name": "net", "layers": layers}})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [item["config"]["name"].encode() for item in layers]
        for item in layers:
            name = item["config"]["name"]
            weights = {f"{name}/kernel:0": kernels[name]} if name in kernels else {}
            if name == "last" and bias:
                weights[f"{name}/bias:0"] = offsets
            one = group.create_group(name)
            one.attrs["weight_names"] = [key.encode() for key in weights]
            for key, array in weights.items():
                one[key] = array
    frames = EVERY / 127.5 - 1
    hidden = np.where(frames @ kernels["first"] >= 0, 1, -1)
    return hidden @ kernels["last"] + (offsets if bias else 0)


def classes_of(path):
    lowered = lower(load(path), "bipolar")
    elements = elements_of(lowered.graph, EVERY)
    assert verify(lowered.graph, elements, source=SourceModel(lowered, EVERY),
                  steps=["source"]).equal
    return lowered, golden.evaluate(lowered.graph, elements).classes


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation,boundary", [("linear", 0), ("sigmoid", 0.5), ("tanh", 0)])
def test_one_output(tmp_path, activation, boundary, bias):
    sums = save(tmp_path / "net.h5", 1, activation, bias=bias)
    lowered, classes = classes_of(tmp_path / "net.h5")
    # The function rises, and is at its decision point for the sum 0.
    np.testing.assert_array_equal(classes, sums[:, 0] > 0)
    assert lowered.boundary == boundary
    assert 0 < classes.sum() < len(classes)


@pytest.mark.parametrize("after", [
    [("Activation", {"activation": "sigmoid"})],
    [("Activation", {"activation": "sigmoid"}), ("Flatten", {}), ("Dropout", {"rate": 0.5})],
    [("Reshape", {"target_shape": [1, 1]}), ("Activation", {"activation": "tanh"})]])
def test_one_output_and_a_layer(tmp_path, after):
    sums = save(tmp_path / "net.h5", 1, "linear", after=after)
    _, classes = classes_of(tmp_path / "net.h5")
    np.testing.assert_array_equal(classes, sums[:, 0] > 0)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh"])
def test_several_outputs(tmp_path, activation):
    sums = save(tmp_path / "net.h5", 4, activation)
    lowered, classes = classes_of(tmp_path / "net.h5")
    np.testing.assert_array_equal(classes, sums.argmax(axis=1))
    assert lowered.notes == (f"the {activation} of layer last is left out, which keeps the order "
                             "of the classes",)
    save(tmp_path / "after.h5", 4, "linear", after=[("Activation", {"activation": activation}),
                                                    ("Flatten", {})])
    after, classes = classes_of(tmp_path / "after.h5")
    np.testing.assert_array_equal(classes, sums.argmax(axis=1))
    assert after.graph.digest == lowered.graph.digest


@pytest.mark.parametrize("activation", ["ste_sign", "relu", "hard_tanh"])
def test_flat_scores_wrong(tmp_path, activation):
    save(tmp_path / "net.h5", 4, activation)
    with pytest.raises(SourceError, match=r"^no integer scores decide as the network does: the "
                                          r"activation of 'last' follows the last layer, 'last', "
                                          r"and gives .*; leave it off, so that the scores before "
                                          r"are the output$"):
        lower(load(tmp_path / "net.h5"), "bipolar")


def test_softmax_of_one_output_wrong(tmp_path):
    save(tmp_path / "net.h5", 1, "softmax")
    with pytest.raises(SourceError, match=r"^layer 'last' \(QuantDense\) must have two outputs or "
                                          r"more, as it has a softmax, which is 1 for every input "
                                          r"if there is one$"):
        load(tmp_path / "net.h5")


def test_relu_of_one_output_wrong(tmp_path):
    save(tmp_path / "net.h5", 1, "relu")
    with pytest.raises(SourceError, match=r"^the network has one output, 'last', whose decision "
                                          r"point must be known: .*; leave it off"):
        lower(load(tmp_path / "net.h5"), "bipolar")
