# amaranth: UnusedElaboratable=no
"""Cells of a link that loads weights: a bound for any version of Yosys."""

from pathlib import Path

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware.network import Network
from xnorloom.gateware.weight_ram import load_members
from xnorloom.graph import Graph
from xnorloom.packing import load_words
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link.gateware import Link, Uart, describe

CLOCK, BAUD = 12_000_000, 1_000_000
SCHEDULE = Schedule(16, (Fold(3, 16, "spram"), Fold(1, 16, "spram"), Fold(1, 16, "block"),
                         Fold(1, 1, "block")))


class Pins(wiring.Component):
    """The link between the pins of a serial port and those of a network."""

    def __init__(self, network, weights):
        self.uart = Uart(clock_hz=CLOCK, baud=BAUD)
        hello = describe(network, clock_hz=CLOCK, baud=BAUD)
        self.link = Link(hello, network.o.signature, weights)
        super().__init__({"rx": In(1), "tx": Out(1), "o": Out(self.link.o.signature),
                          "i": In(network.o.signature),
                          **{name: member.flip() for name, member in load_members().items()}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart, m.submodules.link = uart, link = self.uart, self.link
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx), link.loaded.eq(self.loaded),
                     self.reload.eq(link.reload)]
        wiring.connect(m, uart.o, link.rx)
        wiring.connect(m, link.tx, uart.i)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.load, wiring.flipped(self.load))
        return m


def test_cells(synthesise):
    graph = Graph.load(Path(__file__).parents[3] / "models" / "sfc.bnn")
    words = load_words(SCHEDULE.bind(graph))
    assert words.dtype == np.uint16
    cells = synthesise(Pins(Network(SCHEDULE.bind(graph)), words), "ice40")
    # 300 without the weights.
    assert cells["SB_LUT4"] <= 450
    assert cells["SB_RAM40_4K"] == 1
