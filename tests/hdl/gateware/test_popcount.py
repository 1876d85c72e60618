# amaranth: UnusedElaboratable=no
"""Popcount: counts and latency."""

import numpy as np
import pytest

from xnorloom.gateware.counting.code import encode
from xnorloom.gateware.popcount import Popcount, levels

SIZES = [1, 2, 3, 4, 5, 7, 8, 64, 65]


def ints(bits):
    """Rows of bits, the first in bit 0, as integers of any size."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def vectors(size, count, rng):
    """All vectors if there are few, else all zeros, all ones and random densities."""
    if size <= 5:
        return np.arange(1 << size)[:, None] >> np.arange(size) & 1
    bits = rng.random((count, size)) < rng.random((count, 1))
    bits[0], bits[1] = 0, 1
    return bits.astype(np.uint8)


def ones_of(bits):
    """Ones of each vector, one by one."""
    return [sum(1 for bit in row if bit) for row in bits.tolist()]


def check(drive, size, every, *, count=24, enabled=1.0, coded=False):
    rng = np.random.default_rng([size, every, 0, int(8 * enabled)])
    dut = Popcount(size, register_every=every, coded=coded)
    bits = vectors(size, count, rng)
    expected = ones_of(bits)
    assert dut.model(bits).tolist() == expected
    # Each vector stays until an enabled cycle; some more enabled cycles get the last ones out.
    source, en = [], []
    for word in [*ints(encode(bits, every) if coded else bits), *[0] * dut.latency]:
        waits = int(rng.geometric(enabled)) - 1
        source += [word] * (waits + 1)
        en += [0] * waits + [1]
    outputs = drive(dut, i=source, en=en)
    moving = [value for value, enable in zip(outputs, en) if enable]
    assert moving[dut.latency:] == expected
    if dut.latency:
        # Registers keep their values while `en` is low.
        for cycle in range(1, len(en)):
            if not en[cycle - 1]:
                assert outputs[cycle] == outputs[cycle - 1]


@pytest.mark.parametrize("every", [0, 1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_counts(size, every, drive):
    check(drive, size, every)


@pytest.mark.parametrize("every", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [*range(1, 12), 15, 16, 22, 64, 65])
def test_counts_of_codes(size, every, drive):
    check(drive, size, every, coded=True)


# One tree of this size takes as long as all the others: one case for each of `every`.
@pytest.mark.parametrize("every", [0, 1, 2, 3])
def test_counts_784(every, drive):
    check(drive, 784, every, count=6)
    check(drive, 784, every, count=6, coded=True)


@pytest.mark.parametrize("size, every", [(1, 1), (4, 1), (7, 2), (8, 1), (8, 3), (65, 2)])
def test_stalls(size, every, drive):
    check(drive, size, every, enabled=0.5)
    check(drive, size, every, enabled=0.5, coded=True)


@pytest.mark.parametrize("size", range(1, 17))
def test_every_size_exhaustive_or_random(size, drive):
    # Sizes between those above: each of them splits in another way.
    check(drive, size, 2, count=64)


# Levels: floor(log2(size)), and at least 1.
LEVELS = {
    1: 1, 3: 1, 4: 2, 7: 2, 8: 3, 15: 3, 16: 4, 31: 4, 32: 5, 63: 5, 64: 6, 127: 6, 128: 7,
    784: 9,
}
LATENCIES = {  # size, register_every: cycles
    "combinational": (784, 0, 0),
    "one bit": (1, 1, 1),
    "one bit, too shallow": (1, 2, 0),
    "leaf": (3, 1, 1),
    "seven": (7, 1, 2),
    "eight": (8, 1, 3),
    "eight, every 2": (8, 2, 1),
    "64, every 2": (64, 2, 3),
    "784, every 2": (784, 2, 4),
    "784, every 3": (784, 3, 3),
}


@pytest.mark.parametrize("size, count", LEVELS.items())
def test_levels(size, count):
    assert levels(size) == count


@pytest.mark.parametrize("size, every, cycles", LATENCIES.values(), ids=LATENCIES)
def test_latency(size, every, cycles):
    dut = Popcount(size, register_every=every)
    assert dut.latency == cycles
    assert (dut.size, dut.interval) == (size, 1)


@pytest.mark.parametrize("size, width", [(1, 1), (3, 2), (4, 3), (784, 10)])
def test_output_shape(size, width):
    shape = Popcount(size).o.shape()
    assert (shape.width, shape.signed) == (width, False)


@pytest.mark.parametrize("arguments, error, message", [
    (dict(size=0), ValueError, r"^Popcount size must be at least 1, not 0$"),
    (dict(size=8.0), TypeError, r"^Popcount size must be an integer, not 8\.0$"),
    (dict(size=True), TypeError, r"^Popcount size must be an integer, not True$"),
    (dict(size=8, register_every=-1), ValueError,
     r"^Popcount register_every must be at least 0, not -1$"),
    (dict(size=8, register_every=None), TypeError,
     r"^Popcount register_every must be an integer, not None$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        Popcount(**arguments)
