"""Training example on a few images, in this process."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_mnist.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_mnist", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while it is executed.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)
    del sys.modules[spec.name]


def strokes(count, seed):
    """Images with a bright bar in one of ten places, and the number of the place."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (count, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, count)
    for image, label in zip(images, labels):
        image[4 + 2 * label:6 + 2 * label, 4:24] = 220
    return images, labels.astype(np.uint8)


@pytest.fixture
def run(example, monkeypatch, tmp_path, capsys):
    """Train on strokes; return the graph, the test set and the printed lines."""
    sets = {"train": strokes(1000, 0), "test": strokes(300, 1)}
    monkeypatch.setattr(data, "load", lambda name, directory: data.Dataset(
        name, *sets[name.split(":")[1]]))
    for table, short in (("TEACHERS", dict(epochs=2)), ("RECIPES", dict(epochs=6, copies=2))):
        changed = {key: dataclasses.replace(recipe, **short)
                   for key, recipe in getattr(example, table).items()}
        monkeypatch.setattr(example, table, changed)

    def run(*arguments):
        path = tmp_path / "net.bnn"
        monkeypatch.setattr(sys, "argv", ["train_mnist.py", "-o", str(path), *arguments])
        example.main()
        return Graph.load(path), sets["test"], capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize(("arguments", "name", "bits"), [
    (["--net", "tfc"], "tfc", 1),
    (["--net", "tfc", "--set", "fashion", "--input-bits", "8"], "tfc8-fashion", 8),
], ids=["mnist", "fashion"])
def test_training(run, arguments, name, bits):
    graph, (images, labels), lines = run(*arguments)
    assert (graph.name, graph.input.shape, graph.input.bits) == (name, (28, 28), bits)
    assert [layer.neurons for layer in graph.layers] == [64, 64, 64, 10]
    right = (golden.evaluate(graph, encode(graph.input, images)).classes == labels).sum()
    # Training helps: no constant answer is right so often. How much it helps is a matter of
    # rounding, and so of the processor.
    assert right > 1.2 * np.bincount(labels).max()
    assert lines[-3:-1] == [f"{title}: {right} of 300 test images right"
                            for title in ("float network", "integer graph")]
    assert lines[-6].startswith("dense0 (BinaryLinear): 64 neurons, ")
    assert sum(line.startswith("teacher epoch") for line in lines) == 2
    assert sum(line.startswith("tfc epoch") for line in lines) == 6


def test_one_seed_gives_one_network(run):
    first, second, other = (run("--net", "tfc", "--epochs", "1", "--seed", seed)[0]
                            for seed in "112")
    assert first == second
    assert first != other


def test_flips(example):
    images = torch.zeros(400, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 5, 3] = 200
    still = example.Recipe(epochs=1, shift=0, angle=0, zoom=0)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(example.distort(images, still, generator), images)
    flipped = example.distort(images, dataclasses.replace(still, flip=True), generator)
    left, right = flipped[:, 0, 5, 3], flipped[:, 0, 5, 24]
    assert set(zip(left.tolist(), right.tolist())) == {(200, 0), (0, 200)}
    assert 150 < (left == 200).sum() < 250


def test_distortions_are_small_and_all_different(example):
    images = torch.zeros(50, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 13:15, 13:15] = 200
    recipe = example.Recipe(epochs=1, shift=2, angle=10, zoom=0.1)
    moved = example.distort(images, recipe, torch.Generator().manual_seed(0))
    assert len(torch.unique(moved, dim=0)) == 50
    inside = moved[:, 0, 10:18, 10:18].float().sum((1, 2))
    assert torch.equal(inside, moved.float().sum((1, 2, 3)))
    assert inside.min() > 400
