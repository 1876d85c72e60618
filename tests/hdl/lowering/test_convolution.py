"""Lowering of convolutions: the integer graph has all activations of the program."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.frontend import preprocessing
from xnorloom.graph import Conv, Dense, Window
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden

F = np.float32


def sign(x):
    return np.where(x >= 0, F(1), F(-1))


def heaviside(x):
    return (x >= 0).astype(F)


def scaled(x):
    return F(-0.25) * sign(x)


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], F), shape)


def flatten(array):
    return array.reshape(len(array), -1)


def last(array):
    return array.transpose(0, 2, 3, 1)


def first(array):
    return array.transpose(0, 3, 1, 2)


def norms(rng, size):
    """Make slopes of either sign, some of them 0, and means that cause ties."""
    gamma = rng.normal(size=size) * rng.choice([1, 1, 1, 0], size)
    beta = rng.normal(size=size) * rng.choice([0, 1], size)
    return [np.asarray(a, F) for a in (gamma, beta, rng.integers(-3, 4, size), np.ones(size))]


def check(program, what, frames=30, seed=0):
    """Lower a program, compare both on random pixels, and return the result."""
    lowered = lower(program, what)
    rng = np.random.default_rng(seed)
    shape = lowered.graph.input.shape
    pixels = rng.integers(0, 256, (frames, *shape), dtype=np.uint8)
    pixels[:2] = np.array([0, 255]).reshape(2, *[1] * len(shape))
    result = golden.evaluate(lowered.graph, encode(lowered.graph.input, pixels))
    source = lowered.source_pixels(pixels)
    values = program.run(preprocessing.numbers(what, source, program.dtype))
    names = {step.tensor: value for step, value in zip(program.steps, values)}
    for layer, probe, ours in zip(lowered.graph.layers[:-1], lowered.probes, result.activations,
                                  strict=True):
        shown = names[probe.tensor].reshape(frames, -1)[:, probe.order]
        theirs = probe.middle + probe.half * (2.0 * ours.reshape(frames, -1) - 1)
        np.testing.assert_allclose(shown, theirs, 1e-6, err_msg=layer.name)
    scores = names[lowered.output].reshape(frames, -1)
    np.testing.assert_array_equal(result.classes, scores.argmax(axis=1))
    return lowered


# Padding of the second convolution: the number, and the pad of the graph for the signs ±1.
PADS = {"zero": (0.0, None), "minus one": (-1.0, 0), "plus one": (1.0, 1),
        "by channel": (np.array([1, -1, -1, 1], F), (1, 0, 0, 1)), "no code": (0.5, None)}


@pytest.mark.parametrize(("pad", "code"), PADS.values(), ids=PADS)
def test_padding(new_program, pad, code):
    rng = np.random.default_rng(1)
    net = new_program((6, 7, 2)).conv(signs(rng, 4, 3, 2, 2)).norm(*norms(rng, 4)).map(sign)
    window = Window((3, 3), (2, 1), padding=(1, 2, 1, 0))
    net.conv(signs(rng, 5, 3, 3, 4), window, pad).norm(*norms(rng, 5)).map(sign)
    net.move(flatten).dense(signs(rng, 2 * 6 * 5, 3))
    lowered = check(net.program(), "bipolar")
    layer = lowered.graph.layers[1]
    assert isinstance(layer, Conv) and layer.window.pad == code
    assert layer.thresholds.ndim == (2 if code is None else 1)
    # Nothing is rounded.
    assert [row.uncertain for row in lowered.layers] == [0, 0]


@pytest.mark.parametrize(("what", "pad", "code"), [
    ("u8/255", 0.0, 0), ("u8/128-1", 0.0, 128), ("u8", 255.0, 255), ("u8", 0.5, None),
    ("(u8/255-0.1307)/0.3081", 0.0, None), ("-u8", 0.0, 0)])
def test_padding_of_an_input_of_eight_bits(new_program, what, pad, code):
    rng = np.random.default_rng(2)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    net = new_program((4, 5, 2)).conv(signs(rng, 6, 3, 3, 2), window, pad).norm(*norms(rng, 6))
    net.map(sign).move(flatten).dense(signs(rng, 120, 4))
    lowered = lower(net.program(), what)
    assert lowered.graph.layers[0].window.pad == code
    if not sum(row.uncertain for row in lowered.layers):
        check(net.program(), what)


ORDERS = {"pool, norm, sign": "pns", "norm, pool, sign": "nps", "norm, sign, pool": "nsp"}


@pytest.mark.parametrize("response", [sign, heaviside, scaled])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_pool_before_and_after_norm_and_sign(new_program, order, response):
    rng = np.random.default_rng(3)
    net = new_program((7, 8, 2))
    for inputs, neurons in ((2, 12), (12, 8)):
        window = Window((3, 3), padding=(1, 1, 1, 1))
        net.conv(signs(rng, neurons, 3, 3, inputs), window)
        for letter in order:
            if letter == "p":
                net.pool((2, 3) if inputs == 2 else (3, 1))
            elif letter == "n":
                net.norm(*norms(rng, neurons))
            else:
                net.map(response)
    net.move(flatten).dense(signs(rng, 16, 3))
    lowered = check(net.program(), "bipolar", 60)
    # AND if the values before the pool fall where the activation rises, or the reverse.
    least = order == "pns" or (order == "nps" and response is scaled)
    for layer, report, size in zip(lowered.graph.layers, lowered.layers, ((2, 3), (3, 1))):
        assert isinstance(layer, Conv)
        assert (layer.pool_size, layer.least.any()) == (size, least)
        assert report.inverted > 0


@pytest.mark.parametrize("order", ["shape first", "norm first"])
def test_channels_first(new_program, order):
    """Rows, columns and channels are as many, so that no shape tells an exchange."""
    rng = np.random.default_rng(4)
    norm = [array.reshape(3, 1, 1) for array in norms(rng, 3)]
    net = new_program((3, 3, 3)).move(last).conv(signs(rng, 3, 2, 2, 3),
                                                Window((2, 2), padding=(1, 0, 0, 1)), -1.0)
    if order == "norm first":
        net.move(first).norm(*norm).map(sign).move(flatten)
    else:
        net.move(first).move(flatten).map(sign)
    net.dense(signs(rng, 27, 5))
    lowered = check(net.program(), "bipolar", 100)
    assert lowered.graph.input.shape == (3, 3, 3)
    np.testing.assert_array_equal(
        lowered.source_pixels(np.arange(27).reshape(1, 3, 3, 3)),
        np.arange(27).reshape(1, 3, 3, 3).transpose(0, 3, 1, 2))


def test_one_channel_needs_no_axis(new_program):
    rng = np.random.default_rng(5)
    net = new_program((1, 5, 4)).move(last).conv(signs(rng, 3, 2, 2, 1)).map(lambda x: sign(x + 1))
    net.move(flatten).dense(signs(rng, 36, 2))
    lowered = check(net.program(), "bits")
    assert lowered.graph.input.shape == (5, 4)


@pytest.mark.parametrize("groups", [2, 6])
def test_groups(new_program, groups):
    rng = np.random.default_rng(6)
    net = new_program((4, 4, 6)).conv(signs(rng, 12, 2, 2, 6 // groups), groups=groups,
                                      bias=rng.integers(-2, 3, 12).astype(F))
    net.norm(*norms(rng, 12)).map(sign)
    net.conv(signs(rng, 12, 3, 3, 12 // groups), Window((3, 3), padding=(1,) * 4), groups=groups)
    net.norm(*norms(rng, 12)).map(sign).move(flatten).dense(signs(rng, 108, 3))
    assert check(net.program(), "bipolar").graph.layers[1].groups == groups


def test_shuffled_channels(new_program):
    rng = np.random.default_rng(7)
    order = np.array([2, 0, 3, 1])
    net = new_program((4, 4, 2)).conv(signs(rng, 4, 2, 2, 2)).map(lambda x: sign(x - 1))
    net.move(lambda array: array[..., order])
    pad = np.array([1, -1, 1, 1], F)
    net.conv(signs(rng, 3, 2, 2, 4), Window((2, 2), padding=(1, 0, 0, 0)), pad)
    net.map(lambda x: sign(x - 1)).move(flatten).dense(signs(rng, 18, 2))
    check(net.program(), "bipolar")


@pytest.mark.parametrize("window", [Window((3, 4)), Window((4, 4), padding=(1, 0, 0, 0)),
                                    Window((3, 4), (5, 5))])
def test_kernel_of_the_whole_map_is_dense(new_program, window):
    rng = np.random.default_rng(8)
    net = new_program((3, 4, 2)).conv(signs(rng, 6, *window.kernel, 2), window, 1.0)
    net.norm(*norms(rng, 6)).map(sign)
    net.conv(signs(rng, 5, 1, 1, 6)).norm(*norms(rng, 5)).map(sign)
    net.conv(signs(rng, 3, 1, 1, 5))
    lowered = check(net.program(), "bipolar")
    assert [type(layer) for layer in lowered.graph.layers[:-1]] == [Dense, Dense]


def ones(kernel, channels):
    return np.ones((channels, *kernel, 1), F)


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (2, 3)])
def test_average_pool_before_a_linear_layer(new_program, size):
    rng = np.random.default_rng(9)
    net = new_program((5, 6, 2)).conv(signs(rng, 3, 2, 1, 2)).norm(*norms(rng, 3)).map(sign)
    net.conv(ones(size, 3), Window(size, size), groups=3)
    net.map(lambda x: x / F(size[0] * size[1])).move(first).move(flatten)
    net.dense(signs(rng, 4 // size[0] * (6 // size[1]) * 3, 4))
    lowered = lower(net.program(), "bipolar")
    assert [layer.inputs for layer in lowered.graph.layers] == [4, 72]
    # Sums of numbers n/6 and n/24 are rounded, and those of n/4 are not.
    if size == (2, 2):
        check(net.program(), "bipolar", 100)
    weights = lowered.graph.layers[1].weights.reshape(4, 4, 6, 3)
    assert (weights[:, :size[0], :size[1]] == weights[:, :1, :1]).all()


def test_scores_by_position_and_their_average(new_program):
    """As in Network in Network: 1x1 convolution to the classes, then a global average."""
    rng = np.random.default_rng(10)
    net = new_program((4, 4, 2)).conv(signs(rng, 3, 2, 2, 2), Window((2, 2), padding=(0, 0, 1, 1)))
    net.norm(*norms(rng, 3)).map(sign).conv(signs(rng, 5, 1, 1, 3))
    net.conv(ones((4, 4), 5), groups=5).map(lambda x: x / F(16)).move(flatten)
    lowered = check(net.program(), "bipolar", 100)
    assert [layer.inputs for layer in lowered.graph.layers] == [8, 48]


@pytest.mark.parametrize("channel", ["hidden", "input"])
def test_average_of_one_channel_before_a_linear_layer(new_program, channel):
    """Its convolution has one group, as a fully connected layer has."""
    rng = np.random.default_rng(12)
    net = new_program((4, 4, 1))
    if channel == "hidden":
        net.conv(signs(rng, 1, 2, 2, 1), Window((2, 2), padding=(1, 0, 0, 1)))
        net.norm(*norms(rng, 1)).map(sign)
    net.conv(ones((4, 4), 1)).map(lambda x: x / F(16)).move(flatten).dense(signs(rng, 1, 3))
    lowered = check(net.program(), "bipolar", 60)
    assert [layer.inputs for layer in lowered.graph.layers] == [4, 16][-len(lowered.graph.layers):]


def test_average_pool_before_a_sign(new_program):
    rng = np.random.default_rng(11)
    net = new_program((5, 5, 2)).conv(signs(rng, 4, 2, 2, 2)).norm(*norms(rng, 4)).map(sign)
    net.conv(ones((2, 2), 4), Window((2, 2), (2, 2)), groups=4).map(lambda x: x / F(4))
    net.norm(*norms(rng, 4)).map(sign).move(flatten).dense(signs(rng, 16, 3))
    layer = check(net.program(), "bipolar").graph.layers[1]
    assert isinstance(layer, Conv) and layer.groups == 4


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_chains(new_program, seed):
    rng = np.random.default_rng(seed)
    shape = [*rng.integers(3, 8, 2).tolist(), int(rng.integers(1, 4))]
    net = new_program(tuple(shape))
    for _ in range(rng.integers(1, 4)):
        dilation = rng.integers(1, 3, 2)
        kernel = [int(rng.integers(1, (min(side, 5) - 1) // apart + 2))
                  for side, apart in zip(shape, dilation)]
        extent = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation)]
        # No window lies outside the map.
        padding = tuple(int(rng.integers(0, min(extent[axis % 2], 3))) for axis in range(4))
        window = Window(tuple(kernel), tuple(rng.integers(1, 4, 2).tolist()),
                        tuple(dilation.tolist()), padding)
        groups = int(rng.choice([g for g in range(1, shape[2] + 1) if shape[2] % g == 0]))
        neurons = groups * int(rng.integers(1, 4))
        net.conv(signs(rng, neurons, *kernel, shape[2] // groups), window,
                 float(rng.choice([0, 1, -1, 0.5])), groups)
        shape = [*window.outputs(*shape[:2]), neurons]
        pool = tuple(int(rng.integers(1, side + 1)) for side in shape[:2])
        place, response = rng.integers(0, 4), rng.choice([sign, heaviside, scaled])
        for step in range(3):
            if step == place:
                net.pool(pool)
                shape = [side // size for side, size in zip(shape, pool)] + [neurons]
            if step < 2:
                net = net.norm(*norms(rng, neurons)) if step == 0 else net.map(response)
    net.move(flatten).dense(signs(rng, int(np.prod(shape)), 3))
    check(net.program(), "bipolar")
