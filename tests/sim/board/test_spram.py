# amaranth: UnusedElaboratable=no
"""Simulated boards with weights in SPRAM: loaded over the serial port, then real digits."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.export import verilog
from xnorloom.folding.fit import fit
from xnorloom.graph import Graph
from xnorloom.graph.pixels import top_bits
from xnorloom.packing import load_words
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES
from xnorloom_boards.design.top import Core
from xnorloom_boards.link import connection as host
from xnorloom_sim import data
from xnorloom_sim.board.simulated import Faults, SerialDesign, SimulatedBoard
from xnorloom_sim.golden import evaluate

MODELS = Path(__file__).parents[3] / "models"
CYCLES = 4
OPTIONS = {"baud": 100_000, "timeout": 10.0}


@pytest.fixture(scope="module")
def tfc():
    return Graph.load(MODELS / "tfc.bnn")


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist:test").images[:200]


class Resetting(wiring.Component):
    """A core that is reset once, in the middle of the byte after ``after`` bytes."""

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
        with m.Elif(~self.rx):
            # From the start bit into the stop bit.
            m.d.sync += left.eq(10 * CYCLES - CYCLES // 2 - 1)
            with m.If(count < self.after + 2):
                m.d.sync += count.eq(count + 1)
        m.d.comb += [reset.eq((count == self.after + 1) & (left == 5 * CYCLES)),
                     self.core.rx.eq(self.rx), self.tx.eq(self.core.tx)]
        return m


# Small and slow, so that it compiles fast; two layers of four are loaded.
SCHEDULE = Schedule(16, (Fold(3, 16, "spram"), Fold(1, 8, "spram"), Fold(1, 8, "block"),
                         Fold(1, 8, "lut")))


def core(graph):
    return Core(graph, SCHEDULE, clock_hz=CYCLES, baud=1)


@pytest.fixture(scope="module")
def design(tfc):
    return SerialDesign(verilog.convert(core(tfc)), "top")


def board(made, **options):
    return SimulatedBoard(made, clock_hz=CYCLES, baud=1, **options)


def test_digits(tfc, design, digits):
    calls = []
    with board(design) as simulated:
        with host.open(simulated.path, tfc, **OPTIONS,
                       loading=lambda *call: calls.append(call)) as b:
            assert b.hello.loaded
            classes = b.classify(digits)
            assert b.faults.resent == b.faults.damaged == b.faults.reported == 0
        # Another program finds the weights there.
        with host.open(simulated.path, tfc, **OPTIONS, loading=pytest.fail) as b:
            assert np.array_equal(b.classify(digits[:20]), classes[:20])
    assert np.array_equal(classes, evaluate(tfc, top_bits(digits, 1)).classes)
    words = len(load_words(SCHEDULE.bind(tfc)))
    assert calls[-1] == (-(-words // 32), -(-words // 32))


RATES = {"lost": Faults(lost=0.001), "flipped": Faults(flipped=0.001),
         "inserted": Faults(inserted=0.001)}


@pytest.mark.parametrize("kind", RATES)
def test_faults_while_loading(tfc, design, digits, kind):
    """About eleven of 11,000 bytes with weights are damaged; no class is wrong."""
    rates = RATES[kind]
    with board(design, seed=2, to_design=rates, from_design=rates) as simulated:
        with host.open(simulated.path, tfc, baud=100_000, timeout=1, retries=40) as b:
            while_loading = b.faults.resent
            classes = b.classify(digits[:60])
    assert while_loading > 0
    assert np.array_equal(classes, evaluate(tfc, top_bits(digits[:60], 1)).classes)


@pytest.mark.parametrize("after, again", [(4_000, False), (20_000, True)],
                         ids=["loading", "classifying"])
def test_reset(tfc, digits, after, again):
    """After a reset the weights are loaded again; no class is wrong."""
    calls = []
    with board(Resetting(core(tfc), after)) as simulated:
        with host.open(simulated.path, tfc, baud=100_000, timeout=0.5, retries=60,
                       loading=lambda *call: calls.append(call[0])) as b:
            before = len(calls)
            classes = b.classify(digits)
            assert (len(calls) > before) == again
            assert b.faults.resent > 0
    assert np.array_equal(classes, evaluate(tfc, top_bits(digits, 1)).classes)
    # The host sees once that it is loaded again.
    assert sum(later < earlier for earlier, later in zip(calls, calls[1:])) <= 1


def test_sfc(digits):
    """SFC, which needs SPRAM, fitted into an iCE40UP5K."""
    graph = Graph.load(MODELS / "sfc.bnn")
    schedule = fit(graph, DEVICES["iCE40UP5K"], reserve=1)
    assert len(load_words(schedule.bind(graph))) > 15_000
    made = Core(graph, schedule, clock_hz=CYCLES, baud=1)
    with board(made) as simulated, host.open(simulated.path, graph, **OPTIONS) as b:
        classes = b.classify(digits[:50])
    assert np.array_equal(classes, evaluate(graph, top_bits(digits[:50], 1)).classes)
