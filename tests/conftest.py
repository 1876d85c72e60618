"""Fixtures of several folders, the order of the tests, and the profiles of hypothesis.

Test files do not import each other; they share fixtures, here or in the ``conftest.py`` of a
folder.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

# Each core has a worker already: the threads of PyTorch and numpy would wait for each other at
# full speed, and training took five times the processor time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from xnorloom.export import verilog
from xnorloom.graph import Conv, Dense, Graph, Input, Score
from xnorloom.support import cache, yosys
from xnorloom.support.process import Jobs
from xnorloom_sim.engines.verilator import toolchain

# Files with synthesis, compiled simulations, training, or long runs of other programs, the longest
# first. They get the mark `slow`, which `make quick` leaves out, and a run begins with them, so
# that no worker is left with a long one at the end.
SLOW = (
    "hdl/gateware/test_synthesis.py", "docs/test_docs.py", "docs/test_readme.py",
    "docs/test_tutorial.py",
    "hdl/lowering/test_import_*.py", "cli/test_demo.py",
    "sim/netlist/*.py", "sim/board/*.py", "sim/engines/*.py", "boards/design/*.py",
    "hdl/folding/test_estimate.py", "hdl/gateware/test_spram.py", "hdl/export/test_testbench.py",
    "hdl/export/test_axi_stream.py", "hdl/export/test_fusesoc.py",
    "hdl/gateware/test_reset.py", "hdl/export/test_verilog.py", "hdl/folding/test_fit.py",
    "docs/test_train_*.py", "docs/test_board_table_program.py", "docs/test_*models.py",
    "sim/veri*/*.py", "sim/runtimes/*.py", "sim/test_simul*.py", "hdl/frontend/onnx/test_tools.py",
    "hdl/frontend/test_torch.py", "boards/link/test_l*.py", "boards/link/test_connection.py",
    "docs/test_examples.py", "docs/test_verilog_top.py", "hdl/gateware/test_*network.py",
    "hdl/gateware/test_batches.py", "hdl/gateware/test_axi_stream.py",
    "hdl/gateware/test_packets.py",
    "hdl/gateware/test_formal.py",
    "boards/link/test_pins.py", "boards/link/test_spi.py", "boards/link/test_spi_board.py",
    "boards/link/test_size.py", "snapshots/*.py", "cli/test_verify.py",
    "cli/test_explore*.py", "boards/test_build*.py", "cli/test_build.py", "cli/test_compile.py",
    "hdl/frontend/*/test_fuzz.py",
    "hdl/lowering/test_scores_size.py", "docs/test_amaranth.py", "docs/test_convolution.py",
    "docs/test_schedule.py",
    "boards/link/test_uart.py", "boards/link/test_connection_port.py", "docs/test_formats.py",
    "cli/test_simulated_board.py", "docs/test_boards.py", "cli/test_serve.py",
    "cli/serve/test_responders.py", "cli/test_escapes.py", "cli/test_interrupts.py",
    "hdl/frontend/keras/test_ends.py",
    "sim/data/test_dataset.py", "boards/link/test_reset.py", "cli/test_flash.py",
)


def _place(path: Path) -> int:
    """Place of a file in ``SLOW``; after the last if it is not there."""
    name = path.relative_to(Path(__file__).parent).as_posix()
    return next((place for place, pattern in enumerate(SLOW) if fnmatch(name, pattern)), len(SLOW))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if _place(item.path) < len(SLOW):
            item.add_marker("slow")
    items.sort(key=lambda item: _place(item.path))


@pytest.fixture(scope="session")
def slow_patterns():
    """Patterns of the slow files, below the folder of the tests."""
    return SLOW


# No deadline and no check for slow examples: a busy machine must not fail a test.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
# The same examples in every run.
settings.register_profile("xnorloom", derandomize=True, **_PATIENT)
# `make fuzz`: those of a seed, which alone decides: failures of before are not tried again.
settings.register_profile("fuzz", database=None, **_PATIENT)
settings.load_profile("xnorloom")


def _random_graph(rng: np.random.Generator, sizes, bits: int = 1) -> Graph:
    """A graph with ``sizes`` elements, neurons ... and classes, and random weights.

    Most thresholds lie among the counts, so that neurons fire at times; about one in six is 0
    (always) or ``N + 1`` (never).
    """
    layers = []
    for index, (n, m) in enumerate(zip(sizes, sizes[1:])):
        weights = rng.integers(0, 2, (m, n), dtype=np.uint8)
        top = n * ((1 << bits) - 1 if index == 0 else 1)
        if index == len(sizes) - 2:
            # Close to each other for ties, or far apart, of either sign.
            reach = int(rng.choice([3, 3, 100, 1 << 20]))
            layers.append(Score("score", weights, rng.integers(-reach, reach + 1, m)))
            break
        middle = np.round(rng.normal(top / 2, top / 2 / np.sqrt(n), m)).clip(0, top + 1)
        extreme = rng.integers(0, 2, m) * (top + 1)
        thresholds = np.where(rng.integers(0, 6, m) == 0, extreme, middle).astype(np.int64)
        layers.append(Dense(f"dense{index}", weights, thresholds))
    return Graph("random", Input((sizes[0],), bits), tuple(layers))


# Session scope, so that hypothesis may use it: it has no state.
@pytest.fixture(scope="session")
def random_graph():
    """``random_graph(rng, sizes, bits=1)``: a graph of random weights and thresholds."""
    return _random_graph


def _sparse(graph: Graph, rng: np.random.Generator) -> Graph:
    """``graph`` without some synapses of each layer.

    A neuron has from none to all of them; about one in six has none. Thresholds are random, at
    times one that none or each count reaches.
    """
    layers = []
    for index, layer in enumerate(graph.layers):
        share = rng.random(layer.neurons) * (rng.random(layer.neurons) > 1 / 6)
        present = rng.random(layer.weights.shape) < share.reshape(
            -1, *[1] * (layer.weights.ndim - 1))
        layer = replace(layer, present=present)
        if not isinstance(layer, Score):
            planes = graph.planes(index)
            tops = (layer.class_counts(graph.maps[index], planes) if isinstance(layer, Conv) else
                    layer.present_inputs * ((1 << planes) - 1))
            middle = np.round(rng.normal(tops / 2, tops ** 0.5 / 2 + 0.3))
            thresholds = middle.clip(0, tops + 1).astype(np.int64)
            layer = replace(layer, thresholds=thresholds.reshape(layer.thresholds.shape))
        layers.append(layer)
    return Graph(graph.name, graph.input, tuple(layers))


@pytest.fixture(scope="session")
def sparse():
    """``sparse(graph, rng)``: the graph with absent synapses, and random thresholds."""
    return _sparse


@pytest.fixture
def synthesise(tmp_path):
    """``synthesise(component, family)``: cell counts by type after synthesis with Yosys.

    ``family`` is ``ice40`` or ``ecp5``. The netlist, a module ``top``, is in
    ``tmp_path / "netlist.v"``.
    """
    def run(component, family: str) -> dict[str, int]:
        text = verilog.convert(component)
        (tmp_path / "design.v").write_text(text)
        script = "\n".join(["read_verilog design.v", "proc", yosys.UNSET_INIT,
                            yosys.synth(family, "top", text), yosys.DROP_SCOPES,
                            "tee -q -o stat.json stat -json", "write_verilog -noattr netlist.v"])
        with Jobs() as jobs:
            yosys.run(yosys.packaged_yosys(), script, tmp_path, jobs)
        return json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    return run


_RUNTIME = ("verilated", "verilated_timing", "verilated_threads")


@pytest.fixture
def fake_tools(tmp_path, monkeypatch) -> Path:
    """Programs of a build that do what a plan says; the value is the file of the plan.

    It says nothing at first. See ``fixtures/fake_tool.py``.
    """
    folder, program = tmp_path / "tools", Path(__file__).parent / "fixtures" / "fake_tool.py"
    folder.mkdir()
    for name in ("yosys", "nextpnr-ice40", "icepack", "openFPGALoader"):
        script = folder / name
        script.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, str(program), name])} "
                          f'"$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv(name.upper().replace("-", "_"), str(script))
    plan = folder / "plan.json"
    plan.write_text("{}")
    monkeypatch.setenv("FAKE_TOOLS", str(plan))
    return plan


def _compile(folder: Path, *sources: str) -> None:
    include = toolchain.verilator()[0] / "include"
    command = [*toolchain.compiler(), "-std=c++20", "-O0", "-w", "-fno-sanitize=all",
               "-DVL_TIME_CONTEXT", "-I.", f"-I{include}", f"-I{include / 'vltstd'}", "-c"]
    toolchain.run_tool([*command, *sources], cwd=folder, log=folder / "log")


@pytest.fixture(scope="session")
def _verilator_runtime() -> list[str]:
    """Object files of Verilator's library, with timing, compiled once for all workers and runs."""
    root, version = toolchain.verilator()
    command = toolchain.compiler()
    inputs = repr((version, toolchain.identity(command), command, _RUNTIME)).encode()
    folder = cache.writable("xnorloom/tests") / f"runtime-{hashlib.sha256(inputs).hexdigest()[:32]}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "complete").exists():
            _compile(folder, *(str(root / "include" / f"{name}.cpp") for name in _RUNTIME))
            (folder / "complete").touch()
    return [str(folder / f"{name}.o") for name in _RUNTIME]


@pytest.fixture
def verilate(_verilator_runtime) -> Callable[..., Callable[..., subprocess.CompletedProcess]]:
    """``verilate(folder, top, *sources)`` compiles a Verilog testbench with its delays.

    The result runs the testbench in ``folder``, with plusargs.
    """
    def build(folder: Path, top: str, *sources: str):
        root, _ = toolchain.verilator()
        made = folder / f"{top}_made"
        # In a netlist some bits of a wire depend on others of it, which UNOPTFLAT finds slow.
        toolchain.run_tool(
            [str(root / "bin" / "verilator_bin"), "--cc", "--exe", "--main", "--timing",
             "-Wno-lint", "-Wno-style", "-Wno-UNOPTFLAT", "--top-module", top, "--prefix", "Vtop",
             "--Mdir", made.name, *sources],
            cwd=folder, log=folder / "log", env={"VERILATOR_ROOT": str(root)})
        (made / "all.cpp").write_text("".join(f'#include "{path.name}"\n'
                                              for path in sorted(made.glob("*.cpp"))))
        _compile(made, "all.cpp")
        toolchain.run_tool([*toolchain.compiler(), "all.o", *_verilator_runtime, "-pthread",
                            "-o", "simulate"], cwd=made, log=folder / "log")

        def run(*plusargs: str) -> subprocess.CompletedProcess:
            return subprocess.run([str(made / "simulate"), *plusargs], cwd=folder,
                                  capture_output=True, text=True, timeout=3600)
        return run
    return build
