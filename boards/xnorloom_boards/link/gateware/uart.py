# amaranth: UnusedElaboratable=no
"""UART with 8 data bits, no parity and 1 stop bit."""

from fractions import Fraction

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import cdc, data, stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.support.arguments import integer

__all__ = ["RECEIVED", "LEAST_CYCLES", "Uart", "UartReceiver", "UartTransmitter", "bit_times",
           "byte_cycles"]

# Received byte; `bad` if its stop bit was missing.
RECEIVED = data.StructLayout({"data": 8, "bad": 1})
LEAST_CYCLES = 4
_BITS = 10


def _ratio(clock_hz: int, baud: int) -> Fraction:
    clock_hz, baud = integer("Clock frequency", clock_hz, 1), integer("Baud rate", baud, 1)
    if clock_hz < LEAST_CYCLES * baud:
        raise ValueError(f"Baud rate must be at most a {LEAST_CYCLES}th of the clock frequency "
                         f"{clock_hz}, not {baud}")
    return Fraction(clock_hz, baud)


def bit_times(clock_hz: int, baud: int) -> list[int]:
    """Cycles from the start of a byte to the end of each of its ten bits.

    Each number is rounded separately, so no edge is off by more than half a cycle.
    """
    ratio = _ratio(clock_hz, baud)
    return [_round(ratio * (bit + 1)) for bit in range(_BITS)]


def byte_cycles(clock_hz: int, baud: int) -> int:
    """Least cycles of a byte on the line."""
    return bit_times(clock_hz, baud)[-1]


def _round(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


class _Pace:
    """Counter of the cycles of consecutive intervals, some of which are a cycle longer.

    Parameters
    ----------
    m : Module
        Module to which the counter belongs.
    first : int
        Cycles of the first interval, which ``start`` begins.
    intervals : list of int
        Cycles of the following ones, at least two; ``step`` begins the interval after interval
        ``index``.
    index : Value
        Index of the interval, 0 at ``start``. It changes only with ``step``.

    Attributes
    ----------
    done : Value
        High in the last cycle of an interval.
    """

    def __init__(self, m: Module, first: int, intervals: list[int], index: Value):
        base = min(intervals)
        assert max(intervals) <= base + 1 and min(base, first) >= 2
        longer = sum((length > base) << place for place, length in enumerate(intervals))
        # Counts up to a power of two, so that the last bit marks the end. Yosys would split the
        # carry chain of a counter that counts down into three.
        end = 1 << (max(base, first - 1)).bit_length()
        self._cycle = Signal(range(end + 1), init=end)
        self.done = self._cycle[-1]
        self._first, self._next = end - (first - 1), C(end - (base - 1))
        if longer:
            # The index is known before it counts.
            more = Signal()
            m.d.sync += more.eq(C(longer, 1 << len(index)).bit_select(index, 1))
            self._next = Mux(more, end - base, end - (base - 1))

    def start(self):
        return self._cycle.eq(self._first)

    def step(self):
        return self._cycle.eq(self._next)

    def count(self):
        return self._cycle.eq(self._cycle + 1)


class UartReceiver(wiring.Component):
    """Receiver of bytes from a serial line.

    Each bit is sampled once, within a cycle of its middle. A start bit that has ended by its middle
    is ignored as a glitch. The latency from the edge of the start bit to the byte is 9.5 bit times
    and 3 cycles, to within 1 cycle. A line that stays low gives one bad byte.

    Parameters
    ----------
    clock_hz : int
        Frequency of the clock, at least four times ``baud``.
    baud : int
        Rate of the line.

    Members
    -------
    rx : In(1, init=1)
        Line; asynchronous.
    o : Out(stream.Signature(RECEIVED, always_ready=True))
        Bytes received.
    """

    def __init__(self, *, clock_hz: int, baud: int):
        self._ratio = _ratio(clock_hz, baud)
        super().__init__({"rx": In(1, init=1),
                          "o": Out(stream.Signature(RECEIVED, always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        line, before = Signal(init=1), Signal(init=1)
        m.submodules += cdc.FFSynchronizer(self.rx, line, init=1)
        m.d.sync += [before.eq(line), self.o.valid.eq(0)]

        # Counted from the cycle in which the edge is seen, up to one cycle late.
        samples = [int(self._ratio * (2 * bit + 1) / 2) for bit in range(_BITS)]
        busy = Signal()
        bit = Signal(4)
        pace = _Pace(m, samples[0], [after - at for at, after in zip(samples, samples[1:])], bit)
        with m.If(~busy):
            m.d.sync += [pace.start(), bit.eq(0), busy.eq(before & ~line)]
        with m.Elif(~pace.done):
            m.d.sync += pace.count()
        with m.Else():
            m.d.sync += [pace.step(), bit.eq(bit + 1)]
            with m.If((bit == 0) & line):
                m.d.sync += busy.eq(0)
            with m.If(bit == _BITS - 1):
                m.d.sync += [busy.eq(0), self.o.valid.eq(1), self.o.payload.bad.eq(~line)]
            with m.Else():
                m.d.sync += self.o.payload.data.eq(Cat(self.o.payload.data, line)[1:])
        return m


class UartTransmitter(wiring.Component):
    """Transmitter of bytes to a serial line.

    The line falls one cycle after the transfer of a byte. ``interval`` is ten bit times and one
    cycle.

    Parameters
    ----------
    clock_hz : int
        Frequency of the clock, at least four times ``baud``.
    baud : int
        Rate of the line.

    Members
    -------
    i : In(stream.Signature(8))
        Bytes to send.
    tx : Out(1, init=1)
        Line.
    """

    def __init__(self, *, clock_hz: int, baud: int):
        self._ends = bit_times(clock_hz, baud)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    @property
    def interval(self) -> int:
        return self._ends[-1] + 1

    def elaborate(self, platform):
        m = Module()
        lengths = [after - at for at, after in zip([0, *self._ends], self._ends)]
        shift = Signal(9, init=0x1ff)
        busy = Signal()
        bit = Signal(4)
        # Interval `bit` begins with the end of bit `bit` of the byte.
        pace = _Pace(m, lengths[0], lengths[1:], bit)
        m.d.comb += [self.i.ready.eq(~busy), self.tx.eq(shift[0])]
        with m.If(~busy):
            m.d.sync += [pace.start(), bit.eq(0)]
            with m.If(self.i.valid):
                m.d.sync += [shift.eq(Cat(C(0, 1), self.i.payload)), busy.eq(1)]
        with m.Elif(~pace.done):
            m.d.sync += pace.count()
        with m.Else():
            m.d.sync += [pace.step(), bit.eq(bit + 1), shift.eq(Cat(shift[1:], C(1, 1)))]
            with m.If(bit == _BITS - 1):
                m.d.sync += busy.eq(0)
        return m


class Uart(wiring.Component):
    """Receiver and transmitter of a serial port.

    See :class:`UartReceiver` and :class:`UartTransmitter` for latency and interval.

    Parameters
    ----------
    clock_hz : int
        Frequency of the clock, at least four times ``baud``.
    baud : int
        Rate of the line.

    Members
    -------
    rx : In(1, init=1)
        Line from the host; asynchronous.
    tx : Out(1, init=1)
        Line to the host.
    o : Out(stream.Signature(RECEIVED, always_ready=True))
        Bytes received on ``rx``.
    i : In(stream.Signature(8))
        Bytes to send on ``tx``.
    """

    def __init__(self, *, clock_hz: int, baud: int):
        self._receiver = UartReceiver(clock_hz=clock_hz, baud=baud)
        self._transmitter = UartTransmitter(clock_hz=clock_hz, baud=baud)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1),
                          "o": Out(self._receiver.o.signature),
                          "i": In(self._transmitter.i.signature.flip())})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver, m.submodules.transmitter = self._receiver, self._transmitter
        m.d.comb += [self._receiver.rx.eq(self.rx), self.tx.eq(self._transmitter.tx)]
        wiring.connect(m, self._receiver.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), self._transmitter.i)
        return m
