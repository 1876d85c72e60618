"""Training example of CNV and its images, on a few digits, in this process."""

import dataclasses
import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from xnorloom.graph import Conv, Dense, Graph, Score
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden


@pytest.fixture(scope="module")
def example(import_example):
    return import_example("train_cnv")


@pytest.fixture(scope="module")
def photo_digits(import_example):
    return import_example("photo_digits")


def digits(images):
    """A data set of grey images; the label is the corner of the first bright pixel."""
    labels = images.reshape(len(images), -1).argmax(1) // 28 // 14
    return data.Dataset("digits", images, labels.astype(np.uint8))


def bars(count, seed):
    """Images with a bright bar at the top or at the bottom."""
    images = np.zeros((count, 28, 28), np.uint8)
    for image, low in zip(images, np.random.default_rng(seed).integers(0, 2, count)):
        image[3 + 14 * low:11 + 14 * low, 4:24] = 255
    return digits(images)


# Images


def test_backgrounds_are_patches_of_their_part(photo_digits):
    photographs = np.stack(load_sample_images().images)
    blank = digits(np.zeros((12, 28, 28), np.uint8))
    for part, (left, right) in {"train": (0, 480), "test": (480, 640)}.items():
        made = photo_digits.compose(blank, part, 3)
        assert (made.images.shape, made.images.dtype) == ((12, 32, 32, 3), np.uint8)
        for image in made.images:
            shown = photographs[:, :, left:right]
            corners = np.argwhere((shown[:, :-31, :-31] == image[0, 0]).all(-1))
            assert any((shown[n, y:y + 32, x:x + 32] == image).all() for n, y, x in corners)


def test_digits_differ_from_their_patch(photo_digits):
    full = digits(np.full((200, 28, 28), 255, np.uint8))
    blank = dataclasses.replace(full, images=np.zeros_like(full.images))
    inked, patches = (photo_digits.compose(part, "train", 5).images for part in (full, blank))
    offsets = set()
    for image, patch in zip(inked, patches):
        rows, columns = (np.flatnonzero((image != patch).all(-1).any(axis)) for axis in (1, 0))
        offsets.add((int(rows[0]), int(columns[0])))
        covered = image[rows[0]:rows[0] + 28, columns[0]:columns[0] + 28]
        assert (covered == covered[0, 0]).all()
        distance = np.abs(covered[0, 0] - patch.mean((0, 1)).astype(int))
        assert distance.min() >= 96 and distance.max() <= 160
        image[rows[0]:rows[0] + 28, columns[0]:columns[0] + 28] = patch[
            rows[0]:rows[0] + 28, columns[0]:columns[0] + 28]
        assert (image == patch).all()
    assert {y for y, _ in offsets} == {x for _, x in offsets} == set(range(5))


def test_seed(photo_digits):
    first, again, other = (photo_digits.compose(bars(20, 0), "test", seed) for seed in (1, 1, 2))
    assert (first.images == again.images).all()
    assert (first.images != other.images).any((1, 2, 3)).all()
    assert (first.labels == bars(20, 0).labels).all()


# Training


@pytest.fixture
def run(example, monkeypatch, tmp_path, capsys):
    """Train a network of a few channels; return its graph, the test set and the printed lines."""
    sets = {"train": bars(300, 0), "test": bars(100, 1)}
    monkeypatch.setattr(data, "load", lambda name, directory: sets[name.split(":")[1]])
    monkeypatch.setattr(example, "SHAPE", dataclasses.replace(
        example.SHAPE, channels=(4, 6), pooled=(0, 1), hidden=(12,)))

    def run(*arguments):
        path, saved = tmp_path / "net.bnn", tmp_path / "test.npz"
        monkeypatch.setattr(sys, "argv", [
            "train_cnv.py", "-o", str(path), "--save-test", str(saved), *arguments])
        example.main()
        return Graph.load(path), data.load_npz(saved), capsys.readouterr().out.splitlines()

    return run


def test_training(run):
    graph, testing, lines = run("--epochs", "12")
    assert (graph.name, graph.input.shape, graph.input.bits) == ("cnv-digits", (32, 32, 3), 8)
    assert [type(layer) for layer in graph.layers] == [Conv, Conv, Dense, Score]
    assert testing.images.shape == (100, 32, 32, 3)
    classes = golden.evaluate(graph, encode(graph.input, testing.images)).classes
    right = (classes == testing.labels).sum()
    # Training helps. How much is a matter of rounding, and so of the processor.
    assert right > 1.2 * np.bincount(testing.labels).max()
    weights = 9 * 3 * 4 + 9 * 4 * 6 + 6 * 36 * 12 + 120
    assert lines[0] == f"cnv-digits: {weights:,} weights of one bit"
    assert lines[-3:-1] == [f"{title}: {right} of 100 test images right"
                            for title in ("float network", "integer graph")]


def test_one_seed_gives_one_network(run):
    first, second, other = (run("--epochs", "1", "--seed", seed)[0] for seed in "112")
    assert first == second
    assert first != other


def test_shape_of_the_network(example):
    network = example.build(example.SHAPE, 1)
    assert example.weights(network) == 1_542_848
    names = [type(module).__name__ for module in network]
    counts = {name: names.count(name) for name in ("BinaryConv2d", "MaxPool2d", "BinaryLinear")}
    assert counts == {"BinaryConv2d": 6, "MaxPool2d": 2, "BinaryLinear": 3}
