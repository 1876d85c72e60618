"""Training example of convolutional networks on a few images, in this process."""

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xnorloom.graph import Conv, Dense, Graph, Score
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def example():
    # The example imports another one from its folder.
    names = "train_mnist", "train_mnist_cnn"
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("train_mnist_cnn")
    torch.set_num_threads(threads)
    for name in names:
        del sys.modules[name]


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
    monkeypatch.setattr(example, "TEACHER", dataclasses.replace(example.TEACHER, epochs=1))
    fast = example.MODELS["fast"]
    small = dataclasses.replace(fast, channels=(3, 4), pooled=(1,), hidden=6,
                                recipe=dataclasses.replace(fast.recipe, epochs=6, copies=1))
    monkeypatch.setitem(example.MODELS, "fast", small)

    def run(*arguments):
        path = tmp_path / "net.bnn"
        monkeypatch.setattr(sys, "argv", [
            "train_mnist_cnn.py", "--model", "fast", "-o", str(path), *arguments])
        example.main()
        return Graph.load(path), sets["test"], capsys.readouterr().out.splitlines()

    return run


def test_training(run):
    graph, (images, labels), lines = run()
    assert (graph.name, graph.input.bits, graph.by_pixel) == ("mnist-cnn", 1, True)
    assert [type(layer) for layer in graph.layers] == [Conv, Conv, Dense, Score]
    assert [layer.neurons for layer in graph.layers] == [3, 4, 6, 10]
    assert [layer.pool_size for layer in graph.layers[:2]] == [(1, 1), (2, 2)]
    right = (golden.evaluate(graph, encode(graph.input, images)).classes == labels).sum()
    # Training helps. How much is a matter of rounding, and so of the processor.
    assert right > 1.2 * np.bincount(labels).max()
    assert lines[0] == f"mnist-cnn: {27 + 108 + 4 * 144 * 6 + 60:,} weights of one bit"
    assert lines[-3:-1] == [f"{title}: {right} of 100 test images right"
                            for title in ("float network", "integer graph")]


def test_one_seed_gives_one_network(run):
    first, second, other = (run("--epochs", "1", "--seed", seed)[0] for seed in "112")
    assert first == second
    assert first != other


def test_sizes_of_the_models(example):
    weights = {}
    for key, model in example.MODELS.items():
        network = example.build(model, 1)
        assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
        weights[key] = sum(parameter.numel() for parameter in network.parameters()
                           if parameter.dim() > 1)
    assert weights == {"fast": 65_808, "accurate": 224_800}


def test_pooling_comes_before_the_sign(example):
    kinds = [type(module) for module in example.build(example.MODELS["fast"], 1)]
    at = kinds.index(nn.MaxPool2d)
    assert [kind.__name__ for kind in kinds[at - 1:at + 3]] == [
        "BinaryConv2d", "MaxPool2d", "BatchNorm2d", "Sign"]
