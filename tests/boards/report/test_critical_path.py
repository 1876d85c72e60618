"""Critical path of a build: kind, cell and component of each step."""

import re
from xml.etree import ElementTree

import pytest

from xnorloom_boards.report.charts import path_chart
from xnorloom_boards.report.critical_path import steps

CORE = "design.core.network."
SUM = f"{CORE}layer0.pe3.synapses.sum_SB_DFF_Q_1_D_SB_CARRY_CO"


def hop(kind, ns, cell, port):
    return {"kind": kind, "ns": ns, "cell": cell, "port": port}


# From a register through a LUT, a chain of three carries and a cell of nextpnr.
PATH = [
    hop("clk-to-q", 1.39, f"{CORE}layer0.pe0.t_SB_DFF_Q_D_SB_LUT4_O_LC", "O"),
    hop("routing", 2.409, f"{CORE}buffer0.i__payload_SB_DFFE_Q_10_D_SB_CARRY_CO$CARRY", "I3"),
    hop("logic", 0.874, f"{CORE}buffer0.i__payload_SB_DFFE_Q_10_D_SB_CARRY_CO$CARRY", "O"),
    hop("routing", 5.001, f"{SUM}_CI_SB_CARRY_CO$CARRY", "I2"),
    hop("logic", 0.609, f"{SUM}_CI_SB_CARRY_CO$CARRY", "COUT"),
    hop("routing", 0.0, f"{SUM}$CARRY", "CIN"),
    hop("logic", 0.278, f"{SUM}$CARRY", "COUT"),
    hop("routing", 0.556, f"{CORE}layer0.pe3.synapses.sum$CARRY", "CIN"),
    hop("logic", 0.278, f"{CORE}layer0.pe3.synapses.sum$CARRY", "COUT"),
    hop("routing", 0.662, "$nextpnr_ICESTORM_LC_10", "I3"),
    hop("logic", 0.874, "$nextpnr_ICESTORM_LC_10", "O"),
    hop("routing", 3.057, f"{CORE}argmax.best_SB_DFFE_Q_21_DFFLC", "I0"),
    hop("setup", 1.234, f"{CORE}argmax.best_SB_DFFE_Q_21_DFFLC", "I0")]


def test_path():
    found = [(step.kind, f"{step.ns:.3f}", step.cell, step.component, step.signal)
             for step in steps(PATH)]
    assert found == [
        ("clock to output", "1.390", "flip-flop", "layer0.pe0", "t"),
        ("routing", "2.409", "to LUT", "buffer0", "i__payload"),
        ("logic", "0.874", "LUT", "buffer0", "i__payload"),
        ("routing", "5.001", "to carry", "layer0.pe3.synapses", "sum"),
        ("carry chain", "1.721", "3 cells", "layer0.pe3.synapses", "sum"),
        ("routing", "0.662", "to LUT", "", ""),
        ("logic", "0.874", "LUT", "", ""),
        ("routing", "3.057", "to flip-flop", "argmax", "best"),
        ("setup", "1.234", "flip-flop", "argmax", "best")]


@pytest.mark.parametrize("first, last", [(0, 13), (4, 9), (5, 6), (8, 13), (0, 5), (0, 0)])
def test_sum(first, last):
    part = PATH[first:last]
    found = steps(part)
    assert sum(step.ns for step in found) == pytest.approx(sum(hop["ns"] for hop in part))
    chart, legend = path_chart(found).split("</svg>")
    root = ElementTree.fromstring(f"{chart}</svg>")
    assert len(root) == len(found)
    for box in root:
        assert float(box.get("x")) + float(box.get("width")) <= 960.1
    by_kind = [float(ns) for ns in re.findall(r" ([\d.]+) ns</li>", legend)]
    assert sum(by_kind) == pytest.approx(sum(hop["ns"] for hop in part))


def test_full_names():
    found = steps(PATH)
    assert found[0].full == f"{PATH[0]['cell']}, pin O"
    assert found[4].full == f"{PATH[4]['cell']} to {PATH[8]['cell']}"


PLACES = {  # kind, cell, port; kind of cell, component, signal
    "block RAM, iCE40": ("clk-to-q", f"{CORE}layer0.weights.column0_RAM", "RDATA_3",
                         "block RAM", "layer0.weights", "column0"),
    "SPRAM": ("setup", f"{CORE}layer0.weights.column1_RAM", "CHIPSELECT",
              "SPRAM", "layer0.weights", "column1"),
    "block RAM, ECP5": ("clk-to-q", f"{CORE}layer0.weights.memory.0.42", "DOB12",
                        "block RAM", "layer0.weights", "memory"),
    "flip-flop, ECP5": ("setup", f"{CORE}layer0.words_1_TRELLIS_FF_Q_422", "M",
                        "flip-flop", "layer0", "words_1"),
    "LUT, ECP5": ("logic", f"{CORE}o__payload$78_TRELLIS_FF_Q_1_DI_LUT4_Z", "F",
                  "LUT", "network", "o__payload"),
    "beside the network": ("logic", "design.core.link.$signal$4_SB_LUT4_I1_LC", "O",
                           "LUT", "link", ""),
    "pins": ("clk-to-q", "design.led1.o$1_TRELLIS_FF_Q", "Q", "flip-flop", "led1", "o"),
    "top": ("clk-to-q", "ready_SB_LUT4_I2_O_SB_DFFR_R_DFFLC", "O", "flip-flop", "top", "ready"),
    "global": ("logic", f"$gbuf_{CORE}replay2.i__valid_SB_LUT4_I2_O_$glb_ce",
               "GLOBAL_BUFFER_OUTPUT", "global buffer", "replay2", "i__valid"),
    "clock enable": ("setup", f"{CORE}replay0.$signal$18_SB_DFFESR_Q_D_SB_LUT4_O_LC", "CEN",
                     "flip-flop", "replay0", ""),
    "unknown": ("clk-skew", "", "?", "", "top", ""),
}


@pytest.mark.parametrize("case", PLACES.values(), ids=PLACES)
def test_place(case):
    kind, cell, port, *wanted = case
    [step] = steps([hop(kind, 1.0, cell, port)])
    assert [step.cell, step.component, step.signal] == wanted
