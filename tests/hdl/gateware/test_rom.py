# amaranth: UnusedElaboratable=no
"""Weight tables: combinational, or one enabled cycle late in block RAM."""

import numpy as np
import pytest

from xnorloom.gateware.rom import Rom

CASES = {  # style, words, width
    "wired": ("wired", 1, 7),
    "wired bit": ("wired", 1, 1),
    "lut one word": ("lut", 1, 5),
    "lut two words": ("lut", 2, 1),
    "lut odd depth": ("lut", 5, 9),
    "lut full": ("lut", 8, 3),
    "lut deep": ("lut", 37, 4),
    "lut wide": ("lut", 3, 65),
    "block one word": ("block", 1, 5),
    "block two words": ("block", 2, 8),
    "block odd depth": ("block", 13, 3),
    "block wide": ("block", 6, 61),
}


def contents(count, width, seed=1):
    rng = np.random.default_rng([seed, count, width])
    return [int.from_bytes(rng.bytes(9), "little") % (1 << width) for _ in range(count)]


@pytest.mark.parametrize("style, count, width", CASES.values(), ids=CASES)
def test_words(style, count, width, drive):
    words = contents(count, width)
    # Not the value that registers start with.
    words[0] |= 1
    dut = Rom(words, width, style)
    # Each word twice, in an order that also stays, wraps and jumps.
    order = [*range(count), *range(count)[::-1]]
    expected = [words[address] for address in order]
    if count == 1 and style == "block":
        # One word needs no RAM; it is there in every cycle.
        assert drive(dut, address=[0, 0]) == expected
        return
    late = dut.latency
    outputs = drive(dut, address=order + [0] * late)
    assert outputs[late:] == expected
    assert [dut.model(address) for address in order] == expected


@pytest.mark.parametrize("width", [3, 8])
def test_block_holds_while_not_enabled(width, drive):
    words = contents(11, width)
    rng = np.random.default_rng(width)
    address, en = rng.integers(0, 11, 200), rng.integers(0, 2, 200)
    expected, held = [], None
    for place, enabled in zip(address, en):
        expected.append(held)
        if enabled:
            held = words[place]
    outputs = drive(Rom(words, width, "block"), address=address, en=en)
    first = int(np.flatnonzero(en)[0]) + 1
    assert outputs[first:] == expected[first:]


@pytest.mark.parametrize("style, cycles", {"wired": 0, "lut": 0, "block": 1}.items())
def test_latency(style, cycles):
    dut = Rom([3], 2, style)
    assert dut.latency == cycles
    assert (dut.interval, dut.depth) == (1, 1)


@pytest.mark.parametrize("words, width, style, error, message", [
    ([1], 1, "flash", ValueError, r"^Rom style must be one of wired, lut, block, not 'flash'$"),
    ([1], 1, None, ValueError, r"^Rom style must be one of wired, lut, block, not None$"),
    ([], 1, "lut", ValueError, r"^Rom must have at least one word$"),
    ([0, 1], 1, "wired", ValueError, r"^Rom of style wired must have one word, not 2$"),
    ([0, 4], 2, "lut", ValueError, r"^Rom word must have at most 2 bits, not 4$"),
    ([-1], 2, "lut", ValueError, r"^Rom word must have at most 2 bits, not -1$"),
    ([0.5], 2, "lut", TypeError, r"^Each table word must be an integer, not 0\.5$"),
    ([True], 2, "lut", TypeError, r"^Each table word must be an integer, not True$"),
    ([0], "2", "lut", TypeError, r"^Rom width must be an integer, not '2'$"),
    ([0], -1, "lut", ValueError, r"^Rom width must be at least 0, not -1$"),
])
def test_wrong(words, width, style, error, message):
    with pytest.raises(error, match=message):
        Rom(words, width, style)
