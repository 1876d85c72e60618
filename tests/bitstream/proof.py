"""The bitstream for an iCEBreaker, turned back into Verilog, reads digits through its pins.

`make bitstream` runs this: it needs Project IceStorm, which is in no Python package, and minutes.
What is simulated is what the FPGA would be configured with, contents of block RAMs included, and
the program at the serial port is the one for a real board. Only the PLL is another: it passes its
clock on, since cycles are simulated and not times.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom.graph.pixels import top_bits
from xnorloom_boards.board import find
from xnorloom_boards.build import build
from xnorloom_boards.link import connection as host
from xnorloom_sim import data
from xnorloom_sim.board.simulated import Faults, SerialDesign, SimulatedBoard
from xnorloom_sim.golden import evaluate
from xnorloom_sim.netlist.bitstream import to_verilog

MODEL = Path(__file__).parents[2] / "models" / "tfc.bnn"
# A small part of the frame rate of this board, so that the router takes a minute.
INTERVAL = 1568
# The simulation is some hundred times slower than the board.
OPTIONS = {"baud": 10_000, "timeout": 30.0}


@pytest.fixture(scope="module")
def graph():
    return Graph.load(MODEL)


@pytest.fixture(scope="module")
def built(graph, tmp_path_factory):
    return build(graph, find("icebreaker"), interval=INTERVAL,
                 directory=tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def design(built, tmp_path_factory):
    """The bitstream as Verilog, with its pins named."""
    name, content = built.design.constraints
    pcf = tmp_path_factory.mktemp("pins") / name
    pcf.write_text(content)
    pins = re.findall(r"^set_io (\S+)", content, re.MULTILINE)
    [clock], [rx], [tx] = ([pin for pin in pins if part in pin] for part in ("clk", "rx", "tx"))
    return SerialDesign(to_verilog(built.files[0], pcf), "chip", clock, rx, tx)


def board(built, design, **options):
    return SimulatedBoard(design, clock_hz=built.design.hz, baud=built.design.baud, **options)


def test_block_rams_have_their_contents(design):
    words = re.findall(r"\.INIT_[0-9A-F]\(256'h([0-9a-f]+)\)", design.verilog)
    # 59,008 weights, of which those in look-up tables are few.
    ones = sum(int(word, 16).bit_count() for word in words)
    assert 10_000 < ones < 59_008


def test_digits(graph, built, design):
    digits = data.bundled().images[:100]
    with (board(built, design) as simulated,
          host.open(simulated.path, graph, **OPTIONS) as b):
        assert b.hello.digest.hex() == graph.digest[:16]
        classes = b.classify(digits)
        assert b.faults.resent == 0
    assert np.array_equal(classes, evaluate(graph, top_bits(digits, 1)).classes)
    assert simulated.traffic.malformed == 0


def test_digits_over_a_bad_line(graph, built, design):
    digits = data.bundled().images[100:120]
    faults = Faults(0.0005, 0.0005, 0.0005)
    with (board(built, design, to_design=faults, from_design=faults, seed=2) as simulated,
          host.open(simulated.path, graph, baud=100_000, timeout=5) as b):
        classes = b.classify(digits)
    assert np.array_equal(classes, evaluate(graph, top_bits(digits, 1)).classes)
    assert simulated.traffic.faults_in > 0
