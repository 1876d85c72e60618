# amaranth: UnusedElaboratable=no
"""XNOR array: multiplication of ±1."""

import numpy as np
import pytest

from xnorloom.gateware.xnor import XnorArray


def ints(bits):
    """Rows of bits, the first in bit 0, as integers of any size."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def products(x, w):
    """From the definition: bit 1 stands for +1, bit 0 for -1."""
    return ((2 * x.astype(int) - 1) * (2 * w.astype(int) - 1) + 1) // 2


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_exhaustive(size, drive):
    pairs = np.arange(1 << 2 * size)[:, None] >> np.arange(2 * size) & 1
    x, w = pairs[:, :size], pairs[:, size:]
    dut = XnorArray(size)
    assert drive(dut, x=ints(x), w=ints(w)) == ints(products(x, w))
    assert np.array_equal(dut.model(x, w), products(x, w))


@pytest.mark.parametrize("size", [5, 7, 8, 64, 65, 784])
def test_wide(size, drive):
    x, w = np.random.default_rng(size).integers(0, 2, (2, 40, size), np.uint8)
    dut = XnorArray(size)
    assert drive(dut, x=ints(x), w=ints(w)) == ints(products(x, w))
    assert np.array_equal(dut.model(x, w), products(x, w))


def test_properties():
    dut = XnorArray(7)
    assert (dut.size, dut.latency, dut.interval) == (7, 0, 1)


@pytest.mark.parametrize("size, error, message", [
    (0, ValueError, r"^XNOR array size must be at least 1, not 0$"),
    (-3, ValueError, r"^XNOR array size must be at least 1, not -3$"),
    ("8", TypeError, r"^XNOR array size must be an integer, not '8'$"),
    (2.0, TypeError, r"^XNOR array size must be an integer, not 2\.0$"),
    (True, TypeError, r"^XNOR array size must be an integer, not True$"),
    (None, TypeError, r"^XNOR array size must be an integer, not None$"),
])
def test_wrong(size, error, message):
    with pytest.raises(error, match=message):
        XnorArray(size)
