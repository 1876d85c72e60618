# amaranth: UnusedElaboratable=no
"""Link with a slow network: no frame is overtaken by the next one."""

from itertools import count

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom_boards.link.gateware import Link
from xnorloom_boards.link.protocol import Hello, Message, encode

OVERFLOW = 0xe4


class Slow(wiring.Component):
    """Link whose network accepts a word periodically, and answers when it has a frame."""

    def __init__(self):
        result = stream.Signature(2)
        self.link = Link(Hello(bytes(8), 8, 15, 1, 1), result)
        super().__init__({"rx": In(self.link.rx.signature.flip()),
                          "tx": Out(self.link.tx.signature), "o": Out(self.link.o.signature),
                          "i": In(result)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = self.link
        for ours, theirs in ((self.rx, self.link.rx), (self.i, self.link.i)):
            wiring.connect(m, wiring.flipped(ours), theirs)
        for ours, theirs in ((self.tx, self.link.tx), (self.o, self.link.o)):
            wiring.connect(m, theirs, wiring.flipped(ours))
        return m


@pytest.mark.parametrize("pace", [1, 12, 16, 30, 90])
def test_frame_is_not_overtaken(link, pace):
    """Words of a frame are its own, even if the next comes in faster than it goes out."""
    frames = [encode(Message(2, index, bytes([index]) * 15)) for index in range(1, 7)]
    dut = Slow()
    words = []

    async def network(ctx):
        for cycle in count():
            ready = cycle % pace == 0
            ctx.set(dut.o.ready, ready)
            ctx.set(dut.i.valid, len(words) % 15 == 0 and len(words) > 15 * results[0])
            if ctx.get(dut.i.valid) and ctx.get(dut.i.ready):
                results[0] += 1
            if ctx.get(dut.o.valid) and ready:
                words.append(ctx.get(dut.o.payload))
            await ctx.tick()

    results = [0]
    # Its pauses are those of the network, which takes 15 words.
    messages = link.talk(dut, b"".join(frames), gap=12, quiet=20 * pace + 100, beside=network)
    frames_in = np.array(words).reshape(-1, 15)
    assert (frames_in == frames_in[:, :1]).all()
    numbers = [message.sequence for message in messages if message.kind == 0x82]
    assert numbers == frames_in[:, 0].tolist() and numbers
    overflows = [message for message in messages if message.kind == OVERFLOW]
    assert len(numbers) + len(overflows) == 6
    assert bool(overflows) == (pace > 15)


def test_latency():
    dut = Slow()
    line, cycles = encode(Message(2, 1, bytes(15))), []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for cycle in range(len(line) + 100):
            ctx.set(dut.rx.valid, cycle < len(line))
            ctx.set(dut.rx.payload, {"data": line[min(cycle, len(line) - 1)], "bad": 0})
            if ctx.get(dut.o.valid):
                cycles.append(cycle)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(cycles) == 15
    assert cycles[-1] - (len(line) - 1) == dut.link.latency == 48
