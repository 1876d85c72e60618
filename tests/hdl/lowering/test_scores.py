"""Integer scores: the same class for every input, decision by decision, tested on all inputs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.errors import SourceError
from xnorloom.lowering.scores import integer_scores


def counts_of_all(weights, planes=1, codes=None):
    """Count every class for every input, from the definition: agreeing bits, weighted."""
    weights = np.asarray(weights)
    ends = [[0, 2**planes - 1]] * weights.shape[1] if codes is None else np.asarray(codes).tolist()
    frames = np.array(list(itertools.product(*[range(low, high + 1) for low, high in ends])))
    agreeing = [2**b * ((frames[:, None] >> b & 1) == weights).sum(2) for b in range(planes)]
    return np.sum(agreeing, axis=0)


def decisions(values, scores, counts):
    """Count the changed and all decisions between two classes, for counts that inputs reach."""
    total, changed = set(), set()
    for c, e in itertools.combinations(range(values.shape[1]), 2):
        for p, q in {(int(p), int(q)) for p, q in counts[:, [c, e]]}:
            total.add((c, e, p, q))
            first = (scores.scales[c] * p + scores.offsets[c]
                     >= scores.scales[e] * q + scores.offsets[e])
            if first != (values[p, c] >= values[q, e]):
                changed.add((c, e, p, q))
    return len(changed), len(total)


def classes_of(values, counts):
    return values[counts, np.arange(values.shape[1])].argmax(1)


def check(values, weights, planes=1, codes=None, bits=None):
    counts = counts_of_all(weights, planes, codes)
    ranges = np.stack([counts.min(0), counts.max(0)], axis=1)
    scores = integer_scores(values, weights, ranges, planes=planes, codes=codes, bits=bits)
    assert (scores.changed, scores.total) == decisions(values, scores, counts)
    assert scores.exact == (scores.changed == 0)
    assert scores.bits == max(int(scale).bit_length() for scale in scores.scales)
    assert scores.scales.dtype == scores.offsets.dtype == np.int64
    assert scores.scales.min() >= 0 and scores.offsets.min() == 0
    if bits is None:
        assert scores.exact
        chosen = (counts * scores.scales + scores.offsets).argmax(1)
        assert (chosen == classes_of(values, counts)).all()
    else:
        assert scores.bits <= bits
    return scores


def affine(slopes, intercepts, largest, dtype=np.float32):
    counts = np.arange(largest + 1, dtype=dtype)[:, None]
    return counts * np.asarray(slopes, dtype) + np.asarray(intercepts, dtype)


def random_weights(rng, classes, synapses):
    return rng.integers(0, 2, (classes, synapses)).astype(np.uint8)


# Every input of small networks


@pytest.mark.parametrize("planes, synapses", [(1, 1), (1, 2), (1, 5), (1, 10), (2, 1), (2, 4),
                                              (3, 3)])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_random_slopes(planes, synapses, classes):
    rng = np.random.default_rng([planes, synapses, classes])
    largest = synapses * (2**planes - 1)
    for _ in range(5):
        values = affine(rng.uniform(0.5, 1.5, classes), rng.normal(0, 2, classes), largest)
        check(values, random_weights(rng, classes, synapses), planes)


@given(data=st.data(), planes=st.integers(1, 2), classes=st.integers(2, 5))
@settings(deadline=None)
def test_any_small_network(data, planes, classes):
    synapses = data.draw(st.integers(1, 6 if planes == 1 else 3))
    weights = np.array(data.draw(st.lists(st.lists(
        st.integers(0, 1), min_size=synapses, max_size=synapses), min_size=classes,
        max_size=classes)))
    code = st.integers(0, 2**planes - 1)
    codes = np.sort(data.draw(st.lists(st.tuples(code, code), min_size=synapses,
                                       max_size=synapses)), axis=1)
    # Whole and half slopes and intercepts cause ties of every kind.
    slopes = data.draw(st.lists(st.integers(0, 6), min_size=classes, max_size=classes))
    intercepts = data.draw(st.lists(st.integers(-12, 12), min_size=classes, max_size=classes))
    values = affine(np.array(slopes) / 2, np.array(intercepts) / 2, synapses * (2**planes - 1))
    check(values, weights, planes, codes)


@pytest.mark.parametrize("codes", [
    [(0, 2)] * 5,
    [(0, 2), (0, 2), (1, 1), (0, 2), (2, 2)],
    [(0, 2), (0, 2), (3, 3), (0, 3), (1, 2), (0, 0)],
    [(1, 3), (0, 1), (2, 2), (2, 3)],
    [(2, 2), (1, 1)],
])
@pytest.mark.parametrize("seed", range(3))
def test_codes_that_leave_values_out(codes, seed):
    """Three levels in two planes, and constants: only reachable decisions are checked."""
    rng = np.random.default_rng([len(codes), seed])
    values = affine(rng.uniform(0.5, 1.5, 3), rng.normal(0, 2, 3), 3 * len(codes))
    check(values, random_weights(rng, 3, len(codes)), 2, codes)


def test_codes_of_small_types():
    """The contribution of an 8-bit element does not fit 8 bits with a sign."""
    codes = np.array([(127, 127), (0, 1), (3, 3)], np.int8)
    values = affine([1, 0.7, 1.2], [0, 3, -40], 3 * 255)
    check(values, [[0, 1, 1], [1, 0, 0], [0, 0, 1]], 8, codes)
    check(values, [[0, 1, 1], [1, 0, 0], [0, 0, 1]], 8, codes.astype(np.uint8))


@given(data=st.data(), bits=st.integers(1, 6))
@settings(deadline=None)
def test_any_rising_table_with_few_bits(data, bits):
    steps = data.draw(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3),
                               min_size=6, max_size=6))
    weights = random_weights(np.random.default_rng(data.draw(st.integers(0, 99))), 3, 5)
    check(np.cumsum(steps, axis=0).astype(float), weights, bits=bits)


def test_falling_slopes_that_were_inverted():
    rng = np.random.default_rng(5)
    weights, slopes = random_weights(rng, 4, 9), np.array([0.5, -0.8, 1.0, -0.3])
    values = affine(slopes, rng.normal(3, 2, 4), 9)
    falling = slopes < 0
    inverted = np.where(falling[:, None], 1 - weights, weights)
    rising = np.where(falling, values[::-1], values)
    scores = check(rising, inverted)
    seen, counts = counts_of_all(weights), counts_of_all(inverted)
    chosen = (counts * scores.scales + scores.offsets).argmax(1)
    assert (chosen == classes_of(values, seen)).all()


ALL, HALF = [1] * 8, [1, 0] * 4
CASES = {
    "equal slopes": ([ALL, HALF, [0] * 8], [0.7] * 3, [0.1, -0.2, 0.3]),
    "ties": ([ALL, HALF, [0] * 8], [1, 1, 1], [0, 0, 0]),
    "ties at half the slope": ([ALL, HALF, [1] * 4 + [0] * 4], [1, 2, 1], [4, 0, 4]),
    "the same weights": ([HALF] * 3, [1, 1.1, 0.9], [0, -0.4, 0.4]),
    "the same class twice": ([HALF, HALF], [0.3, 0.3], [2, 2]),
    "opposite weights": ([ALL, [0] * 8], [1, 0.37], [0, 1.5]),
    "tiny slopes": ([ALL, HALF, [0] * 8], [1e-30, 2e-30, 1.5e-30], [0, -1e-30, 2e-30]),
    "huge biases": ([ALL, HALF, [0] * 8], [1, 0.7, 1.2], [1e6, -1e6, 1e6]),
    "biases that swallow the counts": ([ALL, HALF], [1e-9, 1e-9], [1, 1]),
    "biases that swallow a count": ([ALL, [0] * 8], [0.25, 0.25], [2.0**23, 2.0**23]),
    "a constant class": ([ALL, HALF, [0] * 8], [1, 0, 1], [0, 5, 0]),
    "all constant": ([ALL, HALF, [0] * 8], [0, 0, 0], [1, 2, 2]),
    "a class that never wins": ([ALL, HALF, [0] * 8], [1, 0.6, 1], [0, -100, 0]),
}


@pytest.mark.parametrize("weights, slopes, intercepts", CASES.values(), ids=CASES)
def test_case(weights, slopes, intercepts):
    values = affine(slopes, intercepts, 8)
    check(values, weights)


def test_unreachable_scores_may_be_anything():
    values = affine([1, 0.5], [0, 1], 3)
    values[0, 0], values[3, 0], values[1, 1] = np.nan, -np.inf, 99
    check(values, [[1, 1, 1], [1, 0, 1]], codes=[(1, 1), (0, 0), (0, 1)])


def fitting(values, counts, largest):
    """Find all scales of two classes, up to ``largest``, that have a difference of offsets."""
    p, q = np.unique(counts, axis=0).T
    wins = values[p, 0] >= values[q, 1]
    far = largest * len(values)
    differences = np.arange(-far, far + 1)[:, None]
    return [(a, b) for a, b in itertools.product(range(largest + 1), repeat=2)
            if ((a * p + differences >= b * q) == wins).all(1).any()]


@pytest.mark.parametrize("seed", range(20))
def test_no_smaller_scales_and_no_needless_refusal(seed):
    """Compare with every pair of small scales and every difference of offsets."""
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, 2, 7)
    values = affine(rng.uniform(0.5, 1, 2), [0, 0.9], 7)
    if seed % 2:
        values = np.cumsum(rng.integers(0, 3, (8, 2)), axis=0)
    counts = counts_of_all(weights)
    possible = fitting(values, counts, 10)
    if possible:
        scores = check(values, weights)
        # Ones need no multiplier, and precede a zero and a one.
        assert max(scores.scales.max(), 1) == max(1, min(map(max, possible)))
    else:
        with pytest.raises(SourceError, match="^no integer scales keep the order of the scores "
                                              "|, which no integer scale follows beside class "):
            integer_scores(values, weights, [(0, 7)] * 2)


def test_decisions_of_many_classes():
    """Counts by kinds of pairs, and in blocks, equal those of single pairs."""
    rng = np.random.default_rng(8)
    weights, values = random_weights(rng, 150, 6), np.cumsum(rng.uniform(0, 3, (7, 150)), axis=0)
    codes = [(0, 1), (0, 1), (1, 1), (0, 1), (0, 0), (0, 1)]
    check(values, weights, codes=codes, bits=3)


# Impossible scores


def test_one_class():
    scores = integer_scores([[0.0], [2.0]], [[1]], [(0, 1)])
    assert (scores.scales.tolist(), scores.offsets.tolist(), scores.total) == ([1], [0], 0)


@pytest.mark.parametrize("column, message", [
    ([0, 1, np.nan], r"^score of class 1 must be finite, not nan at count 2$"),
    ([-np.inf, 1, 2], r"^score of class 1 must be finite, not -inf at count 0$"),
    ([0, 2, 1], r"^score of class 1 must only rise or only fall as its count rises, but turns: it "
                r"is 2\.0 at count 1 and 1\.0 at 2$"),
])
def test_scores_wrong(column, message):
    values = np.array([[0, 1, 2], column], float).T
    with pytest.raises(SourceError, match=message):
        integer_scores(values, [[1, 1], [1, 0]], [(0, 2)] * 2)


BENT = [0, 2, 4, 6, 6.25, 6.5, 6.75, 7, 8]
POINTS = r"counts \d:\d( and \d:\d)? must win, \d:\d( and \d:\d)? must lose; --score-bits takes " \
         r"the best of few bits$"
CONFLICTS = {
    "bent": (np.arange(9.0), BENT, r"^no integer scales keep the order of the scores of classes 0 "
                                   rf"and 1: {POINTS}"),
    "clipped in the middle": (
        np.arange(9.0), [0, 2, 4, 6, 6, 6, 6, 7, 8],
        r"^score of class 1 must rise or fall evenly, but has a plateau: it is 6\.0 at all counts "
        rf"3 to 6, which no integer scale follows beside class 0: {POINTS}"),
    "clipped below": (
        np.arange(9.0), np.maximum(np.arange(9.0), 4),
        r"^score of class 1 must rise or fall evenly, but has a plateau: it is 4\.0 at all counts "
        rf"0 to 4, which no integer scale follows beside class 0: {POINTS}"),
}


@pytest.mark.parametrize("first, second, message", CONFLICTS.values(), ids=CONFLICTS)
def test_no_scales(first, second, message):
    """No straight line reproduces a score that bends."""
    values = np.stack([first, second], axis=1)
    weights = [[1] * 8, [1, 0] * 4]
    with pytest.raises(SourceError, match=message):
        integer_scores(values, weights, [(0, 8)] * 2)
    scores = check(values, weights, bits=4)
    assert scores.changed


GOOD = {"values": np.zeros((3, 2)), "weights": [[1, 1], [1, 0]], "ranges": [(0, 2)] * 2}


@pytest.mark.parametrize("wrong, message", [
    ({"values": np.zeros((4, 2))},
     r"^values of the scores must have shape \(3, 2\), not \(4, 2\)$"),
    ({"weights": [[1, 2], [1, 0]]},
     r"^weights of the scores must be 0 or 1, of shape \(classes, synapses\)$"),
    ({"ranges": [(0, 3)] * 2},
     r"^ranges of the scores must be 2 pairs of counts, the smaller first, in 0 to 2$"),
    ({"ranges": [(0, 2)]},
     r"^ranges of the scores must be 2 pairs of counts, the smaller first, in 0 to 2$"),
    ({"codes": [(0, 1), (0, 2)]},
     r"^codes of the elements must be 2 pairs of values, the smaller first, in 0 to 1$"),
    ({"codes": [(0, 1), (1, 0)]},
     r"^codes of the elements must be 2 pairs of values, the smaller first, in 0 to 1$"),
    ({"codes": [0, 1]},
     r"^codes of the elements must be 2 pairs of values, the smaller first, in 0 to 1$"),
    ({"planes": 0}, r"^planes must be in 1 to 8, not 0$"),
    ({"bits": 0}, r"^score bits must be in 1 to 24, not 0$"),
])
def test_arguments_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        integer_scores(**{**GOOD, **wrong})
