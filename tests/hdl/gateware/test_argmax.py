# amaranth: UnusedElaboratable=no
"""Argmax: the first index of the largest score."""

import numpy as np
import pytest
from amaranth.hdl import Shape, signed, unsigned

from xnorloom.gateware.argmax import Argmax, result_layout
from xnorloom_sim.harness import Stall, run

CASES = {  # classes, lanes, shape: latency, interval
    "one class": (1, 1, signed(4), 1, 1),
    "two classes, one lane": (2, 1, unsigned(3), 1, 2),
    "two classes": (2, 2, signed(3), 2, 1),
    "three classes": (3, 3, unsigned(2), 3, 1),
    "three classes, two lanes": (3, 2, signed(3), 2, 2),
    "seven classes, three lanes": (7, 3, signed(5), 3, 3),
    "ten classes": (10, 10, signed(4), 5, 1),
    "ten classes, one lane": (10, 1, signed(4), 1, 10),
    "ten classes, two lanes": (10, 2, unsigned(3), 2, 5),
    "ten classes, four lanes": (10, 4, signed(3), 3, 3),
    "ten classes, seven lanes": (10, 7, signed(6), 4, 2),
    "ten classes, nine lanes": (10, 9, signed(2), 5, 2),
    "eight classes": (8, 8, unsigned(1), 4, 1),
    "nine classes, eight lanes": (9, 8, signed(3), 4, 2),
    "many classes": (33, 5, signed(9), 4, 7),
    "only negative": (6, 4, Shape.cast(range(-9, -1)), 3, 2),
    "constant": (6, 4, unsigned(0), 3, 2),
}
TOLD = {name: case[:3] for name, case in CASES.items()}


def limits(shape):
    if shape.signed:
        return -1 << shape.width - 1, (1 << shape.width - 1) - 1
    return 0, (1 << shape.width) - 1


def scores_of(classes, shape, frames=30):
    """Frames of scores: all equal, rising, falling, extremes, many ties, anything."""
    rng = np.random.default_rng([classes, shape.width, shape.signed])
    low, high = limits(shape)
    scores = rng.integers(low, high + 1, (frames, classes))
    scores[6:14] = rng.integers(max(low, -1), min(high, 1) + 1, (8, classes))
    scores[:2] = np.array([[low], [high]])
    scores[2] = np.arange(classes).clip(low, high)
    scores[3] = -np.arange(classes).clip(-high, -low)
    scores[4], scores[4, -1] = low, high
    scores[5], scores[5, 0] = low, high
    return scores


def first_of_the_largest(row):
    best = 0
    for index, score in enumerate(row):
        if score > row[best]:
            best = index
    return best


def words_of(scores, lanes, shape):
    """Words of whole frames; lanes beyond the last class hold anything, the largest score too."""
    rng = np.random.default_rng(lanes)
    low, high = limits(shape)
    frames, classes = scores.shape
    padded = rng.integers(low, high + 1, (frames, -(-classes // lanes) * lanes))
    padded[::2] = high
    padded[:, :classes] = scores
    bits = (padded.reshape(-1, lanes, 1) >> np.arange(shape.width)).astype(np.uint8) & 1
    return np.packbits(bits.reshape(len(bits), -1), axis=1, bitorder="little")


def labels_of(trace):
    return (trace.outputs.astype(int) @ (1 << 8 * np.arange(trace.outputs.shape[1]))).tolist()


@pytest.mark.parametrize("classes, lanes, shape, latency, interval", CASES.values(), ids=CASES)
def test_argmax(classes, lanes, shape, latency, interval):
    scores = scores_of(classes, shape)
    expected = [first_of_the_largest(row) for row in scores.tolist()]
    dut = Argmax(classes, lanes=lanes, shape=shape)
    assert dut.latency == latency
    assert dut.interval == interval
    assert dut.model(scores).tolist() == expected
    trace = run(dut, words_of(scores, lanes, shape), len(scores))
    assert labels_of(trace) == expected
    # A word in each cycle, and each class `latency` cycles after the last word of its frame.
    assert trace.i_cycles.tolist() == list(range(len(scores) * interval))
    assert trace.o_cycles.tolist() == (trace.i_cycles[interval - 1::interval] + latency).tolist()


STALLS = {
    "source": Stall(1, i=0.5),
    "sink": Stall(2, o=0.5),
    "both": Stall(3, i=0.4, o=0.4),
    "slow sink": Stall(4, i=0.1, o=0.85),
}


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
@pytest.mark.parametrize("scored", [False, True], ids=["class", "class and scores"])
@pytest.mark.parametrize("name", ["one class", "three classes", "ten classes, one lane",
                                  "ten classes, four lanes", "ten classes, seven lanes"])
def test_stalls(name, scored, stall):
    classes, lanes, shape = TOLD[name]
    scores = scores_of(classes, shape)
    dut = Argmax(classes, lanes=lanes, shape=shape, scores=scored)
    trace = run(dut, words_of(scores, lanes, shape), len(scores), stall=stall)
    expected = [first_of_the_largest(row) for row in scores.tolist()]
    if scored:
        labels, values = parted(trace, classes, shape)
        assert values.tolist() == scores.tolist()
        assert labels.tolist() == expected
    else:
        assert labels_of(trace) == expected


def parted(trace, classes, shape):
    """Label and scores of the output words, the label in the lowest bits."""
    width = max(1, (classes - 1).bit_length())
    bits = np.unpackbits(trace.outputs, axis=1, bitorder="little").astype(int)
    labels = bits[:, :width] @ (1 << np.arange(width))
    fields = bits[:, width:width + classes * shape.width]
    fields = fields.reshape(len(bits), classes, shape.width)
    weights = 1 << np.arange(shape.width)
    if shape.signed:
        weights[-1] *= -1
    return labels, fields @ weights


@pytest.mark.parametrize("classes, lanes, shape, latency, interval", CASES.values(), ids=CASES)
def test_scores(classes, lanes, shape, latency, interval):
    scores = scores_of(classes, shape)
    dut = Argmax(classes, lanes=lanes, shape=shape, scores=True)
    assert (dut.latency, dut.interval) == (latency, interval)
    trace = run(dut, words_of(scores, lanes, shape), len(scores))
    labels, values = parted(trace, classes, shape)
    assert values.tolist() == scores.tolist()
    assert labels.tolist() == [first_of_the_largest(row) for row in scores.tolist()]
    assert trace.o_cycles.tolist() == (trace.i_cycles[interval - 1::interval] + latency).tolist()


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_exhaustive(lanes):
    # All frames of three scores of two bits.
    scores = np.arange(64)[:, None] >> np.array([0, 2, 4]) & 3
    for shape, values in ((unsigned(2), scores), (signed(2), scores - 2)):
        trace = run(Argmax(3, lanes=lanes, shape=shape), words_of(values, lanes, shape), 64)
        assert labels_of(trace) == [first_of_the_largest(row) for row in values.tolist()]


@pytest.mark.parametrize("lanes, cycles", {1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 8: 4, 9: 5}.items())
def test_latency(lanes, cycles):
    assert Argmax(lanes, lanes=lanes, shape=unsigned(2)).latency == cycles


@pytest.mark.parametrize("classes, width", {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 10: 4, 16: 4}.items())
def test_width_of_the_class(classes, width):
    assert Argmax(classes, lanes=1, shape=signed(5)).o.payload.shape() == unsigned(width)
    result = Argmax(classes, lanes=1, shape=signed(5), scores=True).o.payload.shape()
    assert result == result_layout(classes, signed(5))
    assert result.size == width + classes * 5


@pytest.mark.parametrize("arguments, error, message", [
    (dict(classes=0), ValueError, r"^Argmax classes must be at least 1, not 0$"),
    (dict(classes=10.0), TypeError, r"^Argmax classes must be an integer, not 10\.0$"),
    (dict(classes=True), TypeError, r"^Argmax classes must be an integer, not True$"),
    (dict(lanes=0), ValueError, r"^Argmax lanes must be at least 1, not 0$"),
    (dict(lanes="2"), TypeError, r"^Argmax lanes must be an integer, not '2'$"),
    (dict(lanes=11), ValueError, r"^Argmax lanes must be at most its 10 classes, not 11$"),
    (dict(shape="x"), TypeError,
     r"^Array layout element shape must be a shape-castable object, not 'x'$"),
])
def test_wrong(arguments, error, message):
    arguments = dict(classes=10, lanes=2, shape=signed(4)) | arguments
    with pytest.raises(error, match=message):
        Argmax(arguments.pop("classes"), **arguments)
