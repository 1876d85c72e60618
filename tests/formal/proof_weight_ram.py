# amaranth: UnusedElaboratable=no
"""Proof of memories: the ROM, and the order of words in the RAM of loaded weights."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from xnorloom.gateware import rom, weight_ram
from xnorloom.schedule import WeightStyle

WORDS = (3, 0, 2)
# Columns of two bits, so that the second column is narrower.
BITS, DEPTH, WIDTH, COLUMNS = 2, 3, 3, 2


def held_word(h, word, known=1):
    """Check that the output is the ``word`` of the last enabled cycle, if it was ``known``."""
    expected, valid = Signal(len(word), reset_less=True), Signal()
    with h.m.If(h.dut.en):
        h.m.d.sync += [expected.eq(word), valid.eq(known)]
    h.check(~valid | (h.dut.o == expected))


def table(h):
    address = h.dut.address
    h.assume(address < len(WORDS))
    word = Mux(address == 0, WORDS[0], Mux(address == 1, WORDS[1], WORDS[2]))[:2]
    if h.dut.latency:
        held_word(h, word)
    else:
        h.check(h.dut.o == word)


@pytest.mark.parametrize("style", [WeightStyle.LUT, WeightStyle.BLOCK])
def test_rom(prove, style):
    prove(rom.Rom(WORDS, 2, style), table)


@pytest.mark.parametrize("style, change", [
    (WeightStyle.LUT, ("<< index", "<< (len(self._words) - 1 - index)")),
    (WeightStyle.BLOCK, ("port.en.eq(self.en)", "port.en.eq(1)")),
])
def test_rom_broken(prove, style, change):
    prove.refute(prove.copy(rom, change).Rom(WORDS, 2, style), table)


def loading(h):
    """The parent counts addresses while words arrive, starts over with ``reload``, then reads."""
    m, dut = h.m, h.dut
    took, read = dut.load.valid & dut.load.ready, h.free(range(DEPTH), "read")
    address, loaded = Signal(range(DEPTH)), Signal(range(DEPTH * COLUMNS + 1))
    words = [Signal(BITS, name=f"word{index}") for index in range(DEPTH * COLUMNS)]
    h.assume(read < DEPTH)
    m.d.comb += dut.address.eq(Mux(dut.loaded, read, address))
    with m.If(took):
        m.d.sync += [address.eq(Mux(address == DEPTH - 1, 0, address + 1)), loaded.eq(loaded + 1)]
        for index, word in enumerate(words):
            with m.If(loaded == index):
                m.d.sync += word.eq(dut.load.payload)
    with m.If(dut.reload):
        m.d.sync += [address.eq(0), loaded.eq(0)]
    h.check(dut.load.ready == ((loaded < len(words)) & ~dut.reload))
    h.check(dut.loaded == (loaded == len(words)))
    rows = [Cat(words[column * DEPTH + row] for column in range(COLUMNS))[:WIDTH]
            for row in range(DEPTH)]
    held_word(h, Mux(read == 0, rows[0], Mux(read == 1, rows[1], rows[2])), dut.loaded)

    h.helper(loaded <= len(words))
    h.helper(dut.loaded | (h.peek("column") == loaded // DEPTH))
    h.helper(dut.loaded | (address == loaded % DEPTH))
    for index, word in enumerate(words):
        stored = h.word(f"column{index // DEPTH}", index % DEPTH)
        h.helper((loaded <= index) | (stored == word[:len(stored)]))


def test_weight_ram(prove):
    ram = prove.copy(weight_ram, SPRAM_WIDTH=BITS)
    prove(ram.WeightRam(DEPTH, WIDTH), loading)


@pytest.mark.parametrize("change", [
    ("column == self.columns - 1", "column == 0"),
    ("[column.eq(0), self.loaded.eq(0)]", "self.loaded.eq(0)"),
    ("self.en & ~write", "~write"),
], ids=["loaded early", "reload keeps the column", "no enable"])
def test_weight_ram_broken(prove, change):
    ram = prove.copy(weight_ram, change, SPRAM_WIDTH=BITS)
    prove.refute(ram.WeightRam(DEPTH, WIDTH), loading)
