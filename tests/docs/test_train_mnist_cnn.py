"""Training example of convolutional networks on a few images, in this process."""

import dataclasses
import sys

import numpy as np
import pytest
import torch

from xnorloom.graph import Conv, Dense, Graph, Score
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden


@pytest.fixture(scope="module")
def example(import_example):
    return import_example("train_mnist_cnn")


def squares(count, seed):
    """Images with a bright square in one of four corners, and the number of the corner."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (count, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 4, count)
    for image, label in zip(images, labels):
        row, column = divmod(label, 2)
        image[4 + 12 * row:12 + 12 * row, 4 + 12 * column:12 + 12 * column] = 220
    return images, labels.astype(np.uint8)


@pytest.fixture
def run(example, monkeypatch, tmp_path, capsys):
    """Train a network of a few channels; return its graph and the printed lines."""
    sets = {"train": squares(300, 0), "test": squares(100, 1)}
    monkeypatch.setattr(data, "load", lambda name, directory: data.Dataset(
        name, *sets[name.split(":")[1]]))
    for name, taught in example.TEACHERS.items():
        monkeypatch.setitem(example.TEACHERS, name, dataclasses.replace(taught, epochs=1))
    for name, model in example.MODELS.items():
        shape = dataclasses.replace(model.shape, channels=(3, 4), pooled=(1,), hidden=(6,))
        # A teacher of three steps has nothing to teach.
        recipe = dataclasses.replace(model.recipe, epochs=12, copies=1, soft=0.1)
        small = dataclasses.replace(model, shape=shape, recipe=recipe)
        monkeypatch.setitem(example.MODELS, name, small)

    def run(*arguments, model="fast"):
        path = tmp_path / "net.bnn"
        monkeypatch.setattr(sys, "argv", [
            "train_mnist_cnn.py", "--model", model, "-o", str(path), *arguments])
        example.main()
        return Graph.load(path), sets["test"], capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("model, name, bits", [("fast", "mnist-cnn", 1),
                                               ("fashion", "fashion-cnn", 8)])
def test_training(run, model, name, bits):
    graph, (images, labels), lines = run(model=model)
    assert (graph.name, graph.input.bits, graph.by_pixel) == (name, bits, True)
    assert [type(layer) for layer in graph.layers] == [Conv, Conv, Dense, Score]
    assert [layer.neurons for layer in graph.layers] == [3, 4, 6, 10]
    assert [layer.pool_size for layer in graph.layers[:2]] == [(1, 1), (2, 2)]
    right = (golden.evaluate(graph, encode(graph.input, images)).classes == labels).sum()
    # Training helps. How much is a matter of rounding, and so of the processor.
    assert right > 1.2 * np.bincount(labels).max()
    assert lines[0] == f"{name}: {27 + 108 + 4 * 144 * 6 + 60:,} weights of one bit"
    assert lines[-3:-1] == [f"{title}: {right} of 100 test images right"
                            for title in ("float network", "integer graph")]


def test_one_seed_gives_one_network(run):
    first, second, other = (run("--epochs", "1", "--seed", seed)[0] for seed in "112")
    assert first == second
    assert first != other


def test_sizes_of_the_models(example):
    weights = {}
    for key, model in example.MODELS.items():
        network = example.build(model.shape, 1)
        assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
        weights[key] = sum(parameter.numel() for parameter in network.parameters()
                           if parameter.dim() > 1)
        assert example.weights(network) == weights[key]
    assert weights == {"fast": 65_808, "accurate": 224_800, "fashion": 271_904}


@pytest.mark.parametrize("model, between", [
    ("fast", []), ("fashion", ["Divide"])], ids=["one bit", "eight bits"])
def test_pooling_comes_before_the_sign(example, model, between):
    names = [type(module).__name__ for module in example.build(example.MODELS[model].shape, 1)]
    at = names.index("MaxPool2d")
    assert names[at - 1 - len(between):at + 3] == [
        "BinaryConv2d", *between, "MaxPool2d", "BatchNorm2d", "Sign"]
