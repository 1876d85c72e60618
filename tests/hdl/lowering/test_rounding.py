"""Rounding of a source's sums: exact as long as they fit the mantissa, else with some slack."""

import numpy as np
import pytest

from xnorloom.frontend.program import INPUT, Dense, Elementwise
from xnorloom.lowering.input_levels import InputLevels
from xnorloom.lowering.lower import lower
from xnorloom.lowering.preactivation import preactivation_of
from xnorloom.lowering.probe_sums import probe_sums

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


def test_unit_of_levels_that_are_not_symmetric(new_program):
    """The smaller level has a bit that the larger one has no place for: sums of it are rounded."""
    low = 0.5 - 2.0**-53
    net = new_program((4,), np.float64).map(lambda x: np.where(x < 0, low, 1.5))
    [[linear, _]] = lower(net.dense([[1, -1]] * 4).program(), "bipolar").linears
    assert (linear.slack > 0).all()


def test_slack_is_a_random_walk():
    # Three mantissas of the total, with one rounding for each input.
    found = layer("bits", 1 / 3, [1, 1, 1, 1], np.float32)
    assert found.slack == pytest.approx([np.sqrt(4) * 2.0**-24 * (4 + 1 / 3)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shifted_sums(dtype):
    found = layer("bits", 1 / 3, [2, 2, 2, 2], dtype)
    counts = np.array([[0], [1], [4]])
    exact = (2.0 * counts - 4) * found.unit + found.constant
    assert found.sums(counts).tolist() == exact.astype(dtype).tolist()
    # A hundred-thousandth of a synapse, half the distance of its two products.
    for shift, amount in (("near", 1e-5), ("slack", found.slack[0])):
        for sign, factor in (("+", 1), ("-", -1)):
            wanted = (exact + factor * amount).astype(dtype)
            assert found.sums(counts, sign + shift).tolist() == wanted.tolist()
    # At least the next number.
    large = layer("bits", 2.0**30, [2, 2, 2, 2], np.float32)
    assert np.diff([large.sums(counts, shift)[0, 0]
                    for shift in ("-near", "", "+near")]).tolist() == [2.0**7] * 2


def soft(net, function, error):
    """Add a step that libraries compute with a deviation, of each element its own."""
    error = np.asarray(error, np.float64)
    return net.add(Elementwise("soft", "soft:0", (net.value,), function,
                               lambda x: np.broadcast_to(error, x.shape)))


def sign(x):
    return np.where(x >= 0, np.float64(1), np.float64(-1))


def test_deviations_of_inputs_reach_the_sums(new_program):
    """By the deviation of the worst element, once for each weight, on top of the rounding."""
    net = soft(new_program((4,), np.float64), lambda x: x, [0, 1e-6, 3e-6, 2e-6])
    net.dense([[3, 1]] * 4).map(lambda x: x + 0.5).map(sign).dense(np.ones((2, 2)))
    lowered = lower(net.program(), "bipolar")
    assert lowered.linears[0][0].slack == pytest.approx([4 * 3 * 3e-6, 4 * 1 * 3e-6])
    assert lowered.linears[1][0].slack.tolist() == [0, 0]


def test_deviations_of_activations_reach_the_next_sums(new_program):
    """Those of certain neurons do; uncertain ones, beyond a thousandth, are reported."""
    def build(error):
        net = new_program((4,), np.float64).dense(np.ones((4, 3))).map(lambda x: x + 0.5)
        soft(net, sign, error)
        return lower(net.dense([[2, 5]] * 3).program(), "bipolar")

    lowered = build([1e-4, 3e-4, 0])
    assert lowered.layers[0].uncertain == 0
    assert lowered.linears[1][0].slack == pytest.approx([3 * 2 * 3e-4, 3 * 5 * 3e-4])
    lowered = build([1e-4, 1e-1, 0])
    assert lowered.layers[0].uncertain == 1
    assert lowered.linears[1][0].slack == pytest.approx([3 * 2 * 1e-4, 3 * 5 * 1e-4])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probe_sums(dtype):
    """Even steps through four times the range of the layer, 0 among them, and as many beyond."""
    [sums] = probe_sums(layer("bipolar", 2.0, [1, 1, 1, 1], dtype)).T
    assert sums.dtype == dtype
    assert (np.diff(sums) > 0).all() and (sums == -sums[::-1]).all()
    near = sums[np.abs(sums) <= 4 * 6]
    assert 0 in near and len(near) == 129 and np.ptp(np.diff(near)) < 0.05
    assert len(sums) - len(near) == 128
    assert sums[-1] == pytest.approx(np.sqrt(np.finfo(dtype).max), rel=1e-2)
