# amaranth: UnusedElaboratable=no
"""Networks with absent synapses against the golden model: every style, fold and kind of layer."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.network import Network
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.score_unit import ScoreUnit
from xnorloom.gateware.xnor import XnorArray
from xnorloom.graph import Conv, Dense, Graph, Input, Pool, Score, Window
from xnorloom.packing import weight_bits, weight_words
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall
from xnorloom_sim.simulation import simulate

STYLES = ["wired", "lut", "block", "spram"]


def check(graph, schedule, frames, *, stall=None, engine="amaranth"):
    """Simulate ``frames``; compare all activations, scores, models, latency and interval."""
    plan, expected = schedule.bind(graph), golden.evaluate(graph, frames)
    result = simulate(plan, frames, stall=stall, engine=engine, probes=plan.vectors == 1)
    if plan.vectors == 1:
        for layer, found, wanted in zip(graph.layers, result.activations, expected.activations,
                                        strict=False):
            np.testing.assert_array_equal(found, wanted, layer.name)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.classes, expected.classes)
    network = Network(plan)
    if stall is None and plan.vectors == 1:
        assert result.latency == network.latency
        assert result.interval == network.interval
    if plan.vectors == 1:
        np.testing.assert_array_equal(network.model(frames)[1], expected.scores)


def frames_of(graph, rng, count):
    return rng.integers(0, 1 << graph.input.bits, (count, graph.input.size))


@st.composite
def cases(draw):
    """A seed, layer sizes, input bits, and folds that take about a hundred cycles at most."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    bits, vectors = draw(st.one_of(st.just(1), st.integers(1, 5))), draw(st.sampled_from([1, 1, 3]))
    folds, planes = [], bits
    for n, m in zip(sizes, sizes[1:]):
        style = draw(st.sampled_from(STYLES))
        pe, simd = m, n
        if style != "wired":
            pe = -(-m // draw(st.integers(1, min(m, 24))))
            simd = -(-n // draw(st.integers(1, max(1, min(n, 100 * pe // (m * planes))))))
        if style == "spram" and -(-m // pe) * -(-n // simd) == 1:
            style = "block"
        folds.append(Fold(pe, simd, style, draw(st.integers(0, 3)),
                          style != "wired" and draw(st.booleans()), vectors))
        planes = 1
    return draw(st.integers(0, 2**32)), sizes, bits, Schedule(folds[0].simd, tuple(folds))


@settings(max_examples=14)
@given(cases(), st.sampled_from([None, (0.5, 0.0), (0.0, 0.5), (0.7, 0.7)]))
def test_random_network(random_graph, sparse, case, stalls):
    seed, sizes, bits, schedule = case
    rng = np.random.default_rng(seed)
    graph = sparse(random_graph(rng, sizes, bits), rng)
    if rng.random() < 0.4:
        scaled = replace(graph.layers[-1], scales=rng.integers(0, 5, sizes[-1]))
        graph = Graph("scaled", graph.input, (*graph.layers[:-1], scaled))
    stall = None if stalls is None else Stall(seed % 1000, *stalls)
    check(graph, schedule, frames_of(graph, rng, 6), stall=stall)


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.sampled_from([None, (0.2, 0.9), (0.5, 0.5)]))
def test_random_convolutions(random_chain, sparse, seed, stalls):
    graph, schedule, rng = random_chain(seed)
    stall = None if stalls is None else Stall(seed % 1000, *stalls)
    check(sparse(graph, rng), schedule, frames_of(graph, rng, len(graph.layers) + 2), stall=stall)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.6)], ids=["free", "stalled"])
def test_whole_kernel(sparse, style, stall):
    """A convolution that takes its kernel at once, of wired weights too, with a pool."""
    rng = np.random.default_rng(5)
    layer = Conv("conv", rng.integers(0, 2, (5, 2, 3, 2)), np.zeros(5, int), Window((2, 3)),
                 Pool((2, 1), [0, 1, 0, 0, 1]))
    graph = sparse(Graph("g", Input((5, 6, 2), 2), (
        layer, Dense("dense", rng.integers(0, 2, (4, 40)), np.zeros(4, int)),
        Score("score", rng.integers(0, 2, (3, 4)), [0, 1, -1]))), rng)
    pe = 5 if style == "wired" else 3
    check(graph, Schedule(2, (Fold(pe, 12, style), Fold(2, 7, "lut"), Fold(3, 4, "wired"))),
          frames_of(graph, rng, 6), stall=stall)


@pytest.mark.parametrize("style", STYLES)
def test_no_synapse(style):
    """Layers of neurons without any synapse: they fire always or never."""
    none = np.zeros((3, 5), int)
    graph = Graph("g", Input((5,), 2), (
        Dense("a", none, [0, 1, 0], none), Score("s", none[:, :3], [2, 9, 4], None, none[:, :3])))
    fold = Fold(3, 5, "wired") if style == "wired" else Fold(2, 2, style)
    last = Fold(3, 3, "wired") if style == "wired" else Fold(1, 2, style)
    rng = np.random.default_rng(0)
    check(graph, Schedule(fold.simd, (fold, last)), frames_of(graph, rng, 8))
    assert golden.evaluate(graph, [[1, 2, 3, 0, 1]]).activations[0].tolist() == [[1, 0, 1]]


def test_engines_agree(random_graph, sparse):
    """All styles and a compiled simulation of the Verilog."""
    rng = np.random.default_rng(12)
    graph = sparse(random_graph(rng, [45, 19, 23, 11, 7], 2), rng)
    schedule = Schedule(13, (Fold(7, 11, "block"), Fold(5, 4, "spram"), Fold(11, 23, "wired", 1),
                             Fold(3, 5, "lut")))
    check(graph, schedule, frames_of(graph, rng, 30), engine="compiled")
    check(graph, schedule, frames_of(graph, rng, 30), engine="compiled", stall=Stall(3, 0.4, 0.6))


# Latencies as in test_layer.py; neurons of a wired layer share counts.
LATENCIES = {  # synapses of each neuron, simd, style, register_every: latency
    "wired, one synapse each": ([1, 1, 1], 40, "wired", 1, 1),
    "wired, few and many": ([1, 0, 31], 40, "wired", 1, 6),
    "wired, registers every 2": ([1, 0, 31], 40, "wired", 2, 3),
    "wired, no registers": ([1, 0, 31], 40, "wired", 0, 1),
    "wired, none": ([0, 0, 0], 40, "wired", 1, 1),
    "lut": ([1, 0, 31], 40, "lut", 1, 6),
    "block": ([1, 0, 31], 20, "block", 2, 5),
}


@pytest.mark.parametrize("synapses, simd, style, every, latency", LATENCIES.values(),
                         ids=LATENCIES)
def test_latency(synapses, simd, style, every, latency):
    present = np.arange(40) < np.array(synapses)[:, None]
    layer = Dense("a", np.ones((3, 40), int), np.array(synapses), present)
    graph = Graph("g", Input((40,)), (layer, Score("s", np.ones((2, 3), int), [0, 1])))
    schedule = Schedule(simd, (Fold(3, simd, style, every), Fold(2, 3, "wired")))
    assert Layer(schedule.bind(graph).layers[0]).latency == latency
    check(graph, schedule, np.random.default_rng(1).integers(0, 2, (9, 40)))


def test_wired_weights_are_no_word():
    """Amaranth refuses wires of more than 65,536 bits; here they would have 80,000."""
    present = np.arange(20_000) % 4000 == 7
    layer = Score("s", np.ones((2, 20_000), int), [1, 0], [2, 3], np.tile(present, (2, 1)))
    assert "module" in rtlil.convert(Layer(LayerPlan(layer, Fold(2, 20_000, "wired"))))


# Words


@pytest.mark.parametrize("style, width, sprams", [("lut", 24, 0), ("block", 24, 0),
                                                  ("spram", 24, 2)])
def test_words(style, width, sprams):
    """The weights of all lanes, then their presence; a gap and a missing neuron are absent."""
    rng = np.random.default_rng(3)
    present = rng.random((5, 7)) < 0.5
    layer = Dense("a", rng.integers(0, 2, (5, 7)), np.zeros(5, int), present)
    plan = LayerPlan(layer, Fold(3, 4, style))
    assert (plan.weight_width, plan.sprams) == (width, sprams)
    bits = weight_bits(plan)
    assert bits.shape == (4, 24)
    for row, word in enumerate(bits):
        for lane in range(12):
            neuron, synapse = row // 2 * 3 + lane // 4, row % 2 * 4 + lane % 4
            there = neuron < 5 and synapse < 7
            assert word[lane] == (layer.weights[neuron, synapse] if there else 1)
            assert word[12 + lane] == (there and present[neuron, synapse])
    if style == "spram":
        rows = bits @ (1 << np.arange(24))
        assert weight_words(plan).tolist() == [*(rows & 0xffff), *(rows >> 16)]


def test_weights_take_twice_the_bits_only_where_absent():
    layer = Dense("a", np.ones((4, 6), int), np.zeros(4, int), np.ones((4, 6), int))
    assert LayerPlan(layer, Fold(2, 3, "spram")).weight_width == 6
    assert LayerPlan(layer, Fold(2, 3, "spram")).sprams == 1


# Parts


def ints(bits):
    """Rows of bits, the first in bit 0, as integers of any size."""
    return [int.from_bytes(row.tobytes(), "little")
            for row in np.packbits(bits, axis=-1, bitorder="little")]


@pytest.mark.parametrize("size", [1, 2, 3, 9, 64])
def test_xnor_array(size, drive):
    x, w, present = np.random.default_rng(size).integers(0, 2, (3, 60, size), np.uint8)
    products = (2 * x.astype(int) - 1) * (2 * w.astype(int) - 1) * present == 1
    dut = XnorArray(size, masked=True)
    assert drive(dut, x=ints(x), w=ints(w), present=ints(present)) == ints(products)
    assert np.array_equal(dut.model(x, w, present), products)


@pytest.mark.parametrize("simd", [1, 3, 8])
def test_elements(simd, drive):
    x, w, present = np.random.default_rng(simd).integers(0, 2, (3, 40, simd), np.uint8)
    counts = ((x == w) & (present == 1)).sum(axis=1)
    told = {"x": ints(x), "w": ints(w), "present": ints(present)}
    shaped = [array[:, None, None] for array in (x, w)]
    mask = present[:, None, None]
    dut = Accumulator(simd, masked=True)
    assert drive(dut, **told) == counts.tolist()
    assert np.array_equal(dut.model(*shaped, mask), counts)
    dut = Neuron(Accumulator(simd, masked=True), 1)
    assert drive(dut, **told) == (counts >= 1).tolist()
    assert np.array_equal(dut.model(*shaped, present=mask), counts >= 1)
    dut = ScoreUnit(Accumulator(simd, masked=True), range(-4, 1), -4)
    assert drive(dut, **told) == (counts - 4).tolist()
    assert np.array_equal(dut.model(*shaped, present=mask), counts - 4)


def test_wrong():
    with pytest.raises(ValueError, match=r"^Accumulator coded must be False if it is masked: a "
                                         r"parity says nothing of the products of absent "
                                         r"synapses$"):
        Accumulator(8, coded=True, masked=True)
