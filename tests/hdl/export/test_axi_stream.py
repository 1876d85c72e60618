# amaranth: UnusedElaboratable=no
"""Verilog of cores with AXI-Streams: ports, manifest and testbench."""

import json
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from xnorloom import automatic_schedule
from xnorloom.export import fusesoc, testbench, verilog
from xnorloom.gateware.axi_stream import AxiStreamNetwork
from xnorloom.gateware.network import Network
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim.golden import evaluate

FOLDS = {
    "one beat": (4, (Fold(5, 7, "block"), Fold(2, 5, "lut")), False, 16),
    "beats": (4, (Fold(5, 7, "block"), Fold(2, 5, "lut")), True, 8),
    "loaded": (4, (Fold(1, 5, "spram"), Fold(2, 5, "lut")), False, None),
    "batches": (7, (Fold(5, 7, "block", vectors=3), Fold(2, 5, "lut", vectors=3)), True, 24),
}


@pytest.fixture
def make(random_graph):
    """``make(name)``: a core of the table."""
    def core(name):
        width, folds, scores, tdata_width = FOLDS[name]
        graph = random_graph(np.random.default_rng(1), (20, 12, 5), bits=2)
        return AxiStreamNetwork(Network(Schedule(width, folds).bind(graph), scores=scores),
                                tdata_width=tdata_width)
    return core


def write(core, directory, count=25):
    """Write core and testbench; return the paths of the testbench."""
    frames = np.random.default_rng(2).integers(0, 4, (count, 20))
    golden = evaluate(core.graph, frames)
    verilog.write(core, directory)
    return testbench.write(core, directory, frames, golden.classes,
                           golden.scores if core.scores else None)


@pytest.mark.parametrize("name", ["one beat", "loaded"])
def test_ports(make, tmp_path, name):
    core = make(name)
    paths = verilog.write(core, tmp_path)
    manifest = json.loads(paths[1].read_text())
    module = paths[0].read_text().partition("\nmodule bnn_random(")[2]
    names = module.partition(");")[0].split(", ")
    assert sorted(names) == sorted(port["name"] for port in manifest["ports"])
    assert set(names) == {"aclk", "aresetn", *core.signature.members}
    for port in manifest["ports"]:
        extent = f"[{port['width'] - 1}:0] " if port["width"] > 1 else ""
        assert f"\n  {port['direction']} {extent}{port['name']};" in module


def test_manifest(make):
    core = make("beats")
    values = verilog.manifest(core)
    assert values["clock"] == "aclk, rising edge"
    assert values["reset"] == "aresetn, synchronous, active low"
    inputs, outputs = values["input"], values["output"]
    assert (inputs["tdata_bits"], inputs["words_per_beat"], inputs["beats_per_frame"]) == (8, 2, 5)
    assert (outputs["tdata_bits"], outputs["beats_per_frame"]) == (8, core.result_beats)
    last = outputs["fields"][-1]
    assert core.result_beats == -(-(last["low_bit"] + last["width"]) // 8) > 1
    assert (values["latency"], values["interval"]) == (core.latency, core.interval)
    assert values["latency_meaning"].startswith("cycles from the transfer of the first beat of ")
    # A core without them has the keys of before.
    plain = verilog.manifest(core.network)
    assert set(inputs) - set(plain["input"]) == {
        "tdata_bits", "words_per_beat", "beats_per_frame", "beat_order", "packets"}
    assert set(outputs) - set(plain["output"]) == {"tdata_bits", "beats_per_frame", "beat_order"}
    assert plain.keys() == values.keys()


@pytest.mark.parametrize("name", FOLDS)
def test_testbench(make, tmp_path, verilate, name):
    core = make(name)
    write(core, tmp_path)
    run = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")
    said = run().stdout.splitlines()[0]
    assert said == f"PASS 25 frames, latency {core.latency}, interval {core.interval}"
    done = run("+stall", "+seed=4")
    assert done.stdout.splitlines()[0] == "PASS 25 frames, with stalls"
    assert done.returncode == 0


def test_testbench_fails(make, tmp_path, verilate):
    core = make("beats")
    write(core, tmp_path)
    run = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")
    for file, line, bit, message in [
            # TLAST too early: the result of that frame is marked.
            ("words", 51, 1 << 8, r"FAIL frame 10: result is 2.., expected 0.."),
            # A bit of a score, and TLAST of a result.
            ("results", 13, 1 << 2, r"FAIL frame {frame}: result is .*"),
            ("results", 9, 1 << 8, r"FAIL frame {frame}: result is .*")]:
        path = tmp_path / f"bnn_random_{file}.hex"
        text = path.read_text()
        lines = text.splitlines()
        lines[line] = f"{int(lines[line], 16) ^ bit:0{len(lines[line])}x}"
        path.write_text("\n".join(lines) + "\n")
        done = run()
        wanted = message.format(frame=line // core.result_beats)
        assert re.fullmatch(wanted, done.stdout.splitlines()[0])
        assert done.returncode != 0
        path.write_text(text)


@pytest.mark.parametrize("use", [verilog.write, fusesoc.write,
                                 lambda core, path: verilog.manifest(core)],
                         ids=["verilog", "fusesoc", "manifest"])
def test_core_wrong(tmp_path, use):
    message = "^Core must be a Network or an AxiStreamNetwork, not 7$"
    with pytest.raises(TypeError, match=message):
        use(7, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_documented_program(random_graph, tmp_path, monkeypatch):
    page = (Path(__file__).parents[3] / "docs" / "verilog.md").read_text()
    section = page.split("\n## AXI-Stream\n")[1].split("\n## ")[0]
    [program] = re.findall(r"(?:^    .*\n|^\n(?=    ))*^    write_verilog.*\n", section, re.M)
    monkeypatch.chdir(tmp_path)
    graph = random_graph(np.random.default_rng(1), (100, 5, 3))
    exec(textwrap.dedent(program), {"graph": graph, "Network": Network,
                                    "automatic_schedule": automatic_schedule,
                                    "write_verilog": verilog.write})
    manifest = json.loads((tmp_path / "build" / "manifest.json").read_text())
    assert (manifest["input"]["tdata_bits"], manifest["input"]["words_per_beat"]) == (32, 1)
