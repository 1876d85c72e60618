"""Convolution and pooling steps of programs, against sums over taps."""

import numpy as np
import pytest

from xnorloom.frontend.program import INPUT, Conv, MaxPool, Program, Value
from xnorloom.graph import Window

CASES = {
    "plain": (Window((3, 2)), 1, 0.0),
    "stride, dilation and sides": (Window((2, 3), (2, 1), (2, 1), (1, 2, 0, 1)), 1, 0.0),
    "padded with -1": (Window((3, 3), padding=(1, 1, 1, 1)), 1, -1.0),
    "padded by channel": (Window((3, 3), (2, 2), padding=(0, 0, 1, 1)), 1,
                          np.array([1, -1, 2, 0], np.float32)),
    "groups": (Window((3, 3), padding=(1, 0, 1, 0)), 2, 0.0),
    "depthwise": (Window((1, 3), (1, 2)), 4, 0.0)}


@pytest.mark.parametrize(("window", "groups", "pad"), CASES.values(), ids=CASES)
def test_conv_step(window, groups, pad):
    rng = np.random.default_rng(1)
    frames = rng.integers(-3, 4, (2, 7, 6, 4)).astype(np.float32)
    weights = rng.choice([-1, 1], (4, *window.kernel, 4 // groups)).astype(np.float32)
    bias = rng.integers(-2, 3, 4).astype(np.float32)
    step = Conv("conv", "conv", INPUT, weights, window, pad, groups, bias)
    [found] = Program("net", (7, 6, 4), np.dtype(np.float32), (step,), Value(0)).run(frames)
    assert found.dtype == np.float32
    top, left, *_ = window.padding
    wanted = np.zeros_like(found) + bias
    for (_, y, x, neuron), _total in np.ndenumerate(found[:1]):
        first = neuron // (4 // groups) * (4 // groups)
        for (row, column, channel), weight in np.ndenumerate(weights[neuron]):
            place = (y * window.stride[0] - top + row * window.dilation[0],
                     x * window.stride[1] - left + column * window.dilation[1])
            inside = 0 <= place[0] < 7 and 0 <= place[1] < 6
            outside = np.broadcast_to(pad, 4)[first + channel]
            for frame in range(2):
                wanted[frame, y, x, neuron] += weight * (
                    frames[frame, *place, first + channel] if inside else outside)
    assert np.array_equal(found, wanted)


def test_max_pool_step_drops_incomplete_areas():
    frames = np.random.default_rng(2).normal(size=(3, 5, 7, 2)).astype(np.float32)
    step = MaxPool("pool", "pool", INPUT, (2, 3))
    [found] = Program("net", (5, 7, 2), np.dtype(np.float32), (step,), Value(0)).run(frames)
    assert found.shape == (3, 2, 2, 2)
    for (frame, y, x, channel), value in np.ndenumerate(found):
        assert value == frames[frame, 2 * y:2 * y + 2, 3 * x:3 * x + 3, channel].max()
