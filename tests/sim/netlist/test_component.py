# amaranth: UnusedElaboratable=no
"""Netlists of Yosys, simulated with the cell models of two FPGA families."""

import importlib.util
import re

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from xnorloom.errors import ToolError
from xnorloom.gateware.network import Network
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import harness
from xnorloom_sim.golden import evaluate
from xnorloom_sim.netlist import cell_models
from xnorloom_sim.netlist.component import FAMILIES, Netlist, synthesise

RAMS = {"ice40": "SB_RAM40_4K", "ecp5": "DP16KD"}
STALLS = (None, harness.Stall(1, i=0.3, o=0.4))


def cells(text, kind):
    return len(re.findall(rf"^  {kind} ", text, re.MULTILINE))


def same_traces(component, netlist, words, expected):
    """Both do the same in every cycle; gives back the outputs."""
    for stall in STALLS:
        rtl, mapped = (harness.run(dut, words, expected, engine="compiled", stall=stall)
                       for dut in (component, netlist))
        assert np.array_equal(rtl.i_cycles, mapped.i_cycles)
        assert np.array_equal(rtl.o_cycles, mapped.o_cycles)
        assert np.array_equal(rtl.outputs, mapped.outputs)
    return mapped.outputs


@pytest.mark.parametrize("family", FAMILIES)
def test_network(random_graph, family):
    """All kinds of memory, two bit planes, odd folds, scores."""
    graph = random_graph(np.random.default_rng(7), (256, 6, 9, 5), bits=2)
    schedule = Schedule(32, (Fold(3, 32, "block"), Fold(9, 6, "wired"), Fold(2, 5, "lut")))
    network = Network(schedule.bind(graph), scores=True)
    assert "memory" in [layer.operands for layer in network.plan.layers]
    netlist = Netlist(network, family)
    # 16 words of 96 weights; the operands, two frames of 16 words of 32 bits.
    assert cells(netlist.verilog, RAMS[family]) == {"ice40": 6 + 2, "ecp5": 3 + 1}[family]

    frames = np.random.default_rng(8).integers(0, 4, (50, 256), dtype=np.uint8)
    outputs = same_traces(network, netlist, pack_frames(schedule.bind(graph), frames), 50)
    classes, scores = unpack_results(graph, outputs, scores=True)
    golden = evaluate(graph, frames)
    assert np.array_equal(classes, golden.classes)
    assert np.array_equal(scores, golden.scores)


# Shapes of a block RAM, and between and beyond them.
SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36), (2048, 8), (300, 24))
ADDRESS, DATA = 14, 36


class Stores(wiring.Component):
    """A memory of each shape, where a word is exchanged for the one at its address."""

    def __init__(self):
        super().__init__({"i": In(stream.Signature(ADDRESS + DATA)),
                          "o": Out(stream.Signature(sum(width for _, width in SHAPES)))})

    def elaborate(self, platform):
        m = Module()
        address, data = self.i.payload[:ADDRESS], self.i.payload[ADDRESS:]
        taken = Signal()
        words = []
        for depth, width in SHAPES:
            rng = np.random.default_rng(width)
            init = rng.integers(0, 1 << width, depth).tolist()
            memory = Memory(shape=width, depth=depth, init=init, attrs={"ram_style": "block"})
            m.submodules[f"memory{depth}x{width}"] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [read.addr.eq(address), read.en.eq(taken), write.addr.eq(address),
                         write.data.eq(data), write.en.eq(taken)]
            words.append(read.data)
        m.d.comb += [self.i.ready.eq(~self.o.valid), taken.eq(self.i.valid & self.i.ready),
                     self.o.payload.eq(Cat(*words))]
        m.d.sync += self.o.valid.eq(taken | self.o.valid & ~self.o.ready)
        return m


def test_memories_of_ecp5():
    stores = Stores()
    netlist = Netlist(stores, "ecp5")
    assert cells(netlist.verilog, "DP16KD") == len(SHAPES)
    rng = np.random.default_rng(1)
    # Few addresses, so that what was written is read.
    addresses = rng.choice(rng.integers(0, 300, 40), 2000)
    words = addresses | rng.integers(0, 1 << DATA, 2000) << ADDRESS
    same_traces(stores, netlist, words.astype("<u8")[:, np.newaxis].view(np.uint8)[:, :7], 2000)


WIDTHS = (1, 2, 4, 9, 18)
# Which of the 18 bits of a word a port of a few bits sees, by the low bits of its address: a byte
# is nine bits, whose last is there for ports of 9 and 18 bits only.
PLACES = {1: [*range(8), *range(9, 17)], 2: [0, 2, 4, 6, 9, 11, 13, 15], 4: [0, 4, 9, 13],
          9: [0, 9], 18: [0]}
BENCH = """
module tb;
  reg clk = 0, wea = 0, web = 0;
  reg [13:0] ada = 0, adb = 0;
  reg [17:0] dia = 0, dib = 0;
  wire [17:0] doa, dob;
  DP16KD #(.DATA_WIDTH_A({a}), .DATA_WIDTH_B({b}), .CLKAMUX("CLKA"), .CLKBMUX("CLKB"),
           .INITVAL_05({init})) ram(
    .CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(1'b1), .OCEA(1'b1), .OCEB(1'b1), .WEA(wea), .WEB(web),
    .RSTA(1'b0), .RSTB(1'b0), .CSA0(1'b0), .CSA1(1'b0), .CSA2(1'b0), .CSB0(1'b0), .CSB1(1'b0),
    .CSB2(1'b0),
    {ports});
  initial begin
{steps}
    $finish;
  end
endmodule
"""


def connections():
    return ", ".join(f".{kind.upper()}{index}({kind}[{index}])" for kind, count in
                     (("ada", 14), ("adb", 14), ("dia", 18), ("dib", 18), ("doa", 18), ("dob", 18))
                     for index in range(count))


@pytest.mark.parametrize("a, b", [(1, 18), (4, 4), (9, 2), (18, 9)])
def test_model_of_the_memory_of_ecp5(verilate, tmp_path, a, b):
    """Port A writes, port B reads, as the vendor's guide says of words, bytes and bits."""
    rng = np.random.default_rng(a * 20 + b)
    # Words 80 to 95 are those of INITVAL_05, 20 bits apart.
    memory = {80 + index: int(word) for index, word in enumerate(rng.integers(0, 1 << 18, 16))}
    init = sum(word << 20 * (at - 80) for at, word in memory.items())
    steps, expected = [], []

    def step(**values):
        steps.extend(f"    {name} = {value};" for name, value in values.items())
        steps.append("    #1 clk = 1; #1 clk = 0;")

    def address(width, word):
        part = int(rng.integers(len(PLACES[width])))
        return (word * 16 + part * {1: 1, 2: 2, 4: 4, 9: 8, 18: 0}[width], part)

    for _ in range(300):
        word = int(rng.integers(80, 96))
        at, part = address(a, word)
        value = int(rng.integers(1 << a))
        mask = (1 << a) - 1 << PLACES[a][part]
        if a == 18:
            enables = int(rng.integers(4))
            at |= enables
            mask = (enables & 1) * 0x1ff | (enables >> 1) * 0x3fe00
        memory[word] = memory[word] & ~mask | value << PLACES[a][part] & mask
        step(wea=1, ada=at, dia=value)
        word = int(rng.integers(80, 96))
        at, part = address(b, word)
        expected.append(memory[word] >> PLACES[b][part] & ((1 << b) - 1))
        step(wea=0, adb=at)
        steps.append('    $display("read %d", dob);')
    text = BENCH.format(a=a, b=b, init=f"320'h{init:x}", ports=connections(),
                        steps="\n".join(steps))
    (tmp_path / "tb.v").write_text(text)
    (tmp_path / "cells.v").write_text(cell_models.models("ecp5"))
    done = verilate(tmp_path, "tb", "tb.v", "cells.v")()
    assert [int(word) for word in re.findall(r"^read +(\d+)$", done.stdout,
                                             re.MULTILINE)] == expected


def test_wrong(random_graph):
    graph = random_graph(np.random.default_rng(1), (6, 3))
    network = Network(Schedule(6, (Fold(3, 6, "wired"),)).bind(graph))
    for made in (lambda: synthesise(network, "ice50"), lambda: cell_models.models("ice50")):
        with pytest.raises(ValueError, match="^Family must be one of ice40, ecp5, not 'ice50'$"):
            made()
    words = np.zeros((1, 1), np.uint8)
    with pytest.raises(NotImplementedError, match="^Netlist can be simulated by the engine "
                                                  "'compiled' only$"):
        harness.run(Netlist(network, "ice40"), words, 1, engine="amaranth")


def test_no_yosys(random_graph, monkeypatch):
    network = Network(
        Schedule(6, (Fold(3, 6, "wired"),)).bind(random_graph(np.random.default_rng(1), (6, 3))))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"^Netlists need Yosys, which is not installed: "
                                        r"pip install '\.\[synth\]'$"):
        synthesise(network, "ice40")
