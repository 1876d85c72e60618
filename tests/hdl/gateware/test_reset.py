# amaranth: UnusedElaboratable=no
"""Reset of one cycle, at any time: no trace remains of the frames before."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.sim import Simulator

from xnorloom.gateware.network import Network
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import golden

SIZES = [520, 7, 6, 5]
SCHEDULES = {
    "direct, wired": (520, [Fold(7, 520, "wired"), Fold(6, 7, "wired"), Fold(5, 6, "wired")]),
    "memory, block": (104, [Fold(4, 104, "block"), Fold(1, 7, "block"), Fold(2, 6, "lut")]),
    "registers, lut": (100, [Fold(5, 104, "lut"), Fold(4, 5, "lut"), Fold(1, 2, "block")]),
    "batches, registers": (104, [Fold(4, 260, "block", vectors=3), Fold(1, 7, "lut", vectors=3),
                                 Fold(5, 6, "wired", vectors=3)]),
    "batches, memory": (130, [Fold(4, 130, "block", vectors=2), Fold(1, 7, "lut", vectors=2),
                              Fold(5, 6, "wired", vectors=2)]),
}


def words_of(network, frames):
    packed = pack_frames(network.schedule.bind(network.graph), frames)
    return [int.from_bytes(word.tobytes(), "little") for word in packed]


def run(network, before, after, reset_at, busy):
    """Feed ``before``, reset in cycle ``reset_at``, feed ``after``; results since the reset.

    The sink takes a result in every cycle of ``busy`` that is true.
    """
    m = Module()
    m.submodules.network = network
    m.domains.sync = domain = ClockDomain()
    size = -(-len(Value.cast(network.o.payload)) // 8)
    results = []

    async def process(ctx):
        todo, taken, cycle, quiet = list(before), 0, 0, 0
        while quiet < 3 * network.interval + network.latency:
            reset = cycle == reset_at
            ctx.set(domain.rst, int(reset))
            ctx.set(network.i.valid, int(taken < len(todo)))
            if taken < len(todo):
                ctx.set(network.i.payload, todo[taken])
            ready = busy[cycle % len(busy)]
            ctx.set(network.o.ready, int(ready))
            _, _, i_ready, o_valid, payload = await ctx.tick().sample(
                network.i.ready, network.o.valid, Value.cast(network.o.payload))
            if reset:
                todo, taken = list(after), 0
                results.clear()
            else:
                taken += i_ready and taken < len(todo)
                if o_valid and ready:
                    results.append(list(payload.to_bytes(size, "little")))
            cycle += 1
            quiet = quiet + 1 if cycle > reset_at and taken == len(todo) and not o_valid else 0

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    return np.array(results, np.uint8)


@pytest.mark.parametrize("name", SCHEDULES)
def test_reset(random_graph, name):
    rng = np.random.default_rng(21)
    graph = random_graph(rng, SIZES)
    width, folds = SCHEDULES[name]
    schedule = Schedule(width, tuple(folds))
    before, after = (rng.integers(0, 2, (6, SIZES[0]), dtype=np.uint8) for _ in range(2))
    expected = golden.evaluate(graph, after)
    times = Network(schedule.bind(graph))
    latest = times.latency + 4 * times.interval
    for reset_at in sorted({0, latest, *rng.integers(1, latest, 8).tolist()}):
        network = Network(schedule.bind(graph), scores=True)
        busy = rng.random(64) < rng.choice([1.0, 0.3])
        results = run(network, words_of(network, before), words_of(network, after), reset_at, busy)
        classes, scores = unpack_results(graph, results, scores=True)
        np.testing.assert_array_equal(classes, expected.classes, f"reset in cycle {reset_at}")
        np.testing.assert_array_equal(scores, expected.scores, f"reset in cycle {reset_at}")
