"""Folded scores: size of the scales, work of the search, and loss by fewer bits."""

import math

import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.lowering.scores import integer_scores


def classes_of(values, counts):
    return values[counts, np.arange(values.shape[1])].argmax(1)


def affine(slopes, intercepts, largest, dtype=np.float32):
    counts = np.arange(largest + 1, dtype=dtype)[:, None]
    return counts * np.asarray(slopes, dtype) + np.asarray(intercepts, dtype)


def random_weights(rng, classes, synapses):
    return rng.integers(0, 2, (classes, synapses)).astype(np.uint8)


def batch_norms(synapses, rng, classes=10, planes=1, dtype=np.float32):
    """Make scores after a batch normalisation, with factors 30 % up or down."""
    largest = synapses * (2**planes - 1)
    gamma = rng.uniform(0.7, 1.3, classes)
    scale = (gamma / np.sqrt(largest * rng.uniform(0.8, 1.2, classes))).astype(dtype)
    mean = rng.normal(0, math.sqrt(largest) / 4, classes).astype(dtype)
    beta = rng.normal(0, 0.5, classes).astype(dtype)
    sums = (2.0 * np.arange(largest + 1) - largest).astype(dtype)[:, None]
    return sums * scale + (beta - mean * scale)


@pytest.mark.parametrize("slopes", [[1, 1, 1], [1, 2, 3], [2, 3, 1], [5, 3, 4], [0, 2, 1]])
def test_whole_ratios(slopes):
    weights = random_weights(np.random.default_rng(0), 3, 40)
    values = affine(slopes, -20 * np.array(slopes), 40) / 4
    scores = integer_scores(values, weights, [(0, 40)] * 3)
    assert scores.exact and scores.scales.tolist() == slopes


@pytest.mark.parametrize("synapses, bits", [(64, 10), (256, 14), (1024, 18)])
def test_batch_normalization(count_calls, synapses, bits):
    rng = np.random.default_rng(synapses)
    weights = random_weights(rng, 10, synapses)
    values = batch_norms(synapses, rng)
    scores, calls = count_calls(lambda: integer_scores(values, weights, [(0, synapses)] * 10))
    # 120,000 of 1024 synapses, in half a second.
    assert calls < 1_000_000
    assert scores.exact and scores.bits <= bits


def test_random_inputs_of_a_large_network():
    rng = np.random.default_rng(3)
    weights, values = random_weights(rng, 10, 256), batch_norms(256, rng)
    scores = integer_scores(values, weights, [(0, 256)] * 10)
    frames = rng.integers(0, 2, (20000, 256))
    counts = np.stack([(frames == row).sum(1) for row in weights], axis=1)
    chosen = (counts * scores.scales + scores.offsets).argmax(1)
    assert (chosen == classes_of(values, counts)).all()


def test_many_classes_of_one_scale():
    """Half a million pairs of classes."""
    rng = np.random.default_rng(7)
    weights = random_weights(rng, 1000, 64)
    values = affine([2] * 1000, rng.integers(-9, 9, 1000) * 2 - 64, 64)
    scores = integer_scores(values, weights, [(0, 64)] * 1000)
    assert scores.exact and (scores.scales == 1).all()
    frames = rng.integers(0, 2, (500, 64))
    counts = frames @ weights.T.astype(int) + (1 - frames) @ (1 - weights.T.astype(int))
    assert (classes_of(values, counts) == (counts + scores.offsets).argmax(1)).all()


def test_too_many_classes_to_search():
    rng = np.random.default_rng(9)
    weights, values = random_weights(rng, 150, 64), batch_norms(64, rng, 150)
    with pytest.raises(SourceError, match=r"^found no integer scales of up to \d+ bits that keep "
                       r"the order of the scores of all classes within the search's limits: 11175 "
                       r"pairs of classes of up to 65 counts are too many; --score-bits takes "):
        integer_scores(values, weights, [(0, 64)] * 150)


@pytest.mark.parametrize("classes, synapses", [(10, 12), (60, 256)])
def test_a_search_ends(count_calls, classes, synapses):
    """Scores that are nearly straight, so that no two classes alone rule out all scales."""
    rng = np.random.default_rng(10)
    weights, values = random_weights(rng, classes, synapses), batch_norms(synapses, rng, classes)
    values += rng.uniform(0, 0.001 * (synapses < 20) + 1e-9, values.shape)

    def search():
        try:
            integer_scores(values, weights, [(0, synapses)] * classes)
        except SourceError as error:
            assert "keep the order of the scores of all classes" in str(error)
    # The budget of 6 s, at 20 us a call or more; 350,000 calls of 60 classes.
    assert count_calls(search)[1] < 2_000_000


# Fewer bits


def test_fewer_bits_change_more():
    rng = np.random.default_rng(4)
    weights, values = random_weights(rng, 10, 64), batch_norms(64, rng)
    exact = integer_scores(values, weights, [(0, 64)] * 10)
    found = [integer_scores(values, weights, [(0, 64)] * 10, bits=bits)
             for bits in range(1, exact.bits + 3)]
    changed = [scores.changed for scores in found]
    assert changed[:4] == sorted(changed[:4], reverse=True)
    assert changed[0] < exact.total / 20 and 0 < changed[3] < exact.total / 200
    assert found[-1].exact and found[-1].scales.tolist() == exact.scales.tolist()


@pytest.mark.parametrize("dtype, found", [
    # Rounding of float32 alone exceeds the differences that scales must resolve.
    (np.float32, r"no integer scales keep the order of the scores of classes \d and \d"),
    (np.float64, r"found no integer scales of up to 19 bits that keep the order of the scores of "
                 r"all classes within the search's limits, classes \d and \d being the closest"),
])
def test_bytes_of_pixels_straight_to_classes(dtype, found):
    rng = np.random.default_rng(6)
    weights, values = random_weights(rng, 6, 784), batch_norms(784, rng, 6, 8, dtype)
    ranges = [(0, 784 * 255)] * 6
    with pytest.raises(SourceError, match=f"^{found}: counts "
                                          r"\d+:\d+ .* must lose; --score-bits takes "):
        integer_scores(values, weights, ranges, planes=8)
    scores = integer_scores(values, weights, ranges, planes=8, bits=8)
    assert 0 < scores.changed < scores.total / 5000
