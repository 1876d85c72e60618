"""Rounding of a source's sums: exact as long as they fit the mantissa, else with some slack."""

import numpy as np
import pytest

from xnorloom.frontend.program import INPUT, Dense
from xnorloom.lowering.input_levels import InputLevels
from xnorloom.lowering.preactivation import preactivation_of

# Four inputs, each of which reaches `reach` at most, in steps of `step`.
INPUTS = {
    "bits": (1, 0.0, 1.0, 1), "bipolar": (1, -1.0, 2.0, 1), "halves": (1, 0.0, 0.5, 0.5),
    "bytes": (8, 0.0, 1.0, 255), "eighths of bytes": (8, 0.0, 0.125, 255 / 8),
    "from three": (2, 3.0, 1.0, 6), "from minus six": (2, -6.0, 2.0, 6),
}


def layer(name, bias, weights, dtype):
    planes, least, step, reach = INPUTS[name]
    top = 2**planes - 1
    half, middle = step / 2, least + step * top / 2
    inputs = InputLevels(planes, half, np.full(4, middle), np.ones(4, np.int8), np.zeros(4, int),
                         np.full(4, top), 0.0, np.dtype(dtype))
    assert max(abs(least), abs(least + step * top)) == reach
    dense = Dense("d", "d:0", INPUT, np.array(weights, dtype)[:, None], np.array([bias], dtype))
    return preactivation_of(dense, np.arange(4), inputs)


@pytest.mark.parametrize("dtype, mantissa", [(np.float16, 11), (np.float32, 24)])
@pytest.mark.parametrize("name, unit", [
    ("bits", 1), ("bipolar", 1), ("halves", 0.5), ("bytes", 1), ("eighths of bytes", 0.125),
    ("from three", 1), ("from minus six", 2)])
def test_sums_that_fill_the_mantissa(name, unit, dtype, mantissa):
    """Multiples of a unit are exact up to 2**mantissa units, and not one unit more."""
    most = unit * 2**mantissa
    weights = [1, -1, -1, 1]
    room = most - 4 * INPUTS[name][3]
    for bias in (room, -room):
        assert dtype(bias) == bias
        assert layer(name, bias, weights, dtype).slack == [0]
    more = room + unit
    assert dtype(more) == more
    assert layer(name, more, weights, dtype).slack > 0
    assert layer(name, -more, weights, dtype).slack > 0


@pytest.mark.parametrize("weight", [1.0, 0.25, 8.0])
def test_unit_of_the_weights(weight):
    found = layer("bits", weight * (2**24 - 4), [weight] * 4, np.float32)
    assert (found.slack, found.unit) == ([0], [weight / 2])
    assert layer("bits", weight * (2**24 - 3), [weight] * 4, np.float32).slack > 0
    # A bias in a finer unit than the products.
    assert layer("bits", weight * (2**23 - 4), [weight] * 4, np.float32).slack == [0]
    assert layer("bits", weight * (2**23 - 3.5), [weight] * 4, np.float32).slack > 0


def test_slack_is_a_random_walk():
    # Three mantissas of the total, with one rounding for each input.
    found = layer("bits", 1 / 3, [1, 1, 1, 1], np.float32)
    assert found.slack == pytest.approx([np.sqrt(4) * 2.0**-24 * (4 + 1 / 3)])
