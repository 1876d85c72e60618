# amaranth: UnusedElaboratable=no
"""Modulo counters against counting by definition, and how block RAM is described to Yosys."""

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.sim import Simulator

from xnorloom.gateware.primitives import count, delay, ram, read


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


@pytest.mark.parametrize("reset", [False, True])
def test_delayed_data_has_no_reset(reset):
    """A reset costs data a level of logic; flags need it."""
    found = delay(Module(), Signal(3), 2, 1, name="late", reset=reset)
    assert found.reset_less == (not reset)


def test_block_ram_for_yosys():
    """Yosys must use block RAM, without a bypass, for any read register that it infers."""
    m, en, address, out = Module(), Signal(), Signal(2), Signal(5)
    m.submodules.memory = memory = ram(5, 4)
    m.d.comb += out.eq(read(m, memory, address, en))
    text = rtlil.convert(m, ports=[en, address, out])
    attributes = text.partition("memory width 5 size 4")[0].rpartition("\n\n")[2]
    assert 'attribute \\ram_style "block"' in attributes
    assert "attribute \\no_rw_check 1" in attributes
    # The register of the read port is outside it, and its initial value is never seen.
    [port] = [part.partition("\n  end")[0] for part in text.split("cell $memrd_v2 ")[1:]]
    assert "parameter \\CLK_ENABLE 0\n" in port
    word = text.partition(r"wire width 5 \word")[0].rpartition("\n\n")[2]
    assert "attribute \\undefined 1" in word
