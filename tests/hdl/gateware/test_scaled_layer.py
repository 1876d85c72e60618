# amaranth: UnusedElaboratable=no
"""Scaled scores: score units and layers against sums of ±1, and their latency."""

import numpy as np
import pytest
from amaranth.hdl import Shape

from xnorloom.export import verilog
from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.score_unit import ScoreUnit
from xnorloom.graph import Score
from xnorloom.packing import score_shape
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim.harness import Stall, run

# One element. Scale and offset come with the count, as the definition says.

RANGES = {  # scales, offsets
    "small": (range(4), range(-3, 5)),
    "zero": (range(1), range(-1, 3)),
    "one value": (range(5, 6), range(7, 8)),
    "negative offsets": (range(1, 9), range(-300, -200)),
    "large": (range(1 << 19, 1 << 20), range(-(1 << 30), 1 << 30)),
}


@pytest.mark.parametrize("scales, offsets", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("simd, every, tree", [(6, 0, 0), (9, 1, 3)])
def test_scorer(simd, every, tree, scales, offsets, drive):
    rng = np.random.default_rng(simd)
    count = 40
    x, w = rng.integers(0, 2, (2, count, simd))
    x[0], w[0] = 1, 1
    s = rng.integers(scales[0], scales[-1] + 1, count)
    b = rng.integers(offsets[0], offsets[-1] + 1, count)
    s[:2], b[:2] = scales[-1], [offsets[-1], offsets[0]]
    agree = ((2 * x - 1) * (2 * w - 1)).sum(axis=1) + simd >> 1
    places = 1 << np.arange(simd)

    dut = ScoreUnit(Accumulator(simd, register_every=every), offsets, scales=scales)
    latency = tree + 2
    assert (dut.latency, dut.interval) == (latency, 1)
    assert dut.signature.members["o"].shape == range(
        offsets[0], scales[-1] * simd + offsets[-1] + 1)
    # The element pauses at random, with other operands at its inputs.
    enabled = rng.random(3 * count) < 0.6
    moves = np.flatnonzero(enabled)
    ports = {name: rng.integers(0, 2, 3 * count).tolist() for name in ("x", "w", "scale", "offset")}
    for index in range(count):
        if index + latency >= len(moves):
            break
        ports["x"][moves[index]] = x[index] @ places
        ports["w"][moves[index]] = w[index] @ places
        ports["scale"][moves[index + tree]] = s[index]
        ports["offset"][moves[index + tree]] = b[index]
    ports["scale"] = [value.clip(scales[0], scales[-1]) for value in np.array(ports["scale"])]
    ports["offset"] = [value.clip(offsets[0], offsets[-1]) for value in np.array(ports["offset"])]
    outputs = drive(dut, en=enabled, **ports)
    seen = min(count, len(moves) - latency)
    assert seen > count // 2
    assert [outputs[move] for move in moves[latency:][:seen]] == (s * agree + b)[:seen].tolist()
    assert dut.model(x[:, None, None], w[:, None, None], b, s).tolist() == (s * agree + b).tolist()


@pytest.mark.parametrize("scale", [0, 1, 2, 37, 4095])
def test_scorer_of_constants(scale, drive):
    vectors = np.arange(32)
    dut = ScoreUnit(Accumulator(5), range(-9, 3), -8, scales=range(4096), scale=scale)
    assert not {"offset", "scale"} & set(dut.signature.members)
    outputs = drive(dut, x=vectors, w=[31] * 32)
    expected = [scale * int(x).bit_count() - 8 for x in vectors]
    assert outputs[1:] == expected[:-1]
    bits = (vectors[:, None] >> np.arange(5) & 1)[:, None, None]
    assert dut.model(bits, np.ones_like(bits)).tolist() == expected


@pytest.mark.parametrize("arguments, error, message", [
    (dict(scales=[1, 2]), TypeError, r"^ScoreUnit scales must be a range, not \[1, 2\]$"),
    (dict(scales=range(0)), ValueError,
     r"^ScoreUnit scales must be a range of step 1 that is not empty, not range\(0, 0\)$"),
    (dict(scales=range(0, 9, 2)), ValueError,
     r"^ScoreUnit scales must be a range of step 1 that is not empty, not range\(0, 9, 2\)$"),
    (dict(scales=range(-1, 3)), ValueError,
     r"^ScoreUnit scales must not be negative, not range\(-1, 3\)$"),
    (dict(scales=range(3), scale=3), ValueError, r"^ScoreUnit scale must be in 0 to 2, not 3$"),
    (dict(scales=range(3), scale=True), TypeError,
     r"^ScoreUnit scale must be an integer, not True$"),
    (dict(scale=3), ValueError, r"^ScoreUnit scale must be None without scales, not 3$"),
])
def test_scorer_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        ScoreUnit(Accumulator(4), range(3), **arguments)


# Layers

FRAMES = 5

# The latency is one more than without scales for constants, see test_layer.py, else two more. That
# of wired layers follows from the weights.
CASES = {  # classes, inputs, pe, simd, style, register_every, planes: latency, interval
    "wired": (7, 10, 7, 10, "wired", 0, 1, 2, 1),
    "wired, registers": (7, 10, 7, 10, "wired", 1, 1, 7, 1),
    "wired, planes": (5, 9, 5, 9, "wired", 3, 3, 4, 3),
    "wired, one synapse": (1, 1, 1, 1, "wired", 0, 1, 2, 1),
    "lut": (8, 12, 4, 4, "lut", 0, 1, 3, 6),
    "lut, odd folds": (7, 10, 3, 4, "lut", 2, 1, 4, 9),
    "lut, odd folds, planes": (5, 11, 2, 3, "lut", 1, 4, 4, 48),
    "lut, all synapses": (7, 9, 3, 9, "lut", 1, 1, 5, 3),
    "lut, all classes": (5, 11, 5, 4, "lut", 2, 2, 4, 6),
    "lut, whole layer": (4, 6, 4, 6, "lut", 3, 1, 2, 1),
    "lut, one lane": (4, 6, 1, 1, "lut", 0, 1, 3, 24),
    "lut, many neuron folds": (21, 7, 2, 3, "lut", 0, 1, 3, 33),
    "lut, a class each cycle": (9, 7, 1, 7, "lut", 0, 1, 2, 9),
    "block": (8, 12, 4, 4, "block", 0, 1, 4, 6),
    "block, odd folds, planes": (5, 13, 3, 6, "block", 1, 2, 6, 12),
    "block, all synapses": (7, 9, 3, 9, "block", 2, 1, 4, 3),
    "block, one lane, planes": (4, 5, 1, 1, "block", 1, 2, 5, 40),
    # Scales and offsets are in block RAM with more than eight neuron folds.
    "block, a class each cycle": (19, 7, 1, 7, "block", 0, 1, 3, 19),
    "block, many neuron folds": (21, 7, 2, 7, "block", 2, 1, 4, 11),
    "block, many neuron folds, synapse folds": (19, 5, 2, 3, "block", 1, 1, 5, 20),
}
SPANS = {  # smallest and largest scale, and offset
    "small": ((0, 3), (-9, 6)),
    "one scale": ((5, 5), (-7, -7)),
    "zero and one": ((0, 1), (0, 0)),
    "zero": ((0, 0), (-3, 4)),
    "20 bits": ((1, (1 << 20) - 1), (-(1 << 30), 1 << 30)),
    "positive": ((2, 100), (2, 4000)),
}


def score_of(classes, inputs, planes, scales, offsets):
    """A layer, frames, and their scores from the ±1 products."""
    rng = np.random.default_rng([classes, inputs, planes])
    weights = rng.integers(0, 2, (classes, inputs))
    s = rng.integers(scales[0], scales[1] + 1, classes)
    b = rng.integers(offsets[0], offsets[1] + 1, classes)
    if classes > 1:
        s[[0, -1]], b[[0, -1]] = scales, offsets[::-1]
    top = 2 ** planes - 1
    frames = rng.integers(0, top + 1, (FRAMES, inputs))
    frames[:2] = [top * weights[-1], top * (1 - weights[0])]
    products = (2 * frames - top) @ (2 * weights - 1).T
    return Score("score", weights, b, s), frames, s * (products + inputs * top >> 1) + b


def words_of(frames, classes, pe, simd, planes):
    """Operand words, the most significant plane first; padding bits are random."""
    rng = np.random.default_rng(simd)
    count, inputs = frames.shape
    bits = rng.integers(0, 2, (count, -(-classes // pe), planes, -(-inputs // simd) * simd))
    for plane in range(planes):
        bits[..., plane, :inputs] = (frames >> planes - 1 - plane & 1)[:, None]
    return bits.reshape(-1, simd).astype(np.uint8)


def scores_of(outputs, shape, pe, classes):
    """Scores in output words, without those of missing classes."""
    bits = np.unpackbits(outputs, axis=1, count=pe * shape.width, bitorder="little").astype(int)
    places = 1 << np.arange(shape.width)
    if shape.signed:
        places[-1] *= -1
    return (bits.reshape(FRAMES, -1, shape.width) @ places)[:, :classes]


def check(case, scales, offsets):
    classes, inputs, pe, simd, style, every, planes, latency, interval = case
    graph_layer, frames, expected = score_of(classes, inputs, planes, scales, offsets)
    fold = Fold(pe, simd, style, every)
    steps = -(-inputs // simd) * planes
    words = words_of(frames, classes, pe, simd, planes)
    packed = np.packbits(words, axis=1, bitorder="little")
    shape = score_shape(graph_layer, planes)

    dut = Layer(LayerPlan(graph_layer, fold, planes=planes))
    if graph_layer.scaled and pe < classes:
        latency += 1
    elif not graph_layer.scaled:
        latency -= 1
    assert dut.latency == latency
    assert dut.interval == interval
    assert Shape.cast(dut.o.payload.shape().elem_shape) == shape
    assert dut.model(words).tolist() == expected.tolist()
    for stall in (None, Stall(7, i=0.4), Stall(8, o=0.5), Stall(9, i=0.3, o=0.6)):
        dut = Layer(LayerPlan(graph_layer, fold, planes=planes))
        trace = run(dut, packed, FRAMES * -(-classes // pe), stall=stall)
        assert scores_of(trace.outputs, shape, pe, classes).tolist() == expected.tolist()
        if stall is None:
            assert trace.i_cycles.tolist() == list(range(FRAMES * interval))
        if stall is None or not stall.o:
            assert trace.o_cycles.tolist() == (trace.i_cycles[steps - 1::steps] + latency).tolist()


# All spans would take six times as long: the cases take turns with them.
@pytest.mark.parametrize("index", range(len(CASES)), ids=list(CASES))
def test_layer(index):
    check(list(CASES.values())[index], *list(SPANS.values())[index % 2 * 4])


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("name", ["lut, odd folds", "block, many neuron folds",
                                  "block, a class each cycle"])
def test_spans(name, span):
    check(CASES[name], *span)


def test_ones_change_nothing():
    rng = np.random.default_rng(3)
    weights, offsets = rng.integers(0, 2, (7, 9)), rng.integers(-9, 9, 7)
    texts = {verilog.convert(Layer(LayerPlan(Score("s", weights, offsets, scales),
                                             Fold(3, 4, "lut"))))
             for scales in (None, np.ones(7, int))}
    assert len(texts) == 1
    assert "product" not in texts.pop()
