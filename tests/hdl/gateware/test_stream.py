# amaranth: UnusedElaboratable=no
"""The register slice and the change of width lose, repeat and reorder nothing, and keep time."""

import numpy as np
import pytest
from amaranth.hdl import unsigned
from amaranth.lib import data

from xnorloom.gateware.stream import RegisterSlice, WidthChange
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


# RegisterSlice


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


def test_buffer_keeps_up_with_a_sink_that_stalls_now_and_then():
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


# Change of width


FRAMES = 4
WIDTHS = {  # bits, in_width, out_width: words in, words out
    "same": (12, 4, 4, 3, 3),
    "same, partial": (10, 4, 4, 3, 3),
    "same, one bit": (5, 1, 1, 5, 5),
    "widen": (16, 4, 8, 4, 2),
    "widen from bits": (12, 1, 6, 12, 2),
    "widen, partial word": (13, 1, 4, 13, 4),
    "widen, partial in both": (13, 4, 8, 4, 2),
    "widen, partial input, odd ratio": (17, 2, 6, 9, 3),
    "widen, more than a frame": (5, 2, 8, 3, 1),
    "widen, one word": (3, 4, 8, 1, 1),
    "widen, one bit": (1, 1, 5, 1, 1),
    "narrow": (16, 8, 4, 2, 4),
    "narrow to bits": (12, 6, 1, 2, 12),
    "narrow, partial word": (13, 4, 1, 4, 13),
    "narrow, partial in both": (13, 8, 4, 2, 4),
    "narrow, partial output, odd ratio": (17, 6, 2, 3, 9),
    "narrow, less than a word": (5, 8, 2, 1, 3),
    "narrow, one word": (3, 8, 4, 1, 1),
    "narrow, one bit": (1, 5, 1, 1, 1),
    "widen wide": (784, 16, 784, 49, 1),
    "narrow wide": (784, 784, 16, 1, 49),
}


def frames_of(bits, in_width, in_words):
    """Bits of some frames, and their words with random bits beyond the last."""
    rng = np.random.default_rng([bits, in_width])
    words = rng.integers(0, 2, (FRAMES, in_words * in_width), np.uint8)
    return words[:, :bits], words.reshape(-1, in_width)


def rewritten(frames, out_width, out_words):
    """Output words bit by bit, from the definition; bits beyond the last are 0."""
    return [[int(frame[place]) if place < len(frame) else 0
             for place in range(word * out_width, (word + 1) * out_width)]
            for frame in frames for word in range(out_words)]


@pytest.mark.parametrize("bits, in_width, out_width, in_words, out_words", WIDTHS.values(),
                         ids=WIDTHS)
def test_width_change(bits, in_width, out_width, in_words, out_words):
    frames, words = frames_of(bits, in_width, in_words)
    expected = rewritten(frames, out_width, out_words)
    dut = WidthChange(bits, in_width, out_width)
    assert (dut.latency, dut.interval) == (1, max(in_words, out_words))
    assert dut.model(words).tolist() == expected
    trace = run(dut, pack(words), len(expected))
    assert unpack(trace.outputs, out_width).tolist() == expected

    # Every frame takes `interval` cycles, and nothing waits on the narrower side.
    assert np.array_equal(np.diff(trace.o_cycles[out_words - 1::out_words]),
                          [dut.interval] * (FRAMES - 1))
    if in_width < out_width:
        assert trace.i_cycles.tolist() == list(range(FRAMES * in_words))
        completing = [frame * in_words + min((word + 1) * out_width // in_width, in_words) - 1
                      for frame in range(FRAMES) for word in range(out_words)]
        assert trace.o_cycles.tolist() == (trace.i_cycles[completing] + dut.latency).tolist()
    else:
        assert trace.o_cycles.tolist() == [cycle + dut.latency
                                           for cycle in range(FRAMES * out_words)]


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
@pytest.mark.parametrize("name", ["same, partial", "widen, partial in both",
                                  "narrow, partial in both", "widen, more than a frame",
                                  "narrow, less than a word"])
def test_width_change_stalls(name, stall):
    bits, in_width, out_width, in_words, out_words = WIDTHS[name]
    frames, words = frames_of(bits, in_width, in_words)
    expected = rewritten(frames, out_width, out_words)
    trace = run(WidthChange(bits, in_width, out_width), pack(words), len(expected), stall=stall)
    assert unpack(trace.outputs, out_width).tolist() == expected


@pytest.mark.parametrize("arguments, error, message", [
    ((0, 1, 1), ValueError, r"^Width change bits must be at least 1, not 0$"),
    ((8, 0, 1), ValueError, r"^Width change in_width must be at least 1, not 0$"),
    ((8, 1, -4), ValueError, r"^Width change out_width must be at least 1, not -4$"),
    ((8.0, 1, 1), TypeError, r"^Width change bits must be an integer, not 8\.0$"),
    ((8, "4", 1), TypeError, r"^Width change in_width must be an integer, not '4'$"),
    ((8, 4, True), TypeError, r"^Width change out_width must be an integer, not True$"),
    ((8, 4, 6), ValueError,
     r"^Width change needs one width to divide the other, not 4 and 6$"),
    ((8, 3, 2), ValueError,
     r"^Width change needs one width to divide the other, not 3 and 2$"),
])
def test_width_change_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        WidthChange(*arguments)


def test_buffer_wrong():
    with pytest.raises(TypeError, match=r"^Object 'x' cannot be converted to an Amaranth shape$"):
        RegisterSlice("x")
