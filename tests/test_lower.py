"""Lowering: the integer graph names the class and all activations that the program computes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom import meaning
from xnorloom.encoding import encode
from xnorloom.errors import SourceError
from xnorloom.frontend.program import INPUT, Dense, Elementwise, Move, Program, Value
from xnorloom.lower import lower
from xnorloom_sim import golden

F = np.float32


def where_sign(x):
    return np.where(x >= 0, F(1), F(-1))


def detached_sign(x):
    """What ``x + (sign(x) - x).detach()`` computes, for an x that is not 0."""
    return x + (np.sign(x) - x)


SIGNS = {
    "where": where_sign,
    "greater": lambda x: F(2) * (x > 0).astype(F) - F(1),
    "add": lambda x: np.sign(np.sign(x) + F(0.1)),
    "heaviside": lambda x: (x >= 0).astype(F),
    "scaled": lambda x: F(0.37) * where_sign(x),
    "negated": lambda x: -where_sign(x),
}


class Network:
    """Builds a program step by step, as a frontend does."""

    def __init__(self, shape, dtype=np.float32):
        self.shape, self.dtype, self.steps, self.value = shape, np.dtype(dtype), [], INPUT

    def add(self, step):
        self.steps.append(step)
        self.value = Value(len(self.steps) - 1)
        return self

    def map(self, function, *constants, name=None):
        name = name or f"map{len(self.steps)}"
        return self.add(Elementwise(name, f"{name}:0", (self.value, *constants), function))

    def move(self, function):
        name = f"move{len(self.steps)}"
        return self.add(Move(name, f"{name}:0", self.value, function))

    def dense(self, weights, name=None):
        name = name or f"dense{len(self.steps)}"
        return self.add(Dense(name, f"{name}:0", self.value, np.asarray(weights, F)))

    def norm(self, gamma, beta, mean, variance):
        with np.errstate(all="ignore"):
            scale = gamma * (F(1) / np.sqrt(variance + F(1e-5)))
            return self.map(lambda x, s, o: x * s + o, scale, beta - mean * scale)

    def program(self):
        return Program("net", self.shape, self.dtype, tuple(self.steps), self.value)


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], F), shape)


def every_frame(shape, levels):
    frames = itertools.product(levels, repeat=int(np.prod(shape)))
    return np.array(list(frames)).reshape(-1, *shape)


def check(program, what, pixels, **options):
    """The graph of a program, after comparing both on ``pixels``."""
    lowered = lower(program, what, **options)
    result = golden.evaluate(lowered.graph, encode(lowered.graph.input, pixels))
    values = program.run(meaning.numbers(what, pixels, program.dtype))
    names = {step.tensor: value for step, value in zip(program.steps, values)}
    for tap, activations in zip(lowered.taps, result.activations, strict=True):
        shown = names[tap.tensor].reshape(len(pixels), -1)[:, tap.order] >= tap.middle
        np.testing.assert_array_equal(activations, shown)
    scores = names[lowered.output].reshape(len(pixels), -1)
    np.testing.assert_array_equal(result.classes, scores.argmax(axis=1))
    return lowered


def nasty(rng, size):
    """Batch norms with slopes of every kind, and means that make ties."""
    gamma = rng.normal(size=size) * rng.choice([1, 1, 1, 0, 1e-9, 1e-30], size)
    beta = rng.normal(size=size) * rng.choice([0, 0, 1, 1, 50], size)
    variance = rng.choice([1, 30, 1e-7, 0], size)
    return [np.asarray(a, F) for a in (gamma, beta, rng.integers(-3, 4, size), variance)]


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
@pytest.mark.parametrize("what", ["bipolar", "bits", "u8/255", "u8", "1-u8/255"])
def test_every_input_of_small_networks(sign, what):
    rng = np.random.default_rng(3)
    pixels = every_frame((2, 4), [0, 255]).astype(np.uint8)
    for _ in range(10):
        net = Network((2, 4)).move(lambda a: a.reshape(len(a), 8))
        if what.endswith(("u8/255", "u8")):
            net.map(lambda x, half: where_sign(x - half), F(127.5) if what == "u8" else F(0.5))
        net.dense(signs(rng, 8, 7)).norm(*nasty(rng, 7)).map(sign)
        net.dense(signs(rng, 7, 6)).norm(*nasty(rng, 6)).map(sign)
        net.dense(signs(rng, 6, 3)).norm(*nasty(rng, 3)[:1], *(np.ones(3, F),) * 3)
        check(net.program(), what, pixels)


@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, rng.integers(2, 5))
    net = Network((int(sizes[0]),))
    names = [name for name in SIGNS if name != "scaled"]
    for size, after in itertools.pairwise(sizes):
        net.dense(signs(rng, size, after) * F(2.0 ** rng.integers(-2, 3)))
        net.norm(*nasty(rng, after)).map(SIGNS[names[rng.integers(len(names))]])
    net.dense(signs(rng, sizes[-1], 4) * np.asarray([1, 2, 0.5, 1], F))
    check(net.program(), "bits", every_frame((sizes[0],), [0, 255]).astype(np.uint8))


def test_pixels_of_eight_bits_on_the_first_layer():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (3000, 9), dtype=np.uint8)
    net = Network((9,)).dense(signs(rng, 9, 12)).norm(*nasty(rng, 12)).map(where_sign)
    net.dense(signs(rng, 12, 3))
    lowered = check(net.program(), "u8", pixels)
    assert lowered.graph.input.bits == 8 and lowered.graph.input.cuts is None
    assert [layer.uncertain for layer in lowered.layers] == [0]


def test_pixels_as_fractions_are_told_to_be_rounded():
    rng = np.random.default_rng(6)
    net = Network((9,)).dense(signs(rng, 9, 200)).map(lambda x: where_sign(x - F(0.2)))
    net.dense(signs(rng, 200, 3))
    lowered = lower(net.program(), "u8/255")
    assert lowered.graph.input.bits == 8 and lowered.layers[0].uncertain > 0


@pytest.mark.parametrize("levels, bits", [(2, 1), (3, 2), (4, 2), (16, 4), (100, 7)])
def test_quantized_input(levels, bits):
    rng = np.random.default_rng(levels)
    pixels = rng.integers(0, 256, (2000, 6), dtype=np.uint8)
    net = Network((6,)).map(lambda x: np.floor(x * F(levels) / F(256)) - F(1))
    net.dense(signs(rng, 6, 5)).norm(*nasty(rng, 5)).map(where_sign).dense(signs(rng, 5, 3))
    assert check(net.program(), "u8", pixels).graph.input.bits == bits


def test_each_element_has_its_own_threshold_and_direction():
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 256, (2000, 2, 3), dtype=np.uint8)
    means = np.array([[10, 100, -5], [200, 300, 128]], F)
    slopes = np.array([[1, -1, 1], [1, 1, -1]], F)
    net = Network((2, 3)).map(lambda x, m, s: where_sign((x - m) * s), means, slopes)
    net.move(lambda a: a.transpose(0, 2, 1)).move(lambda a: a.reshape(len(a), 6))
    net.dense(signs(rng, 6, 9)).map(where_sign).dense(signs(rng, 9, 4))
    lowered = check(net.program(), "u8", pixels)
    assert lowered.graph.input.cuts.ravel().tolist() == [10, 101, 256, 200, 256, 129]


def test_moved_activations():
    rng = np.random.default_rng(8)
    net = Network((6,)).dense(signs(rng, 6, 8)).map(where_sign)
    net.move(lambda a: a.reshape(len(a), 2, 4).transpose(0, 2, 1)).map(np.negative)
    net.move(lambda a: a.reshape(len(a), 8)[:, ::-1]).dense(signs(rng, 8, 5))
    net.move(lambda a: a[:, [3, 1, 4, 0, 2]])
    check(net.program(), "bits", every_frame((6,), [0, 255]).astype(np.uint8))


def test_report_counts_what_became_of_the_neurons():
    gamma = np.array([1, -1, 0, 1, 1], F)
    mean = np.array([0, 0.5, 0, 99, 0.5], F)
    net = Network((4,)).dense(np.ones((4, 5))).norm(gamma, np.zeros(5, F), mean, np.ones(5, F))
    net.map(where_sign).dense(np.ones((5, 2)))
    report, = check(net.program(), "bipolar", every_frame((4,), [0, 255]).astype(np.uint8)).layers
    assert (report.neurons, report.inverted, report.constant) == (5, 1, 2)
    # The sum 0 is a tie of neuron 0; neuron 2 is constant because its slope is 0.
    assert (report.near_ties, report.uncertain) == (1, 0)


def test_a_constant_zero_is_no_contribution():
    net = Network((3,)).dense([[1, 1], [1, 1], [1, 1]])
    net.map(lambda x, s: np.sign(x * s), np.array([1, 0], F)).dense([[1, -1, 1], [1, 1, -1]])
    check(net.program(), "bipolar", every_frame((3,), [0, 255]).astype(np.uint8))


def binary(rng=None):
    rng = rng or np.random.default_rng(0)
    return Network((4,)).dense(signs(rng, 4, 4), "first")


WRONG = {
    "sign of zero": (
        lambda: binary().map(np.sign).dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, the same for all neurons, but neuron "
        r"0 has three, -1, 0, 1: 0 where its count is 2, its sum 0$"),
    "no sign": (
        lambda: binary().dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, .*, but neuron 0 has -4, -2, 0 and "
        r"more: a sign is missing between it and the next layer$"),
    "not monotonic": (
        lambda: binary().map(lambda x: where_sign(np.abs(x) - 1)).dense(np.ones((4, 2))),
        r"^the response of layer first must switch at most once as the sum rises, but that of "
        r"neuron 0 switches 2 times$"),
    "other size": (
        lambda: binary().map(lambda x: where_sign(x) * np.array([1, 1, 1, 2], F))
        .dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, .* but neuron 3 has -2, 2, and others "
        r"have values that are 2 apart$"),
    "not finite": (
        lambda: binary().map(lambda x: np.sqrt(x)).dense(np.ones((4, 2))),
        r"^the response of layer first must be finite, but that of neuron 0 is nan where its count "
        r"is 0, its sum -4$"),
    "three weights": (
        lambda: Network((3,)).dense([[1, 1], [0, 1], [-1, 1]], "w"),
        r"^weights of layer w must be of one magnitude in each neuron, -a and \+a, but neuron 0 "
        r"has -1, 0, 1 \(a weight 0 has no XNOR\)$"),
    "weights of zero and one": (
        lambda: Network((3,)).dense([[1, 1], [0, 1], [1, 1]], "w"),
        r"^weights of layer w .* but neuron 0 has 0, 1 \(a weight 0 has no XNOR\)$"),
    "float weights": (
        lambda: Network((6,)).dense([[.1], [.2], [.3], [-.4], [.5], [.6]], "w"),
        r"^weights of layer w .* neuron 0 has -0.4, 0.1, 0.2 and 3 more$"),
    "nan in weights": (
        lambda: Network((2,)).dense([[1], [np.nan]], "w"),
        r"^weights of layer w must be finite, but neuron 0 has nan at input 1$"),
    "infinite score": (
        lambda: Network((2,)).dense(np.ones((2, 2)), "w").map(lambda x: x / F(0)),
        r"^the score of class 0 must be finite, but is -inf where layer w has the count 0$"),
    "no layer": (
        lambda: Network((2,)).map(np.abs),
        r"^network 'net' must have a layer with weights, and has none$"),
    "larger frames": (
        lambda: Network((1,)).map(lambda x, c: x + c, np.ones(3, F), name="m"),
        r"^m must keep the shape of frames, \(1,\), but makes it \(3,\)$"),
    "constant for some frames": (
        lambda: Network((1,)).map(lambda x, c: x + c, np.ones((3, 1), F), name="m"),
        r"^m must treat all frames alike, but has a constant of the shape \(3, 1\) for frames of "
        r"\(1,\)$"),
    "dropped elements": (
        lambda: Network((3,)).move(lambda a: a[:, :2]).dense(np.ones((2, 2))),
        r"^move0 must have each of the 3 elements of the input once, in any order$"),
    "uneven levels": (
        lambda: Network((3,)).map(lambda x: x * x).dense(np.ones((3, 2))),
        r"^elements of the input must reach the first layer with two values, or in even steps of "
        r"one size, at most 256 of them, but element 0 has 0, "),
    "turning levels": (
        lambda: Network((3,)).map(lambda x: where_sign(np.abs(x - 0.5) - 0.2))
        .dense(np.ones((3, 2))),
        r"^elements of the input must rise or fall with the pixel, but element 0 turns at pixel "),
    "constant input": (
        lambda: Network((3,)).map(lambda x: x * 0).dense(np.ones((3, 2))),
        r"^the input must make a difference, but every pixel gives the first layer the same$"),
    "input that is not finite": (
        lambda: Network((3,)).map(lambda x: 1 / x, name="m").dense(np.ones((3, 2))),
        r"^element 0 of the input must be finite behind m:0, but is inf for pixel 0$"),
}


@pytest.mark.parametrize("make, message", WRONG.values(), ids=WRONG)
def test_refused(make, message):
    with pytest.raises(SourceError, match=message):
        lower(make().program(), "u8/255" if "input" in message or "level" in message else "bipolar")


def test_joining_branches_are_refused():
    net = binary().map(where_sign, name="sign")
    left = net.value
    net.dense(np.ones((4, 4)), "second")
    net.add(Elementwise("join", "join:0", (left, net.value), np.add))
    with pytest.raises(SourceError, match=r"^join must depend on one layer, not on first and "
                                          r"second: branches that join again cannot be brought"):
        lower(net.program(), "bits")


def test_elements_that_meet_others_are_refused():
    net = Network((4,)).move(lambda a: a[:, ::-1])
    net.add(Elementwise("both", "both:0", (INPUT, net.value), np.add)).dense(np.ones((4, 2)))
    with pytest.raises(SourceError, match=r"^both must combine each element with itself, not with "
                                          r"others$"):
        lower(net.program(), "bits")


def test_meaning_is_asked_for_or_proven():
    program = binary().program()
    with pytest.raises(SourceError, match=r"^what the input of 'net' means must be told, as "
                                          r"nothing in it does: --input u8/255 \(pixels as 0 to"):
        lower(program)
    proven = Program(program.name, program.shape, program.dtype, program.steps, program.output,
                     proof="bits")
    assert lower(proven).meaning == "bits" == lower(proven).graph.input.meaning
    assert lower(proven, "bipolar").meaning == "bipolar"
