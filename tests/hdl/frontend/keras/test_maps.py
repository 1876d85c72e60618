"""Keras layers on maps: every layer of stored networks against results of TensorFlow."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.keras.model import load
from xnorloom.frontend.program import Conv, Move
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim.golden import evaluate

FILES = Path(__file__).parents[3] / "fixtures" / "larq"
# Network, its preprocessing, layers whose signs are the activations of the graph, and layers that
# are no steps, as a convolution merges their padding.
NETWORKS = {"same": ("bipolar", ("norm", "norm2"), []),
            "valid": (None, ("pool", "norm2", "norm3"), ["pad", "pad2"]),
            "line": ("bipolar", ("pool", "norm2"), []),
            "keras3_maps": ("bipolar", ("sign2", "sign3", "sign4"), [])}
CASES = [pytest.param(network, file, id=f"{network}{file}")
         for network in NETWORKS for file in (".h5", ".keras")]
ULP = 2.0 ** -23


def oracle(network: str) -> dict[str, np.ndarray]:
    with np.load(FILES / f"{network}.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("network,file", CASES)
def test_layers_as_tensorflow(network, file):
    program, wanted = load(FILES / f"{network}{file}"), oracle(network)
    frames = wanted.pop("input")
    found = {step.tensor: value for step, value in zip(program.steps, program.run(frames))}
    assert [name for name in wanted if name not in found] == NETWORKS[network][2]
    for name in found.keys() & wanted.keys():
        assert (found[name].dtype, found[name].shape) == (np.float32, wanted[name].shape), name
        if name.startswith("norm") or (network, name) in (("same", "ones"), ("same", "pool"),
                                                          ("same", "flat")):
            # Slopes and real sums are rounded differently.
            bound = 4 * ULP * np.abs(wanted[name]).max()
            assert (np.abs(found[name] - wanted[name]) <= bound).all(), name
        else:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


@pytest.mark.parametrize("network", NETWORKS)
def test_graph_as_tensorflow(network):
    preprocessing, layers, _ = NETWORKS[network]
    program, wanted = load(FILES / f"{network}.h5"), oracle(network)
    lowered = lower(program, preprocessing)
    graph, frames = lowered.graph, wanted["input"]
    if preprocessing == "bipolar":
        binary = (np.abs(frames) == 1).all(axis=tuple(range(1, frames.ndim)))
        assert binary.sum() >= 24
        wanted = {name: values[binary] for name, values in wanted.items()}
        elements = (wanted["input"] > 0).astype(np.uint8).reshape(-1, *graph.input.shape)
    else:
        elements = encode(graph.input, frames)
    found = evaluate(graph, elements)
    for bits, name, probe in zip(found.activations, layers, lowered.probes, strict=True):
        values = wanted[name].reshape(len(bits), -1)[:, probe.order]
        np.testing.assert_array_equal(bits.reshape(values.shape), values >= 0, err_msg=name)
    np.testing.assert_array_equal(found.classes, wanted[lowered.output].argmax(axis=1))
    assert len(np.unique(found.classes)) > 1


@pytest.mark.parametrize("network", NETWORKS)
def test_kinds_of_file_agree(network):
    graphs = [lower(load(FILES / f"{network}{file}"), NETWORKS[network][0]).graph
              for file in (".h5", ".keras")]
    assert graphs[0] == graphs[1]


def windows(network: str) -> list[tuple[object, ...]]:
    """Kernel, stride, dilation, padding, number outside and groups of the convolutions."""
    return [(step.window.kernel, step.window.stride, step.window.dilation, step.window.padding,
             np.unique(step.pad).tolist(), step.groups)
            for step in load(FILES / f"{network}.h5").steps if isinstance(step, Conv)]


def test_windows():
    assert windows("same") == [((3, 3), (2, 2), (1, 1), (1, 0, 1, 1), [0.0], 1),
                               ((3, 2), (1, 1), (1, 1), (1, 0, 1, 1), [1.0], 1)]
    # Zeros after a sign stay zeros; before a sign they are +1.
    assert windows("valid") == [((3, 3), (1, 1), (2, 2), (0, 0, 0, 0), [0.0], 1),
                                ((3, 3), (1, 1), (1, 1), (1, 0, 0, 1), [0.0], 1),
                                ((3, 3), (1, 1), (1, 1), (1, 0, 0, 1), [1.0], 8),
                                ((1, 1), (1, 1), (1, 1), (0, 0, 0, 0), [0.0], 1),
                                ((2, 2), (2, 2), (1, 1), (0, 0, 0, 0), [0.0], 5)]
    assert windows("line") == [((1, 3), (1, 1), (1, 1), (0, 2, 0, 0), [0.0], 1),
                               ((1, 4), (1, 2), (1, 1), (0, 1, 0, 1), [-1.0], 1)]
    assert windows("keras3_maps") == [((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), [0.0], 2),
                                      ((3, 3), (1, 1), (1, 1), (0, 0, 0, 0), [0.0], 6),
                                      ((3, 2), (1, 1), (1, 1), (0, 0, 0, 0), [0.0], 6),
                                      ((2, 1), (2, 1), (1, 1), (0, 0, 0, 0), [0.0], 6)]


def changed(path: Path, network: str, **layers: dict[str, object]) -> Path:
    """Copy a stored network with other entries in the configurations of some layers."""
    path.write_bytes((FILES / f"{network}.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for item in config["config"]["layers"]:
            entries = dict(layers.pop(item["config"]["name"], {}))
            item["class_name"] = entries.pop("class_name", item["class_name"])
            item["config"].update(entries)
        file.attrs["model_config"] = json.dumps(config)
    assert not layers
    return path


def test_pool_same_that_divides(tmp_path):
    program = load(changed(tmp_path / "net.h5", "valid", pool={"padding": "same"}))
    assert program.steps[5].size == (2, 2)


def test_global_maximum(tmp_path):
    path = changed(tmp_path / "net.h5", "valid", average={"class_name": "GlobalMaxPooling2D",
                                                          "keepdims": False})
    program = load(path)
    assert program.steps[-2].size == (2, 2) and isinstance(program.steps[-1], Move)
    pixels = oracle("valid")
    np.testing.assert_array_equal(program.run(pixels["input"])[-1],
                                  pixels["pixelwise"].max(axis=(1, 2)))


KEPT = r"layer 'pool' \(MaxPooling2D\)"
WRONG = {
    "kernel larger": ("same", {"ones": {"padding": "valid", "dilation_rate": [3, 1]}},
                      r"ones must have a window of at most its padded map, 5x4, not 7x2: take a "
                      r"smaller kernel or dilation, or more padding"),
    "kernel": ("same", {"ones": {"kernel_size": [3]}},
               r"kernel_size of layer 'ones' \(QuantConv2D\) must be 2 integers in 1 to 65536, not "
               r"\[3\]"),
    "stride": ("same", {"ones": {"strides": [0, 1]}},
               r"strides of layer 'ones' \(QuantConv2D\) must be 2 integers .*, not \[0, 1\]"),
    "dilation": ("same", {"ones": {"dilation_rate": [1, True]}},
                 r"dilation_rate of layer 'ones' \(QuantConv2D\) must be 2 integers .*"),
    "padding": ("same", {"ones": {"padding": "causal"}},
                r"padding of layer 'ones' \(QuantConv2D\) must be valid or same, not 'causal'"),
    "groups": ("same", {"ones": {"groups": 3}},
               r"groups of layer 'ones' \(QuantConv2D\) must divide its 8 channels and its 6 "
               r"filters, not 3"),
    "channels first": ("same", {"ones": {"data_format": "channels_first"}},
                       r"data_format of layer 'ones' \(QuantConv2D\) must be channels_last, not "
                       r"'channels_first': .*"),
    "pad values": ("same", {"ones": {"pad_values": "1"}},
                   r"pad_values of layer 'ones' \(QuantConv2D\) must be int or float, not '1'"),
    "flat": ("same", {"norm2": {"class_name": "Flatten"}, "flat": {"class_name": "MaxPooling2D"}},
             r"layer 'flat' \(MaxPooling2D\) must have frames of the shape "
             r"\(rows, columns, channels\), not \(24,\): put a Reshape before it"),
    "overlap": ("same", {"pool": {"strides": [1, 1]}},
                rf"{KEPT} must have areas side by side, not areas of 2x2 with strides 1x1: set the "
                r"strides to the size"),
    "pool same": ("same", {"pool": {"padding": "same"}},
                  rf"{KEPT} must pool areas inside of its map of 5x4, but padding 'same' reaches "
                  r"out of it: use 'valid', or a map that the areas divide"),
    "pool larger": ("same", {"pool": {"pool_size": [2, 5], "strides": None}},
                    r"pool must have areas of at most its map, 5x4, not 2x5: take smaller ones"),
    "separable": ("same", {"ones": {"class_name": "QuantSeparableConv2D"}},
                  r"layer 'ones' \(QuantSeparableConv2D\) is two convolutions without a sign "
                  r"between, .*"),
    "transposed": ("same", {"ones": {"class_name": "Conv2DTranspose"}},
                   r"layer 'ones' \(Conv2DTranspose\) is of a class that is not supported; those "
                   r"on maps are Conv1D, .*"),
    "zeros": ("valid", {"pad": {"padding": [[1, -1], 2]}},
              r"padding of layer 'pad' \(ZeroPadding2D\) must be pairs of integers in 0 to 65536, "
              r"not \[\[1, -1\], 2\]"),
    "zeros far out": ("valid", {"pad": {"padding": [3, 0]}},
                      r"padded must have a window that maps can have: Window padding must be "
                      r"smaller than its window of 3x3, not \(3, 0, 3, 0\)"),
    "zeros before a pool": ("valid", {"norm2": {"class_name": "MaxPooling2D"},
                                      "padded": {"class_name": "Activation", "activation": "relu"}},
                            r"pad must come right before a convolution, not before norm2: pad "
                            r"there, or in the convolution itself"),
    "zeros at the end": ("valid", {"average": {"class_name": "ZeroPadding2D"}},
                         r"average must come before a convolution"),
    "zeros twice": ("valid", {"padded": {"class_name": "Activation", "activation": "sigmoid"},
                              "norm2": {"class_name": "ZeroPadding2D"}},
                    r"norm2 must pad with the number of pad before it, 0.5, not with 0"),
    "own padding": ("valid", {"depthwise": {"padding": "same"}},
                    r"depthwise must have no padding of its own, 0, inside of that of pad2, 1"),
    "softmax of a map": ("valid", {"pixelwise": {"activation": "softmax"},
                                   "average": {"class_name": "Identity"}},
                         r"layer 'pixelwise' \(QuantConv2D\) must have one vector per frame, as it "
                         r"has a softmax, not frames of shape \(2, 2, 5\): .*"),
}


@pytest.mark.parametrize("network,layers,message", WRONG.values(), ids=WRONG)
def test_maps_wrong(tmp_path, network, layers, message):
    path = changed(tmp_path / "net.h5", network, **layers)
    with pytest.raises(SourceError) as caught:
        load(path)
    assert re.fullmatch(message, str(caught.value))
