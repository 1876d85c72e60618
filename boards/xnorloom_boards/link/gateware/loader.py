"""Weights out of the buffer into the network, and whether they are the right ones."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.crc.catalog import CRC16_CDMA2000
from amaranth.lib.wiring import In, Out

__all__ = ["Loader", "weights_crc"]


# Another polynomial than that of messages, which would miss what theirs has missed.
def weights_crc(data: bytes) -> int:
    """The CRC of the bytes of all words of weights."""
    return CRC16_CDMA2000().compute(data)


class _Place(enum.Enum):
    """Which byte of a message is next; ``REST`` is of no use."""

    LOW_NUMBER, HIGH_NUMBER, LOW, HIGH, REST = range(5)


class Loader(wiring.Component):
    """Takes messages with weights in their order, and drops any other.

    ``count`` of them were taken. When all weights are in, ``good`` rises if their CRC is ``crc``;
    if it is not, everything starts over. A cycle after the last byte of a message both are true.

    Members
    -------
    start : In(1)
        A message comes next.
    i : In(stream.Signature(8))
        Its bytes: the number of the message, words, bytes behind the last word.
    load, loaded, reload
        Of the network.
    count : Out(16)
    good : Out(1)
    """

    def __init__(self, crc: int):
        self._crc = crc
        super().__init__({
            "start": In(1), "i": In(stream.Signature(8)), "load": Out(stream.Signature(16)),
            "loaded": In(1), "reload": Out(1), "count": Out(16), "good": Out(1)})

    def elaborate(self, platform):
        m = Module()
        place, wrong, low = Signal(_Place), Signal(), Signal(8)
        byte = self.i.payload
        m.submodules.crc = ResetInserter(self.reload)(crc := CRC16_CDMA2000().create())
        m.d.comb += [self.i.ready.eq(1), crc.data.eq(byte),
                     self.load.payload.eq(Cat(low, byte))]
        with m.Switch(place):
            with m.Case(_Place.LOW_NUMBER):
                with m.If(self.i.valid):
                    m.d.sync += [wrong.eq(byte != self.count[:8]), place.eq(_Place.HIGH_NUMBER)]
            with m.Case(_Place.HIGH_NUMBER):
                with m.If(self.i.valid):
                    m.d.sync += place.eq(_Place.REST)
                    with m.If(~wrong & (byte == self.count[8:]) & ~self.loaded):
                        m.d.sync += [self.count.eq(self.count + 1), place.eq(_Place.LOW)]
            with m.Case(_Place.LOW):
                m.d.comb += crc.valid.eq(self.i.valid & ~self.loaded)
                with m.If(self.i.valid):
                    m.d.sync += [low.eq(byte), place.eq(_Place.HIGH)]
            with m.Case(_Place.HIGH):
                m.d.comb += [self.load.valid.eq(self.i.valid), self.i.ready.eq(self.load.ready),
                             crc.valid.eq(self.i.valid & self.load.ready)]
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += place.eq(_Place.LOW)

        m.d.sync += self.reload.eq(0)
        with m.If(self.loaded & ~self.good & ~self.reload):
            m.d.sync += place.eq(_Place.REST)
            with m.If(crc.crc == self._crc):
                m.d.sync += self.good.eq(1)
            with m.Else():
                m.d.sync += [self.reload.eq(1), self.count.eq(0)]
        with m.If(self.start):
            m.d.sync += place.eq(_Place.LOW_NUMBER)
        return m
