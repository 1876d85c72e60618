# amaranth: UnusedElaboratable=no
"""Resets in the middle of a byte, a message, an answer, or of loading: the next ones are right."""

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom.gateware.network import Network
from xnorloom.packing import load_words, pack_frames
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link.gateware import Uart, describe
from xnorloom_boards.link.protocol import Message, encode, frame_payloads, load_payloads
from xnorloom_sim.golden import evaluate

CYCLES = 4
HELLO, FRAME, LOAD, HELLO_REPLY, RESULT, LOADED = 0x01, 0x02, 0x03, 0x81, 0x82, 0x83


class Resettable(wiring.Component):
    """A component whose registers are reset in cycles in which ``reset`` is high."""

    def __init__(self, inner):
        self.inner = inner
        super().__init__({**dict(inner.signature.members), "reset": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = ResetInserter(self.reset)(self.inner)
        for name, member in self.inner.signature.members.items():
            outer, inner = getattr(self, name), getattr(self.inner, name)
            if not member.is_port:
                wiring.connect(m, wiring.flipped(outer), inner)
            elif member.flow == Out:
                m.d.comb += outer.eq(inner)
            else:
                m.d.comb += inner.eq(outer)
        return m


def simulate(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("interrupted", [0x00, 0x35, 0xff])
def test_uart_receiver(interrupted):
    """A reset in any cycle of a byte; the byte after a pause of a byte is right, and no other."""
    dut = Resettable(Uart(clock_hz=CYCLES, baud=1))
    checked = []

    async def line(ctx):
        async def send(byte, at=None):
            """Return the bytes that come meanwhile, and in a pause after them."""
            bits = [0, *(byte >> place & 1 for place in range(8)), 1]
            taken = []
            for cycle in range(len(bits) * CYCLES + 10 * CYCLES + 8):
                place = cycle // CYCLES
                ctx.set(dut.rx, bits[place] if place < len(bits) else 1)
                ctx.set(dut.reset, cycle == at)
                if ctx.get(dut.o.valid):
                    taken.append((ctx.get(dut.o.payload.data), ctx.get(dut.o.payload.bad)))
                await ctx.tick()
            return taken

        for at in range(10 * CYCLES + 4):
            await send(interrupted, at)
            assert await send(0xa5 ^ at) == [(0xa5 ^ at, 0)], at
            checked.append(at)

    simulate(dut, line)
    assert len(checked) == 44


def test_uart_transmitter():
    """The line is high in the cycle after a reset, and the next byte is right."""
    dut = Resettable(Uart(clock_hz=CYCLES, baud=1))
    checked = []

    async def line(ctx):
        async def send(byte, cycles):
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            assert ctx.get(dut.i.ready)
            bits = []
            for _ in range(cycles):
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
                bits.append(ctx.get(dut.tx))
            return bits

        for at in range(1, 10 * CYCLES):
            await send(0x0f, at)
            ctx.set(dut.reset, 1)
            await ctx.tick()
            ctx.set(dut.reset, 0)
            assert ctx.get(dut.tx) == 1, at
            byte = 0x96 ^ at
            bits = [0, *(byte >> place & 1 for place in range(8)), 1]
            found = await send(byte, 10 * CYCLES + 1)
            assert found[:10 * CYCLES] == [bit for bit in bits for _ in range(CYCLES)], at
            checked.append(at)

    simulate(dut, line)
    assert len(checked) == 39


def resets(dut, at):
    """A testbench that resets the design in the cycles ``at``, and the list of those it did."""
    done = []

    async def testbench(ctx):
        cycle = 0
        while True:
            ctx.set(dut.reset, cycle in at)
            if cycle in at:
                done.append(cycle)
            await ctx.tick()
            cycle += 1
    return testbench, done


# Cycles of a byte; one of weights takes three to read.
GAP = 8


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_link(random_graph, link, loaded, seed):
    """Resets at random cycles of hello, load and frame; then each of them has its answer again."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, (8, 3, 2))
    schedule = Schedule(4, (Fold(1, 4, "spram" if loaded else "lut"), Fold(1, 3, "lut")))
    network = Network(schedule.bind(graph))
    hello = describe(network, clock_hz=CYCLES, baud=1)
    words = load_words(schedule.bind(graph)) if loaded else None
    loads = load_payloads(words) if loaded else []
    frame = rng.integers(0, 2, (1, 8))
    [payload] = frame_payloads(pack_frames(schedule.bind(graph), frame), hello)
    label = int(evaluate(graph, frame).classes[0])

    def messages(first):
        """All kinds; after each of them its answer has time."""
        sent = [Message(HELLO, first), *(Message(LOAD, first + 1, load) for load in loads),
                Message(FRAME, first + 2, payload)]
        return b"".join(encode(message) + bytes([0xa5]) * 40 for message in sent)

    line, at, rounds = bytearray(), [], 4
    for number in range(rounds):
        spoilt = messages(16 * number)
        at.append((len(line) + int(rng.integers(len(spoilt)))) * GAP + int(rng.integers(GAP)))
        # Half an answer spoils the next one, so a hello goes before the rest.
        line += spoilt + encode(Message(HELLO, 16 * number + 7)) + bytes([0xa5]) * 40
        line += messages(16 * number + 8)
    dut = Resettable(link.Device(network, hello, words))
    beside, done = resets(dut, set(at))
    found = [(message.kind, message.sequence, message.payload) for message in
             link.talk(dut, line, gap=GAP, beside=beside, spoilt=True)]
    assert done == at
    for number in range(rounds):
        first = 16 * number + 8
        answers = [answer for answer in found if first <= answer[1] < first + 8]
        assert [kind for kind, _, _ in answers] == [
            HELLO_REPLY, *[LOADED] * len(loads), RESULT], (number, found)
        assert answers[-1] == (RESULT, first + 2, bytes([label]))
        if loaded:
            assert answers[1] == (LOADED, first + 1, bytes([1, 0]))
    # Whatever a reset has spoilt, no result is wrong.
    assert all(answer[2] == bytes([label]) for answer in found if answer[0] == RESULT)
