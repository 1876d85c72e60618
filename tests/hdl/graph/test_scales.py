"""Scales of the score layer: canonical form, refused values, and scores."""

import copy
import itertools

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.packing import Field, result_fields, score_shape, unpack_results
from xnorloom_sim.golden import evaluate, evaluate_packed

WEIGHTS = [[1, 0, 1], [0, 1, 1], [1, 1, 1]]


def score(scales=None, offsets=(0, -2, 5), weights=WEIGHTS):
    return Score("s", weights, offsets, scales)


def graph(scales=None, offsets=(0, -2, 5), bits=1):
    return Graph("g", Input((3,), bits), (score(scales, offsets),))


# Canonical form


@pytest.mark.parametrize("scales", [None, [1, 1, 1], np.ones(3, np.uint8)])
def test_ones(scales):
    assert score(scales).scales.tolist() == [1, 1, 1]
    assert not score(scales).scaled
    assert graph(scales) == graph()
    assert graph(scales).digest == graph().digest


def test_scales():
    layer = score([7, 0, 1 << 40])
    assert layer.scales.tolist() == [7, 0, 1 << 40]
    assert layer.scales.dtype == np.int64
    assert layer.scaled
    assert score([2, 2, 2]).scaled
    assert not Dense("d", WEIGHTS, [0, 1, 2]).scaled


def test_arrays_are_copies_that_cannot_be_written():
    scales = np.array([7, 0, 3])
    layer = score(scales)
    scales[:] = 1
    for constant in (layer, score(), copy.deepcopy(layer), copy.copy(graph([7, 0, 3]).layers[0])):
        with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
            constant.scales[0] = 9
    assert copy.deepcopy(layer).scales.tolist() == [7, 0, 3]


def test_different():
    others = [graph(scales) for scales in (None, [2, 1, 1], [1, 1, 2], [0, 1, 1], [2, 2, 2])]
    assert len({other.digest for other in others}) == len(set(others)) == 5


def test_digest_is_pinned():
    # Stored in model files, see test_graph.py.
    digest = "4ede10232a6deb9ca96c110031db367578f868f596d7a4532d28f5300e4eff44"
    assert graph([7, 0, 3]).digest == digest


@pytest.mark.parametrize("scales, offsets, bits, smallest, largest", [
    (None, (0, -2, 5), 1, -2, 8),
    ([1, 1, 1], (0, -2, 5), 2, -2, 14),
    ([4, 1, 0], (0, -2, 5), 1, -2, 12),
    ([0, 0, 0], (3, 4, 5), 1, 3, 5),
    ([1, 0, 5], (-99, 0, -50), 1, -99, 0),
    ([3, 2, 2], (-9, -9, -9), 1, -9, 0),
    ([1 << 40, 1, 1], (1 << 40, 0, 0), 16, 0, 3 * 65535 * 2**40 + 2**40),
])
def test_score_range(scales, offsets, bits, smallest, largest):
    made = graph(scales, offsets, bits)
    assert made.score_range == made.layers[0].score_range(bits) == (smallest, largest)


# Refused values

WRONG = {
    "floats": (
        lambda: score([1.0, 2.0, 3.0]), TypeError,
        r"^scales of layer 's' must be integers, not an array of float64$"),
    "bools": (
        lambda: score([True, True, False]), TypeError,
        r"^scales of layer 's' must be integers, not an array of bool$"),
    "too few": (
        lambda: score([1, 2]), ValueError,
        r"^scales of layer 's' must have the shape \(3,\), one for each neuron, not \(2,\)$"),
    "one for all": (
        lambda: score(2), ValueError,
        r"^scales of layer 's' must have the shape \(3,\), one for each neuron, not \(\)$"),
    "negative": (
        lambda: score([1, -1, 2]), ValueError,
        r"^scales of layer 's' must be at least 0, not -1$"),
    "too large": (
        lambda: score([1, 2, (1 << 40) + 1]), ValueError,
        r"^scales of layer 's' must be within ±2\*\*40, not 1099511627777$"),
    "scores too large": (
        lambda: Graph("g", Input((17,), 16), [Score("s", np.ones((1, 17), int), [0], [1 << 40])]),
        ValueError, r"^scores of layer 's' must be within ±2\*\*60, not 1224960406947102720$"),
}


@pytest.mark.parametrize("make, error, message", WRONG.values(), ids=WRONG)
def test_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


# Scores


@pytest.mark.parametrize("path", [evaluate, evaluate_packed])
@pytest.mark.parametrize("bits", [1, 2])
def test_scores(path, bits):
    made = graph([5, 0, 3], (-7, 11, 0), bits)
    frames = np.array(list(itertools.product(range(2**bits), repeat=3)), np.uint8)
    result = path(made, frames)
    top = 2**bits - 1
    for frame, best, scores in zip(frames.tolist(), result.classes, result.scores.tolist()):
        counts = [sum(x if w else top - x for x, w in zip(frame, row)) for row in WEIGHTS]
        wanted = [5 * counts[0] - 7, 11, 3 * counts[2]]
        assert scores == wanted
        assert best == wanted.index(max(wanted))


@pytest.mark.parametrize("path", [evaluate, evaluate_packed])
def test_scores_do_not_overflow(path):
    # Close to the limit: 2**40 * (16 * 65535) is 0.99998 * 2**60.
    made = Graph("g", Input((16,), 16), [Score("s", np.ones((2, 16), int), [-(1 << 40), 0],
                                               [1 << 40, (1 << 40) - 1])])
    result = path(made, np.full((1, 16), 65535))
    assert result.scores.tolist() == [[(16 * 65535 - 1) << 40, 16 * 65535 * ((1 << 40) - 1)]]
    assert result.classes.tolist() == [1]


# Result streams


@pytest.mark.parametrize("scales, offsets, shape", [
    (None, (0, 0, 0), unsigned(2)),
    ([1, 2, 0], (0, 0, 0), unsigned(3)),
    ([0, 0, 1], (2, 3, -4), signed(3)),
    ([5, 1, 1], (-16, 0, 0), signed(5)),
    ([1 << 20, 1, 1], (0, 0, 0), unsigned(22)),
    ([1 << 40, 1, 1], (0, -1, 0), signed(43)),
])
def test_score_shape(scales, offsets, shape):
    assert score_shape(score(scales, offsets), 1) == shape


def test_results():
    made = graph([1000, 0, 3], (-5, -7, 2000))
    # From -7 to 2,995: 12 bits and a sign.
    assert result_fields(made, True) == [
        Field("class", 0, 2, False),
        *(Field(f"score of class {c}", 2 + 13 * c, 13, True) for c in range(3))]
    word = 1 | (2995 << 2) | ((-7 & 0x1fff) << 15) | (2003 << 28)
    outputs = np.frombuffer(word.to_bytes(6, "little"), np.uint8)[None]
    classes, scores = unpack_results(made, outputs, scores=True)
    assert classes.tolist() == [1]
    assert scores.tolist() == [[2995, -7, 2003]]


def test_results_of_the_largest_scores():
    made = Graph("g", Input((16,), 16), [Score("s", np.ones((2, 16), int), [-(1 << 40), 0],
                                               [1 << 40, 0])])
    wanted = [(16 * 65535 - 1) << 40, -(1 << 40)]
    fields = result_fields(made, True)
    assert [field.width for field in fields] == [1, 61, 61]
    word = sum((value & ((1 << 61) - 1)) << field.low_bit
               for value, field in zip(wanted, fields[1:]))
    outputs = np.frombuffer(word.to_bytes(16, "little"), np.uint8)[None]
    _, scores = unpack_results(made, outputs, scores=True)
    assert scores.tolist() == [wanted]
