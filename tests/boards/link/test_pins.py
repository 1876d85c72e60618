# amaranth: UnusedElaboratable=no
"""Host and gateware together: over the pins of the serial port, and through the host program."""

from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom.gateware.network import Network
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link import send_frames, session
from xnorloom_boards.link.connection import Connection
from xnorloom_boards.link.gateware import Link, Uart, describe
from xnorloom_sim.golden import evaluate

# So slow a board that the seconds of the host are few cycles.
CLOCK, BAUD = 50_000, 6_000
# Cycles that the board goes on in a read.
STEP = 500


class Board(wiring.Component):
    """A network, its link and a serial port."""

    def __init__(self, network):
        self.network = network
        self.uart = Uart(clock_hz=CLOCK, baud=BAUD)
        self.link = Link(describe(network, clock_hz=CLOCK, baud=BAUD), network.o.signature)
        super().__init__({"rx": In(1, init=1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart, m.submodules.link = uart, link = self.uart, self.link
        m.submodules.network = network = self.network
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx)]
        wiring.connect(m, uart.o, link.rx)
        wiring.connect(m, link.tx, uart.i)
        wiring.connect(m, link.o, network.i)
        wiring.connect(m, network.o, link.i)
        return m


class Line:
    """A port that is a simulated board; some bits of either direction are flipped."""

    timeout = None

    def __init__(self, board, rate, seed):
        self.rng, self.rate = np.random.default_rng(seed), rate
        self.levels, self.heard, self.flipped = [], [], 0
        self.out = bytearray()
        self.cycles = 0
        self.simulator = Simulator(board)
        self.simulator.add_clock(1e-6)

        async def pins(ctx):
            while True:
                ctx.set(board.rx, self.levels.pop(0) if self.levels else 1)
                self.heard.append(ctx.get(board.tx))
                await ctx.tick()

        self.simulator.add_testbench(pins, background=True)

    def noisy(self, bit):
        flip = self.rng.random() < self.rate
        self.flipped += flip
        return bit ^ int(flip)

    def write(self, data):
        for byte in data:
            bits = [0, *(self.noisy(byte >> place & 1) for place in range(8)), 1]
            edges = np.round(np.arange(11) * CLOCK / BAUD).astype(int)
            for bit, cycles in zip(bits, np.diff(edges)):
                self.levels += [bit] * int(cycles)

    def read(self, size):
        if not self.out:
            self.cycles += max(STEP, len(self.levels))
            self.simulator.run_until(self.cycles * 1e-6)
            self.listen()
        part, self.out = self.out[:size], self.out[size:]
        return bytes(part)

    def listen(self):
        """Take the whole bytes out of what was heard."""
        cycles = CLOCK / BAUD
        while 0 in self.heard:
            start = self.heard.index(0)
            if start + 10 * cycles > len(self.heard):
                del self.heard[:start]
                return
            bits = [self.heard[int(start + (bit + 0.5) * cycles)] for bit in range(10)]
            assert (bits[0], bits[9]) == (0, 1)
            self.out.append(sum(self.noisy(bit) << place for place, bit in enumerate(bits[1:9])))
            del self.heard[:int(start + 9.6 * cycles)]
        self.heard.clear()


@pytest.mark.parametrize("rate, scores", [(0, True), (0.003, False)], ids=["clean", "noisy"])
def test_board(random_graph, monkeypatch, rate, scores):
    rng = np.random.default_rng(11)
    frames = rng.integers(0, 2, (6, 40))
    while True:
        graph = random_graph(rng, (40, 6, 3))
        golden = evaluate(graph, frames)
        # So that one class is not taken for another.
        if len(set(golden.classes)) > 1:
            break
    schedule = Schedule(8, (Fold(3, 8, "block"), Fold(1, 6, "lut")))
    network = Network(schedule.bind(graph), scores=scores)
    line = Line(Board(network), rate, 2)
    # The host has the time of the board, however long it takes to simulate that.
    clock = SimpleNamespace(monotonic=lambda: line.cycles / CLOCK, time_ns=lambda: 0)
    for module in (send_frames, session):
        monkeypatch.setattr(module, "time", clock)
    with Connection(line, graph, baud=BAUD, timeout=0.3, retries=40) as connection:
        classes, values = connection.results(frames)
    assert np.array_equal(classes, golden.classes)
    assert np.array_equal(values, golden.scores) if scores else values is None
    assert bool(connection.faults.resent) == bool(line.flipped) == bool(rate)
