# amaranth: UnusedElaboratable=no
"""Operand buffer: repetition of frames in words of another width, without gaps."""

import numpy as np
import pytest

from xnorloom.gateware.operand_buffer import OperandBuffer
from xnorloom.schedule.operand_kind import MEMORY_BITS, operand_kind
from xnorloom_sim.harness import Stall, run

CASES = {  # size, planes, in_width, out_width, passes: kind, interval
    "direct": (24, 1, 8, 8, 1, "direct", 3),
    "direct, partial word": (21, 1, 8, 8, 1, "direct", 3),
    "direct, planes": (10, 3, 4, 4, 1, "direct", 9),
    "direct, large": (600, 1, 60, 60, 1, "direct", 10),
    "one bit": (1, 1, 1, 1, 3, "registers", 3),
    "one bit, planes": (1, 4, 1, 1, 2, "registers", 8),
    "same width": (24, 1, 8, 8, 2, "registers", 6),
    "same width, partial word": (23, 1, 8, 8, 3, "registers", 9),
    "same width, whole frame": (9, 1, 9, 9, 4, "registers", 4),
    "same width, planes": (10, 3, 4, 4, 2, "registers", 18),
    "narrower": (24, 1, 8, 4, 1, "registers", 6),
    "narrower, odd": (23, 1, 7, 3, 2, "registers", 16),
    "narrower, odd, planes": (11, 3, 5, 2, 3, "registers", 54),
    "narrower, whole frame in": (13, 1, 13, 2, 2, "registers", 14),
    "wider": (24, 1, 4, 8, 2, "registers", 6),
    "wider, odd": (23, 1, 3, 7, 5, "registers", 20),
    "wider, odd, planes": (11, 2, 2, 5, 3, "registers", 18),
    "wider, whole frame out": (13, 1, 4, 13, 7, "registers", 7),
    "input takes as long": (20, 1, 4, 20, 5, "registers", 5),
    "input takes longer": (23, 1, 3, 7, 1, "registers", 8),
    "input takes longer, planes": (11, 2, 2, 5, 1, "registers", 12),
    "input takes longer, one word out": (9, 1, 1, 9, 1, "registers", 9),
    "large, another width": (600, 1, 60, 50, 2, "registers", 24),
    "large enough": (MEMORY_BITS, 1, 32, 32, 2, "memory", 32),
    "just not large enough": (MEMORY_BITS - 1, 1, 32, 32, 2, "registers", 32),
    "memory, partial word": (613, 1, 71, 71, 3, "memory", 27),
    "memory, two words": (541, 1, 271, 271, 2, "memory", 4),
    "memory, one word": (520, 1, 520, 520, 3, "memory", 3),
    "memory, planes": (131, 4, 33, 33, 2, "memory", 32),
    "memory, one word for a plane": (103, 5, 103, 103, 2, "memory", 10),
}
FRAMES = 5
SHAPES = {name: case[:5] for name, case in CASES.items()}


def pack(bits):
    return np.packbits(bits, axis=-1, bitorder="little")


def replay_of(size, planes, in_width, out_width, passes):
    return OperandBuffer(size, planes=planes, in_width=in_width, out_width=out_width, passes=passes)


def frames_of(size, planes, in_width):
    """Planes of some frames, and their words with random bits beyond the end of a plane."""
    rng = np.random.default_rng([size, planes, in_width])
    in_words = -(-size // in_width)
    words = rng.integers(0, 2, (FRAMES, planes, in_words * in_width), np.uint8)
    return words[..., :size], words.reshape(-1, in_width)


def replayed(frames, out_width, passes):
    """Output words from the definition, each cut where its plane ends."""
    return [plane[start:start + out_width].tolist()
            for frame in frames for _ in range(passes) for plane in frame
            for start in range(0, len(plane), out_width)]


def defined(outputs, expected, out_width):
    """Output words without the bits that are beyond the end of a plane."""
    bits = np.unpackbits(outputs, axis=-1, count=out_width, bitorder="little").tolist()
    return [word[:len(wanted)] for word, wanted in zip(bits, expected, strict=True)]


@pytest.mark.parametrize("size, planes, in_width, out_width, passes, kind, interval",
                         CASES.values(), ids=CASES)
def test_replay(size, planes, in_width, out_width, passes, kind, interval):
    frames, words = frames_of(size, planes, in_width)
    expected = replayed(frames, out_width, passes)
    dut = replay_of(size, planes, in_width, out_width, passes)
    assert dut.kind == kind == operand_kind(size, planes, in_width, out_width, passes)
    assert dut.interval == interval
    assert dut.latency == (0 if kind == "direct" else 2)
    for word, wanted in zip(dut.model(words).tolist(), expected, strict=True):
        assert word == wanted + [0] * (out_width - len(wanted))

    trace = run(dut, pack(words), len(expected))
    assert defined(trace.outputs, expected, out_width) == expected

    taken, given = len(words) // FRAMES, len(expected) // FRAMES
    if kind == "direct":
        assert trace.o_cycles.tolist() == trace.i_cycles.tolist() == list(range(len(words)))
        return
    # The first frame comes back to back, and leaves `latency` cycles after its last word.
    assert trace.i_cycles[:taken].tolist() == list(range(taken))
    first = trace.o_cycles[::given]
    assert first[0] == taken - 1 + dut.latency
    # Each frame leaves without a gap, and so do the frames if the input keeps up.
    assert np.diff(first).tolist() == [interval] * (FRAMES - 1)
    assert (trace.o_cycles.reshape(FRAMES, given) - first[:, None] == np.arange(given)).all()
    if given >= taken:
        assert np.diff(trace.o_cycles).tolist() == [1] * (len(expected) - 1)
    else:
        assert trace.i_cycles.tolist() == list(range(len(words)))


STALLS = {
    "source": Stall(1, i=0.5),
    "sink": Stall(2, o=0.5),
    "both": Stall(3, i=0.4, o=0.4),
    "slow source": Stall(4, i=0.8, o=0.1),
    "slow sink": Stall(5, i=0.1, o=0.8),
}
# One or two of each kind; the wide ones are slow and differ only in width.
STALLED = ["direct, planes", "one bit", "narrower, odd, planes", "wider, odd, planes",
           "input takes longer", "same width, partial word", "memory, two words",
           "memory, one word", "memory, one word for a plane"]


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
@pytest.mark.parametrize("name", STALLED)
def test_stalls(name, stall):
    size, planes, in_width, out_width, passes = SHAPES[name]
    frames, words = frames_of(size, planes, in_width)
    expected = replayed(frames, out_width, passes)
    trace = run(replay_of(*SHAPES[name]), pack(words), len(expected), stall=stall)
    assert defined(trace.outputs, expected, out_width) == expected


@pytest.mark.parametrize("name", ["same width", "narrower, odd", "memory, two words"])
def test_the_next_frame_is_taken_while_one_is_given(name):
    size, planes, in_width, out_width, passes = SHAPES[name]
    _, words = frames_of(size, planes, in_width)
    taken = len(words) // FRAMES
    given = passes * planes * -(-size // out_width)
    # The sink is not ready at first: two frames fit, the third waits for room.
    stall = next(Stall(seed, o=0.8) for seed in range(1000)
                 if not Stall(seed, o=0.8).masks()[1][:2 * taken + 3].any())
    trace = run(replay_of(*SHAPES[name]), pack(words), FRAMES * given, stall=stall)
    assert trace.i_cycles[2 * taken - 1] <= 2 * taken + 1 < trace.o_cycles[0]
    assert trace.i_cycles[2 * taken] >= trace.o_cycles[0]


@pytest.mark.parametrize("arguments, error, message", [
    (dict(size=0), ValueError, r"^Operand buffer size must be at least 1, not 0$"),
    (dict(size="8"), TypeError, r"^Operand buffer size must be an integer, not '8'$"),
    (dict(in_width=0), ValueError, r"^Operand buffer in_width must be at least 1, not 0$"),
    (dict(in_width=2.0), TypeError, r"^Operand buffer in_width must be an integer, not 2\.0$"),
    (dict(out_width=-1), ValueError, r"^Operand buffer out_width must be at least 1, not -1$"),
    (dict(out_width=None), TypeError, r"^Operand buffer out_width must be an integer, not None$"),
    (dict(planes=0), ValueError, r"^Operand buffer planes must be at least 1, not 0$"),
    (dict(planes=True), TypeError, r"^Operand buffer planes must be an integer, not True$"),
    (dict(passes=0), ValueError, r"^Operand buffer passes must be at least 1, not 0$"),
    (dict(passes=[2]), TypeError, r"^Operand buffer passes must be an integer, not \[2\]$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        OperandBuffer(**(dict(size=8, in_width=4, out_width=2) | arguments))
