"""Reader of the frame buffer."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..protocol import LOAD_BYTES, Hello, words_per_byte

__all__ = ["Reader"]


class Reader(wiring.Component):
    """Reads a frame from the buffer as words of the network's input stream.

    Reading a byte takes three cycles. ``latency``, from ``start`` to the transfer of the last word,
    is ``3 * frame_bytes`` cycles if no word waits.

    Parameters
    ----------
    hello : Hello
        Description of the board, with the layout of frames.

    Members
    -------
    start : In(1)
        Starts to read the buffer.
    busy : Out(1)
        High until the last word, or byte of weights, is transferred.
    address : Out(range(size))
        Address in the buffer.
    fetch : Out(1)
        High to read the byte at ``address``.
    data : In(8)
        The byte, from two cycles after ``fetch`` until the next ``fetch``.
    o : Out(stream.Signature(input_width))
        Words of a frame.
    load : In(1)
        With ``start``: high for weights; only if there are layers to load.
    loading : Out(1)
        High while, and after, weights are read; only if there are layers to load.
    load_bytes : Out(stream.Signature(8))
        Bytes of a message with weights; only if there are layers to load.
    """

    def __init__(self, hello: Hello):
        self._hello = hello
        size = max(hello.frame_bytes, LOAD_BYTES) if hello.layers else hello.frame_bytes
        load = {"load": In(1), "loading": Out(1), "load_bytes": Out(stream.Signature(8))}
        super().__init__({
            "start": In(1), "busy": Out(1), "address": Out(range(size)),
            "fetch": Out(1), "data": In(8), "o": Out(stream.Signature(hello.input_width)),
            **(load if hello.layers else {})})

    @property
    def latency(self) -> int:
        return 3 * self._hello.frame_bytes

    def elaborate(self, platform):
        m = Module()
        width, size = self._hello.input_width, self._hello.frame_bytes
        together, bytes_a_word = words_per_byte(width), -(-width // 8)
        # The address stays for at least three cycles, so that the comparison has one of its own.
        last, last_address = Signal(), C(size - 1)
        if self._hello.layers:
            last_address = Mux(self.loading, LOAD_BYTES - 1, size - 1)
        m.d.sync += last.eq(self.address == last_address)

        # A byte completes a word, or is a part of one, or is one of weights.
        fetching, word, part, used, left = Signal(), Signal(), Signal(), Signal(), Signal()
        fetched = self.o.valid | part
        if self._hello.layers:
            fetched |= self.load_bytes.valid
        m.d.comb += self.fetch.eq(self.busy & ~fetching & ~fetched)
        m.d.sync += fetching.eq(self.fetch)
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), self.address.eq(0)]
        with m.If(fetching):
            m.d.sync += [self.o.valid.eq(word), part.eq(~word)]
        with m.If(used):
            m.d.sync += [self.o.valid.eq(0), part.eq(0)]
        m.d.comb += left.eq(used)
        if self._hello.layers:
            weights = self.load_bytes
            m.d.comb += weights.payload.eq(self.data)
            with m.If(self.start):
                m.d.sync += self.loading.eq(self.load)
            with m.If(fetching & self.loading):
                m.d.sync += [self.o.valid.eq(0), part.eq(0), weights.valid.eq(1)]
            with m.If(weights.valid & weights.ready):
                m.d.comb += left.eq(1)
                m.d.sync += weights.valid.eq(0)
        with m.If(left):
            m.d.sync += self.address.eq(self.address + 1)
            with m.If(last):
                m.d.sync += self.busy.eq(0)

        if bytes_a_word > 1:
            before = Signal(8 * (bytes_a_word - 1))
            place = Signal(range(bytes_a_word))
            m.d.comb += [word.eq(place == bytes_a_word - 1),
                         used.eq(part | (self.o.valid & self.o.ready)),
                         self.o.payload.eq(Cat(before, self.data))]
            with m.If(used):
                m.d.sync += [before.eq(Cat(before, self.data)[8:]),
                             place.eq(Mux(word, 0, place + 1))]
        elif together > 1:
            place = Signal(range(together))
            # The last byte may hold fewer words.
            rest = self._hello.words - (size - 1) * together
            final = (place == together - 1) | (last & (place == rest - 1))
            m.d.comb += [word.eq(1), used.eq(self.o.valid & self.o.ready & final),
                         self.o.payload.eq(self.data.word_select(place, width))]
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += place.eq(Mux(final, 0, place + 1))
        else:
            m.d.comb += [word.eq(1), used.eq(self.o.valid & self.o.ready),
                         self.o.payload.eq(self.data)]
        return m
