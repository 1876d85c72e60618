"""SPI device with a queue in each direction: bytes of the line without the clock of the design."""

from amaranth.hdl import C, Cat, ClockDomain, ClockSignal, Module, Mux, ResetSignal, Signal
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from xnorloom.support.arguments import integer

from ..protocol import END
from .uart import RECEIVED

__all__ = ["MOST_BITS", "Spi", "byte_cycles"]

# Bits per cycle of the design at most: a byte of the line then takes two cycles or more.
MOST_BITS = 4
_BITS = 8
# Bytes that the design may still send once the queue counts as full, at most four of which come
# before it notices.
_SPARE = 8
# Bytes of a block RAM of an iCE40, which is the smallest that there is.
_LEAST_DEPTH = 512
# Bytes of the shortest message: kind, sequence number, CRC, end.
_SHORTEST = 5


def byte_cycles(clock_hz: int, sck_hz: int) -> int:
    """Least cycles of a byte on the line."""
    clock_hz, sck_hz = integer("Clock frequency", clock_hz, 1), integer("SPI clock", sck_hz, 1)
    if sck_hz > MOST_BITS * clock_hz:
        raise ValueError(f"SPI clock must be at most {MOST_BITS} times the clock frequency "
                         f"{clock_hz}, not {sck_hz}")
    return _BITS * clock_hz // sck_hz


class Spi(wiring.Component):
    """SPI device in mode 0, high bit first, whose SCK may be faster than the clock of the design.

    While ``cs`` is high there is a burst. Bytes go both ways at once. The first byte of a burst is
    an opener, ``END`` from the device and ignored by it. Then follow the bytes of the streams. The
    device begins a message when its end is in the queue, and sends ``END`` while there is none. A
    message goes on in the next burst if a burst ends within it; a byte whose first bit was sampled
    counts as sent, and a byte that is not whole as not received.

    A byte received leaves two to three cycles after the last rising edge of its ``sck``. A message
    begins with the first or second byte of the line after its end was taken.

    Parameters
    ----------
    clock_hz : int
        Frequency of the clock.
    sck_hz : int
        Largest frequency of ``sck``, at most four times ``clock_hz``.
    longest : int
        Bytes of the longest message to send, with stuffing and end; the shortest has five.

    Members
    -------
    cs : In(1)
        High while the device is selected; asynchronous.
    sck : In(1)
        Clock of the line, low between bursts.
    copi : In(1)
        Data from the controller, sampled with rising ``sck``.
    cipo : Out(1, init=1)
        Data to the controller, which changes with falling ``sck``.
    o : Out(stream.Signature(RECEIVED, always_ready=True))
        Bytes received; none is bad.
    i : In(stream.Signature(8))
        Bytes to send, as messages that end with ``END``.
    """

    def __init__(self, *, clock_hz: int, sck_hz: int, longest: int):
        byte_cycles(clock_hz, sck_hz)
        longest = integer("Spi longest", longest, _SHORTEST)
        self._depth = max(_LEAST_DEPTH, 1 << (longest + _SPARE - 1).bit_length())
        super().__init__({"cs": In(1), "sck": In(1), "copi": In(1), "cipo": Out(1, init=END >> 7),
                          "o": Out(stream.Signature(RECEIVED, always_ready=True)),
                          "i": In(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        # The clock of the line stops at any time, so what it counts in a burst is reset by the end
        # of the burst without an edge.
        m.domains.sck = ClockDomain(local=True, reset_less=True)
        m.domains.burst = ClockDomain(local=True, async_reset=True)
        m.domains.falling = ClockDomain(local=True, async_reset=True, clk_edge="neg")
        m.d.comb += [ClockSignal(domain).eq(self.sck) for domain in ("sck", "burst", "falling")]
        m.d.comb += [ResetSignal(domain).eq(~self.cs) for domain in ("burst", "falling")]
        bit, last, opened = Signal(3), Signal(), Signal()
        m.d.comb += last.eq(bit == _BITS - 1)
        m.d.burst += bit.eq(bit + 1)
        with m.If(last):
            m.d.burst += opened.eq(1)
        self._receive(m, last & opened)
        self._send(m, bit, last)
        return m

    def _receive(self, m: Module, last):
        """Queue of two bytes, whose pointers are one bit each.

        A byte is read before the next one is whole, so no pointer goes back.
        """
        bits, queue, turn = Signal(_BITS - 1), [Signal(_BITS), Signal(_BITS)], Signal()
        m.d.sck += bits.eq(Cat(self.copi, bits))
        with m.If(last):
            m.d.sck += turn.eq(~turn)
            for place, byte in enumerate(queue):
                with m.If(turn == place):
                    m.d.sck += byte.eq(Cat(self.copi, bits))
        there, taken = Signal(), Signal(reset_less=True)
        m.submodules.turn = cdc.FFSynchronizer(turn, there)
        m.d.sync += taken.eq(there)
        m.d.comb += [self.o.valid.eq(there != taken),
                     self.o.payload.data.eq(Mux(taken, queue[1], queue[0]))]

    def _send(self, m: Module, bit, last):
        """Queue in block RAM, of which the line sees whole messages only.

        Its counters survive a reset of the design, since the line cannot be reset with it.
        """
        depth = self._depth
        m.submodules.queue = queue = Memory(shape=8, depth=depth, init=[],
                                            attrs={"ram_style": "block"})
        write, read = queue.write_port(), queue.read_port(domain="sck")
        size, messages = depth.bit_length(), (depth // _SHORTEST).bit_length()

        # Design: bytes written and ends written.
        written = Signal(size, reset_less=True)
        ends, ends_gray = Signal(messages, reset_less=True), Signal(messages, reset_less=True)
        sent_gray, sent = Signal(size), Signal(size, reset_less=True)
        seen_gray = Signal(size)
        level, full = Signal(size, reset_less=True), Signal(reset_less=True)
        m.submodules.sent = cdc.FFSynchronizer(sent_gray, seen_gray)
        m.d.comb += [self.i.ready.eq(~full), write.en.eq(self.i.valid & ~full),
                     write.addr.eq(written[:-1]), write.data.eq(self.i.payload)]
        with m.If(write.en):
            m.d.sync += written.eq(written + 1)
            with m.If(self.i.payload == END):
                m.d.sync += ends.eq(ends + 1)
        m.d.sync += [
            ends_gray.eq(_gray(ends)),
            sent.eq(Cat(seen_gray[place:].xor() for place in range(size))),
            level.eq(written - sent),
            full.eq(level[-1] | level[_SPARE.bit_length() - 1:-1].all()),
        ]

        # Line: a byte is chosen with the last bit of the one before, and gone with its first bit.
        place, gone, gone_gray = Signal(size), Signal(messages), Signal(messages)
        line_gray = Signal(messages)
        out, queued = Signal(8, init=END), Signal()
        m.submodules.ends = cdc.FFSynchronizer(ends_gray, line_gray, o_domain="sck")
        m.d.comb += read.addr.eq(place[:-1])
        m.d.sck += [sent_gray.eq(_gray(place)), gone_gray.eq(_gray(gone))]
        some = line_gray != gone_gray
        with m.If(last):
            m.d.burst += [out.eq(Mux(some, read.data, END)), queued.eq(some)]
        with m.Else():
            m.d.burst += out.eq(Cat(C(0, 1), out[:-1]))
        with m.If((bit == 0) & queued):
            m.d.sck += place.eq(place + 1)
            with m.If(read.data == END):
                m.d.sck += gone.eq(gone + 1)
        m.d.falling += self.cipo.eq(out[-1])


def _gray(value):
    return value ^ (value >> 1)
