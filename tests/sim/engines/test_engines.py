# amaranth: UnusedElaboratable=no
"""Both engines give the same trace, cycle for cycle."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom_sim.harness import Stall, run

ENGINES = ("amaranth", "compiled")


class Component(wiring.Component):
    checked = None
    """Number of bits of an output word that `model` computes, if not all."""

    def __init__(self, i_shape, o_shape):
        super().__init__({"i": In(stream.Signature(i_shape)), "o": Out(stream.Signature(o_shape))})

    def model(self, bits):
        return bits


class Buffer(Component):
    """Two entries; no combinational path between its sides."""

    def __init__(self, shape):
        super().__init__(shape, shape)

    def elaborate(self, platform):
        m = Module()
        spare = stream.Signature(self.i.payload.shape()).create()
        m.d.comb += self.i.ready.eq(~spare.valid)
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [
                self.o.valid.eq(spare.valid | self.i.valid),
                spare.valid.eq(0),
            ]
            with m.If(spare.valid):
                m.d.sync += self.o.payload.eq(spare.payload)
            with m.Else():
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.valid.eq(1), spare.payload.eq(self.i.payload)]
        return m


class Wire(Component):
    """No register, so no clock either."""

    def __init__(self, shape):
        super().__init__(shape, shape)

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


class Pair(Component):
    """Joins every two words; receives the second in the cycle that sends the pair."""

    def __init__(self, width):
        super().__init__(width, 2 * width)

    def elaborate(self, platform):
        m = Module()
        first, full = Signal(self.i.payload.shape()), Signal()
        m.d.comb += [
            self.i.ready.eq(~full | self.o.ready),
            self.o.valid.eq(full & self.i.valid),
            self.o.payload.eq(Cat(first, self.i.payload)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [first.eq(self.i.payload), full.eq(~full)]
        return m

    def model(self, bits):
        return bits.reshape(len(bits) // 2, -1)


class Fifo(Component):
    """Five entries in a memory, with the low bits of a free-running counter beside each word."""

    def __init__(self, width):
        super().__init__(width, data.StructLayout({"word": signed(width), "when": 8}))
        self.checked = width

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = inner = fifo.SyncFIFOBuffered(width=width_of(self.o), depth=5)
        when = Signal(8, reset_less=True)
        m.d.sync += when.eq(when + 1)
        m.d.comb += [
            inner.w_data.eq(Cat(self.i.payload, when)),
            inner.w_en.eq(self.i.valid),
            self.i.ready.eq(inner.w_rdy),
            self.o.payload.eq(inner.r_data),
            self.o.valid.eq(inner.r_rdy),
            inner.r_en.eq(self.o.ready),
        ]
        return m


def words_of(count, width):
    bits = np.random.default_rng(width).integers(0, 2, (count, width), dtype=np.uint8)
    return np.packbits(bits, axis=1, bitorder="little")


def width_of(port):
    return len(Value.cast(port.payload))


def bits_of(words, port):
    return np.unpackbits(words, axis=1, count=width_of(port), bitorder="little")


STALLS = [None, Stall(1, 0.5, 0.0), Stall(2, 0.0, 0.5), Stall(3, 0.3, 0.6)]
STRUCT = data.StructLayout({"a": signed(5), "b": data.ArrayLayout(3, 4)})
DESIGNS = {
    **{f"buffer {width}": (Buffer, width) for width in (1, 8, 31, 64, 65, 200)},
    "buffer struct": (Buffer, STRUCT),
    "wire": (Wire, signed(40)),
    "pair": (Pair, 33),
    "fifo": (Fifo, 12),
}


@pytest.mark.parametrize(("design", "shape"), DESIGNS.values(), ids=DESIGNS)
def test_engines_agree(design, shape):
    dut = design(shape)
    words = words_of(120, width_of(dut.i))
    for stall in STALLS:
        slow, fast = (
            run(dut, words, 60 if design is Pair else 120, engine=engine, stall=stall)
            for engine in ENGINES
        )
        for field in ("outputs", "i_cycles", "o_cycles"):
            one, other = getattr(slow, field), getattr(fast, field)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, f"{field} with {stall}")
        assert slow.cycles == fast.cycles == slow.o_cycles[-1] + 1
        i_bits, o_bits = bits_of(words, dut.i), bits_of(slow.outputs, dut.o)
        np.testing.assert_array_equal(dut.model(i_bits), o_bits[:, : dut.checked])
