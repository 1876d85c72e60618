"""RAM for loadable weights: the SPRAMs of an iCE40 UltraPlus."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from ..target.device import SPRAM_DEPTH, SPRAM_WIDTH
from . import primitives

__all__ = ["WeightRam", "has_sprams", "load_members"]

# Chips with SPRAMs, whose contents a bitstream cannot initialise.
_DEVICES = ("iCE40UP3K", "iCE40UP5K")


def has_sprams(platform) -> bool:
    """True if the chip of ``platform`` has SPRAMs; false for ``None``."""
    return getattr(platform, "device", None) in _DEVICES


def load_members() -> dict[str, wiring.Member]:
    """Return the members of components with loadable weights; see :class:`WeightRam`."""
    return {"load": In(stream.Signature(SPRAM_WIDTH)), "loaded": Out(1), "reload": In(1)}


class WeightRam(wiring.Component):
    """RAM of columns of 16 bits, written once through a stream, then read.

    Loading fills the first column from address 0 to the last, then the next column. A word is
    written at ``address``, which the parent advances with each transfer, modulo ``depth``. When
    the last column is full, ``loaded`` rises and ``load`` is no longer ready. ``latency``, from
    address to word, is 1 enabled cycle; ``interval`` is 1.

    Each column is an SB_SPRAM256KA on an iCE40 UltraPlus, otherwise a memory.

    Parameters
    ----------
    depth : int
        Words, 2 to 16,384.
    width : int
        Bits per word, at least 1. The last column may be narrower than 16 bits; it ignores the
        higher bits of ``load``.

    Members
    -------
    load : In(stream.Signature(16))
        Words of the first column, then of the next.
    loaded : Out(1)
        True if all columns are full. Words can be read only then.
    reload : In(1)
        While high, restarts loading at the first column; ``load`` is not ready.
    address : In(range(depth))
        Address of the word.
    en : In(1, init=1)
        Enable of the output register.
    o : Out(width)
        Word at the address.
    """

    latency = 1
    interval = 1

    def __init__(self, depth: int, width: int):
        self._depth = integer("Weight RAM depth", depth, 2, SPRAM_DEPTH)
        self._width = integer("Weight RAM width", width, 1)
        super().__init__({
            **load_members(),
            "address": In(range(depth)), "en": In(1, init=1), "o": Out(width)})

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def columns(self) -> int:
        """Number of columns, each in a RAM of its own."""
        return -(-self._width // SPRAM_WIDTH)

    def elaborate(self, platform):
        m = Module()
        column = Signal(range(self.columns))
        write = Signal()
        m.d.comb += [self.load.ready.eq(~self.loaded & ~self.reload),
                     write.eq(self.load.valid & self.load.ready)]
        with m.If(write & (self.address == self._depth - 1)):
            m.d.sync += column.eq(column + 1)
            with m.If(column == self.columns - 1):
                m.d.sync += [column.eq(0), self.loaded.eq(1)]
        with m.If(self.reload):
            m.d.sync += [column.eq(0), self.loaded.eq(0)]

        make = self._spram if has_sprams(platform) else self._memory
        for index in range(self.columns):
            low = index * SPRAM_WIDTH
            make(m, f"column{index}", write & (column == index), self.o[low:low + SPRAM_WIDTH])
        return m

    def _memory(self, m: Module, name: str, write, o):
        m.submodules[name] = memory = primitives.ram(len(o), self._depth)
        put = memory.write_port()
        m.d.comb += [put.addr.eq(self.address), put.data.eq(self.load.payload), put.en.eq(write),
                     o.eq(primitives.read(m, memory, self.address, self.en & ~write))]

    def _spram(self, m: Module, name: str, write, o):
        # SLEEP and STANDBY save power; POWEROFF is active low. Before `loaded`, the output does not
        # matter, which keeps the path to CHIPSELECT short: the RAM is far from the logic.
        data = Signal(SPRAM_WIDTH, name=f"{name}_data")
        m.submodules[name] = Instance(
            "SB_SPRAM256KA", i_CLOCK=ClockSignal(), i_ADDRESS=Cat(self.address, Const(0, 14))[:14],
            i_DATAIN=self.load.payload, i_WREN=write, i_MASKWREN=Const(0b1111, 4),
            i_CHIPSELECT=self.en | ~self.loaded, i_STANDBY=Const(0, 1), i_SLEEP=Const(0, 1),
            i_POWEROFF=Const(1, 1), o_DATAOUT=data)
        m.d.comb += o.eq(data)
