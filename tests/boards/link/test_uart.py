# amaranth: UnusedElaboratable=no
"""The serial port, bit by bit: bytes of a line that is early, late, ragged, or broken."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from xnorloom_boards.link.gateware.uart import UartReceiver, UartTransmitter, bit_times, byte_cycles

# Cycles a bit: whole numbers, fractions, the fewest there may be, and many.
RATES = {"4": (4_000_000, 1_000_000), "4.34": (1_000_000, 230_400), "8.33": (25_000_000, 3_000_000),
         "12": (12_000_000, 1_000_000), "13.02": (12_000_000, 921_600),
         "104.17": (12_000_000, 115_200)}
RATE = pytest.mark.parametrize("clock_hz, baud", RATES.values(), ids=RATES)


def some_bytes(count, seed=1):
    return [0x00, 0xff, 0x55, 0xaa, 0x01, 0x80,
            *np.random.default_rng(seed).integers(0, 256, count).tolist()]


def levels(data, cycles_per_bit, *, idle=1.0, start=20.3, bits=None):
    """The line in each cycle: bit edges at exact times, then rounded up to whole cycles."""
    edges, value, at = [], [], start
    for byte in data:
        for bit in bits or [0, *(byte >> place & 1 for place in range(8)), 1]:
            edges.append(at)
            value.append(bit)
            at += cycles_per_bit
        at += (idle - 1.0) * cycles_per_bit
    line = np.ones(int(at + 20 * cycles_per_bit), int)
    for edge, after, bit in zip(edges, [*edges[1:], at], value):
        # An idle line is high: only the bits themselves are drawn.
        line[int(np.ceil(edge)):int(np.ceil(min(after, edge + cycles_per_bit)))] = bit
    return line.tolist()


def received(line, **rate):
    """Bytes that the receiver finds in a line, with bad marks and cycles."""
    dut, found = UartReceiver(**rate), []

    async def bench(ctx):
        for cycle, level in enumerate(line):
            ctx.set(dut.rx, level)
            if ctx.get(dut.o.valid):
                found.append((ctx.get(dut.o.payload.data), ctx.get(dut.o.payload.bad), cycle))
            await ctx.tick()

    simulate(dut, bench)
    return found


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@RATE
@pytest.mark.parametrize("drift", [-0.02, 0.0, 0.02])
def test_receiver(clock_hz, baud, drift):
    data = some_bytes(20)
    line = levels(data, clock_hz / baud * (1 + drift))
    found = received(line, clock_hz=clock_hz, baud=baud)
    assert [(byte, bad) for byte, bad, _ in found] == [(byte, 0) for byte in data]


@RATE
def test_receiver_latency(clock_hz, baud):
    found = received(levels([0x37], clock_hz / baud, start=20), clock_hz=clock_hz, baud=baud)
    assert abs(found[0][2] - (20 + 9.5 * clock_hz / baud + 3)) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_receiver_pauses(seed):
    data = some_bytes(10, seed)
    idle = np.random.default_rng(seed).uniform(1, 4)
    found = received(levels(data, 8.4, idle=idle), clock_hz=84, baud=10)
    assert [byte for byte, _, _ in found] == data


def test_receiver_glitch_is_no_byte():
    line = [1] * 30 + [0] * 4 + [1] * 30 + levels([0x42], 12)
    assert [found[:2] for found in received(line, clock_hz=12, baud=1)] == [(0x42, 0)]


def test_receiver_missing_stop_bit_makes_a_bad_byte():
    line = levels([0], 12, bits=[0, 1, 0, 1, 0, 1, 0, 1, 0, 0]) + levels([0x42], 12)
    assert [found[:2] for found in received(line, clock_hz=12, baud=1)] == [(0x55, 1), (0x42, 0)]


def test_receiver_line_that_stays_low_is_one_bad_byte():
    line = [1] * 10 + [0] * 500 + levels([0x42], 12)
    assert [found[:2] for found in received(line, clock_hz=12, baud=1)] == [(0, 1), (0x42, 0)]


def transmitted(data, pauses, **rate):
    """The line that a transmitter drives for bytes that are offered after pauses."""
    dut, line = UartTransmitter(**rate), []

    async def source(ctx):
        for byte, pause in zip(data, pauses):
            for _ in range(pause):
                await ctx.tick()
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            ctx.set(dut.i.payload, ~byte & 0xff)

    async def watch(ctx):
        for _ in range(sum(pauses) + (len(data) + 2) * dut.interval):
            line.append(ctx.get(dut.tx))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(watch)
    simulator.run()
    return line


def read_line(line, cycles_per_bit):
    """Bytes on a line, each bit from the middle of its time; stop bits must be there."""
    data, at = [], 0
    while 0 in line[at:]:
        at = line.index(0, at)
        bits = [line[int(at + (bit + 0.5) * cycles_per_bit)] for bit in range(10)]
        assert bits[0] == 0 and bits[9] == 1
        data.append(sum(bit << place for place, bit in enumerate(bits[1:9])))
        at = int(at + 9.5 * cycles_per_bit)
    return data


@RATE
def test_transmitter(clock_hz, baud):
    data = some_bytes(20)
    line = transmitted(data, [3] + [0] * 25, clock_hz=clock_hz, baud=baud)
    assert read_line(line, clock_hz / baud) == data
    # In a stream of bytes each takes `interval` cycles, with edges off by half a cycle at most.
    interval = UartTransmitter(clock_hz=clock_hz, baud=baud).interval
    start = line.index(0)
    for index, byte in enumerate(data):
        bits = [0, *(byte >> place & 1 for place in range(8)), 1]
        for bit, level in enumerate(bits):
            first = start + index * interval + bit * clock_hz / baud
            middle = line[int(np.ceil(first + 0.5)):int(first + clock_hz / baud - 0.5)]
            assert set(middle) <= {level}


def test_transmitter_pauses():
    data = some_bytes(10)
    pauses = np.random.default_rng(5).integers(0, 300, len(data)).tolist()
    assert read_line(transmitted(data, pauses, clock_hz=12, baud=1), 12) == data


def test_bit_times_are_within_half_a_cycle():
    for clock_hz, baud in RATES.values():
        times = bit_times(clock_hz, baud)
        assert all(abs(at - (bit + 1) * clock_hz / baud) <= 0.5 for bit, at in enumerate(times))
        assert byte_cycles(clock_hz, baud) == times[9]


@pytest.mark.parametrize("make", [UartReceiver, UartTransmitter])
@pytest.mark.parametrize("clock_hz, baud, error, message", [
    (12_000_000, 3_000_001, ValueError,
     r"Baud rate must be at most a 4th of the clock frequency 12000000, not 3000001"),
    (1, 1, ValueError, r"Baud rate must be at most a 4th of the clock frequency 1, not 1"),
    (0, 1, ValueError, r"Clock frequency must be at least 1, not 0"),
    (12_000_000, 0, ValueError, r"Baud rate must be at least 1, not 0"),
    (1.5, 1, TypeError, r"Clock frequency must be an integer, not 1\.5"),
])
def test_wrong(make, clock_hz, baud, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make(clock_hz=clock_hz, baud=baud)
