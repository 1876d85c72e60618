"""Formulations of a sign in PyTorch, through both exporters."""

import re

import numpy as np
import onnx
import pytest

from xnorloom import frontend
from xnorloom.errors import SourceError
from xnorloom.lowering.lower import lower
from xnorloom_sim import data, golden

EXPORTERS = ("torchscript", "dynamo")
SIZES = (784, 64, 32, 10)
SMALL = (64, 48, 32, 10)


@pytest.fixture(scope="module")
def pixels():
    """Return digits and random pixels."""
    noise = np.random.default_rng(1).integers(0, 256, (1500, 28, 28), dtype=np.uint8)
    return np.concatenate([data.bundled().images, noise])


# Name: options of the network, preprocessing.
IDIOMS = {
    "autograd": (dict(sign="autograd"), "bipolar"),
    "where": (dict(sign="where"), "bipolar"),
    "clip": (dict(sign="clip"), "bipolar"),
    "greater": (dict(sign="greater"), "bipolar"),
    "sign": (dict(sign="sign"), "bipolar"),
    "sign-add-sign": (dict(sign="sign-add-sign"), "bipolar"),
    # Large results would leave x + (sign(x) - x) with few digits.
    "detach": (dict(sign="detach", tame=True), "bipolar"),
    "hardtanh": (dict(sign="hardtanh"), "bipolar"),
    "heaviside": (dict(sign="heaviside", weight_sign="where"), "bits"),
    "heaviside of weights": (dict(sign="heaviside"), "bipolar"),
    "alpha": (dict(sign="where", alpha=True), "bipolar"),
    "levels": (dict(sign="where", levels=True), "u8/255"),
}


def path_of(sources, idiom, exporter):
    """Make the file of an idiom, without ties for the newer exporter.

    It multiplies batch norms into small layers, whose sums are rounded in an unknown order.
    """
    options, preprocessing = IDIOMS[idiom]
    ties = {"ties": False} if exporter == "dynamo" else {}
    return sources.torch(idiom, exporter, SIZES, **options, **ties), preprocessing


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("idiom", IDIOMS)
def test_idiom(sources, pixels, idiom, exporter):
    path, preprocessing = path_of(sources, idiom, exporter)
    lowered, run = sources.compare(path, preprocessing, pixels)
    assert [layer.neurons for layer in lowered.graph.layers] == list(SIZES[1:])
    # Most neurons take both values.
    for activations in run.activations:
        alive = activations.any(0) & ~activations.all(0)
        assert alive.sum() >= activations.shape[1] // 2
    assert lowered.layers[0].inverted >= SIZES[1] // 4
    assert lowered.layers[0].uncertain == 0


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("batch, options", [
    (2, dict(sign="where")), (None, {}), (None, dict(view=True)),
], ids=["two", "any", "view"])
def test_batch_of_the_example(sources, pixels, batch, options, exporter):
    name = f"batch-{batch}-{len(options)}"
    path = sources.torch(name, exporter, SIZES, batch=batch, ties=False, **options)
    lowered, _ = sources.compare(path, "bipolar", pixels)
    assert lowered.graph.input.shape == (1, 28, 28)


def test_untrained_network_whose_parameters_share_initialisers(sources, pixels):
    def change(network):
        for module in network.m:
            if hasattr(module, "reset_running_stats"):
                module.reset_running_stats()
                module.reset_parameters()

    path = sources.torch("untrained", "torchscript", SIZES, change=change)
    assert {"Identity"} <= {node.op_type for node in onnx.load(path).graph.node}
    sources.compare(path, "bipolar", pixels)


def test_data_beside_the_file(sources, tmp_path):
    path = sources.torch("autograd", "torchscript", SIZES, sign="autograd")
    beside = tmp_path / "beside.onnx"
    onnx.save(onnx.load(path), beside, save_as_external_data=True, location="beside.data",
              size_threshold=0)
    assert beside.stat().st_size < path.stat().st_size / 10
    graphs = [lower(frontend.load(file), "bipolar").graph for file in (path, beside)]
    assert graphs[0] == graphs[1]


def test_ties_in_layers_that_the_exporter_rounds_are_reported(sources):
    """Decisions that depend on the order of the additions in the runtime are counted."""
    path = sources.torch("rounded", "dynamo", SMALL, sign="autograd")
    lowered = lower(frontend.load(path), "bipolar")
    bits = np.random.default_rng(2).integers(0, 2, (4000, SMALL[0]), dtype=np.uint8)
    ours = golden.evaluate(lowered.graph, bits).activations[0]
    theirs = sources.run(path, 2 * bits.astype(np.float32) - 1).activations[0]
    # Two in sixteen are on a tie; not all of them lie where a sum can be.
    assert 1 <= (ours != theirs).any(axis=0).sum() <= lowered.layers[0].uncertain <= 6


REFUSED = {
    "sign": (dict(sign="sign", ties=True),
             r"the response of layer \S+ must have two values, the same for all neurons, but "
             r"neuron \d+ has three, -1, 0, 1: 0 where its count is \d+, its sum \S+"),
    "hardtanh": (dict(sign="hardtanh", tame=True, ties=True),
                 r"the response of layer \S+ must have two values, the same for all neurons, but "
                 r"neuron \d+ has three, -1, 0, 1: 0 where its count is \d+, its sum \S+"),
    "detach": (dict(sign="detach", tame=True, ties=True),
               r"the response of layer \S+ must have two values, the same for all neurons, but "
               r"neuron \d+ has three, -1, 0, 1: 0 where its count is \d+, its sum \S+"),
}


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", REFUSED)
def test_idiom_wrong(sources, name, exporter):
    options, message = REFUSED[name]
    path = sources.torch(f"wrong-{name}", exporter, SMALL, **options)
    preprocessing = "bits" if name == "heaviside" else "bipolar"
    with pytest.raises(SourceError, match=rf"^{message}$"):
        lower(frontend.load(path), preprocessing)


def test_response_wrong_by_name_of_layer_neuron_and_value(sources):
    path = sources.torch("wrong-sign", "torchscript", SMALL, sign="sign", ties=True)
    message = ("the response of layer /m/m.1/MatMul must have two values, the same for all "
               "neurons, but neuron 12 has three, -1, 0, 1: 0 where its count is 31, its sum -2")
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        lower(frontend.load(path), "bipolar")
