# amaranth: UnusedElaboratable=no
"""Simulation of frames: engines, measured timing, comparison with the golden model."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from xnorloom.errors import ScheduleError
from xnorloom.export import verilog
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.schedule import Schedule
from xnorloom_sim import golden, harness
from xnorloom_sim.engines.verilator import wrapper
from xnorloom_sim.harness import Stall
from xnorloom_sim.simulation import Simulator, compare, simulate


@pytest.fixture
def case(random_graph):
    """A small graph of 2-bit inputs, a schedule of 12 cycles, and five frames."""
    rng = np.random.default_rng(1)
    graph = random_graph(rng, [11, 6, 3], bits=2)
    return graph, automatic(graph, 12), rng.integers(0, 4, (5, 11), dtype=np.uint8)


def test_amaranth(case):
    graph, schedule, frames = case
    seen = []
    result = simulate(schedule.bind(graph), frames, engine="amaranth",
                      progress=lambda done, total: seen.append((done, total)))
    times = Network(schedule.bind(graph))
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
    assert result.engine == "amaranth"
    assert (result.latency, result.interval) == (times.latency, times.interval)
    assert len(result.i_cycles) == 5 * times.plan.words
    assert len(result.o_cycles) == 5
    assert result.cycles == result.o_cycles[-1] + 1
    assert seen[-1] == (5, 5)
    assert result.scores.shape == (5, 3)


def test_engines_agree(case):
    """Cycle for cycle, with stalls on both sides."""
    graph, schedule, frames = case
    stall = Stall(seed=3, i=0.4, o=0.4)
    both = [simulate(schedule.bind(graph), frames, engine=engine, stall=stall)
            for engine in ("amaranth", "compiled")]
    for result in both:
        assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
        assert result.latency is None
        assert result.interval is None
    assert both[0].cycles == both[1].cycles
    assert np.array_equal(both[0].i_cycles, both[1].i_cycles)
    assert np.array_equal(both[0].o_cycles, both[1].o_cycles)


@pytest.mark.parametrize("engine", ["amaranth", "compiled", "golden"])
def test_runs_of_a_simulator(case, engine):
    """Frames of different runs meet an idle network: each has the results of a run of its own."""
    graph, schedule, frames = case
    simulator = Simulator(schedule.bind(graph), engine=engine, probes=True)
    right = golden.evaluate(graph, frames)
    for index in range(3):
        result = simulator.run(frames[index:index + 1])
        assert result.latency == simulator.network.latency
        assert result.classes.tolist() == [right.classes[index]]
        assert np.array_equal(result.scores, right.scores[index:index + 1])
        for found, wanted in zip(result.activations, right.activations, strict=True):
            assert np.array_equal(found, wanted[index:index + 1])


def test_a_simulator_elaborates_once(case, monkeypatch):
    graph, schedule, frames = case
    converted = []

    def convert(*arguments, **options):
        converted.append(arguments)
        return verilog.convert(*arguments, **options)

    monkeypatch.setattr(wrapper, "verilog", SimpleNamespace(convert=convert))
    simulator = Simulator(schedule.bind(graph))
    for _ in range(2):
        simulator.run(frames)
    assert len(converted) == 1


def test_golden(case):
    graph, schedule, frames = case
    result = simulate(schedule.bind(graph), frames, engine="golden")
    times = Network(schedule.bind(graph))
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0
    assert (result.latency, result.interval) == (times.latency, times.interval)
    assert result.cycles is result.i_cycles is result.o_cycles is None


def test_one_frame(case):
    graph, schedule, frames = case
    result = simulate(schedule.bind(graph), frames[:1], engine="amaranth")
    assert result.latency == Network(schedule.bind(graph)).latency
    assert result.interval is None


def test_without_scores(case):
    graph, schedule, frames = case
    result = simulate(schedule.bind(graph), frames, engine="amaranth", scores=False)
    assert result.scores is None
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0


def test_compare(case):
    graph, schedule, frames = case
    expected = golden.evaluate(graph, frames)
    result = simulate(schedule.bind(graph), frames, engine="golden")
    assert compare(result, expected).first is None

    scores = result.scores.copy()
    scores[[2, 4], [1, 0]] += 7
    wrong = dataclasses.replace(result, scores=scores)
    right = expected.scores[2, 1]
    assert compare(wrong, expected).mismatches == 2
    assert compare(wrong, expected).first == (
        f"frame 2: score of class 1 is {right + 7}, golden {right}")

    classes = result.classes.copy()
    classes[3] = (classes[3] + 1) % 3
    wrong = dataclasses.replace(result, classes=classes)
    assert compare(wrong, expected).mismatches == 1
    assert compare(wrong, expected).first == (
        f"frame 3: class is {classes[3]}, golden {expected.classes[3]}")
    assert compare(dataclasses.replace(wrong, scores=None), expected).mismatches == 1
    with pytest.raises(ValueError, match=r"^golden results must be of 5 frames, as the "
                                         r"simulation, not 4$"):
        compare(result, golden.evaluate(graph, frames[:4]))


@pytest.mark.parametrize(
    ("frames", "options", "error", "message"),
    [
        (np.zeros((1, 11), np.uint8), {"engine": "verilator"}, ValueError,
         r"^engine must be one of compiled, amaranth, golden, not 'verilator'$"),
        (np.zeros((0, 11), np.uint8), {}, ValueError,
         r"^frames must hold at least one frame, not none$"),
        (np.zeros((1, 12), np.uint8), {}, ValueError,
         r"^frames must have the shape \(frames, 11\), not \(1, 12\)$"),
        (np.zeros((1, 11)), {}, TypeError,
         r"^frames must be an array of integers, not of float64$"),
        (np.zeros((1, 11), np.uint8), {"engine": "golden", "waveform": "w.vcd"}, ValueError,
         r"^waveform must be None with the engine 'golden', which simulates no cycles, "
         r"not 'w\.vcd'$"),
        (np.zeros((1, 11), np.uint8), {"engine": "golden", "stall": Stall()}, ValueError,
         r"^stall must be None with the engine 'golden', which simulates no cycles, not Stall"),
    ],
    ids=["engine", "no frames", "shape", "dtype", "waveform", "stall"],
)  # fmt: skip
def test_wrong(case, frames, options, error, message):
    graph, schedule, _ = case
    with pytest.raises(error, match=message):
        simulate(schedule.bind(graph), frames, **options)


@pytest.mark.parametrize("engine", ["amaranth", "compiled"])
def test_patience_follows_the_timing(random_graph, monkeypatch, engine):
    graph = random_graph(np.random.default_rng(1), [30, 20, 4])
    schedule = automatic(graph, 600)
    limit = 200
    assert schedule.bind(graph).interval > 2 * limit
    monkeypatch.setattr(harness, "IDLE_LIMIT", limit)
    frames = np.zeros((2, 30), np.uint8)
    result = simulate(schedule.bind(graph), frames, engine=engine)
    assert compare(result, golden.evaluate(graph, frames)).mismatches == 0


def test_frames_of_other_types(case):
    graph, schedule, frames = case
    expected = golden.evaluate(graph, frames)
    for other in (frames.astype(np.int64), frames.astype(np.uint64), frames.tolist()):
        for engine in ("amaranth", "golden"):
            result = simulate(schedule.bind(graph), other, engine=engine)
            assert compare(result, expected).first is None


def test_arguments_wrong(case):
    graph, schedule, frames = case
    with pytest.raises(TypeError, match=r"^Schedule can only be bound to a Graph, not to None$"):
        simulate(schedule.bind(None), frames)
    with pytest.raises(TypeError, match=r"^plan must be a Plan, not None$"):
        simulate(None, frames)
    with pytest.raises(TypeError, match=r"^stall must be a Stall, not 0\.5$"):
        simulate(schedule.bind(graph), frames, stall=0.5)


@pytest.mark.parametrize("engine", ["amaranth", "compiled"])
def test_waveform_wrong(case, engine, tmp_path):
    graph, schedule, frames = case
    with pytest.raises(FileNotFoundError):
        simulate(schedule.bind(graph), frames, engine=engine,
                 waveform=tmp_path / "missing" / "x.vcd")


def test_schedule_wrong(case):
    graph, schedule, frames = case
    short = Schedule(schedule.input_width, schedule.folds[:1])
    with pytest.raises(ScheduleError, match=r"^schedule has 1 folds, but graph 'random' has 2 "
                                            r"layers$"):
        simulate(short.bind(graph), frames, engine="golden")
