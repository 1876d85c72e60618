# amaranth: UnusedElaboratable=no
"""Cells of the link and its serial port: bounds for any version of Yosys."""

from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom import folding
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom_boards.link.gateware import Link, Uart, describe

MODELS = Path(__file__).parents[3] / "models"
CLOCK, BAUD = 12_000_000, 1_000_000


class Pins(wiring.Component):
    """The link between the pins of a serial port and those of a network."""

    def __init__(self, network):
        self.uart = Uart(clock_hz=CLOCK, baud=BAUD)
        self.link = Link(describe(network, clock_hz=CLOCK, baud=BAUD), network.o.signature)
        super().__init__({"rx": In(1), "tx": Out(1), "o": Out(self.link.o.signature),
                          "i": In(network.o.signature)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart, m.submodules.link = uart, link = self.uart, self.link
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx)]
        wiring.connect(m, uart.o, link.rx)
        wiring.connect(m, link.tx, uart.i)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), link.i)
        return m


@pytest.mark.parametrize("model, interval, family, luts, rams", [
    ("tfc", 98, "ice40", 300, 1), ("tfc", 98, "ecp5", 275, 1), ("sfc8", 3136, "ice40", 315, 2),
])
def test_cells(synthesise, model, interval, family, luts, rams):
    graph = Graph.load(MODELS / f"{model}.bnn")
    network = Network(folding.automatic(graph, interval).bind(graph))
    cells = synthesise(Pins(network), family)
    assert cells.get("SB_LUT4", 0) + cells.get("LUT4", 0) <= luts
    assert cells.get("SB_RAM40_4K", 0) + cells.get("DP16KD", 0) == rams
    assert describe(network, clock_hz=CLOCK, baud=BAUD).credits == 128
