# amaranth: UnusedElaboratable=no
"""Several frames at once: networks against the golden model, latency and interval, order."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom import Graph
from xnorloom.errors import ScheduleError
from xnorloom.gateware.batch_argmax import BatchArgmax, ResultSerializer
from xnorloom.gateware.batch_buffer import BatchBuffer
from xnorloom.gateware.network import Network
from xnorloom.gateware.operand_buffer import OperandBuffer
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom_sim import data, golden
from xnorloom_sim.data.frames import frames_of
from xnorloom_sim.harness import Stall, run
from xnorloom_sim.simulation import compare, simulate


def check(graph, schedule, frames, *, stall=None, engine="amaranth"):
    """Compare classes, scores and activations of each frame with the golden model."""
    result = simulate(schedule.bind(graph), frames, engine=engine, stall=stall, probes=True)
    expected = golden.evaluate(graph, frames)
    np.testing.assert_array_equal(result.classes, expected.classes)
    np.testing.assert_array_equal(result.scores, expected.scores)
    for index, (found, wanted) in enumerate(zip(result.activations, expected.activations,
                                                strict=True)):
        np.testing.assert_array_equal(found, wanted, f"layer {index}")
    if stall is None:
        network = Network(schedule.bind(graph), scores=True)
        assert result.latency == network.latency
        steady = network.steady_frames
        if steady is not None and len(frames) > steady:
            later = result.o_cycles[steady:] - result.o_cycles[steady - network.vectors:
                                                               -network.vectors]
            assert (later == network.interval).all()
            assert result.interval == network.interval
        else:
            assert result.interval is None
    return result


def random_frames(graph, count, rng):
    return rng.integers(0, 1 << graph.input.bits, (count, *graph.input.shape), dtype=np.uint16)


@st.composite
def cases(draw):
    """A seed, layer sizes, input bits, frames, and folds of about sixty cycles at most."""
    vectors = draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    bits = planes = draw(st.one_of(st.just(1), st.integers(1, 5)))
    folds = []
    for n, m in zip(sizes, sizes[1:]):
        style = draw(st.sampled_from(["wired", "lut", "block", "spram"]))
        pe = -(-m // draw(st.integers(1, min(m, 12))))
        simd = -(-n // draw(st.integers(1, max(1, min(n, 60 * pe // (m * planes))))))
        if style == "spram" and -(-m // pe) * -(-n // simd) < 2:
            style = "lut"
        if style == "wired":
            pe, simd = m, n
        folds.append(Fold(pe, simd, style, draw(st.integers(0, 3)),
                          style == "block" and draw(st.booleans()), vectors))
        planes = 1
    width = draw(st.sampled_from([folds[0].simd, draw(st.integers(1, sizes[0]))]))
    count = draw(st.sampled_from([1, vectors, vectors + 1, 2 * vectors + 1, 10]))
    return draw(st.integers(0, 2**32)), sizes, bits, Schedule(width, tuple(folds)), count


@settings(max_examples=15)
@given(cases())
def test_random_network(random_graph, case):
    seed, sizes, bits, schedule, count = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    check(graph, schedule, random_frames(graph, count, rng))


@settings(max_examples=15)
@given(cases(), st.sampled_from([(0.5, 0.0), (0.0, 0.5), (0.7, 0.7), (0.1, 0.9), (0.95, 0.1)]))
def test_random_network_stalled(random_graph, case, stalls):
    seed, sizes, bits, schedule, count = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    check(graph, schedule, random_frames(graph, count, rng), stall=Stall(seed % 1000, *stalls))


SIZES = [45, 19, 23, 7]
SCHEDULES = {
    # name: (frames at once, input width, pe, simd and style of each layer, interval); SIZES divide
    # by hardly any of them.
    "first layer slowest": (3, 5, [(2, 5, "block"), (5, 7, "lut"), (3, 5, "lut")], 90),
    "last layer slowest": (2, 9, [(19, 9, "lut"), (23, 10, "lut"), (1, 3, "block")], 56),
    "middle layer slowest": (4, 15, [(19, 15, "lut"), (2, 4, "spram"), (7, 23, "wired")], 60),
    "as many words as cycles": (2, 15, [(10, 15, "lut"), (5, 13, "lut"), (2, 12, "lut")], 10),
    "one word a frame": (4, 45, [(5, 45, "lut"), (8, 19, "lut"), (2, 23, "lut")], 4),
    "all layers direct": (3, 15, [(19, 15, "lut"), (23, 19, "wired"), (7, 23, "wired")], 9),
}
STEADY = ["first layer slowest", "last layer slowest", "middle layer slowest",
          "as many words as cycles", "one word a frame"]


def schedule_of(name):
    vectors, width, folds, _ = SCHEDULES[name]
    return Schedule(width, tuple(Fold(*fold, vectors=vectors) for fold in folds))


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_network_at_many_schedules(random_graph, name):
    vectors, _, _, interval = SCHEDULES[name]
    rng = np.random.default_rng(11)
    graph = random_graph(rng, SIZES)
    network = Network(schedule_of(name).bind(graph))
    assert (network.interval, network.vectors) == (interval, vectors)
    assert (network.steady_frames is not None) == (name in STEADY)
    assert network.plan.frames_per_second(interval * 10) == vectors * 10
    count = (network.steady_frames or 12) + 2 * vectors + 1
    result = check(graph, schedule_of(name), random_frames(graph, count, rng))
    if name not in STEADY:
        # The words of a batch take longer than any layer, so they never wait for long.
        assert (np.diff(result.i_cycles)[len(result.i_cycles) // 2:] == 1).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_models(random_graph, name):
    rng = np.random.default_rng(12)
    graph = random_graph(rng, SIZES, 3)
    for count in (1, 3, 7):
        frames = random_frames(graph, count, rng)
        expected = golden.evaluate(graph, frames)
        classes, scores = Network(schedule_of(name).bind(graph)).model(frames)
        np.testing.assert_array_equal(classes, expected.classes)
        np.testing.assert_array_equal(scores, expected.scores)


@pytest.mark.parametrize("name", ["first layer slowest", "middle layer slowest"])
def test_engines_agree_cycle_for_cycle(random_graph, name):
    rng = np.random.default_rng(13)
    graph = random_graph(rng, SIZES)
    frames = random_frames(graph, 11, rng)
    for stall in (None, Stall(3, 0.4, 0.6)):
        slow, fast = (check(graph, schedule_of(name), frames, stall=stall, engine=engine)
                      for engine in ("amaranth", "compiled"))
        np.testing.assert_array_equal(slow.i_cycles, fast.i_cycles)
        np.testing.assert_array_equal(slow.o_cycles, fast.o_cycles)


@pytest.mark.parametrize("name", ["first layer slowest", "last layer slowest"])
def test_a_frame_in_part_does_not_hold_up_others(random_graph, name):
    rng = np.random.default_rng(14)
    graph = random_graph(rng, SIZES)
    plan = schedule_of(name).bind(graph)
    for whole in range(1, 2 * plan.vectors + 2):
        frames = random_frames(graph, whole + 1, rng)
        words = pack_frames(plan, frames)[:-1]
        trace = run(Network(plan), words, whole, watch=3 * plan.interval)
        classes, _ = unpack_results(graph, trace.outputs)
        np.testing.assert_array_equal(classes, golden.evaluate(graph, frames[:-1]).classes)


def test_a_lone_frame_takes_the_latency_whenever_it_comes(random_graph):
    rng = np.random.default_rng(15)
    graph = random_graph(rng, SIZES)
    plan = schedule_of("first layer slowest").bind(graph)
    # A word in about 200 cycles: each frame is alone, in each of the columns in turn.
    words = pack_frames(plan, random_frames(graph, 5, rng))
    trace = run(Network(plan), words, 5, stall=Stall(1, i=0.995))
    alone = Network(plan).latency - (plan.words - 1)
    assert (trace.o_cycles - trace.i_cycles[plan.words - 1::plan.words] == alone).all()


MEMORIES = {  # size, vectors, width, passes, planes, target interval
    "two columns": (300, 2, 30, 2, 1, 0),
    "three columns": (97, 3, 14, 3, 2, 50),
    "one word": (260, 2, 260, 1, 1, 0),
    "one word, again and again": (260, 3, 260, 4, 1, 9),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_columns_in_memory(random_graph, name):
    size, vectors, width, passes, planes, _ = MEMORIES[name]
    rng = np.random.default_rng(16)
    graph = random_graph(rng, [size, passes, 2], planes)
    schedule = Schedule(width, (Fold(1, width, "lut", vectors=vectors),
                                Fold(2, passes, "lut", vectors=vectors)))
    assert schedule.bind(graph).layers[0].operands == "memory"
    frames = random_frames(graph, 5 * vectors + 1, rng)
    for stall in (None, Stall(4, 0.5, 0.5), Stall(5, 0.1, 0.8)):
        check(graph, schedule, frames, stall=stall)


@pytest.mark.parametrize("kind, size, in_width, out_width, passes", [
    ("direct", 12, 4, 4, 1), ("registers", 11, 4, 3, 2), ("memory", 200, 20, 20, 2),
])
def test_operand_buffer(kind, size, in_width, out_width, passes):
    """Words of three frames in lockstep, of an inner layer."""
    rng = np.random.default_rng(17)
    dut = OperandBuffer(size, in_width=in_width, out_width=out_width, passes=passes, vectors=3)
    assert dut.kind == kind
    columns = -(-size // in_width) * in_width
    frames = rng.integers(0, 2, (4, 3, columns), dtype=np.uint8)
    frames[..., size:] = 0
    words = frames.reshape(4, 3, -1, in_width).swapaxes(1, 2).reshape(-1, 3 * in_width)
    expected = []
    for batch in frames[..., :size]:
        for _ in range(passes):
            for start in range(0, size, out_width):
                parts = [frame[start:start + out_width].tolist() for frame in batch]
                expected.append([bit for part in parts
                                 for bit in part + [0] * (out_width - len(part))])
    assert dut.model(words).tolist() == expected
    trace = run(dut, np.packbits(words, axis=1, bitorder="little"), len(expected),
                stall=Stall(1, 0.3, 0.3))
    found = np.unpackbits(trace.outputs, axis=1, count=3 * out_width, bitorder="little")
    defined = [start + bit < size for start in range(0, size, out_width)
               for bit in range(out_width)]
    defined = np.repeat(np.array(defined).reshape(-1, 1, out_width), 3, axis=1)
    keep = np.tile(defined.reshape(-1, 3 * out_width), (4 * passes, 1))
    assert (np.where(keep, found, 0) == expected).all()


@pytest.mark.full
def test_mnist():
    """All test images through three columns: each class and score is that of the golden model."""
    graph = Graph.load("models/tfc.bnn")
    folds = (Fold(4, 28, "block", vectors=3), Fold(4, 8, "block", vectors=3),
             Fold(4, 8, "block", vectors=3), Fold(1, 8, "lut", vectors=3))
    plan = Schedule(28, folds).bind(graph)
    frames = frames_of(graph, data.load("mnist:test"))
    assert len(frames) == 10_000
    result = simulate(plan, frames)
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
    assert (result.latency, result.interval) == (Network(plan).latency, 448)


GRAPH_FOLDS = (Fold(3, 7, "lut", vectors=2), Fold(2, 9, "lut", vectors=2))


def test_text(random_graph, tmp_path):
    graph = random_graph(np.random.default_rng(0), [14, 9, 2])
    schedule = Schedule(7, GRAPH_FOLDS)
    plan = schedule.bind(graph)
    assert repr(schedule) == "Schedule(input_width 7, [3x7x2 lut, 2x9x2 lut])"
    assert repr(plan) == "Plan('random', vectors 2, interval 6, 2 layers)"
    assert repr(plan.layers[0]) == "LayerPlan('dense0', pe 3, simd 7, vectors 2, lut, 6 cycles)"
    assert repr(Network(plan)).startswith("Network('random', vectors 2, latency ")
    schedule.save(tmp_path / "schedule.json", graph)
    assert '"vectors": 2' in (tmp_path / "schedule.json").read_text()
    assert Schedule.load(tmp_path / "schedule.json", graph) == schedule
    # Files without frames in parallel are those of readers that know none.
    Schedule(7, (Fold(3, 7, "lut"), Fold(2, 9, "lut"))).save(tmp_path / "one.json", graph)
    assert "vectors" not in (tmp_path / "one.json").read_text()


def test_wrong(random_graph):
    graph = random_graph(np.random.default_rng(0), [14, 9, 2])
    with pytest.raises(ValueError, match=r"^Fold vectors must be in 1 to 256, not 0$"):
        Fold(1, 1, "lut", vectors=0)
    with pytest.raises(ValueError, match=r"^Fold vectors must be in 1 to 256, not 257$"):
        Fold(1, 1, "lut", vectors=257)
    with pytest.raises(TypeError, match=r"^Fold vectors must be an integer, not 2\.0$"):
        Fold(1, 1, "lut", vectors=2.0)
    message = ("vectors of layer 'score' must be 2, as of layer 'dense0', not 1; all layers of a "
               "network work on the same number of frames at once")
    with pytest.raises(ScheduleError, match=f"^{re.escape(message)}$"):
        Schedule(7, (GRAPH_FOLDS[0], Fold(2, 9, "lut"))).bind(graph)
    wide = random_graph(np.random.default_rng(0), [1000, 2, 2])
    message = ("operand buffer of layer 'dense0' would take 200,000 flip-flops for 100 frames, "
               "more than the 83,640 of the largest chip; with input words of simd 500 bits, not "
               "499, it is in RAM, and fewer vectors take less")
    with pytest.raises(ScheduleError, match=f"^{re.escape(message)}$"):
        Schedule(499, (Fold(1, 500, "lut", vectors=100),
                       Fold(2, 2, "wired", vectors=100))).bind(wide)
    LayerPlan(wide.layers[0], Fold(1, 500, "lut", vectors=100), gather=True)
    for make, name in ((lambda: BatchBuffer(0, vectors=2, in_width=1, out_width=1), "buffer size"),
                       (lambda: BatchBuffer(4, vectors=0, in_width=1, out_width=1),
                        "buffer vectors"),
                       (lambda: BatchBuffer(4, vectors=2, in_width=0, out_width=1),
                        "buffer in_width"),
                       (lambda: BatchBuffer(4, vectors=2, in_width=1, out_width=1, batches=0),
                        "buffer batches"),
                       (lambda: BatchArgmax(3, vectors=0, lanes=1, shape=4), "argmax vectors")):
        with pytest.raises(ValueError, match=f"^Batch {name} must be at least 1, not 0$"):
            make()
    with pytest.raises(ValueError, match=r"^Result serializer vectors must be at least 1, not 0$"):
        ResultSerializer(4, 0)
