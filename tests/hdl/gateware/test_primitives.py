"""Modulo counters against counting by definition."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.sim import Simulator

from xnorloom.gateware.primitives import count


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 8, 9])
def test_count(steps):
    m, en = Module(), Signal()
    m.domains.sync = ClockDomain()
    index, last = count(m, steps, en, name="step")
    enabled = np.random.default_rng(steps).integers(0, 2, 60)
    seen = []

    async def process(ctx):
        for value in enabled:
            ctx.set(en, int(value))
            seen.append((ctx.get(index), ctx.get(last)))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    before = np.cumsum(enabled) - enabled
    assert seen == [(done % steps, int(done % steps == steps - 1)) for done in before]
