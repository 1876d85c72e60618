# amaranth: UnusedElaboratable=no
"""Convolutions on a simulated board: weights in SPRAM, frames by pixel, a reset in mid-frame."""

import numpy as np
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.packing import load_words
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.design.top import Core
from xnorloom_boards.link import connection as host
from xnorloom_sim.board.simulated import SimulatedBoard
from xnorloom_sim.golden import evaluate

CYCLES = 4
# Pixels of three bits, two of which share a byte; the last byte has one.
SHAPE = (7, 9, 3)


class Resetting(wiring.Component):
    """A core that is reset once, in the byte after ``after`` bytes."""

    def __init__(self, core, after):
        self.core, self.after = core, after
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        count, left = Signal(range(self.after + 3)), Signal(range(10 * CYCLES))
        reset = Signal()
        m.submodules.core = ResetInserter(reset)(self.core)
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Elif(~self.rx & (count < self.after + 2)):
            m.d.sync += [left.eq(10 * CYCLES - CYCLES // 2 - 1), count.eq(count + 1)]
        m.d.comb += [reset.eq((count == self.after + 1) & (left == 5 * CYCLES)),
                     self.core.rx.eq(self.rx), self.tx.eq(self.core.tx)]
        return m


def network(rng):
    """A map padded with nothing, and a pooled one whose weights are loaded."""
    window = Window((3, 3), padding=(1, 1, 1, 1))
    return Graph("maps", Input(SHAPE), [
        Conv("padded", rng.integers(0, 2, (4, 3, 3, 3)),
             np.add.outer([6, 9, 6, 9, 14, 9, 6, 9, 6], rng.integers(-1, 2, 4)), window),
        Conv("pooled", rng.integers(0, 2, (6, 2, 3, 4)), rng.integers(13, 18, 6), Window((2, 3)),
             Pool((3, 2), rng.integers(0, 2, 6).astype(bool))),
        Score("score", rng.integers(0, 2, (3, 36)), [0, 1, 0])])


def test_frames():
    rng = np.random.default_rng(9)
    graph = network(rng)
    schedule = Schedule(3, (Fold(2, 3, "lut"), Fold(2, 4, "spram"), Fold(1, 2, "lut")))
    frames = rng.integers(0, 2, (80, *SHAPE))
    expected = evaluate(graph, frames).classes
    assert len(set(expected.tolist())) == 3
    core = Core(graph, schedule, clock_hz=CYCLES, baud=1)
    assert core.hello.frame_bytes == 32
    loads = len(load_words(schedule.bind(graph)))
    # Bytes of all messages with weights, of twenty frames, and of part of the next.
    after = -(-loads // 32) * 71 + 20 * 37 + 100
    calls = []
    with SimulatedBoard(Resetting(core, after), clock_hz=CYCLES, baud=1) as simulated:
        with host.open(simulated.path, graph, baud=100_000, timeout=0.5, retries=60,
                       loading=lambda *call: calls.append(call[0])) as board:
            before = len(calls)
            classes = board.classify_frames(frames[:20])
            resent = board.faults.resent
            classes = np.concatenate([classes, board.classify_frames(frames[20:])])
            # The reset lost frames, and the weights.
            assert (resent, board.faults.resent > 0) == (0, True)
            assert len(calls) > before > 0
    np.testing.assert_array_equal(classes, expected)
