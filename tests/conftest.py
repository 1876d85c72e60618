"""What several test files use: random graphs, and hypothesis with one seed and no clock.

Test files do not import each other; what they share is a fixture here.
"""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator
from hypothesis import settings

from xnorloom.graph import Dense, Graph, Input, Score

# The same examples in every run, and no deadline: a busy machine must not fail a test.
settings.register_profile("xnorloom", derandomize=True, deadline=None, print_blob=True)
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
            layers.append(Score("score", weights, rng.integers(-3, 4, m)))
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
