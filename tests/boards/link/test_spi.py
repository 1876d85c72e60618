# amaranth: UnusedElaboratable=no
"""The SPI device at its pins: clocks of any phase, pauses, broken bursts, and full queues."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from xnorloom_boards.link.gateware.spi import Spi, byte_cycles
from xnorloom_boards.link.protocol import END

# Clocks of design and line: slow and fast designs, and the fastest line for each.
RATES = {"12-30": (12e6, 30e6), "48-30": (48e6, 30e6), "12-48": (12e6, 48e6),
         "37.5-6": (37.5e6, 6e6)}
RATE = pytest.mark.parametrize("clock, sck", RATES.values(), ids=RATES)


class Bench:
    """A controller that drives the pins at any time, and a design at the streams."""

    def __init__(self, clock, sck, seed, *, longest=64, pause=0.3):
        self.rng, self.pause = np.random.default_rng(seed), pause
        self.dut = Spi(clock_hz=int(clock), sck_hz=int(sck), longest=longest)
        self.half, self.period = 0.5 / sck, 1 / clock
        self.received, self.taken = [], 0

    def run(self, controller, to_send=()):
        async def design(ctx):
            queue = list(to_send)
            ctx.set(self.dut.i.valid, bool(queue))
            ctx.set(self.dut.i.payload, queue[0] if queue else 0)
            while True:
                _, _, valid, byte, bad, ready = await ctx.tick().sample(
                    self.dut.o.valid, self.dut.o.payload.data, self.dut.o.payload.bad,
                    self.dut.i.ready)
                if valid:
                    assert not bad
                    self.received.append(byte)
                if ctx.get(self.dut.i.valid) and ready:
                    queue.pop(0)
                    self.taken += 1
                # Valid stays until the byte is taken.
                stall = self.rng.random() < self.pause and (ready or not ctx.get(self.dut.i.valid))
                ctx.set(self.dut.i.valid, bool(queue) and not stall)
                ctx.set(self.dut.i.payload, queue[0] if queue else 0)

        async def line(ctx):
            await ctx.delay(self.rng.random() * 10 * self.period)
            await controller(ctx)
            await ctx.delay(8 * self.period)

        simulator = Simulator(self.dut)
        simulator.add_clock(self.period, phase=self.rng.random() * self.period)
        simulator.add_testbench(design, background=True)
        simulator.add_testbench(line)
        simulator.run()

    async def bits(self, ctx, byte, count=8):
        """Bits of a byte with mode 0, high bit first; those that came back."""
        found = 0
        for place in reversed(range(8 - count, 8)):
            ctx.set(self.dut.copi, byte >> place & 1)
            await ctx.delay(self.half)
            found = found << 1 | ctx.get(self.dut.cipo)
            ctx.set(self.dut.sck, 1)
            await ctx.delay(self.half)
            ctx.set(self.dut.sck, 0)
        return found

    async def burst(self, ctx, data, *, part=0, gap=None):
        """A burst with an opener, ``data``, and ``part`` bits of another byte; the answer."""
        ctx.set(self.dut.cs, 1)
        await ctx.delay(self.half)
        answer = [await self.bits(ctx, byte) for byte in (END, *data)]
        if part:
            await self.bits(ctx, 0xff, part)
        await ctx.delay(self.half)
        ctx.set(self.dut.cs, 0)
        await ctx.delay((self.rng.random() * 4 * self.period) if gap is None else gap)
        assert answer[0] == END
        return answer[1:]


def message(rng, size):
    """Bytes that look like a message: no END before the last one."""
    body = rng.integers(0, 255, size - 1)
    return [*(body + (body >= END)).tolist(), END]


def messages(rng, count, most=20):
    return [message(rng, int(size)) for size in rng.integers(5, most, count)]


def without_idle(answer):
    """Messages of an answer, each of which must be in one piece."""
    found, parts = [], []
    for byte in answer:
        if byte == END and not parts:
            continue
        parts.append(byte)
        if byte == END:
            found.append(parts)
            parts = []
    assert not parts
    return found


@RATE
@pytest.mark.parametrize("seed", range(2))
def test_both_ways(clock, sck, seed):
    bench, rng = Bench(clock, sck, seed), np.random.default_rng(seed)
    data = rng.integers(0, 256, 50).tolist()
    out = messages(rng, 3)
    answer = []

    async def controller(ctx):
        place = 0
        while place < len(data):
            size = int(rng.integers(1, 20))
            answer.extend(await bench.burst(ctx, data[place:place + size]))
            place += size
        for _ in range(20):
            answer.extend(await bench.burst(ctx, [END, END, END]))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert bench.received == [*data, *[END] * 60]
    assert without_idle(answer) == out


@RATE
def test_one_long_burst(clock, sck):
    bench, rng = Bench(clock, sck, 5, pause=0), np.random.default_rng(5)
    data, out, answer = rng.integers(0, 256, 90).tolist(), messages(rng, 4), []

    async def controller(ctx):
        answer.extend(await bench.burst(ctx, data))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert bench.received == data
    assert without_idle(answer) == out


@pytest.mark.parametrize("part", range(1, 8))
def test_broken_byte(part):
    # Bits that are no byte are dropped, and the next burst begins anew.
    bench, rng = Bench(12e6, 30e6, part), np.random.default_rng(part)
    data = rng.integers(0, 256, 40).tolist()

    async def controller(ctx):
        for place in range(0, 40, 8):
            await bench.burst(ctx, data[place:place + 8], part=part)

    bench.run(controller)
    assert bench.received == data


def test_message_over_bursts():
    # Nothing is lost where a burst ends between bytes.
    bench, rng = Bench(48e6, 30e6, 1), np.random.default_rng(1)
    out, answer = messages(rng, 3, 30), []

    async def controller(ctx):
        for _ in range(90):
            answer.extend(await bench.burst(ctx, [END]))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert without_idle(answer) == out


def test_broken_answer():
    # A byte of which bits were sampled is lost, and only this one.
    bench, rng = Bench(48e6, 30e6, 1, pause=0), np.random.default_rng(1)
    out, answer = message(rng, 30), []

    async def controller(ctx):
        await ctx.delay(100 * bench.period)
        answer.extend(await bench.burst(ctx, [0] * 10, part=3))
        answer.extend(await bench.burst(ctx, [0] * 30))

    bench.run(controller, out)
    whole = [byte for byte in answer if byte != END]
    place = next(place for place, (a, b) in enumerate(zip(whole, out)) if a != b)
    assert whole == [*out[:place], *out[place + 1:-1]]


def test_no_half_message():
    # The line sees a message when it is whole, however slowly the design sends it.
    bench, rng = Bench(12e6, 30e6, 3, pause=0.9), np.random.default_rng(3)
    out, answer = messages(rng, 10), []

    async def controller(ctx):
        answer.extend(await bench.burst(ctx, [END] * 600))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert without_idle(answer) == out


def test_full():
    # A design that is not read waits, and nothing is lost.
    bench, rng = Bench(48e6, 48e6, 2, pause=0), np.random.default_rng(2)
    out, answer, taken = [message(rng, 58) for _ in range(11)], [], []

    async def controller(ctx):
        await ctx.delay(700 * bench.period)
        taken.append(bench.taken)
        answer.extend(await bench.burst(ctx, [END] * 700))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert 504 <= taken[0] <= 512
    assert without_idle(answer) == out


@pytest.mark.parametrize("longest", [504, 519])
def test_longest_message(longest):
    bench, rng = Bench(48e6, 48e6, 2, longest=longest, pause=0), np.random.default_rng(2)
    out, answer = [message(rng, longest)], []

    async def controller(ctx):
        await ctx.delay((longest + 20) * bench.period)
        answer.extend(await bench.burst(ctx, [END] * (longest + 2)))

    bench.run(controller, out[0])
    assert without_idle(answer) == out


def test_shortest_messages():
    # As many messages as fit into the queue are counted.
    bench, rng = Bench(48e6, 48e6, 4, pause=0), np.random.default_rng(4)
    out, answer = [message(rng, 5) for _ in range(110)], []

    async def controller(ctx):
        await ctx.delay(600 * bench.period)
        answer.extend(await bench.burst(ctx, [END] * 580))

    bench.run(controller, [byte for entry in out for byte in entry])
    assert without_idle(answer) == out


@pytest.mark.parametrize("clock, sck, cycles", [
    (12_000_000, 30_000_000, 3), (36_000_000, 30_000_000, 9), (48_000_000, 15_000_000, 25),
    (10_000_000, 40_000_000, 2)])
def test_byte_cycles(clock, sck, cycles):
    assert byte_cycles(clock, sck) == cycles


def test_wrong():
    with pytest.raises(ValueError, match=r"^SPI clock must be at most 4 times the clock frequency "
                                         r"7000000, not 30000000$"):
        Spi(clock_hz=7_000_000, sck_hz=30_000_000, longest=20)
    with pytest.raises(ValueError, match=r"^Spi longest must be at least 5, not 4$"):
        Spi(clock_hz=12_000_000, sck_hz=30_000_000, longest=4)
    with pytest.raises(TypeError, match=r"^SPI clock must be an integer, not 3e7$|^SPI clock"):
        Spi(clock_hz=12_000_000, sck_hz=3e7, longest=4)
