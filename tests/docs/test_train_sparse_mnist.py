"""Training example of a sparse network on a few images, in this process."""

import dataclasses
import sys

import numpy as np
import pytest
import torch

from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden


@pytest.fixture(scope="module")
def example(import_example):
    return import_example("train_sparse_mnist")


def strokes(count, seed):
    """Images with a bright bar in one of ten places, dark at their borders."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 3:25, 3:25] = rng.integers(0, 150, (count, 22, 22), dtype=np.uint8)
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
    monkeypatch.setattr(example, "HIDDEN", (40, 30, 20))
    for name, short in (("TEACHER", dict(epochs=2)), ("RECIPE", dict(epochs=8, copies=2))):
        monkeypatch.setattr(example, name, dataclasses.replace(getattr(example, name), **short))

    def run(*arguments):
        path = tmp_path / "net.bnn"
        monkeypatch.setattr(sys, "argv", ["train_sparse_mnist.py", "-o", str(path), *arguments])
        example.main()
        return Graph.load(path), sets["test"], capsys.readouterr().out.splitlines()

    return run


def test_training(run):
    graph, (images, labels), lines = run("--synapses", "12,9,7,15")
    assert (graph.name, graph.input.shape, graph.input.bits) == ("sparse-mnist", (28, 28), 1)
    assert [layer.neurons for layer in graph.layers] == [40, 30, 20, 10]
    for layer, synapses in zip(graph.layers, (12, 9, 7, 15), strict=True):
        assert set(layer.present_inputs.tolist()) == {synapses}
    assert lines[0] == f"sparse-mnist: {40 * 12 + 30 * 9 + 20 * 7 + 10 * 15:,} synapses"
    # Pixels of the border never change.
    felt = graph.layers[0].present.any(axis=0).reshape(28, 28)
    assert felt.any()
    assert not felt[:3].any() and not felt[25:].any() and not felt[:, :3].any()
    right = (golden.evaluate(graph, encode(graph.input, images)).classes == labels).sum()
    # Training helps. How much is a matter of rounding, and so of the processor.
    assert right > 1.2 * np.bincount(labels).max()
    assert lines[-3:-1] == [f"{title}: {right} of 300 test images right"
                            for title in ("float network", "integer graph")]


def test_one_seed_gives_one_network(run):
    first, second, other = (run("--synapses", "8,8,8,8", "--epochs", "1", "--seed", seed)[0]
                            for seed in "112")
    assert first == second
    assert first != other


def test_changing_pixels(example):
    images = torch.zeros(1000, 1, 1, 5, dtype=torch.uint8)
    images[:, 0, 0, 1] = 255
    images[:3, 0, 0, 2] = 128
    images[:2, 0, 0, 3] = 128
    images[:, 0, 0, 4] = 127
    images[:997, 0, 0, 4] = 129
    assert example.changing(images).tolist() == [False, False, True, False, True]


@pytest.mark.parametrize("text, message", [
    ("32,32,32", r"wanted 4 numbers, found 3$"), ("32,32,32,x", r"invalid budget value")])
def test_budget_wrong(run, capsys, text, message):
    with pytest.raises(SystemExit) as ended:
        run("--synapses", text)
    assert ended.value.code == 2
    assert message.rstrip("$") in capsys.readouterr().err
