# amaranth: UnusedElaboratable=no
"""Builds with the real programs, from a small network to bitstream, and the netlist simulated."""

import hashlib
import json
import re

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.build import build
from xnorloom_boards.link import connection as host
from xnorloom_sim.board.simulated import SerialDesign, SimulatedBoard
from xnorloom_sim.golden import evaluate
from xnorloom_sim.netlist.cell_models import models

pytestmark = pytest.mark.full

# Weights in look-up tables and in block RAM, an operand buffer, lights, a PLL.
SCHEDULE = Schedule(8, (Fold(4, 8, "block"), Fold(2, 6, "lut")))
# From the documents of the chips: iCE40 FPGA-TN-02001 (synchronisation word) and ECP5
# FPGA-TN-02039 (preamble), and how the tools begin a file.
STARTS = {"icebreaker": rb"\xff\x00\x00\xff\x7e\xaa\x99\x7e",
          "ulx3s_25f": rb"\xff\x00Part: LFE5U-25F-6CABGA381\x00\xff\xff\xff\xbd\xb3"}
KINDS = {"icebreaker": {"luts": {"SB_LUT4"}, "carries": {"SB_CARRY"}, "brams": {"SB_RAM40_4K"},
                        "flip_flops": {"SB_DFFSR", "SB_DFFESR", "SB_DFF", "SB_DFFE", "SB_DFFSS",
                                       "SB_DFFESS", "SB_DFFS", "SB_DFFR", "SB_DFFES"}},
         "ulx3s_25f": {"luts": {"LUT4"}, "carries": {"CCU2C"}, "brams": {"DP16KD"},
                       "flip_flops": {"TRELLIS_FF"}}}


@pytest.fixture(scope="module")
def graph(random_graph):
    random = random_graph(np.random.default_rng(6), [16, 12, 4])
    return Graph("small", random.input, random.layers)


@pytest.fixture(scope="module", params=list(STARTS))
def built(request, graph, tmp_path_factory):
    """The build for a board, by its real platform and programs."""
    folder = tmp_path_factory.mktemp(request.param)
    return build(graph, board.find(request.param), schedule=SCHEDULE, directory=folder)


def test_bitstream(built):
    assert re.match(STARTS[built.board.name], built.bitstream)
    assert built.files[0].read_bytes() == built.bitstream
    assert (built.values["digests"]["bitstream"]
            == hashlib.sha256(built.bitstream).hexdigest())


def test_clock(built):
    clock = built.values["clock"]
    assert clock["fmax_hz"] >= clock["hz"] == built.design.hz
    # Nothing is given away either: a clock faster by a tenth was missed.
    assert clock["hz"] > 0.8 * clock["fmax_hz"] or not clock["attempts"][-1]["met"]
    log = (built.files[0].parent / "routing.log").read_text()
    reached = re.findall(r"Max frequency for clock[^:]*: ([\d.]+) MHz", log)
    assert float(reached[-1]) * 1e6 == pytest.approx(clock["fmax_hz"], rel=1e-3)
    delays = [hop["ns"] for hop in built.values["critical_path"]]
    assert sum(delays) == pytest.approx(1e9 / clock["fmax_hz"], rel=1e-2)


def test_resources(built):
    resources, device = built.values["resources"], built.board.device
    assert resources["logic_cells"]["available"] == device.logic_cells
    assert resources["brams"]["available"] == device.brams
    assert resources.get("sprams", {"used": 0, "available": 0}) == {
        "used": 0, "available": device.sprams}
    assert resources["plls"]["used"] == 1
    # The pins: clock, serial port, lights.
    assert resources["pins"]["used"] == 3 + len(built.board.leds)


def test_parts(built):
    cells = json.loads(built.netlist.path.read_text())["modules"]["top"]["cells"].values()
    counted = {kind: sum(cell["type"] in types for cell in cells)
               for kind, types in KINDS[built.board.name].items()}
    parts = built.values["parts"]
    assert [part["name"] for part in parts if part["layer"]] == ["dense0", "score"]
    # Between the layers there may be some cells more.
    assert {part["name"] for part in parts if not part["layer"]} - {"network"} == {
        "argmax", "link", "serial port", "clock and pins"}
    assert {kind: sum(part[kind] for part in parts) for kind in counted} == counted
    # The weights of the first layer, and the frame that the link keeps.
    brams = {part["name"]: part["brams"] for part in parts if part["brams"]}
    assert brams == {"dense0": brams["dense0"], "link": 1}


# Pins that go both ways, as cells have them, are one wire to a simulation of cycles.
_PINS = """
module INPUT_PIN(input B, output O); assign O = B; endmodule
module OUTPUT_PIN(output B, input I, input T); assign B = I; endmodule
module PIN_01(input PACKAGE_PIN, input CLOCK_ENABLE, output D_IN_0);
  assign D_IN_0 = PACKAGE_PIN;
endmodule
module PIN_29(output PACKAGE_PIN, input CLOCK_ENABLE, input D_OUT_0, input OUTPUT_ENABLE);
  assign PACKAGE_PIN = D_OUT_0;
endmodule
module PLL(input PACKAGEPIN, input BYPASS, input RESETB, output LOCK, output PLLOUTGLOBAL);
  assign PLLOUTGLOBAL = PACKAGEPIN, LOCK = 1;
endmodule
"""


def with_plain_pins(verilog):
    for pattern, put in (
            (r'TRELLIS_IO #\(\s*\.DIR\("(INPUT|OUTPUT)"\)\s*\)', r"\1_PIN"),
            (r"SB_IO #\([^;]*?PIN_TYPE\(6'h(01|29)\)[^;]*?\n  \)", r"PIN_\1"),
            (r"SB_PLL40_PAD #\([^;]*?\n  \)", "PLL"),
            (r"inout (uart_0__rx__io|clk\d+_0__io)", r"input \1"),
            (r"^  inout ", "  output ")):
        verilog = re.sub(pattern, put, verilog, flags=re.MULTILINE)
    return verilog + _PINS


def test_netlist(built, graph):
    # The netlist that was routed, clock and pins included, talks to the host program.
    family = built.board.device.family
    design = SerialDesign(f"{models(family)}\n{with_plain_pins(built.netlist.verilog)}", "top",
                          clock=f"{built.board.clock}_0__io", rx="uart_0__rx__io",
                          tx="uart_0__tx__io")
    frames = np.random.default_rng(7).integers(0, 2, (300, 16), dtype=np.uint8)
    baud = built.design.baud
    with (SimulatedBoard(design, clock_hz=built.design.hz, baud=baud) as simulated,
          host.open(simulated.path, graph, baud=baud) as connection):
        assert connection.hello.words == 2
        classes = connection.classify_frames(frames)
    wanted = evaluate(graph, frames).classes
    assert len(set(wanted.tolist())) > 1
    assert (classes == wanted).all()
