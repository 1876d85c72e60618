"""Fixtures of the gateware tests: driver of components without streams, random networks."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator


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
