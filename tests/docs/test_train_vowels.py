"""Training example on sequences, and the conversion of its data."""

import sys

import numpy as np
import pytest

from xnorloom.graph import Conv, Graph, Score
from xnorloom.graph.pixels import encode
from xnorloom_sim import golden

# Two coefficients, of sequences of unequal lengths.
TRAIN = "#words\n@classLabel true 1 2\n@data\n0,2,1:5,5,9:1\n4:7:2\n"
TEST = "@data\n-3,8:5,7:2\n"


@pytest.fixture(scope="module")
def vowels(import_example):
    return import_example("vowels")


def test_data(vowels):
    """30 training sequences of each speaker; steps follow each other without a gap."""
    for part, count in (("train", 270), ("test", 370)):
        loaded = vowels.load(part)
        assert loaded.images.shape == (count, 1, 29, 12)
        there = loaded.images[:, 0].all(axis=2)
        assert (there == loaded.images[:, 0].any(axis=2)).all()
        assert (np.diff(there.astype(int), axis=1) <= 0).all()
        assert 7 <= there.sum(axis=1).min() and there.sum(axis=1).max() <= 29
    assert np.bincount(vowels.load("train").labels).tolist() == [30] * 9


def test_conversion(vowels, tmp_path, monkeypatch, capsys):
    for part, text in (("TRAIN", TRAIN), ("TEST", TEST)):
        (tmp_path / f"JapaneseVowels_{part}.ts").write_text(text)
    for name, value in (("HERE", tmp_path), ("STEPS", 3), ("COEFFICIENTS", 2)):
        monkeypatch.setattr(vowels, name, value)
    monkeypatch.setattr(sys, "argv", ["vowels.py", str(tmp_path)])
    vowels.main()
    assert capsys.readouterr().out.splitlines() == [
        "vowels_train.npz: 2 sequences", "vowels_test.npz: 1 sequences"]
    # 0 ... 4 and 5 ... 9 become 1 ... 255; 1 is 1 + 63.5, and a half is rounded to the even number.
    train, test = vowels.load("train"), vowels.load("test")
    assert train.images[:, 0].tolist() == [[[1, 1], [128, 1], [65, 255]],
                                           [[255, 128], [0, 0], [0, 0]]]
    assert test.images[:, 0].tolist() == [[[1, 1], [255, 128], [0, 0]]]
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1], [1])


@pytest.fixture(scope="module")
def run(import_example, tmp_path_factory):
    example = import_example("train_vowels")

    def run(*arguments):
        path = tmp_path_factory.mktemp("vowels") / "net.bnn"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["train_vowels.py", "-o", str(path), *arguments])
            example.main()
        return Graph.load(path)

    return run


def test_training(run, vowels):
    graph = run("--epochs", "3")
    assert (graph.name, graph.input.pixel_shape) == ("vowels", (1, 29, 12))
    assert [type(layer) for layer in graph.layers] == [Conv, Conv, Score]
    testing = vowels.load("test")
    classes = golden.evaluate(graph, encode(graph.input, testing.images)).classes
    # Training helps: chance is a ninth.
    assert (classes == testing.labels).mean() > 0.5
    assert run("--epochs", "3") == graph
    assert run("--epochs", "3", "--seed", "2") != graph
