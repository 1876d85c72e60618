# amaranth: UnusedElaboratable=no
"""Networks against the golden model; latency and interval against the formulas."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.errors import ScheduleError
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall, run


def check(graph, schedule, frames, *, stall=None, scores=True, engine="amaranth"):
    """Run ``frames`` through the gateware, compare with the golden model, return the trace."""
    network = Network(schedule.bind(graph), scores=scores)
    words = pack_frames(schedule.bind(graph), frames)
    assert len(words) == len(frames) * network.plan.words
    trace = run(network, words, len(frames), stall=stall, engine=engine)
    classes, values = unpack_results(graph, trace.outputs, scores=scores)
    expected = golden.evaluate(graph, frames)
    np.testing.assert_array_equal(classes, expected.classes)
    if scores:
        np.testing.assert_array_equal(values, expected.scores)
    if stall is None:
        assert trace.o_cycles[0] - trace.i_cycles[0] == network.latency
        steady = np.diff(trace.o_cycles)[len(graph.layers) + 1:]
        assert (steady == network.interval).all()
    return trace


def frames_of(graph, count, rng):
    return rng.integers(0, 1 << graph.input.bits, (count, *graph.input.shape), dtype=np.uint16)


@st.composite
def cases(draw):
    """A seed, layer sizes, input bits, and folds that take about a hundred cycles at most."""
    sizes = draw(st.lists(st.integers(1, 70), min_size=2, max_size=4))
    bits = draw(st.one_of(st.just(1), st.integers(1, 8)))
    folds = []
    planes = bits
    for n, m in zip(sizes, sizes[1:]):
        style = draw(st.sampled_from(["wired", "lut", "block"]))
        pe, simd = m, n
        if style != "wired":
            # Up to 24 neuron folds: more than the look-up tables hold thresholds of.
            pe = -(-m // draw(st.integers(1, min(m, 24))))
            simd = -(-n // draw(st.integers(1, max(1, min(n, 100 * pe // (m * planes))))))
        folds.append(Fold(pe, simd, style, draw(st.integers(0, 3)),
                          style == "block" and draw(st.booleans())))
        planes = 1
    width = draw(st.sampled_from([folds[0].simd, draw(st.integers(1, sizes[0]))]))
    return draw(st.integers(0, 2**32)), sizes, bits, Schedule(width, tuple(folds))


@settings(max_examples=30)
@given(cases())
def test_random_network(random_graph, case):
    seed, sizes, bits, schedule = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    check(graph, schedule, frames_of(graph, 8, rng))


@settings(max_examples=30)
@given(cases(), st.sampled_from([(0.5, 0.0), (0.0, 0.5), (0.7, 0.7), (0.1, 0.9)]))
def test_random_network_stalled(random_graph, case, stalls):
    seed, sizes, bits, schedule = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    check(graph, schedule, frames_of(graph, 5, rng), stall=Stall(seed % 1000, *stalls))


SIZES = [45, 19, 23, 7]
SCHEDULES = {
    # name: (folds, interval)
    "fully parallel": ([Fold(19, 45, "wired"), Fold(23, 19, "wired"), Fold(7, 23, "wired")], 1),
    "fully parallel, unregistered":
        ([Fold(19, 45, "wired", 0), Fold(23, 19, "lut", 0), Fold(7, 23, "wired", 0)], 1),
    "one layer folded": ([Fold(19, 45, "wired"), Fold(8, 19, "lut"), Fold(7, 23, "wired")], 3),
    "odd folds": ([Fold(7, 11, "block"), Fold(5, 4, "block"), Fold(3, 5, "lut")], 25),
    "as many words as cycles": ([Fold(3, 45, "lut"), Fold(4, 19, "lut"), Fold(1, 23, "lut")], 7),
    "last layer slowest": ([Fold(19, 9, "lut"), Fold(23, 10, "lut"), Fold(1, 3, "block")], 56),
    "one lane": ([Fold(1, 1, "block"), Fold(1, 1, "block"), Fold(1, 1, "block")], 855),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_network_at_many_schedules(random_graph, name):
    folds, interval = SCHEDULES[name]
    rng = np.random.default_rng(11)
    graph = random_graph(rng, SIZES)
    schedule = Schedule(folds[0].simd, tuple(folds))
    count = 12 if interval < 100 else 7
    trace = check(graph, schedule, frames_of(graph, 12, rng)[:count])
    assert Network(schedule.bind(graph)).interval == interval
    # The last difference once more, against the number in the table.
    assert trace.o_cycles[-1] - trace.o_cycles[-2] == interval


@pytest.mark.parametrize("name", ["fully parallel", "odd folds", "last layer slowest"])
@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.6)], ids=["free", "stalled"])
def test_engines_agree_cycle_for_cycle(random_graph, name, stall):
    rng = np.random.default_rng(12)
    graph = random_graph(rng, SIZES)
    schedule = Schedule(13, tuple(SCHEDULES[name][0]))
    frames = frames_of(graph, 10, rng)
    slow = check(graph, schedule, frames, stall=stall)
    fast = check(graph, schedule, frames, stall=stall, engine="compiled")
    np.testing.assert_array_equal(slow.i_cycles, fast.i_cycles)
    np.testing.assert_array_equal(slow.o_cycles, fast.o_cycles)
    assert slow.cycles == fast.cycles


def test_automatic_schedule_of_many_planes(random_graph):
    rng = np.random.default_rng(13)
    graph = random_graph(rng, [130, 21, 10], bits=8)
    for interval in (8, 100, 1000):
        schedule = automatic(graph, interval)
        network = Network(schedule.bind(graph))
        assert network.interval <= interval
        check(graph, schedule, frames_of(graph, 5, rng))


def test_every_layer_at_full_speed_at_once(random_graph):
    # All layers take the same number of cycles: none has a cycle to spare for its neighbours.
    rng = np.random.default_rng(14)
    graph = random_graph(rng, [24, 24, 24, 24])
    for pe, simd in ((24, 6), (12, 12), (6, 24), (8, 8), (1, 24), (24, 1)):
        schedule = Schedule(simd, (Fold(pe, simd, "lut"),) * 3)
        trace = check(graph, schedule, frames_of(graph, 9, rng))
        assert Network(schedule.bind(graph)).interval == 24 // pe * (24 // simd)
        assert trace.o_cycles[-1] - trace.o_cycles[-2] == 24 // pe * (24 // simd)


def test_ties_and_class_without_scores(random_graph):
    rng = np.random.default_rng(15)
    graph = random_graph(rng, [3, 2, 5])  # so few counts that ties abound
    schedule = automatic(graph, 4)
    check(graph, schedule, frames_of(graph, 20, rng), scores=False)


def test_single_class_and_single_everything(random_graph):
    rng = np.random.default_rng(16)
    graph = random_graph(rng, [1, 1, 1])
    check(graph, automatic(graph, 1), frames_of(graph, 6, rng))
    check(graph, automatic(graph, 1), frames_of(graph, 6, rng), scores=False)


def test_model_equals_golden(random_graph):
    rng = np.random.default_rng(17)
    for bits, interval in ((1, 1), (1, 9), (3, 17), (8, 8)):
        graph = random_graph(rng, [30, 17, 12, 6], bits)
        schedule = automatic(graph, interval)
        frames = frames_of(graph, 16, rng)
        expected = golden.evaluate(graph, frames)
        classes, scores = Network(schedule.bind(graph)).model(frames)
        np.testing.assert_array_equal(classes, expected.classes)
        np.testing.assert_array_equal(scores, expected.scores)


def test_padding_bits_of_the_input_are_ignored(random_graph):
    rng = np.random.default_rng(18)
    for passes_pe, width in ((6, 8), (3, 8), (6, 5)):  # direct and buffered
        graph = random_graph(rng, [13, 6, 3], bits=2)
        schedule = Schedule(width, (Fold(passes_pe, 8, "lut"), Fold(3, 6, "lut")))
        frames = frames_of(graph, 6, rng)
        words = pack_frames(schedule.bind(graph), frames)
        per_plane = -(-13 // width)
        beyond = per_plane * width - 13
        words[per_plane - 1::per_plane, -1] |= (((1 << beyond) - 1) << (width - beyond)) & 0xFF
        trace = run(Network(schedule.bind(graph)), words, len(frames))
        classes, _ = unpack_results(graph, trace.outputs)
        np.testing.assert_array_equal(classes, golden.evaluate(graph, frames).classes)


def test_network_wrong(random_graph):
    graph = random_graph(np.random.default_rng(0), [4, 3, 2])
    schedule = automatic(graph, 1)
    with pytest.raises(TypeError, match=r"^Schedule can only be bound to a Graph, not to 'tfc'$"):
        schedule.bind("tfc")
    with pytest.raises(TypeError, match=r"^Network plan must be a Plan, not 3$"):
        Network(3)
    message = "schedule has 1 folds, but graph 'random' has 2 layers"
    with pytest.raises(ScheduleError, match=f"^{re.escape(message)}$"):
        Network(Schedule(1, schedule.folds[:1]).bind(graph))
