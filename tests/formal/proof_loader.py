# amaranth: UnusedElaboratable=no
"""Proof of the loader: weights reach the network in order, once, and only those that were meant.

Messages have any bytes and any length, and begin at any time.
"""

from functools import reduce
from operator import xor

import pytest
from amaranth.hdl import C, Cat, Mux, Signal, Value

from xnorloom_boards.link.gateware import loader

# Words of the network, little end first.
WORDS = 2
DATA = bytes([1, 2, 3, 4])
POLYNOMIAL = 0xc867


def table(byte):
    """CRC of one byte after a CRC of 0."""
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1) ^ (POLYNOMIAL if crc & 0x8000 else 0)
        crc &= 0xffff
    return crc


def step(crc, byte):
    """CRC-16/CDMA2000 of one more byte, a sum of those of its bits."""
    state = crc[8:] ^ byte
    return Cat(C(0, 8), crc[:8]) ^ reduce(xor, (Mux(state[bit], table(1 << bit), 0)
                                                for bit in range(8)))[:16]


NUMBER, HIGH_NUMBER, LOW, HIGH, REST = range(5)


def contract(h):
    m, dut, i, load = h.m, h.dut, h.dut.i, h.dut.load
    # The host side keeps the rules of streams, and lets no byte come with `start`.
    waiting, byte = Signal(), Signal(8, reset_less=True)
    m.d.sync += [waiting.eq(i.valid & ~i.ready), byte.eq(i.payload)]
    h.assume(~waiting | (i.valid & (i.payload == byte)))
    h.assume(~(dut.start & (i.valid | waiting)))
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

    place, number, low = Signal(3), Signal(8), Signal(8)
    count, crc = Signal(16), Signal(16, init=0xffff)
    good, reload = Signal(), Signal()
    used = i.valid & i.ready
    with m.If(used):
        with m.Switch(place):
            with m.Case(NUMBER):
                m.d.sync += [number.eq(i.payload), place.eq(HIGH_NUMBER)]
            with m.Case(HIGH_NUMBER):
                accepted = (Cat(number, i.payload) == count) & ~dut.loaded
                m.d.sync += [place.eq(Mux(accepted, LOW, REST)), count.eq(count + accepted)]
            with m.Case(LOW):
                m.d.sync += [low.eq(i.payload), place.eq(HIGH)]
            with m.Case(HIGH):
                m.d.sync += [crc.eq(step(step(crc, low), i.payload)), place.eq(LOW)]
    h.check(load.valid == (i.valid & (place == HIGH)))
    h.check(~load.valid | (load.payload == Cat(low, i.payload)))
    h.check((place == HIGH) | i.ready)
    # All words are there: they are right, or everything starts over.
    m.d.sync += reload.eq(0)
    with m.If(dut.loaded & ~good & ~reload):
        right = crc == loader.weights_crc(DATA)
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

    h.helper(place <= REST)
    h.helper(taken <= WORDS)
    h.helper(~good | dut.loaded)
    h.helper(~reload | dut.loaded & ~good)
    h.helper(~(dut.loaded & (place == HIGH)))
    h.helper(~(good | reload) | ((place != LOW) & (place != HIGH)))
    h.helper(Value.cast(h.peek("place")) == place)
    h.helper((place != HIGH_NUMBER) | (h.peek("wrong") == (number != count[:8])))
    h.helper((place != HIGH) | (h.peek("low") == low))
    h.helper(h.peek("crc.crc_reg") == Mux(place == HIGH, step(crc, low), crc))


def test_loader(prove):
    prove(loader.Loader(loader.weights_crc(DATA)), contract, depth=3)


@pytest.mark.parametrize("change, skip", [
    (("crc.crc == self._crc", "1"), 9),
    (("m.d.sync += place.eq(_Place.LOW_NUMBER)", "pass"), 0),
    (("~wrong & (byte", "(byte"), 0),
    (("[self.reload.eq(1), self.count.eq(0)]", "self.reload.eq(1)"), 9),
], ids=["any weights", "no start", "any number", "count goes on"])
def test_broken(prove, change, skip):
    dut = prove.copy(loader, change).Loader(loader.weights_crc(DATA))
    prove.refute(dut, contract, skip=skip)
