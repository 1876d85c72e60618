"""Lowering of ternary weights: the integer graph equals the source, its zeros are absent synapses.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.lowering.lower import lower
from xnorloom.lowering.score_table import ScoreTable
from xnorloom.lowering.scores import integer_scores
from xnorloom_sim import data

F = np.float32
EXPORTERS = ("torchscript", "dynamo")


def sign(x):
    return np.where(x >= 0, F(1), F(-1))


def ternary(rng, *shape, share=0.6):
    """Weights of -1, 0 and 1; some neurons, on the last axis, have none."""
    weights = rng.choice(np.array([-1, 1], F), shape) * (rng.random(shape) < share)
    return weights * (rng.random(shape[-1]) > 0.15)


def norm(rng, size):
    """Slopes of either sign and 0, and means that cause ties."""
    gamma = rng.normal(size=size) * rng.choice([1, 1, 1, 0], size)
    beta = rng.normal(size=size) * rng.choice([0, 0, 1], size)
    return [np.asarray(array, F) for array in (gamma, beta, rng.integers(-3, 4, size),
                                               rng.choice([1, 30], size))]


@given(seed=st.integers(0, 2**32 - 1), what=st.sampled_from(["bipolar", "bits"]))
def test_every_input_of_small_networks(new_program, seed, what, check):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 8, rng.integers(2, 5))
    net = new_program((int(sizes[0]),))
    for size, after in itertools.pairwise(sizes):
        net.dense(ternary(rng, size, after) * F(2.0 ** rng.integers(-2, 3)))
        net.norm(*norm(rng, after)).map(sign)
    # Scores of opposite directions, and of several scales.
    net.dense(ternary(rng, sizes[-1], 4) * np.asarray([1, 2, -0.5, 1], F))
    net.map(lambda x, offset: x * np.asarray([1, 1, 1, -1], F) + offset,
            rng.normal(size=4).astype(F))
    frames = np.array(list(itertools.product([0, 255], repeat=int(sizes[0]))), np.uint8)
    check(net.program(), what, frames)


def test_pixels_of_eight_bits(new_program, check):
    rng = np.random.default_rng(5)
    net = new_program((9,)).dense(ternary(rng, 9, 12)).norm(*norm(rng, 12)).map(sign)
    net.dense(ternary(rng, 12, 3))
    graph = check(net.program(), "u8", rng.integers(0, 256, (3000, 9), dtype=np.uint8)).graph
    assert graph.input.bits == 8
    assert graph.synapses < sum(layer.weights.size for layer in graph.layers)


@pytest.mark.parametrize("slope", [1, -1])
def test_one_output(new_program, slope, check):
    rng = np.random.default_rng(1)
    weights = np.array([1, 0, -1, 1, 0, 1, -1], F)[:, None] * slope
    net = new_program((7,)).dense(weights).map(lambda x: x + F(0.5))
    graph = check(net.program(), "bipolar", rng.integers(0, 256, (200, 7), dtype=np.uint8)).graph
    assert graph.layers[0].present.tolist() == [[w != 0 for w in weights[:, 0]]] * 2


def test_zeros_and_ones(new_program, check):
    """Weights 0 and 1, and those of minus zero."""
    rng = np.random.default_rng(2)
    weights = np.where(rng.random((8, 5)) < 0.5, F(1), F(-0.0))
    net = new_program((8,)).dense(weights).map(lambda x: sign(x - F(0.5)))
    net.dense(ternary(rng, 5, 3))
    graph = check(net.program(), "bits", rng.integers(0, 256, (500, 8), dtype=np.uint8)).graph
    assert np.array_equal(graph.layers[0].present, weights.T == 1)


def test_a_neuron_of_zeros_among_binary_ones_needs_no_mask(new_program, check):
    rng = np.random.default_rng(3)
    weights = rng.choice(np.array([-1, 1], F), (6, 4))
    weights[:, 2] = 0
    net = new_program((6,)).dense(weights).map(sign).dense(ternary(rng, 4, 3, share=1))
    graph = check(net.program(), "bipolar", rng.integers(0, 256, (100, 6), dtype=np.uint8)).graph
    assert graph.layers[0].present is None


def test_notes(new_program):
    net = new_program((3,)).dense([[1, 1], [0, 1], [-1, 0]], "w")
    assert lower(net.program(), "bipolar").notes == (
        "layer w: 2 of 6 weights are 0; their synapses are absent",)


# Decisions between classes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("planes", [1, 2])
def test_counts_that_meet(seed, planes):
    """All pairs of counts of two classes, against all inputs."""
    rng = np.random.default_rng(seed)
    top, synapses = 2**planes - 1, 5
    weights, present = rng.integers(0, 2, (2, 3, synapses))
    codes = np.sort(rng.integers(0, top + 1, (synapses, 2)), axis=1)
    frames = np.array(list(itertools.product(*[range(low, high + 1) for low, high in codes])))
    counts = np.where(weights, frames[:, None], top - frames[:, None])
    counts = (counts * present).sum(axis=2)
    ranges = np.stack([counts.min(0), counts.max(0)], axis=1)
    most = present.sum(axis=1).max() * top
    values = np.arange(most + 1.0)[:, None] * [1, 2, 3] + rng.normal(size=3)
    table = ScoreTable(values, weights, ranges, planes, codes, present)
    total = 0
    for c, e in ((0, 1), (0, 2), (1, 2)):
        wanted = set(map(tuple, counts[:, [c, e]].tolist()))
        found = set()
        for p, low, high in zip(*(row.tolist() for row in table.reach(c, e))):
            found |= {(p, q) for q in range(low, high + 1, int(table.step[c, e]))}
        assert found == wanted
        total += len(wanted)
    assert table.total() == total


@given(seed=st.integers(0, 2**32 - 1))
def test_scores_decide_as_the_source(seed):
    rng = np.random.default_rng(seed)
    classes, synapses = rng.integers(2, 5), rng.integers(1, 7)
    weights, present = rng.integers(0, 2, (2, classes, synapses))
    counts = np.array(list(itertools.product([0, 1], repeat=synapses)))
    counts = ((counts[:, None] == weights) & (present == 1)).sum(axis=2)
    most = present.sum(axis=1).max()
    values = np.arange(most + 1.0)[:, None] * rng.integers(1, 4, classes) + rng.normal(size=classes)
    ranges = np.stack([np.zeros(classes, int), present.sum(axis=1)], axis=1)
    found = integer_scores(values, weights, ranges, present=present)
    wanted = values[counts, np.arange(classes)].argmax(axis=1)
    assert ((counts * found.scales + found.offsets).argmax(axis=1) == wanted).all()


def test_mask_wrong():
    with pytest.raises(ValueError, match=r"^present of the scores must have the shape \(2, 3\) of "
                                         r"their weights, not \(3, 2\)$"):
        integer_scores(np.zeros((4, 2)), np.ones((2, 3), int), [(0, 3)] * 2,
                       present=np.ones((3, 2)))


# Files of other tools


@pytest.fixture(scope="module")
def pixels():
    noise = np.random.default_rng(1).integers(0, 256, (300, 28, 28), dtype=np.uint8)
    return np.concatenate([data.bundled().images, noise])


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_pytorch(sources, pixels, exporter):
    path = sources.torch("ternary weights", exporter, (784, 64, 32, 10), sign="where",
                         weight_sign="ternary", ties=exporter == "torchscript")
    lowered, _ = sources.compare(path, "bipolar", pixels)
    assert all(layer.present is not None for layer in lowered.graph.layers)
    assert 0.5 < lowered.graph.synapses / (784 * 64 + 64 * 32 + 320) < 0.7


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_brevitas(sources, pixels, exporter):
    lowered, run = sources.compare(sources.brevitas("ternary", exporter), "bipolar", pixels)
    for layer in lowered.graph.layers:
        assert layer.present is not None and 0.6 < layer.synapses / layer.weights.size < 0.75
    for activations in run.activations:
        assert (activations.any(0) & ~activations.all(0)).sum() >= activations.shape[1] // 2
