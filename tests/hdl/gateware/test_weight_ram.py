# amaranth: UnusedElaboratable=no
"""Loadable weight table: columns of 16 bits, written word by word, read like a block RAM."""

import re

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom.gateware.weight_ram import WeightRam, has_sprams
from xnorloom.schedule import WeightStyle
from xnorloom_boards import board

CASES = {  # depth, width
    "one bit": (2, 1), "a column": (5, 16), "odd": (13, 17), "two columns": (8, 32),
    "many": (3, 77),
}


def columns(words, width):
    """Words to load for ``words``: bits 0 to 15 of each, then bits 16 to 31, and so on."""
    return [word >> low & 0xffff for low in range(0, width, 16) for word in words]


def contents(depth, width, seed=0):
    rng = np.random.default_rng([seed, depth, width])
    return [int.from_bytes(rng.bytes(10), "little") % (1 << width) for _ in range(depth)]


class Stepped(wiring.Component):
    """A loaded table with the counter that steps its addresses while it is loaded."""

    def __init__(self, depth, width):
        self.table, self.depth = WeightRam(depth, width), depth
        super().__init__({
            "load": In(stream.Signature(16)), "loaded": Out(1), "reload": In(1),
            "address": In(range(depth)), "en": In(1), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = inner = self.table
        wiring.connect(m, wiring.flipped(self.load), inner.load)
        step = Signal(range(self.depth))
        with m.If(self.load.valid & self.load.ready):
            m.d.sync += step.eq(step + 1)
            with m.If(step == self.depth - 1):
                m.d.sync += step.eq(0)
        with m.If(self.reload):
            m.d.sync += step.eq(0)
        m.d.comb += [self.loaded.eq(inner.loaded), inner.reload.eq(self.reload),
                     inner.en.eq(self.en), self.o.eq(inner.o), inner.address.eq(self.address)]
        with m.If(~self.loaded):
            m.d.comb += inner.address.eq(step)
        return m


def simulate(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


async def load(ctx, dut, words, rng):
    """Present words after random pauses; each is accepted at once."""
    for word in words:
        while rng.integers(3) == 0:
            ctx.set(dut.load.payload, int(rng.integers(1 << 16)))
            await ctx.tick()
        assert ctx.get(dut.load.ready) == 1 and ctx.get(dut.loaded) == 0
        ctx.set(dut.load.valid, 1)
        ctx.set(dut.load.payload, word)
        await ctx.tick()
        ctx.set(dut.load.valid, 0)


async def check(ctx, dut, words, rng):
    """Read as from a block RAM: one enabled cycle late, and held while not enabled."""
    held = None
    for _ in range(4 * len(words) + 20):
        address, en = int(rng.integers(len(words))), int(rng.integers(3)) > 0
        ctx.set(dut.address, address)
        ctx.set(dut.en, en)
        if held is not None:
            assert ctx.get(dut.o) == held
        await ctx.tick()
        held = words[address] if en else held


@pytest.mark.parametrize("depth, width", CASES.values(), ids=CASES)
def test_loads_and_reads(depth, width):
    dut, words, rng = Stepped(depth, width), contents(depth, width), np.random.default_rng(depth)

    async def testbench(ctx):
        await load(ctx, dut, columns(words, width), rng)
        assert ctx.get(dut.loaded) == 1
        # Words after the last are not accepted, and change nothing.
        ctx.set(dut.load.valid, 1)
        assert ctx.get(dut.load.ready) == 0
        await check(ctx, dut, words, rng)
        assert ctx.get(dut.loaded) == 1

    simulate(dut, testbench)


@pytest.mark.parametrize("before", [0, 1, 12, 20, 26])
def test_reload(before):
    """Loading that was broken off anywhere, or complete, begins again."""
    depth, width = 13, 17
    dut, rng = Stepped(depth, width), np.random.default_rng(before)
    words, others = contents(depth, width), columns(contents(depth, width, 1), width)

    async def testbench(ctx):
        await load(ctx, dut, others[:before], rng)
        assert ctx.get(dut.loaded) == (before == len(others))
        ctx.set(dut.reload, 1)
        ctx.set(dut.load.valid, 1)
        assert ctx.get(dut.load.ready) == 0
        await ctx.tick()
        ctx.set(dut.reload, 0)
        ctx.set(dut.load.valid, 0)
        assert ctx.get(dut.loaded) == 0
        await load(ctx, dut, columns(words, width), rng)
        await check(ctx, dut, words, rng)

    simulate(dut, testbench)


def test_ports():
    members = WeightRam(13, 17).signature.flatten(WeightRam(13, 17))
    widths = {"_".join(path): Shape.cast(member.shape).width for path, member, _ in members}
    assert widths == {"load_payload": 16, "load_valid": 1, "load_ready": 1, "loaded": 1,
                      "reload": 1, "address": 4, "en": 1, "o": 17}


def test_numbers():
    dut = WeightRam(13, 17)
    assert (dut.depth, dut.columns, dut.latency, dut.interval) == (13, 2, 1, 1)
    assert dut.latency == WeightStyle.SPRAM.latency == WeightStyle.BLOCK.latency
    assert WeightRam(16384, 16).columns == 1


def test_chips():
    found = {name: has_sprams(board.find(name).make()) for name in ("icebreaker", "hx8k_evn",
                                                                    "ecp5_evn", "upduino_v3")}
    assert found == {"icebreaker": True, "hx8k_evn": False, "ecp5_evn": False, "upduino_v3": True}
    assert not has_sprams(None)
    # The devices with SPRAM.
    for name in board.names():
        chosen = board.find(name)
        assert has_sprams(chosen.make()) == (chosen.device.sprams > 0)


@pytest.mark.parametrize("depth, address", [
    (16384, r"\\address \[13:0\]"), (13, r"\{ 10'0000000000 \\address \[3:0\] \}")])
def test_pins_of_a_spram(depth, address):
    """No input is open: Lattice's data sheet gives none of them a default."""
    text = rtlil.convert(WeightRam(depth, 17), platform=board.find("icebreaker").make())
    cells = [part.partition("\n  end")[0] for part in text.split("cell \\SB_SPRAM256KA ")[1:]]
    assert len(cells) == 2
    for cell in cells:
        pins = dict(re.findall(r"connect \\(\w+) (.+)", cell))
        assert set(pins) == {"CLOCK", "ADDRESS", "DATAIN", "WREN", "MASKWREN", "CHIPSELECT",
                             "STANDBY", "SLEEP", "POWEROFF", "DATAOUT"}
        constant = {name: pins[name] for name in ("MASKWREN", "STANDBY", "SLEEP", "POWEROFF")}
        assert constant == {"MASKWREN": "4'1111", "STANDBY": "1'0", "SLEEP": "1'0",
                            "POWEROFF": "1'1"}
        assert re.fullmatch(address, pins["ADDRESS"])


@pytest.mark.parametrize("depth, width, error, message", [
    (1, 1, ValueError, r"^Weight RAM depth must be in 2 to 16384, not 1$"),
    (16385, 1, ValueError, r"^Weight RAM depth must be in 2 to 16384, not 16385$"),
    (2.0, 1, TypeError, r"^Weight RAM depth must be an integer, not 2\.0$"),
    (2, 0, ValueError, r"^Weight RAM width must be at least 1, not 0$"),
    (2, "1", TypeError, r"^Weight RAM width must be an integer, not '1'$"),
])
def test_wrong(depth, width, error, message):
    with pytest.raises(error, match=message):
        WeightRam(depth, width)
