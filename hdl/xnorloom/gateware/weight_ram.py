"""Tables whose words are loaded: weights in the large RAMs of an iCE40 UltraPlus."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from ..target.device import SPRAM_DEPTH, SPRAM_WIDTH
from . import primitives

__all__ = ["WeightRam", "has_sprams", "load_members"]

# Their bitstream cannot set the contents of these RAMs.
_DEVICES = ("iCE40UP3K", "iCE40UP5K")


def has_sprams(platform) -> bool:
    """Whether the chip of ``platform`` has SPRAMs; ``None`` stands for no chip."""
    return getattr(platform, "device", None) in _DEVICES


def load_members() -> dict[str, wiring.Member]:
    """Members of a component that is loaded; see :class:`WeightRam`."""
    return {"load": In(stream.Signature(SPRAM_WIDTH)), "loaded": Out(1), "reload": In(1)}


class WeightRam(wiring.Component):
    """Words in RAMs of 16 bits, written once through a stream, then read.

    The bits of all words are cut into columns of 16. The words of the stream go to the first column
    from address 0 on, then to the next, always at ``address``: whoever gives the addresses steps
    from 0 to the last, and around, as words are transferred. When the last column is full,
    ``loaded`` rises and no word is taken any more. ``latency`` from address to word is 1 enabled
    cycle; ``interval`` 1.

    On an iCE40 UltraPlus each column is an SB_SPRAM256KA, elsewhere a memory.

    Parameters
    ----------
    depth : int
        Words, 2 to 16,384.
    width : int
        Bits in a word, at least 1. The last column may have fewer than 16; the higher bits of what
        is written to it are ignored.

    Members
    -------
    load : In(stream.Signature(16))
        Columns, word by word.
    loaded : Out(1)
        Whether all columns are full; before that nothing can be read.
    reload : In(1)
        Begin again with the first column; no word is taken meanwhile.
    address : In(range(depth))
        Which word.
    en : In(1, init=1)
        The output keeps its word while it is low.
    o : Out(width)
        The word.
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
        """RAMs."""
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
        # SLEEP and STANDBY save power, and POWEROFF is on while it is low. Before all is loaded,
        # what is read does not matter, and the path to CHIPSELECT, which is far away, is short.
        data = Signal(SPRAM_WIDTH, name=f"{name}_data")
        m.submodules[name] = Instance(
            "SB_SPRAM256KA", i_CLOCK=ClockSignal(), i_ADDRESS=Cat(self.address, Const(0, 14))[:14],
            i_DATAIN=self.load.payload, i_WREN=write, i_MASKWREN=Const(0b1111, 4),
            i_CHIPSELECT=self.en | ~self.loaded, i_STANDBY=Const(0, 1), i_SLEEP=Const(0, 1),
            i_POWEROFF=Const(1, 1), o_DATAOUT=data)
        m.d.comb += o.eq(data)
