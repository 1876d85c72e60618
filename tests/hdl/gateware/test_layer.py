# amaranth: UnusedElaboratable=no
"""Layers against sums of ±1: every fold and weight style, stalls, latency."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from xnorloom.errors import ScheduleError
from xnorloom.gateware.layer import Layer
from xnorloom.graph import Dense, Score
from xnorloom.packing import score_shape
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim.harness import Stall, run

FRAMES = 5

# Neurons of style wired share counts, so that the number of their levels follows from the weights.
# Otherwise the latency is 1 for block, 1 if its words are registered, levels // register_every for
# the popcount, 1 for more than one step a count, 1 for the output. Popcounts have 1 level up to 3
# bits, 2 to 7, 3 to 15, 4 to 31.
CASES = {  # neurons, inputs, pe, simd, style, register_every, planes: latency, interval
    "wired": (7, 10, 7, 10, "wired", 0, 1, 1, 1),
    "wired, registers": (7, 10, 7, 10, "wired", 1, 1, 4, 1),
    "wired, registers every 2": (5, 17, 5, 17, "wired", 2, 1, 4, 1),
    "wired, planes": (5, 9, 5, 9, "wired", 3, 3, 3, 3),
    "wired, one synapse": (1, 1, 1, 1, "wired", 0, 1, 1, 1),
    "lut": (8, 12, 4, 4, "lut", 0, 1, 2, 6),
    "lut, odd folds": (7, 10, 3, 4, "lut", 2, 1, 3, 9),
    "lut, odd folds, planes": (5, 11, 2, 3, "lut", 1, 4, 3, 48),
    "lut, all synapses": (7, 9, 3, 9, "lut", 1, 1, 4, 3),
    "lut, all neurons": (5, 11, 5, 4, "lut", 2, 2, 3, 6),
    "lut, whole layer": (4, 6, 4, 6, "lut", 3, 1, 1, 1),
    "lut, one lane": (4, 6, 1, 1, "lut", 0, 1, 2, 24),
    "lut, many neuron folds": (21, 7, 2, 3, "lut", 0, 1, 2, 33),
    "lut, registered": (8, 12, 4, 4, "lut, registered", 0, 1, 3, 6),
    "lut, registered, odd folds, planes": (5, 11, 2, 3, "lut, registered", 1, 4, 4, 48),
    "lut, registered, all synapses": (7, 9, 3, 9, "lut, registered", 1, 1, 5, 3),
    "lut, registered, many neuron folds": (21, 7, 2, 3, "lut, registered", 0, 1, 3, 33),
    "lut, registered, whole layer": (4, 6, 4, 6, "lut, registered", 3, 1, 2, 1),
    "block": (8, 12, 4, 4, "block", 0, 1, 3, 6),
    "block, odd folds": (9, 17, 4, 8, "block", 3, 1, 4, 9),
    "block, odd folds, planes": (5, 13, 3, 6, "block", 1, 2, 5, 12),
    "block, all synapses": (7, 9, 3, 9, "block", 2, 1, 3, 3),
    "block, all neurons, planes": (3, 7, 3, 2, "block", 0, 3, 3, 12),
    "block, whole layer": (4, 6, 4, 6, "block", 0, 1, 2, 1),
    "block, registered": (8, 12, 4, 4, "block, registered", 0, 1, 4, 6),
    "block, registered, odd folds, planes": (5, 13, 3, 6, "block, registered", 1, 2, 6, 12),
    "block, registered, many neuron folds": (21, 7, 2, 7, "block, registered", 2, 1, 4, 11),
    "block, registered, many folds": (19, 5, 2, 3, "block, registered", 1, 1, 5, 20),
    "block, one lane, planes": (4, 5, 1, 1, "block", 1, 2, 4, 40),
    "block, many neuron folds": (21, 7, 2, 7, "block", 2, 1, 3, 11),
    "block, many neuron folds, synapse folds": (19, 5, 2, 3, "block", 1, 1, 4, 20),
}
TOLD = {name: case[:7] for name, case in CASES.items()}
SPANS = {  # smallest and largest offset
    "zero": (0, 0),
    "one value": (-7, -7),
    "both signs": (-9, 6),
    "positive": (2, 40),
    "negative": (-70, -50),
}


def products_of(frames, weights, planes):
    """Compute the ±1 dot products by definition; an element ``x`` means ``2x - (2**k - 1)``."""
    return (2 * frames - (2 ** planes - 1)) @ (2 * weights.astype(int) - 1).T


def frames_of(weights, planes, count=FRAMES):
    """Frames of elements: all smallest, all largest, the best and worst of a neuron, random."""
    neurons, inputs = weights.shape
    rng = np.random.default_rng([neurons, inputs, planes])
    top = 2 ** planes - 1
    frames = rng.integers(0, top + 1, (count, inputs))
    special = [np.zeros(inputs), np.full(inputs, top), top * weights[-1], top * (1 - weights[0])]
    frames[:4] = special[:count]
    return rng.permutation(frames)


def words_of(frames, neurons, pe, simd, planes):
    """Operand words bit by bit, the most significant plane first; padding bits are random."""
    rng = np.random.default_rng(simd)
    count, inputs = frames.shape
    folds = -(-inputs // simd)
    bits = rng.integers(0, 2, (count, -(-neurons // pe), planes, folds * simd), np.uint8)
    for plane in range(planes):
        bits[..., plane, :inputs] = (frames >> planes - 1 - plane & 1)[:, None]
    return bits.reshape(-1, simd)


def pack(bits):
    return np.packbits(bits, axis=-1, bitorder="little")


def elements_of(outputs, shape, pe, rows):
    """Elements of the output words of ``rows`` frames, missing neurons included."""
    bits = np.unpackbits(outputs, axis=1, count=pe * shape.width, bitorder="little").astype(int)
    weights = 1 << np.arange(shape.width)
    if shape.signed:
        weights[-1] *= -1
    return bits.reshape(rows, -1, shape.width) @ weights


def dense_of(neurons, inputs, planes):
    """A layer whose thresholds are reached exactly, or missed by one, by one of its frames.

    The first threshold is 0, the second N + 1.
    """
    rng = np.random.default_rng([neurons, inputs])
    weights = rng.integers(0, 2, (neurons, inputs), np.uint8)
    count_max = inputs * (2 ** planes - 1)
    frames = frames_of(weights, planes)
    sums = products_of(frames, weights, planes)[np.arange(neurons) % FRAMES, np.arange(neurons)]
    thresholds = (sums + count_max) // 2 + rng.integers(0, 2, neurons)
    thresholds[:2] = [0, count_max + 1][:neurons]
    expected = 2 * thresholds - count_max <= products_of(frames, weights, planes)
    return Dense("dense", weights, thresholds), frames, expected.astype(int)


def score_of(neurons, inputs, planes, span):
    rng = np.random.default_rng([neurons, inputs])
    weights = rng.integers(0, 2, (neurons, inputs), np.uint8)
    offsets = rng.integers(span[0], span[1] + 1, neurons)
    offsets[[0, -1]] = span
    frames = frames_of(weights, planes)
    # The products plus 2 * offset, brought from -N ... N to the range of a count.
    count_max = inputs * (2 ** planes - 1)
    expected = (products_of(frames, weights, planes) + 2 * offsets + count_max) // 2
    return Score("score", weights, offsets), frames, expected


def check_run(dut, words, expected, element, pe, stall=None):
    """Run a layer, compare the outputs of its neurons, and return the trace."""
    frames, neurons = expected.shape
    folds = -(-neurons // pe)
    trace = run(dut, pack(words), frames * folds, stall=stall)
    elements = elements_of(trace.outputs, element, pe, frames)
    assert elements[:, :neurons].tolist() == expected.tolist()
    if element == unsigned(1):
        # Lanes without a neuron give 0.
        assert not elements[:, neurons:].any()
    return trace


def fold_of(pe, simd, style, every):
    style, _, registered = style.partition(", ")
    return Fold(pe, simd, style, every, read_register=bool(registered))


def check(graph_layer, frames, expected, case, element):
    neurons, inputs, pe, simd, style, every, planes, latency, interval = case
    fold = fold_of(pe, simd, style, every)
    steps = -(-inputs // simd) * planes
    words = words_of(frames, neurons, pe, simd, planes)

    dut = Layer(LayerPlan(graph_layer, fold, planes=planes))
    assert dut.latency == latency
    assert dut.interval == interval
    assert len(words) == FRAMES * interval
    assert dut.o.payload.shape().elem_shape == element
    assert dut.model(words).tolist() == expected.tolist()

    # Operands in every cycle; each word `latency` cycles after the last operands of its fold.
    trace = check_run(dut, words, expected, element, pe)
    assert trace.i_cycles.tolist() == list(range(FRAMES * interval))
    assert trace.o_cycles.tolist() == (trace.i_cycles[steps - 1::steps] + latency).tolist()
    frame_ends = trace.o_cycles.reshape(FRAMES, -1)[:, -1]
    assert np.diff(frame_ends).tolist() == [interval] * (FRAMES - 1)

    # Operands with gaps: still so.
    dut = Layer(LayerPlan(graph_layer, fold, planes=planes))
    trace = check_run(dut, words, expected, element, pe, Stall(7, i=0.4))
    assert trace.o_cycles.tolist() == (trace.i_cycles[steps - 1::steps] + latency).tolist()

    for stall in (Stall(8, o=0.5), Stall(9, i=0.3, o=0.6)):
        dut = Layer(LayerPlan(graph_layer, fold, planes=planes))
        check_run(dut, words, expected, element, pe, stall)


# Latencies of scores where they differ.
SCORE_LATENCIES = {"wired, registers": 7}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_dense(case):
    neurons, inputs, *_, planes, _, _ = case
    check(*dense_of(neurons, inputs, planes), case, unsigned(1))


# All spans would take five times as long: the cases take turns with them.
@pytest.mark.parametrize("index", range(len(CASES)), ids=list(CASES))
def test_score(index):
    name, case = list(CASES.items())[index]
    *told, latency, interval = case
    case = (*told, SCORE_LATENCIES.get(name, latency), interval)
    neurons, inputs, *_, planes, _, _ = case
    span = list(SPANS.values())[index % len(SPANS)] if neurons > 1 else (3, 3)
    graph_layer, frames, expected = score_of(neurons, inputs, planes, span)
    check(graph_layer, frames, expected, case, score_shape(graph_layer, planes))


# Block RAM holds the offsets of more than eight neuron folds: no bits, signs, one value.
@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("style, latency", [("lut", 2), ("block", 3)])
def test_score_with_many_neuron_folds(style, latency, span):
    graph_layer, frames, expected = score_of(11, 6, 1, span)
    case = (11, 6, 1, 4, style, 0, 1, latency, 22)
    check(graph_layer, frames, expected, case, score_shape(graph_layer, 1))


EVERY = {  # synapses of a neuron, pe, simd, style
    "wired 1": (1, 6, 1, "wired"),
    "wired 2": (2, 16, 2, "wired"),
    "wired 3": (3, 40, 3, "wired"),
    "wired 4": (4, 96, 4, "wired"),
    "lut 4, odd folds": (4, 13, 3, "lut"),
    "block 4, odd folds": (4, 11, 3, "block"),
    "lut 5": (5, 32, 5, "lut"),
    "block 6": (6, 64, 6, "block"),
}


@pytest.mark.parametrize("inputs, pe, simd, style", EVERY.values(), ids=EVERY)
def test_a_layer_of_every_neuron(inputs, pe, simd, style):
    """All weights with all thresholds in one layer, and all inputs as its frames."""
    vectors = np.arange(1 << inputs)[:, None] >> np.arange(inputs) & 1
    thresholds = np.arange(inputs + 2)
    dense = Dense("every", np.repeat(vectors, inputs + 2, axis=0), np.tile(thresholds, 1 << inputs))
    sums = products_of(vectors, vectors, 1)[..., None]
    expected = (sums >= 2 * thresholds - inputs).astype(int).reshape(len(vectors), -1)
    dut = Layer(LayerPlan(dense, Fold(pe, simd, style)))
    words = words_of(vectors, dense.neurons, pe, simd, 1)
    assert dut.model(words).tolist() == expected.tolist()
    check_run(dut, words, expected, unsigned(1), pe)


@pytest.mark.parametrize("span, inputs, planes, shape", [
    ((0, 0), 7, 1, unsigned(3)),
    ((0, 0), 8, 1, unsigned(4)),
    ((1, 3), 5, 2, unsigned(5)),
    ((-1, 0), 7, 1, signed(4)),
    ((-1, 1), 7, 1, signed(5)),
    ((-20, -12), 4, 1, signed(6)),
])
def test_score_shape(span, inputs, planes, shape):
    score = Score("score", np.ones((2, inputs), int), np.array(span))
    assert score_shape(score, planes) == shape
    layer = Layer(LayerPlan(score, Fold(2, 1, "lut"), planes=planes))
    assert layer.o.payload.shape().elem_shape == shape


DENSE = Dense("dense", np.ones((4, 6), int), np.ones(4, int))


@pytest.mark.parametrize("graph_layer, fold, planes, error, message", [
    (None, Fold(1, 1, "lut"), 1, TypeError,
     r"^LayerPlan layer must be a Conv, a Dense or a Score, not None$"),
    (DENSE, (1, 1, "lut"), 1, TypeError, r"^LayerPlan fold must be a Fold, not \(1, 1, 'lut'\)$"),
    (DENSE, Fold(1, 1, "lut"), 1.0, TypeError, r"^LayerPlan planes must be an integer, not 1\.0$"),
    (DENSE, Fold(1, 1, "lut"), True, TypeError, r"^LayerPlan planes must be an integer, not True$"),
    (DENSE, Fold(1, 1, "lut"), 0, ValueError, r"^LayerPlan planes must be at least 1, not 0$"),
    (DENSE, Fold(5, 1, "lut"), 1, ScheduleError,
     r"^pe of layer 'dense' must be at most its 4 neurons, not 5$"),
    (DENSE, Fold(4, 7, "block"), 1, ScheduleError,
     r"^simd of layer 'dense' must be at most its 6 inputs, not 7$"),
    (DENSE, Fold(4, 3, "wired"), 1, ScheduleError,
     r"^style wired of layer 'dense' needs pe 4 and simd 6, the whole layer, not pe 4 and simd 3$"),
    (DENSE, Fold(1, 6, "wired"), 1, ScheduleError,
     r"^style wired of layer 'dense' needs pe 4 and simd 6, the whole layer, not pe 1 and simd 6$"),
])
def test_wrong(graph_layer, fold, planes, error, message):
    with pytest.raises(error, match=message):
        Layer(LayerPlan(graph_layer, fold, planes=planes))


def test_no_plan():
    with pytest.raises(TypeError, match="^Layer plan must be a LayerPlan, not None$"):
        Layer(None)
