# amaranth: UnusedElaboratable=no
"""The popcount counts, and each of its outputs comes when ``latency`` says."""

import numpy as np
import pytest

from xnorloom.gateware.popcount import Popcount, levels

SIZES = [1, 2, 3, 4, 5, 7, 8, 64, 65]
BIASES = {"none": 0, "positive": 9, "negative": -5}


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


def check(drive, size, every, bias, *, count=24, enabled=1.0):
    rng = np.random.default_rng([size, every, bias & 63, int(8 * enabled)])
    dut = Popcount(size, register_every=every, bias=bias)
    bits = vectors(size, count, rng)
    expected = [ones + bias for ones in ones_of(bits)]
    assert dut.model(bits).tolist() == expected
    # Each vector stays until an enabled cycle; some more enabled cycles get the last ones out.
    source, en = [], []
    for word in [*ints(bits), *[0] * dut.latency]:
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


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
@pytest.mark.parametrize("every", [0, 1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_counts(size, every, bias, drive):
    check(drive, size, every, bias)


# One tree of this size takes as long as all the others: one case for each of `every`.
@pytest.mark.parametrize("every, bias", [(0, -392), (1, 0), (2, 392), (3, -1)])
def test_counts_784(every, bias, drive):
    check(drive, 784, every, bias, count=6)


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
@pytest.mark.parametrize("size, every", [(1, 1), (4, 1), (7, 2), (8, 1), (8, 3), (65, 2)])
def test_stalls(size, every, bias, drive):
    check(drive, size, every, bias, enabled=0.5)


@pytest.mark.parametrize("size", range(1, 17))
def test_every_size_exhaustive_or_random(size, drive):
    # Sizes between those above: each of them splits into other halves.
    check(drive, size, 2, 0, count=64)


# Levels: leaves of 3 bits, then m bits make a level more up to 2m + 1.
LEVELS = {
    1: 1, 3: 1, 4: 2, 7: 2, 8: 3, 15: 3, 16: 4, 31: 4, 32: 5, 63: 5, 64: 6, 127: 6, 128: 7,
    784: 9,
}
LATENCIES = {  # size, register_every, bias: cycles
    "combinational": (784, 0, 0, 0),
    "combinational with bias": (64, 0, 3, 0),
    "one bit": (1, 1, 0, 1),
    "one bit, too shallow": (1, 2, 0, 0),
    "one bit and bias": (1, 2, 1, 1),
    "leaf": (3, 1, 0, 1),
    "leaf and bias": (4, 1, 1, 2),
    "leaf and bias, every 2": (4, 2, 1, 1),
    "seven": (7, 1, 0, 2),
    "eight": (8, 1, 0, 3),
    "eight, every 2": (8, 2, 0, 1),
    "64, every 2": (64, 2, 0, 3),
    "65 and bias, every 3": (65, 3, -7, 2),
    "784, every 2": (784, 2, 0, 4),
    "784, every 3": (784, 3, 0, 3),
    "784 and bias, every 2": (784, 2, -392, 5),
}


@pytest.mark.parametrize("size, count", LEVELS.items())
def test_levels(size, count):
    assert levels(size) == count
    assert levels(size + 1, 1) == levels(size + 1, -9) == count + 1


@pytest.mark.parametrize("size, every, bias, cycles", LATENCIES.values(), ids=LATENCIES)
def test_latency(size, every, bias, cycles):
    dut = Popcount(size, register_every=every, bias=bias)
    assert dut.latency == cycles
    assert (dut.size, dut.bias, dut.interval) == (size, bias, 1)


@pytest.mark.parametrize("size, bias, width, signed", [
    (1, 0, 1, False), (3, 0, 2, False), (4, 0, 3, False), (784, 0, 10, False),
    (7, 9, 5, False), (7, -1, 4, True), (7, -9, 5, True), (4, -4, 3, True),
])
def test_output_shape(size, bias, width, signed):
    shape = Popcount(size, bias=bias).o.shape()
    assert (shape.width, shape.signed) == (width, signed)


@pytest.mark.parametrize("arguments, error, message", [
    (dict(size=0), ValueError, r"^Popcount size must be at least 1, not 0$"),
    (dict(size=8.0), TypeError, r"^Popcount size must be an integer, not 8\.0$"),
    (dict(size=True), TypeError, r"^Popcount size must be an integer, not True$"),
    (dict(size=8, register_every=-1), ValueError,
     r"^Popcount register_every must be at least 0, not -1$"),
    (dict(size=8, register_every=None), TypeError,
     r"^Popcount register_every must be an integer, not None$"),
    (dict(size=8, bias="1"), TypeError, r"^Popcount bias must be an integer, not '1'$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        Popcount(**arguments)
