# amaranth: UnusedElaboratable=no
"""Register slice: no word is lost, repeated or reordered; latency and throughput."""

import numpy as np
import pytest
from amaranth.hdl import unsigned
from amaranth.lib import data

from xnorloom.gateware.stream import RegisterSlice
from xnorloom_sim.harness import Stall, run

STALLS = {
    "source": Stall(1, i=0.5),
    "sink": Stall(2, o=0.5),
    "both": Stall(3, i=0.4, o=0.4),
    "slow source": Stall(4, i=0.9, o=0.1),
    "slow sink": Stall(5, i=0.1, o=0.9),
}


def pack(bits):
    return np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little")


def unpack(outputs, width):
    return np.unpackbits(outputs, axis=-1, count=width, bitorder="little")


def random_words(count, width):
    return np.random.default_rng(width).integers(0, 2, (count, width), np.uint8)


@pytest.mark.parametrize("shape, width", [
    (1, 1), (7, 7), (8, 8), (65, 65), (data.ArrayLayout(unsigned(3), 5), 15),
])
def test_buffer(shape, width):
    words = random_words(40, width)
    dut = RegisterSlice(shape)
    trace = run(dut, pack(words), len(words))
    assert np.array_equal(unpack(trace.outputs, width), words)
    assert np.array_equal(dut.model(words), words)
    # A word in every cycle.
    assert trace.i_cycles.tolist() == list(range(40))
    assert trace.o_cycles.tolist() == [cycle + 1 for cycle in range(40)]
    assert (dut.latency, dut.interval) == (1, 1)


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
def test_buffer_stalls(stall):
    words = random_words(200, 8)
    trace = run(RegisterSlice(8), pack(words), len(words), stall=stall)
    assert np.array_equal(unpack(trace.outputs, 8), words)
    assert (trace.o_cycles > trace.i_cycles).all()
    # At most two words are inside.
    assert (trace.i_cycles[2:] > trace.o_cycles[:-2]).all()


def test_buffer_keeps_up_with_a_sink_that_stalls_at_random():
    # The source never waits for the ready of the sink: each cycle of the sink gives a word.
    stall = Stall(6, o=0.5)
    words = random_words(100, 8)
    trace = run(RegisterSlice(8), pack(words), len(words), stall=stall)
    ready = np.flatnonzero(stall.masks()[1])
    assert trace.o_cycles.tolist() == ready[ready >= 1][:100].tolist()


def test_buffer_holds_two_words_while_the_sink_is_not_ready():
    stall = next(Stall(seed, o=0.7) for seed in range(1000)
                 if not Stall(seed, o=0.7).masks()[1][:12].any())
    trace = run(RegisterSlice(8), pack(random_words(9, 8)), 9, stall=stall)
    assert trace.i_cycles[:2].tolist() == [0, 1]
    assert trace.i_cycles[2] > 11


def test_buffer_wrong():
    with pytest.raises(TypeError, match=r"^Object 'x' cannot be converted to an Amaranth shape$"):
        RegisterSlice("x")
