"""The tabulating fold of the training example, against the definition, without PyTorch."""

import importlib.util
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "train_mnist.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_mnist", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while it is executed.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def popcounts(weights, x, bits):
    """Popcounts P [frames, neurons] from the definition, one bit plane at a time."""
    total = np.zeros((len(x), len(weights)), np.int64)
    for b in range(bits):
        plane = x >> b & 1
        total += (1 << b) * (plane[:, None, :] == weights[None]).sum(axis=2)
    return total


def fires(example, weights, x, bits, mean, var, gamma, beta):
    """Sign of the normalised float dot product, from the definition."""
    top = 2**bits - 1
    values = 2 * x.astype(np.int64) - top
    signs = 2 * weights.astype(np.int64) - 1
    dot = (values @ signs.T).astype(np.float64) / top
    return (dot - mean) / np.sqrt(var + example.EPS) * gamma + beta >= 0


def every_input(n, bits):
    return np.array(list(itertools.product(range(2**bits), repeat=n)), np.uint8)


GAMMAS = {
    "positive": 1.3,
    "negative": -0.7,
    "zero": 0.0,
    "negative zero": -0.0,
    "tiny": 1e-30,
    "negative tiny": -1e-30,
    "vanishing": 5e-324,
}


@pytest.mark.parametrize("gamma", GAMMAS.values(), ids=GAMMAS)
@pytest.mark.parametrize(("n", "bits"), [(9, 1), (4, 3)], ids=["1 bit", "3 bits"])
def test_fold_equals_definition(example, n, bits, gamma):
    rng = np.random.default_rng(n)
    neurons = 40
    weights = rng.integers(0, 2, (neurons, n), dtype=np.uint8)
    mean, beta = rng.normal(0, n / 4, neurons), rng.normal(0, 0.5, neurons)
    beta[:8] = 0  # with an integer mean below: the normalised value is exactly 0
    mean[:8] = np.arange(8) - 4
    var = rng.uniform(0, n, neurons)
    var[3] = 0
    slopes = np.full(neurons, gamma)
    folded, thresholds, inverted = example.fold(weights, mean, var, slopes, beta, bits=bits)
    x = every_input(n, bits)
    expected = fires(example, weights, x, bits, mean, var, slopes, beta)
    assert np.array_equal(popcounts(folded, x, bits) >= thresholds, expected)
    assert thresholds.min() >= 0
    assert thresholds.max() <= n * (2**bits - 1) + 1
    assert np.array_equal(folded != weights, np.repeat(inverted[:, None], n, axis=1))
    if gamma >= 0:
        assert not inverted.any()


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_fold_mixed_slopes(example, bits):
    rng = np.random.default_rng(bits)
    n, neurons = 50, 64
    weights = rng.integers(0, 2, (neurons, n), dtype=np.uint8)
    mean, var = rng.normal(0, 5, neurons), rng.uniform(0.1, 50, neurons)
    gamma, beta = rng.normal(0, 1, neurons), rng.normal(0, 0.5, neurons)
    folded, thresholds, inverted = example.fold(weights, mean, var, gamma, beta, bits=bits)
    x = rng.integers(0, 2**bits, (300, n), dtype=np.uint8)
    expected = fires(example, weights, x, bits, mean, var, gamma, beta)
    assert np.array_equal(popcounts(folded, x, bits) >= thresholds, expected)
    assert inverted.any()
    assert not inverted.all()


@pytest.mark.parametrize(
    ("mean", "gamma", "beta", "threshold", "inverted"),
    [
        (0.0, 1.0, 0.0, 3, False),  # the rule without training: ceil(n / 2)
        (0.0, -1.0, 0.0, 3, True),  # -dot >= 0
        (1.0, 1.0, 0.0, 3, False),  # dot = 1 is reached at P = 3 and gives exactly 0
        (1.0, -1.0, 0.0, 2, True),  # dot <= 1, that is P <= 3, that is N - P >= 2
        (0.0, 0.0, 0.0, 0, False),
        (0.0, 0.0, -1.0, 6, False),
        (-50.0, 1.0, 0.0, 0, False),
        (-50.0, -1.0, 0.0, 6, False),
    ],
)
def test_fold_by_hand(example, mean, gamma, beta, threshold, inverted):
    weights = np.array([[0, 1, 1, 0, 1]], np.uint8)
    arrays = (np.array([value]) for value in (mean, 1.0, gamma, beta))
    folded, thresholds, marks = example.fold(weights, *arrays)
    assert thresholds.tolist() == [threshold]
    assert marks.tolist() == [inverted]
    assert np.array_equal(folded, 1 - weights if inverted else weights)


def test_fold_wrong(example, monkeypatch):
    # No batch normalisation switches twice, so put something in its place that does.
    monkeypatch.setattr(example, "batch_norm", lambda dot, *rest: 4 - dot * dot)
    one = np.ones(1)
    message = r"^neuron 0 must switch at most once over its popcounts, it switches at \[2, 5\]$"
    with pytest.raises(ValueError, match=message):
        example.fold(np.ones((1, 6), np.uint8), one, one, one, one)


def test_needs_no_torch(example):
    assert not hasattr(example, "torch")
