"""Loader of weights, from messages in the frame buffer into the network."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.crc.catalog import CRC16_CDMA2000
from amaranth.lib.wiring import In, Out

__all__ = ["Loader", "weights_crc"]


# Another polynomial than that of messages, since the same one misses the same errors.
def weights_crc(data: bytes) -> int:
    """CRC of the bytes of all weights."""
    return CRC16_CDMA2000().compute(data)


class _Place(enum.Enum):
    """Next byte of a message; ``NUMBERED`` judges its number, ``REST`` are bytes to ignore."""

    LOW_NUMBER, HIGH_NUMBER, LOW, HIGH, REST, NUMBERED = range(6)


class Loader(wiring.Component):
    """Passes the weights of messages to a network, if the messages come in order.

    A word leaves with its second byte, so ``latency`` is 0. After the number of a message comes a
    cycle without a byte. One cycle after the last byte of a message ``count`` and ``good`` are
    valid. When the network has all weights and their CRC is wrong, loading starts over.

    Parameters
    ----------
    crc : int
        CRC of all weights, see :func:`weights_crc`.

    Members
    -------
    start : In(1)
        High in a cycle before the first byte of a message.
    i : In(stream.Signature(8))
        Bytes of a message: its number, words, and padding after the last word.
    load : Out(stream.Signature(16))
        Words for the network.
    loaded : In(1)
        High if the network has all its words.
    reload : Out(1)
        High for a cycle to have the network loaded anew.
    count : Out(16)
        Messages accepted so far.
    good : Out(1)
        High if all weights are loaded and their CRC is right.
    """

    latency = 0

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
                    m.d.sync += [wrong.eq(wrong | (byte != self.count[8:])),
                                 place.eq(_Place.NUMBERED)]
            with m.Case(_Place.NUMBERED):
                m.d.comb += self.i.ready.eq(0)
                m.d.sync += place.eq(_Place.REST)
                with m.If(~wrong & ~self.loaded):
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
