# amaranth: UnusedElaboratable=no
"""Proofs of the UART: bytes on a line with any signal between the middles of its bits, glitches."""

from fractions import Fraction

import pytest
from amaranth.hdl import C, Cat, Mux, Signal

from xnorloom_boards.link.gateware import uart

# Cycles per bit: as few as are allowed, and a number that is not whole.
RATIOS = {"4": (4, 1), "5.5": (11, 2), "8": (8, 1)}
BITS = 10


def table(index, values):
    chosen = C(0, max(values, default=0).bit_length() + 1)
    for place, value in enumerate(values):
        chosen = Mux(index == place, value, chosen)
    return chosen


def transmitter(clock, baud):
    # Each edge is the one nearest to its exact time.
    ends = [int(Fraction(clock, baud) * (bit + 1) + Fraction(1, 2)) for bit in range(BITS)]
    bit_at = [next(bit for bit, end in enumerate(ends) if cycle < end) for cycle in range(ends[-1])]

    def contract(h):
        """A byte leaves as start bit, bits from the lowest, stop bit; the next one is accepted."""
        m, i = h.m, h.dut.i
        cycle, byte = Signal(range(ends[-1] + 1), init=ends[-1]), Signal(8)
        idle = cycle == ends[-1]
        h.check(i.ready == idle)
        with m.If(i.valid & i.ready):
            m.d.sync += [cycle.eq(0), byte.eq(i.payload)]
        with m.Elif(~idle):
            m.d.sync += cycle.eq(cycle + 1)
        bit = table(cycle, bit_at)
        h.check(h.dut.tx == (idle | Cat(C(0, 1), byte, C(1, 1)).bit_select(bit, 1)))

        h.helper(cycle <= ends[-1])
        h.helper(h.peek("busy") == ~idle)
        left = [ends[now] - cycle - 2 for cycle, now in enumerate(bit_at)]
        h.helper(idle | (h.peek("bit") == bit))
        counter = h.peek("_cycle")
        end = 1 << (len(counter) - 1)
        h.helper(idle | (counter + table(cycle, [value + 1 for value in left]) == end))
        shifted = Cat(C(0, 1), byte, C(0x3ff, 10)) >> bit
        h.helper(idle | (h.peek("shift") == shifted[:9]))
        h.helper(~idle | h.peek("shift")[0])
    return contract


@pytest.mark.parametrize("ratio", RATIOS.values(), ids=RATIOS)
def test_transmitter(prove, ratio):
    clock, baud = ratio
    prove(uart.UartTransmitter(clock_hz=clock, baud=baud), transmitter(clock, baud))


@pytest.mark.parametrize("change", [
    ("init=0x1ff", "init=0"), ("Cat(shift[1:], C(1, 1))", "Cat(shift[1:], C(0, 1))"),
    ("[self.i.ready.eq(~busy), self.tx", "[self.i.ready.eq(1), self.tx"),
], ids=["low when idle", "no stop bit", "always ready"])
def test_transmitter_broken(prove, change):
    copy = prove.copy(uart, change)
    prove.refute(copy.UartTransmitter(clock_hz=4, baud=1), transmitter(4, 1), depth=50)


def receiver(clock, baud):
    """Each byte on the line is received once, and nothing else is.

    The line is low in the first cycle of a start bit, and right within a cycle of the middle of
    each bit; elsewhere in a byte it has any value. A glitch begins while the line is idle, has any
    value while it is shorter than half a bit, and is over when half a bit has passed. After a byte
    without a stop bit the line may stay low.
    """
    ratio = Fraction(clock, baud)
    middles = [ratio * (2 * bit + 1) / 2 for bit in range(BITS)]
    length = int(middles[-1]) + (middles[-1] % 1 != 0)
    bit_at = [next((bit for bit, middle in enumerate(middles) if abs(cycle - middle) < 1), BITS)
              for cycle in range(length + 1)]
    half = int(ratio / 2)
    samples = [int(middle) for middle in middles]
    sampled = [sum(sample < cycle for sample in samples) for cycle in range(length + 1)]
    left = [next((sample - cycle for sample in samples if sample >= cycle), 0)
            for cycle in range(length + 1)]

    def contract(h):
        m, dut = h.m, h.dut
        noise, starts, glitches = (h.free(1, name) for name in ("noise", "starts", "glitches"))
        value, ending = h.free(8, "value"), h.free(1, "ending")
        # Cycles since the line fell, and if for a byte; 0 if it is idle.
        cycle, is_byte = Signal(range(length + 2)), Signal()
        byte, stop, before = Signal(8), Signal(), Signal(reset_less=True)
        end = Mux(is_byte, length, half)
        idle = cycle == 0
        event = idle & before & (starts | glitches)
        with m.If(event):
            m.d.sync += [cycle.eq(1), is_byte.eq(starts), byte.eq(value), stop.eq(ending)]
        with m.Elif(~idle):
            m.d.sync += cycle.eq(Mux(cycle == end, 0, cycle + 1))
        bit = table(cycle, bit_at)
        # A line that stayed low after a byte may rise at any time.
        free = Mux(idle, ~before, Mux(is_byte, bit == BITS, cycle < half))
        level = ~is_byte | idle | Cat(C(0, 1), byte, stop, C(1, 1)).bit_select(bit, 1)
        m.d.comb += dut.rx.eq(Mux(event, 0, Mux(free, noise, level)))
        m.d.sync += before.eq(dut.rx)
        h.assume(cycle <= end)
        # A reset while the line is high; else the rest of a byte is taken for one.
        stages = [h.peek(".stage0"), h.peek(".stage1")]
        h.assume(~h.reset | (dut.rx & stages[0] & stages[1]))

        # Two registers of the synchronizer, and the one of the byte.
        past = [(event, cycle, is_byte, byte, stop, free, level)]
        for age in range(3):
            registers = tuple(Signal(len(now), name=f"past{age}_{index}", init=int(index == 6))
                              for index, now in enumerate(past[-1]))
            m.d.sync += [into.eq(now) for into, now in zip(registers, past[-1])]
            past.append(registers)
        _, then, was_byte, sent, ended, _, _ = past[3]
        h.check(dut.o.valid == (was_byte & (then == samples[-1])))
        h.check(~dut.o.valid | ((dut.o.payload.data == sent) & (dut.o.payload.bad == ~ended)))

        h.helper(cycle <= end)
        h.helper(before == stages[0])
        for stage, (event, then, was_byte, _, _, free, level) in zip(stages, past[1:]):
            h.helper(free | (stage == Mux(event, 0, level)))
            h.helper(then <= Mux(was_byte, length, half))
            h.helper(~event | ((then == 0) & ~free))
        h.helper((past[1][1] != 0) | ~past[1][5] | ~stages[1])
        h.helper((past[2][1] != 0) | ~past[2][5] | ~h.peek("before"))
        h.helper(~past[1][0] | stages[1])
        h.helper(~past[2][0] | h.peek("before"))
        for (_, then, was_byte, sent, ended, _, _), after in zip(past, past[1:]):
            now_end = Mux(after[2], length, half)
            h.helper((after[1] == 0) | (then == Mux(after[1] == now_end, 0, after[1] + 1)))
            h.helper((after[1] != 0) | after[0] | (then == 0))
            h.helper(~after[0] | (then == 1))
            h.helper((after[1] == 0) | (then == 0)
                     | (Cat(was_byte, sent, ended) == Cat(*after[2:5])))
        for _, then, was_byte, sent, ended, free, level in past[1:]:
            place = table(then, bit_at)
            h.helper((then == 0) | (free == Mux(was_byte, place == BITS, then < half)))
            h.helper(level == (~was_byte | (then == 0)
                               | Cat(C(0, 1), sent, ended, C(1, 1)).bit_select(place, 1)))
        _, then, was_byte, sent, _, _, _ = past[2]
        working = (then != 0) & (then <= Mux(was_byte, samples[-1], half))
        h.helper(h.peek("busy") == working)
        count = table(then, sampled)
        h.helper(~working | (h.peek("bit") == count))
        counter = h.peek("_cycle")
        h.helper(~working | (counter + table(then, left) == 1 << (len(counter) - 1)))
        for done in range(2, BITS):
            h.helper(~working | ~was_byte | (count != done)
                     | (dut.o.payload.data[9 - done:] == sent[:done - 1]))
    return contract


@pytest.mark.parametrize("ratio", RATIOS.values(), ids=RATIOS)
def test_receiver(prove, ratio):
    clock, baud = ratio
    prove(uart.UartReceiver(clock_hz=clock, baud=baud), receiver(clock, baud), depth=3)


@pytest.mark.parametrize("change, skip", [
    (("(bit == 0) & line", "0"), 0),
    (("payload.bad.eq(~line)", "payload.bad.eq(0)"), 0),
    # Two bytes of a line that stays low.
    (("before & ~line", "~line"), 82),
    (("(2 * bit + 1) / 2) for", "(2 * bit + 2) / 2) for"), 0),
], ids=["glitch taken", "stop bit", "low line", "late samples"])
def test_receiver_broken(prove, change, skip):
    copy = prove.copy(uart, change)
    prove.refute(copy.UartReceiver(clock_hz=4, baud=1), receiver(4, 1), depth=skip + 60, skip=skip)
