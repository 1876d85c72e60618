"""Whole networks, from files of training tools to the integer graph.

Every neuron of every layer and the class, on all 10,000 test images of MNIST and on random pixels.
Needs MNIST, as ``test_models.py`` does.
"""

import numpy as np
import pytest

from xnorloom_sim import data

EXPORTERS = ("torchscript", "dynamo")


@pytest.fixture(scope="module")
def mnist_test():
    return data.load("mnist:test")


@pytest.fixture(scope="module")
def pixels(mnist_test):
    """Return the test images, then as many with random pixels, mostly far from black and white."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    return np.concatenate([mnist_test.images, noise])


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name, neurons", [("tfc", 64), ("sfc", 256)])
def test_brevitas(sources, pixels, name, neurons, exporter):
    lowered, _ = sources.compare(sources.brevitas(name, exporter), "u8/255", pixels)
    assert [layer.neurons for layer in lowered.graph.layers] == [*[neurons] * 3, 10]
    assert lowered.graph.input.bits == 1
    # Parameters of `nasty`: three constants of zero slope and two dead ones in sixteen, slopes of
    # either sign, and ties.
    for report in lowered.layers:
        assert report.constant >= neurons * 5 // 16
        assert report.inverted >= neurons // 4
        assert report.near_ties >= neurons // 8
        assert report.uncertain == 0
    inverted = sum(report.inverted for report in lowered.layers)
    assert inverted >= neurons * 3 // 4


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("response", ["bipolar", "one-bit"])
def test_layers_of_brevitas_that_scale(sources, pixels, response, exporter):
    path = sources.brevitas("bipolar" if response == "bipolar" else "two-bit", exporter)
    if response == "one-bit":
        path = sources.changed(f"one-bit-{exporter}", path, sources.of_one_bit)
    lowered, run = sources.compare(path, "bipolar", pixels)
    assert [layer.neurons for layer in lowered.graph.layers] == [64, 32, 10]
    for activations in run.activations:
        assert (activations.any(0) & ~activations.all(0)).sum() >= activations.shape[1] // 2


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_plain_pytorch(sources, pixels, exporter):
    path = sources.torch("plain", exporter, levels=True)
    lowered, _ = sources.compare(path, "u8/255", pixels)
    assert [layer.neurons for layer in lowered.graph.layers] == [256, 256, 10]
    assert sum(report.inverted for report in lowered.layers) > 128
    assert sum(report.constant for report in lowered.layers) >= 160


@pytest.mark.parametrize("name", ["tfc_1w1a_mnist_brevitas_qonnx_torchscript",
                                  "tfc_finn_streamlined", "tfc_finn_xnor"])
def test_trained_network_of_brevitas_and_what_finn_made_of_it(sources, mnist_test, pixels, name):
    _, run = sources.compare(sources.kept(name), "u8/255", pixels)
    correct = (run.classes[:10_000] == mnist_test.labels).sum()
    assert correct == 9235


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_input_of_eight_bits(sources, pixels, exporter):
    """Sums of whole pixels are exact in float32, in any order of the additions."""
    path = sources.torch("raw", exporter, (784, 64, 32, 10), sign="where", raw=True, ties=False)
    lowered, run = sources.compare(path, "u8", pixels)
    assert lowered.graph.input.bits == 8
    assert [report.uncertain for report in lowered.layers] == [0, 0]
    assert ((run.activations[0].mean(0) - 0.5) ** 2 < 0.16).sum() >= 16


def test_larq_by_way_of_tf2onnx(sources, mnist_test, pixels):
    _, run = sources.compare(sources.kept("larq_mlp_tf2onnx"), "bipolar", pixels)
    assert (run.classes[:10_000] == mnist_test.labels).sum() == 9111


def test_network_of_finns_zoo(sources, mnist_test, pixels, tmp_path):
    zoo = sources.zoo()
    path = tmp_path / "zoo.onnx"
    path.write_bytes(zoo.model)
    _, run = sources.compare(path, "u8", pixels)
    assert (run.classes[:10_000] == mnist_test.labels).sum() == 9296
    _, run = sources.compare(path, "u8", zoo.frames.astype(np.uint8))
    np.testing.assert_array_equal(run.classes, zoo.classes)
