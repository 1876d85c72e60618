# amaranth: UnusedElaboratable=no
"""Networks with scaled scores and cuts: both engines, stalls, timing, and the testbench."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.export import testbench, verilog
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input, Score
from xnorloom.graph.pixels import encode
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall, run


def scaled(graph, scales, offsets=None):
    """The graph with scales, and perhaps with other offsets."""
    last = graph.layers[-1]
    score = Score(last.name, last.weights, last.offsets if offsets is None else offsets, scales)
    return Graph(graph.name, graph.input, (*graph.layers[:-1], score))


def check(graph, schedule, frames, *, stall=None, scores=True, engine="amaranth"):
    """Run ``frames`` through the gateware, compare with the golden model, return the trace."""
    network = Network(schedule.bind(graph), scores=scores)
    words = pack_frames(schedule.bind(graph), frames)
    trace = run(network, words, len(frames), stall=stall, engine=engine)
    classes, values = unpack_results(graph, trace.outputs, scores=scores)
    expected = golden.evaluate(graph, frames)
    np.testing.assert_array_equal(classes, expected.classes)
    if scores:
        np.testing.assert_array_equal(values, expected.scores)
    if stall is None:
        assert trace.o_cycles[0] - trace.i_cycles[0] == network.latency
        assert set(np.diff(trace.o_cycles)[len(graph.layers) + 1:]) == {network.interval}
    return trace


def frames_of(graph, count, rng):
    return rng.integers(0, 1 << graph.input.bits, (count, *graph.input.shape), dtype=np.uint16)


@st.composite
def cases(draw):
    """A seed, layer sizes, input bits, bits of a scale, and folds of up to some 50 cycles."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=3))
    bits = draw(st.integers(1, 3))
    folds = []
    for n, m in zip(sizes, sizes[1:]):
        style = draw(st.sampled_from(["wired", "lut", "block"]))
        pe, simd = m, n
        if style != "wired":
            pe = -(-m // draw(st.integers(1, min(m, 24))))
            simd = -(-n // draw(st.integers(1, max(1, min(n, 30 * pe // (m * bits))))))
        folds.append(Fold(pe, simd, style, draw(st.integers(0, 3))))
    seed, scale_bits = draw(st.integers(0, 2**32)), draw(st.integers(0, 20))
    stall = draw(st.sampled_from([None, (0.5, 0.0), (0.0, 0.5), (0.4, 0.6)]))
    return seed, sizes, bits, scale_bits, Schedule(folds[0].simd, tuple(folds)), stall


@settings(max_examples=40)
@given(cases())
def test_random_network(random_graph, case):
    seed, sizes, bits, scale_bits, schedule, stall = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    graph = scaled(graph, rng.integers(0, (1 << scale_bits) + 1, graph.classes))
    check(graph, schedule, frames_of(graph, 6, rng),
          stall=stall and Stall(seed % 1000, *stall))


SCHEDULES = {
    "fully parallel": (Fold(19, 45, "wired"), Fold(10, 19, "wired")),
    "odd folds": (Fold(7, 11, "block"), Fold(3, 5, "block")),
    "a class each cycle": (Fold(19, 45, "wired"), Fold(1, 19, "lut")),
    "ten neuron folds in block RAM": (Fold(5, 15, "block"), Fold(1, 19, "block")),
}


@pytest.mark.parametrize("folds", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.6)], ids=["free", "stalled"])
def test_engines_agree_cycle_for_cycle(random_graph, folds, stall):
    rng = np.random.default_rng(12)
    scales = rng.integers(0, 1 << 20, 10)
    # As high as the counts times the scales, so that no class always wins.
    offsets = scales.max() * 19 - scales * 10
    graph = scaled(random_graph(rng, [45, 19, 10]), scales, offsets)
    schedule = Schedule(13, folds)
    frames = frames_of(graph, 10, rng)
    slow = check(graph, schedule, frames, stall=stall)
    fast = check(graph, schedule, frames, stall=stall, engine="compiled")
    np.testing.assert_array_equal(slow.i_cycles, fast.i_cycles)
    np.testing.assert_array_equal(slow.o_cycles, fast.o_cycles)


def test_largest_scores_in_both_engines():
    rng = np.random.default_rng(4)
    graph = Graph("g", Input((9,), 16), (
        Score("s", rng.integers(0, 2, (3, 9)), [-(1 << 40), 1 << 40, 0],
              [1 << 40, (1 << 40) - 1, 1]),))
    for engine in ("amaranth", "compiled"):
        for pe in (1, 2, 3):
            check(graph, Schedule(9, (Fold(pe, 9, "lut"),)), frames_of(graph, 7, rng),
                  engine=engine)


def test_timing(random_graph):
    graph = random_graph(np.random.default_rng(0), [30, 6, 4])
    schedule = Schedule(8, (Fold(6, 8, "lut"), Fold(2, 6, "lut")))
    plain, ones, result = (Network(schedule.bind(entry)) for entry in (
        graph, scaled(graph, [1] * 4), scaled(graph, [1, 1, 2, 1])))
    assert (ones.latency, ones.interval) == (plain.latency, plain.interval)
    assert [stage.latency for stage in ones.stages] == [stage.latency for stage in plain.stages]
    # Two cycles for the product, and nothing else.
    assert result.latency == plain.latency + 2
    assert result.interval == plain.interval
    assert result.stages[0].latency == plain.stages[0].latency
    assert result.stages[1].latency == plain.stages[1].latency + 2


def test_class_without_scores(random_graph):
    rng = np.random.default_rng(15)
    graph = scaled(random_graph(rng, [12, 9, 5]), [3, 0, 2, 3, 1], [0, 13, 6, 0, 13])
    schedule = Schedule(6, (Fold(9, 6, "lut"), Fold(2, 9, "lut")))
    check(graph, schedule, frames_of(graph, 20, rng), scores=False)


def test_model(random_graph):
    rng = np.random.default_rng(17)
    graph = scaled(random_graph(rng, [30, 17, 6], 2), rng.integers(0, 4096, 6))
    frames = frames_of(graph, 16, rng)
    expected = golden.evaluate(graph, frames)
    network = Network(Schedule(7, (Fold(5, 7, "lut"), Fold(4, 17, "lut"))).bind(graph))
    classes, scores = network.model(frames)
    np.testing.assert_array_equal(classes, expected.classes)
    np.testing.assert_array_equal(scores, expected.scores)


def test_pixels_to_classes(random_graph):
    """Cuts change elements, not gateware."""
    rng = np.random.default_rng(18)
    plain = random_graph(rng, [12, 5, 3], 2)
    cuts = np.sort(rng.integers(0, 257, (12, 3)), axis=1)
    graph = Graph("g", Input((4, 3), 2, cuts), plain.layers)
    pixels = rng.integers(0, 256, (20, 4, 3), dtype=np.uint8)
    frames = encode(graph.input, pixels)
    schedule = Schedule(12, (Fold(5, 6, "lut"), Fold(3, 5, "wired")))
    check(graph, schedule, frames)
    first, second = (verilog.convert(Network(schedule.bind(entry))) for entry in (graph, plain))
    assert first == second


def test_testbench(random_graph, tmp_path, verilate):
    rng = np.random.default_rng(19)
    graph = scaled(random_graph(rng, [20, 6, 5]), [4095, 0, 7, 2048, 1],
                   [-12000, 300, 0, -6000, -1])
    network = Network(Schedule(5, (Fold(3, 5, "lut"), Fold(2, 3, "lut"))).bind(graph), scores=True)
    frames = frames_of(graph, 25, rng)
    expected = golden.evaluate(graph, frames)
    verilog.write(network, tmp_path)
    testbench.write(network, tmp_path, frames, expected.classes, expected.scores)
    simulate = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")
    assert simulate().stdout.splitlines()[0] == (
        f"PASS 25 frames, latency {network.latency}, interval {network.interval}")
    assert simulate("+stall").stdout.splitlines()[0] == "PASS 25 frames, with stalls"
