# amaranth: UnusedElaboratable=no
"""Whole designs: LEDs, the rate of the line, and files of Amaranth for each board."""

import re

import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.design.leds import Leds
from xnorloom_boards.design.top import Core, Top, baud_for, sck_for
from xnorloom_boards.flow.synthesis import elaborate
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.gateware import describe
from xnorloom_boards.link.kind import LinkKind
from xnorloom_sim.board.simulated import SimulatedBoard
from xnorloom_sim.golden import evaluate

SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))


@pytest.fixture
def graph(random_graph):
    random = random_graph(np.random.default_rng(8), [16, 12, 4])
    return Graph("small", random.input, random.layers)


@pytest.mark.parametrize("count, bits, seen", [
    pytest.param(1, 4, [0, 1, 0, 1], id="activity"),
    pytest.param(3, 4, [0b000, 0b110, 0b001, 0b101], id="some-bits"),
    pytest.param(8, 2, [0b0, 0b10000010, 0b01, 0b10000001], id="all-bits")])
def test_leds(count, bits, seen):
    dut, labels = Leds(count, bits), [2, 1, 1]
    found = []

    async def testbench(ctx):
        found.append(ctx.get(dut.o))
        for label in labels:
            ctx.set(dut.label, label)
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            # A class that comes without a result is not shown.
            ctx.set(dut.label, 3)
            await ctx.tick()
            found.append(ctx.get(dut.o))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found == seen


def test_leds_wrong():
    with pytest.raises(ValueError, match=r"^Leds count must be at least 1, not 0$"):
        Leds(0, 4)


@pytest.mark.parametrize("name, hz, baud", [
    ("icebreaker", 48_000_000, 3_000_000), ("icebreaker", 12_000_000, 3_000_000),
    ("icebreaker", 11_999_999, 1_500_000), ("icebreaker", 5_000_000, 750_000),
    ("colorlight_5a_75b", 80_000_000, 115_200)])
def test_baud_for(name, hz, baud):
    assert baud_for(board.find(name), hz) == baud


@pytest.mark.parametrize("hz, rate", [
    (48_000_000, 30_000_000), (7_500_000, 30_000_000), (7_499_999, 15_000_000)])
def test_baud_for_spi(hz, rate):
    assert baud_for(board.find("icebreaker").with_link(LinkKind.SPI), hz) == rate


def test_sck_for(graph):
    # As fast as the answers, which take at least as long as a frame of 16 bits on a fast line.
    network = Network(SCHEDULE.bind(graph))
    rates = [sck_for(network, hz, 30_000_000) for hz in (8_000_000, 48_000_000, 200_000_000)]
    for hz, rate in zip((8_000_000, 48_000_000, 200_000_000), rates):
        said = [describe(network, clock_hz=hz, baud=30_000_000 // part, kind=LinkKind.SPI).credits
                for part in range(1, 9)]
        found = [30_000_000 // part for part in range(1, 9) if said[part - 1] == 128]
        assert rate == (found[0] if found else 30_000_000)
    assert rates == sorted(rates) or rates[0] == 30_000_000
    assert rates[2] == 30_000_000


def test_core(graph):
    core = Core(graph, SCHEDULE, clock_hz=48_000_000, baud=3_000_000, leds=3)
    assert len(core.leds) == 3
    assert core.hello.digest.hex() == graph.digest[:16]
    assert core.network.interval == SCHEDULE.bind(graph).interval
    dark = Core(graph, SCHEDULE, clock_hz=48_000_000, baud=3_000_000)
    assert not hasattr(dark, "leds")
    for used in (core, dark):
        Fragment.get(used, None)
    with pytest.raises(ValueError, match=r"^Core leds must be at least 0, not -1$"):
        Core(graph, SCHEDULE, clock_hz=48_000_000, baud=3_000_000, leds=-1)


@pytest.mark.parametrize("scores", [False, True])
def test_core_classifies(graph, scores):
    core = Core(graph, SCHEDULE, clock_hz=42_750_000, baud=3_000_000, leds=2, scores=scores,
                board=37)
    frames = np.random.default_rng(9).integers(0, 2, (200, 16), dtype=np.uint8)
    with (SimulatedBoard(core, clock_hz=42_750_000, baud=3_000_000) as simulated,
          host.open(simulated.path, graph, baud=3_000_000) as connection):
        assert connection.hello == core.hello and core.hello.board == 37
        classes, found = connection.results(frames)
    wanted = evaluate(graph, frames)
    assert (classes == wanted.classes).all()
    assert (found == wanted.scores).all() if scores else found is None


@pytest.mark.parametrize("name", board.names())
def test_top_tells_its_board(graph, name):
    chosen = board.find(name)
    top = Top(graph, SCHEDULE, chosen, chosen.platform(), 50_000_000)
    assert top.core.hello.board == chosen.number > 0


@pytest.mark.parametrize("name", board.names())
def test_elaborate(graph, name):
    chosen = board.find(name)
    design = elaborate(graph, SCHEDULE, chosen, 50_000_000)
    assert 45_000_000 < design.hz <= 50_000_000
    assert design.baud == chosen.baud
    modules = re.findall(r"^module \\(\S+)$", design.network, re.MULTILINE)
    assert "top.design.core.network" in modules
    assert all(module.startswith("top.design.core.network") for module in modules)
    others = re.findall(r"^module \\(\S+)$", design.around, re.MULTILINE)
    assert "top" in others and not set(others) & set(modules)
    assert {"top.design.core.link", "top.design.core.uart"} <= set(others)
    # Each pin that is used has a place, the clock at its oscillator has a frequency.
    _, text = design.constraints
    assert re.search(rf"{chosen.clock_hz / 1e6:.1f}$|{chosen.clock_hz}(\.0)? HZ;$", text,
                     re.MULTILINE)
    for port in re.findall(r"^  wire (?:width \d+ )?(?:input|output|inout) \d+ \\(\S+)$",
                           next(text for text in re.split(r"(?<=^end\n)", design.around,
                                                          flags=re.MULTILINE)
                                if re.search(r"^module \\top$", text, re.MULTILINE)),
                           re.MULTILINE):
        assert re.search(rf'(set_io {re.escape(port)} \S+|LOCATE COMP "{re.escape(port)}" SITE)',
                         text)
    assert [command[0] for command in design.commands] == {
        "ice40": ["yosys", "nextpnr-ice40", "icepack"],
        "ecp5": ["yosys", "nextpnr-ecp5", "ecppack"]}[chosen.device.family]


@pytest.mark.parametrize("name", ["icebreaker", "hx8k_evn"])
def test_elaborate_spi(graph, name):
    chosen = board.find(name).with_link(LinkKind.SPI)
    design = elaborate(graph, SCHEDULE, chosen, 50_000_000)
    assert design.link["kind"] == "spi" and design.baud == 30_000_000
    assert r"module \top.design.core.spi" in design.around
    assert r"module \top.design.core.uart" not in design.around
    _, text = design.constraints
    assert {"set_frequency spi_flash_1x_0__clk__io 30.0", "set_frequency clk12_0__io 12.0"} <= set(
        text.splitlines())
    assert len(re.findall(r"^set_io spi_flash_1x_0__(cs|clk|copi|cipo)__io \S+$", text,
                          re.MULTILINE)) == 4
    assert "uart" not in text and "wp" not in text
    # The flash is on the same wire, which the design drives while it is selected only.
    module = re.search(r"^module \\top\.design\.cipo\$\d+$.*?^end$", design.around, re.M | re.S)[0]
    assert r"parameter \PIN_TYPE 6'101001" in module
    plain = elaborate(graph, SCHEDULE, board.find(name), 50_000_000)
    assert plain.network == design.network and plain.link["kind"] == "uart"
    assert "spi" not in plain.around and "spi" not in plain.constraints[1]


def test_elaborate_same_network(graph):
    # What takes long to synthesise depends on neither clock nor board.
    first, *others = [elaborate(graph, SCHEDULE, board.find(name), hz).network for name, hz in (
        ("icebreaker", 30_000_000), ("icebreaker", 48_000_000), ("hx8k_evn", 100_000_000))]
    assert all(other == first for other in others)


def test_elaborate_tells_no_places(graph):
    design = elaborate(graph, SCHEDULE, board.find("icestick"), 50_000_000)
    assert ".py" not in design.network and ".py" not in design.around
