# amaranth: UnusedElaboratable=no
"""Code of the operands of a popcount."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware.counting.code import encode, encoded

SIZES = [*range(1, 18), 22, 64, 98]


@pytest.mark.parametrize("size, groups", {
    1: {}, 2: {}, 3: {2: [0, 1, 2]}, 7: {2: [0, 1, 2], 5: [3, 4, 5], 6: range(7)},
}.items())
def test_small(size, groups):
    matrix = np.eye(size, dtype=np.uint8)
    for place, group in groups.items():
        matrix[place] = np.isin(np.arange(size), group)
    # The code of a vector with a single one is a column of the matrix.
    assert np.array_equal(encode(np.eye(size, dtype=np.uint8)).T, matrix)


@pytest.mark.parametrize("every", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_products_of_codes_are_codes_of_products(size, every):
    rng = np.random.default_rng([size, every])
    x, w = rng.integers(0, 2, (2, 50, size), np.uint8)
    agree = (x == w).astype(np.uint8)
    assert np.array_equal(encode(agree, every), encode(x, every) == encode(w, every))


@pytest.mark.parametrize("size", SIZES)
def test_different_vectors_have_different_codes(size):
    # A square matrix of bits whose determinant is odd; no more than one parity per place.
    matrix = encode(np.eye(size, dtype=np.uint8)).astype(float)
    assert round(np.linalg.det(matrix)) % 2 == 1


class Encoder(wiring.Component):
    def __init__(self, size, every):
        self._every = every
        super().__init__({"i": In(size), "o": Out(size)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(encoded(self.i, self._every))
        return m


@pytest.mark.parametrize("size, every", [(1, 0), (3, 0), (8, 1), (22, 2)])
def test_hardware(size, every, drive):
    bits = np.random.default_rng(size).integers(0, 2, (40, size), np.uint8)
    words = [int(sum(int(bit) << place for place, bit in enumerate(row))) for row in bits]
    expected = [int(sum(int(bit) << place for place, bit in enumerate(row)))
                for row in encode(bits, every)]
    assert drive(Encoder(size, every), i=words) == expected
