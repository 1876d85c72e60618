# amaranth: UnusedElaboratable=no
"""Threshold: fires where the ±1 dot product reaches it."""

import numpy as np
import pytest

from xnorloom.gateware.threshold import Threshold, complement


def fires(p, t, count_max):
    """From the definition: of ``count_max`` products of ±1, ``p`` are +1 and the rest -1."""
    return int(p * 1 + (count_max - p) * -1 >= 2 * t - count_max)


def stored(t, count_max):
    """A threshold at the port: subtracted from the first power of two above all counts."""
    power = 1
    while power <= count_max:
        power *= 2
    return power - t


@pytest.mark.parametrize("count_max", [*range(1, 10), 15, 16, 17])
def test_input(count_max, drive):
    pairs = [(p, t) for p in range(count_max + 1) for t in range(count_max + 2)]
    p, t = zip(*pairs)
    expected = [fires(*pair, count_max) for pair in pairs]
    dut = Threshold(count_max)
    assert drive(dut, p=p, t=[stored(value, count_max) for value in t]) == expected
    assert dut.model(np.array(p), np.array(t)).tolist() == expected


@pytest.mark.parametrize("count_max", [*range(1, 10), 15, 16, 17])
def test_constant(count_max, drive):
    for constant in range(count_max + 2):
        expected = [fires(p, constant, count_max) for p in range(count_max + 1)]
        dut = Threshold(count_max, constant=constant)
        assert drive(dut, p=range(count_max + 1)) == expected
        assert dut.model(np.arange(count_max + 1)).tolist() == expected


# All pairs would take minutes: every count at the thresholds where the constant chain differs
# most (the ends, powers of two and their neighbours), and at three random ones.
@pytest.mark.parametrize("count_max", [64, 784, 784 * 255])
def test_large(count_max, drive):
    rng = np.random.default_rng(count_max)
    special = {0, 1, 127, 128, 129, count_max, count_max + 1}
    special |= set(rng.integers(0, count_max, 3).tolist())
    for constant in sorted(t for t in special if t <= count_max + 1):
        near = np.arange(constant - 5, constant + 6)
        p = np.concatenate([near, rng.integers(0, count_max + 1, 20), [0, count_max]])
        p = p.clip(0, count_max)
        expected = [fires(value, constant, count_max) for value in p]
        assert drive(Threshold(count_max, constant=constant), p=p) == expected
        t = stored(constant, count_max)
        assert drive(Threshold(count_max), p=p, t=[t] * len(p)) == expected
        assert complement(np.array([constant]), count_max).tolist() == [t]


def test_properties():
    dut = Threshold(8, constant=3)
    assert (dut.latency, dut.interval, dut.count_max, dut.constant) == (0, 1, 8, 3)
    assert "t" not in dut.signature.members
    assert Threshold(8).constant is None


@pytest.mark.parametrize("arguments, error, message", [
    (dict(count_max=0), ValueError, r"^Threshold count_max must be at least 1, not 0$"),
    (dict(count_max="4"), TypeError, r"^Threshold count_max must be an integer, not '4'$"),
    (dict(count_max=False), TypeError, r"^Threshold count_max must be an integer, not False$"),
    (dict(count_max=4, constant=6), ValueError, r"^Threshold constant must be in 0 to 5, not 6$"),
    (dict(count_max=4, constant=-1), ValueError, r"^Threshold constant must be in 0 to 5, not -1$"),
    (dict(count_max=4, constant=2.5), TypeError,
     r"^Threshold constant must be an integer, not 2\.5$"),
    (dict(count_max=4, constant=True), TypeError,
     r"^Threshold constant must be an integer, not True$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        Threshold(**arguments)
