# amaranth: UnusedElaboratable=no
"""Proof of the loader: weights reach the network in order, once, and only those that were meant.

Messages have any bytes and any number of words.
"""

from types import SimpleNamespace

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom_boards.link.gateware import loader

# Words of the network.
WORDS = 2


def step(crc, byte):
    """Sum of one more byte: the order of the bytes counts, as in a CRC."""
    return (Cat(crc[15], crc[:15]) ^ byte)[:16]


class Checksum(wiring.Component):
    """Replacement of the CRC, whose equations are too hard for solvers."""

    def __init__(self):
        super().__init__({"data": In(8), "valid": In(1), "crc": Out(16)})

    def elaborate(self, platform):
        m = Module()
        crc_reg = Signal(16, init=0xffff)
        m.d.comb += self.crc.eq(crc_reg)
        with m.If(self.valid):
            m.d.sync += crc_reg.eq(step(crc_reg, self.data))
        return m


# Sum of the words that are meant.
SUM = 0x1234


def make(module):
    vars(module)["CRC16_CDMA2000"] = lambda: SimpleNamespace(create=Checksum)
    return module.Loader(SUM)


NUMBER, HIGH_NUMBER, LOW, HIGH, REST, NUMBERED = range(6)


def contract(h):
    m, dut, i, load = h.m, h.dut, h.dut.i, h.dut.load
    # The host side keeps the rules of streams, and lets no byte come with `start`.
    waiting, byte = Signal(), Signal(8, reset_less=True)
    m.d.sync += [waiting.eq(i.valid & ~i.ready), byte.eq(i.payload)]
    h.assume(~waiting | (i.valid & (i.payload == byte)))
    h.assume(~(dut.start & (i.valid | waiting)))
    # A message has whole words.
    place = Signal(3)
    h.assume(~dut.start | (place != HIGH))
    # The network takes its words, and forgets them with `reload`.
    taken = Signal(range(WORDS + 1))
    took = load.valid & load.ready
    m.d.comb += dut.loaded.eq(taken == WORDS)
    with m.If(dut.reload):
        m.d.sync += taken.eq(0)
    with m.Elif(took):
        m.d.sync += taken.eq(taken + 1)
    h.check(~load.valid | ~dut.loaded)
    h.held(load)

    number, low = Signal(8), Signal(8)
    # CRC of the words, and with half of the next.
    count, crc, half = Signal(16), Signal(16, init=0xffff), Signal(16)
    good, reload = Signal(), Signal()
    used, right_number = i.valid & i.ready, Signal()
    with m.If(place == NUMBERED):
        accepted = right_number & ~dut.loaded
        m.d.sync += [place.eq(Mux(accepted, LOW, REST)), count.eq(count + accepted)]
    with m.If(used):
        with m.Switch(place):
            with m.Case(NUMBER):
                m.d.sync += [number.eq(i.payload), place.eq(HIGH_NUMBER)]
            with m.Case(HIGH_NUMBER):
                m.d.sync += [right_number.eq(Cat(number, i.payload) == count), place.eq(NUMBERED)]
            with m.Case(LOW):
                m.d.sync += [low.eq(i.payload), half.eq(step(crc, i.payload)), place.eq(HIGH)]
            with m.Case(HIGH):
                m.d.sync += [crc.eq(step(half, i.payload)), place.eq(LOW)]
    h.check(load.valid == (i.valid & (place == HIGH)))
    h.check(~load.valid | (load.payload == Cat(low, i.payload)))
    h.check((place == HIGH) | (i.ready == (place != NUMBERED)))
    # All words are there: they are right, or everything starts over.
    m.d.sync += reload.eq(0)
    with m.If(dut.loaded & ~good & ~reload):
        right = crc == SUM
        m.d.sync += [good.eq(right), reload.eq(~right), place.eq(REST)]
        with m.If(~right):
            m.d.sync += count.eq(0)
    with m.If(reload):
        m.d.sync += crc.eq(0xffff)
    with m.If(dut.start):
        m.d.sync += place.eq(NUMBER)
    h.check(dut.count == count)
    h.check((dut.good == good) & (dut.reload == reload))
    h.progress(2, dut.loaded & ~good, reload)

    h.helper(place <= NUMBERED)
    h.helper(taken <= WORDS)
    h.helper(~good | dut.loaded)
    h.helper(~reload | dut.loaded & ~good)
    h.helper(~(dut.loaded & (place == HIGH)))
    h.helper(~(good | reload) | ((place != LOW) & (place != HIGH)))
    h.helper(Value.cast(h.peek("place")) == place)
    h.helper((place != HIGH_NUMBER) | (h.peek("wrong") == (number != count[:8])))
    h.helper((place != NUMBERED) | (h.peek("wrong") == ~right_number))
    h.helper((place != HIGH) | (h.peek("low") == low))
    h.helper(h.peek("crc.crc_reg") == Mux(place == HIGH, half, crc))


def test_loader(prove):
    prove(make(prove.copy(loader)), contract, depth=2)


@pytest.mark.parametrize("change, skip", [
    (("crc.crc == self._crc", "1"), 9),
    (("m.d.sync += place.eq(_Place.LOW_NUMBER)", "pass"), 0),
    (("wrong | (byte", "(byte"), 0),
    (("[self.reload.eq(1), self.count.eq(0)]", "self.reload.eq(1)"), 9),
], ids=["any weights", "no start", "any number", "count goes on"])
def test_broken(prove, change, skip):
    prove.refute(make(prove.copy(loader, change)), contract, skip=skip)
