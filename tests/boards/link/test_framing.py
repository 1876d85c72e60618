# amaranth: UnusedElaboratable=no
"""Framing in gateware against the codec of the host, under stalls and faults."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from xnorloom_boards.link.gateware.framing import Deframer, Framer
from xnorloom_boards.link.protocol import Decoder, Message, encode
from xnorloom_sim.harness import Stall, run

STALLS = {"none": None, "source": Stall(1, i=0.6), "sink": Stall(2, o=0.6),
          "both": Stall(3, i=0.4, o=0.4)}


def some_messages(seed, count=20):
    """Messages of any bytes, those that are stuffed more often than others."""
    rng = np.random.default_rng(seed)
    messages = []
    for _ in range(count):
        data = rng.integers(0, 256, rng.integers(2, 12), np.uint8)
        data[rng.random(len(data)) < 0.2] = rng.choice([0xa5, 0x5a])
        messages.append(Message(int(data[0]), int(data[1]), data[2:].tobytes()))
    return messages


def body(message):
    return bytes([message.kind, message.sequence]) + message.payload


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
def test_framer(stall):
    messages = some_messages(1)
    words = [(byte, place == len(body(message)) - 1) for message in messages
             for place, byte in enumerate(body(message))]
    line = b"".join(map(encode, messages))
    trace = run(Framer(), np.array(words, np.uint8), len(line), stall=stall)
    assert trace.outputs.tobytes() == line


def test_framer_times():
    message = Message(1, 2, b"\x5a345")
    words = np.array([(byte, place == 5) for place, byte in enumerate(body(message))], np.uint8)
    trace = run(Framer(), words, len(encode(message)))
    assert trace.i_cycles[0] + Framer.latency == trace.o_cycles[0]
    # Two bytes for the one that is stuffed, which take 4 cycles.
    assert trace.o_cycles.tolist() == [2, 5, 8, 9, 12, 15, 18, 21, 24, 27]
    assert Framer.interval == 3


def pieces(line, bad=(), seed=None):
    """Messages that the deframer finds in a line: the bytes of each, and if it is good."""
    dut = Deframer()
    rng = None if seed is None else np.random.default_rng(seed)
    found, current = [], []

    sent, ends, cycle = [], [], 0

    async def step(ctx):
        """Take what leaves in a cycle; whether it was good is known in the next."""
        nonlocal cycle
        if ends:
            found.append((ends.pop(), ctx.get(dut.good)))
        if ctx.get(dut.o.valid):
            assert cycle - Deframer.latency in sent
            if ctx.get(dut.o.payload.end):
                ends.append(bytes(current))
                current.clear()
            else:
                current.append(ctx.get(dut.o.payload.data))
        await ctx.tick()
        cycle += 1

    async def bench(ctx):
        for place, byte in enumerate(line):
            while rng is not None and rng.random() < 0.5:
                ctx.set(dut.i.payload.data, int(rng.integers(256)))
                await step(ctx)
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload.data, byte)
            ctx.set(dut.i.payload.bad, place in bad)
            sent.append(cycle)
            await step(ctx)
            ctx.set(dut.i.valid, 0)
        for _ in range(Deframer.latency + 1):
            await step(ctx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("seed", [None, 1], ids=["every cycle", "pauses"])
def test_deframer(seed):
    messages = some_messages(2)
    found = pieces(b"".join(map(encode, messages)), seed=seed)
    assert [(data[:-2], good) for data, good in found] == [
        (body(message), 1) for message in messages]


@pytest.mark.parametrize("seed", range(6))
def test_deframer_agrees_with_the_host_under_faults(link, seed):
    rng = np.random.default_rng(seed)
    line = link.damage(rng, b"".join(map(encode, some_messages(seed, 60))), 40)
    decoder = Decoder(300)
    wanted = decoder.feed(line)
    good = [data for data, good in pieces(line) if good]
    assert [Message(data[0], data[1], data[2:-2]) for data in good if len(data) >= 4] == wanted
    assert len(wanted) > 20 and decoder.faults > 10


@pytest.mark.parametrize("place", range(4))
def test_deframer_bad_byte(place):
    line = encode(Message(1, 2)) + encode(Message(3, 4))
    assert [good for _, good in pieces(line, bad=[place])] == [0, 1]


def test_deframer_bad_end_is_none():
    line = encode(Message(1, 2)) + encode(Message(3, 4)) + encode(Message(5, 6))
    assert [good for _, good in pieces(line, bad=[4])] == [0, 1]


def test_deframer_empty():
    assert pieces(b"\xa5\xa5" + encode(Message(1, 2))) == [
        (b"", 0), (b"", 0), (encode(Message(1, 2))[:-1], 1)]
