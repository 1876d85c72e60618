# amaranth: UnusedElaboratable=no
"""FuseSoC core file, read and used by FuseSoC."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fusesoc.capi2.coreparser import Core2Parser

from xnorloom.export import fusesoc, verilog
from xnorloom.gateware.axi_stream import AxiStreamNetwork
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim.engines.verilator import toolchain


@pytest.fixture
def make(random_graph):
    """``make(name, style)``: a network of this name."""
    def network(name="random", style="lut"):
        graph = random_graph(np.random.default_rng(1), (12, 5, 3))
        graph = Graph(name, graph.input, graph.layers)
        return Network(Schedule(4, (Fold(1, 3, style), Fold(1, 1, "lut"))).bind(graph))
    return network


def run(folder, *arguments):
    """Run FuseSoC in ``folder``, whose core files it sees, with a home of its own."""
    # The lint of Verilator is that of the package.
    (folder / "bin").mkdir(exist_ok=True)
    root, _ = toolchain.verilator()
    (folder / "bin" / "verilator").write_text(
        f'#!/bin/sh\nVERILATOR_ROOT="{root}" exec "{root}/bin/verilator_bin" "$@"\n')
    (folder / "bin" / "verilator").chmod(0o755)
    env = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
           "XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder),
           "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [sys.executable, "-c", "from fusesoc.main import main; main()", "--cores-root", "cores",
         *arguments], cwd=folder, env=env, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("style", ["lut", "spram"])
@pytest.mark.parametrize("wrap", [lambda network: network, AxiStreamNetwork],
                         ids=["stream", "axi-stream"])
def test_lint(make, tmp_path, wrap, style):
    """FuseSoC finds the files, and hands them to a Verilator that accepts them."""
    core = wrap(make(style=style))
    verilog.write(core, tmp_path / "cores")
    path = fusesoc.write(core, tmp_path / "cores")
    assert path == tmp_path / "cores" / "bnn_random.core"
    done = run(tmp_path, "run", "--target", "lint", "--work-root", "work", "bnn_random")
    assert done.returncode == 0, done.stdout
    assert "%Error" not in done.stdout
    copied = {path.name for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert "bnn_random.v" in copied
    # Where $readmemh finds it.
    assert (tmp_path / "work" / "bnn_random_load.hex").exists() == (style == "spram")


def test_a_core_that_depends_on_it(make, tmp_path):
    network = make()
    verilog.write(network, tmp_path / "cores")
    fusesoc.write(network, tmp_path / "cores")
    (tmp_path / "cores" / "top.v").write_text(
        "module top(input clk, rst, output [1:0] digit);\n"
        "  bnn_random core(.clk(clk), .rst(rst), .i__valid(1'b1), .i__payload(4'd5),\n"
        "                  .o__ready(1'b1), .o__payload(digit));\nendmodule\n")
    (tmp_path / "cores" / "top.core").write_text(
        "CAPI=2:\nname: ::top:1.0\nfilesets:\n  rtl:\n    files: [top.v]\n"
        "    file_type: verilogSource\n    depend: [xnorloom:bnn:bnn_random]\n"
        "targets:\n  default:\n    flow: lint\n    flow_options: {tool: verilator, "
        "verilator_options: [-Wno-fatal]}\n    filesets: [rtl]\n    toplevel: top\n")
    done = run(tmp_path, "run", "--work-root", "work", "top")
    assert done.returncode == 0, done.stdout
    # It fails without the core.
    (tmp_path / "cores" / "bnn_random.core").unlink()
    assert run(tmp_path, "run", "--work-root", "again", "top").returncode != 0


@pytest.mark.parametrize("name", ['a: "b" #c', "größe {x}", "x" * 300, "'", "- a"])
def test_names(make, tmp_path, name):
    """The name of a network never spoils the file."""
    network = make(name)
    path = fusesoc.write(network, tmp_path)
    values = Core2Parser().read(str(path))
    assert values["description"] == f"Binarized network {name}, interface stream"
    module = json.loads(verilog.write(network, tmp_path)[1].read_text())["module"]
    assert (values["name"].split(":")[:3], path.stem) == (["xnorloom", "bnn", module], module)
    assert values["filesets"]["rtl"]["files"] == [f"{module}.v"]


def test_name(make, tmp_path):
    path = fusesoc.write(make(), tmp_path, "digits")
    assert path.name == "digits.core" and "xnorloom:bnn:digits:" in path.read_text()
    with pytest.raises(ValueError, match=r"^Module name must be no keyword of \(System\)Verilog, "
                                         r"not 'module'$"):
        fusesoc.write(make(), tmp_path, "module")


def test_files_are_the_same_each_time(make, tmp_path):
    texts = {fusesoc.write(make(), tmp_path / str(turn)).read_text() for turn in range(2)}
    assert len(texts) == 1
    assert str(Path.home()) not in texts.pop()
