# amaranth: UnusedElaboratable=no
"""A threshold inside the adder tree fires where counting and comparing does."""

import numpy as np
import pytest

from xnorloom.gateware.threshold_tree import ThresholdTree


@pytest.mark.parametrize("size", range(1, 7))
def test_every_vector_at_every_threshold(size, drive):
    vectors = range(1 << size)
    for threshold in range(size + 2):
        expected = [int(vector.bit_count() >= threshold) for vector in vectors]
        dut = ThresholdTree(size, threshold)
        assert dut.latency == 0
        assert drive(dut, i=vectors) == expected
        bits = np.array(vectors)[:, None] >> np.arange(size) & 1
        assert dut.model(bits).tolist() == expected


@pytest.mark.parametrize("size, threshold", [(64, 32), (64, 65), (100, 1), (255, 121)])
def test_large(size, threshold, drive):
    rng = np.random.default_rng(size)
    near = [sum(1 << int(i) for i in rng.permutation(size)[:count])
            for count in (threshold - 1, threshold, 0, size, *rng.integers(0, size, 6))]
    assert drive(ThresholdTree(size, threshold), i=near) == [
        int(vector.bit_count() >= threshold) for vector in near]


def test_latency_has_a_level_for_the_threshold():
    # 64 > 32 > 16 > 8 > 4 > 2 makes six levels; 63 > 31 > 15 > 7 > 3 and the threshold as well.
    assert ThresholdTree(64, 32, register_every=1).latency == 6
    assert ThresholdTree(64, 32, register_every=2).latency == 3


@pytest.mark.parametrize("arguments, error, message", [
    ((0, 0), ValueError, "^Threshold tree size must be at least 1, not 0$"),
    (("4", 0), TypeError, "^Threshold tree size must be an integer, not '4'$"),
    ((4, 6), ValueError, "^Threshold must be in 0 to 5, not 6$"),
    ((4, -1), ValueError, "^Threshold must be in 0 to 5, not -1$"),
    ((4, 1.0), TypeError, "^Threshold must be an integer, not 1.0$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        ThresholdTree(*arguments)
