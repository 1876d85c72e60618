"""Lowering: the integer graph has the classes and all activations of the program."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import SourceError
from xnorloom.frontend.program import INPUT, Dense, Program
from xnorloom.lowering.lower import lower

F = np.float32


def where_sign(x):
    return np.where(x >= 0, F(1), F(-1))


def detached_sign(x):
    """Compute ``x + (sign(x) - x).detach()``, for an x other than 0."""
    return x + (np.sign(x) - x)


SIGNS = {
    "where": where_sign,
    "greater": lambda x: F(2) * (x > 0).astype(F) - F(1),
    "add": lambda x: np.sign(np.sign(x) + F(0.1)),
    "heaviside": lambda x: (x >= 0).astype(F),
    "scaled": lambda x: F(0.37) * where_sign(x),
    "negated": lambda x: -where_sign(x),
}


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], F), shape)


def every_frame(shape, levels):
    frames = itertools.product(levels, repeat=int(np.prod(shape)))
    return np.array(list(frames)).reshape(-1, *shape)


def nasty(rng, size):
    """Make batch norms with slopes of every kind, and means that cause ties."""
    gamma = rng.normal(size=size) * rng.choice([1, 1, 1, 0, 1e-9, 1e-30], size)
    beta = rng.normal(size=size) * rng.choice([0, 0, 1, 1, 50], size)
    variance = rng.choice([1, 30, 1e-7, 0], size)
    return [np.asarray(a, F) for a in (gamma, beta, rng.integers(-3, 4, size), variance)]


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
@pytest.mark.parametrize("what", ["bipolar", "bits", "u8/255", "u8", "1-u8/255"])
def test_every_input_of_small_networks(new_program, sign, what, check):
    rng = np.random.default_rng(3)
    pixels = every_frame((2, 4), [0, 255]).astype(np.uint8)
    for _ in range(10):
        net = new_program((2, 4)).move(lambda a: a.reshape(len(a), 8))
        if what.endswith(("u8/255", "u8")):
            net.map(lambda x, half: where_sign(x - half), F(127.5) if what == "u8" else F(0.5))
        net.dense(signs(rng, 8, 7)).norm(*nasty(rng, 7)).map(sign)
        net.dense(signs(rng, 7, 6)).norm(*nasty(rng, 6)).map(sign)
        net.dense(signs(rng, 6, 3)).norm(*nasty(rng, 3)[:1], *(np.ones(3, F),) * 3)
        check(net.program(), what, pixels)


@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks(new_program, seed, check):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, rng.integers(2, 5))
    net = new_program((int(sizes[0]),))
    names = [name for name in SIGNS if name != "scaled"]
    for size, after in itertools.pairwise(sizes):
        net.dense(signs(rng, size, after) * F(2.0 ** rng.integers(-2, 3)))
        net.norm(*nasty(rng, after)).map(SIGNS[names[rng.integers(len(names))]])
    net.dense(signs(rng, sizes[-1], 4) * np.asarray([1, 2, 0.5, 1], F))
    check(net.program(), "bits", every_frame((sizes[0],), [0, 255]).astype(np.uint8))


def test_pixels_of_eight_bits_on_the_first_layer(new_program, check):
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (3000, 9), dtype=np.uint8)
    net = new_program((9,)).dense(signs(rng, 9, 12)).norm(*nasty(rng, 12)).map(where_sign)
    net.dense(signs(rng, 12, 3))
    lowered = check(net.program(), "u8", pixels)
    assert lowered.graph.input.bits == 8 and lowered.graph.input.pixel_thresholds is None
    assert [layer.uncertain for layer in lowered.layers] == [0]


def test_pixels_as_fractions_are_told_to_be_rounded(new_program):
    rng = np.random.default_rng(6)
    net = new_program((9,)).dense(signs(rng, 9, 200)).map(lambda x: where_sign(x - F(0.2)))
    net.dense(signs(rng, 200, 3))
    lowered = lower(net.program(), "u8/255")
    assert lowered.graph.input.bits == 8 and lowered.layers[0].uncertain > 0


@pytest.mark.parametrize("apart, near", [(4e-6, 4), (4e-5, 0)])
def test_neurons_near_a_tie(new_program, apart, near, check):
    """On either side of the switch, rising or falling: 1e-5 of a synapse would change them."""
    shifts, directions = np.array([apart, -apart] * 2, F), np.array([1, 1, -1, -1], F)
    net = new_program((4,)).dense(np.ones((4, 4)))
    net.map(lambda x, s, d: where_sign((x + s) * d), shifts, directions).dense(np.ones((4, 2)))
    lowered = check(net.program(), "bipolar", every_frame((4,), [0, 255]).astype(np.uint8))
    [layer] = lowered.layers
    assert (layer.near_ties, layer.inverted, layer.uncertain) == (near, 2, 0)


def test_constant_neurons(new_program, check):
    """They fire never or always, as in the source, and only what can happen is a decision."""
    shifts = np.array([0.5, -50, 50, 0.5], F)
    net = new_program((4,)).dense(np.ones((4, 4))).map(lambda x, s: where_sign(x + s), shifts)
    net.dense([[1, -1], [1, 1], [1, 1], [1, -1]])
    lowered = check(net.program(), "bipolar", every_frame((4,), [0, 255]).astype(np.uint8))
    assert lowered.graph.layers[0].thresholds.tolist() == [2, 5, 0, 2]
    # Counts of the two classes, if the first and the last neuron fire or not.
    met = {(a + 0 + 1 + b, 1 - a + 0 + 1 + 1 - b) for a in (0, 1) for b in (0, 1)}
    assert lowered.scores.total == len(met) == 3


@pytest.mark.parametrize("levels, bits", [(2, 1), (3, 2), (4, 2), (16, 4), (100, 7)])
def test_quantized_input(new_program, levels, bits, check):
    rng = np.random.default_rng(levels)
    pixels = rng.integers(0, 256, (2000, 6), dtype=np.uint8)
    net = new_program((6,)).map(lambda x: np.floor(x * F(levels) / F(256)) - F(1))
    net.dense(signs(rng, 6, 5)).norm(*nasty(rng, 5)).map(where_sign).dense(signs(rng, 5, 3))
    assert check(net.program(), "u8", pixels).graph.input.bits == bits


def test_each_element_has_its_own_threshold_and_direction(new_program, check):
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 256, (2000, 2, 3), dtype=np.uint8)
    means = np.array([[10, 100, -5], [200, 300, 128]], F)
    slopes = np.array([[1, -1, 1], [1, 1, -1]], F)
    net = new_program((2, 3)).map(lambda x, m, s: where_sign((x - m) * s), means, slopes)
    net.move(lambda a: a.transpose(0, 2, 1)).move(lambda a: a.reshape(len(a), 6))
    net.dense(signs(rng, 6, 9)).map(where_sign).dense(signs(rng, 9, 4))
    lowered = check(net.program(), "u8", pixels)
    assert lowered.graph.input.pixel_thresholds.ravel().tolist() == [10, 101, 256, 200, 256, 129]


@pytest.mark.parametrize("at", [1, 2, 254, 255])
def test_elements_that_switch_at_an_end(new_program, at, check):
    """Rising and falling ones, whose only other value is that of the first or last pixels."""
    directions = np.array([1, -1], F)
    net = new_program((2,)).map(lambda x, s: where_sign((x - F(at - 0.5)) * s), directions)
    net.dense([[1, -1], [1, 1]])
    pixels = every_frame((2,), [0, 1, 2, 253, 254, 255]).astype(np.uint8)
    lowered = check(net.program(), "u8", pixels)
    assert set(lowered.graph.input.pixel_thresholds.ravel().tolist()) == {at}


def test_moved_activations(new_program, check):
    rng = np.random.default_rng(8)
    net = new_program((6,)).dense(signs(rng, 6, 8)).map(where_sign)
    net.move(lambda a: a.reshape(len(a), 2, 4).transpose(0, 2, 1)).map(np.negative)
    net.move(lambda a: a.reshape(len(a), 8)[:, ::-1]).dense(signs(rng, 8, 5))
    net.move(lambda a: a[:, [3, 1, 4, 0, 2]])
    check(net.program(), "bits", every_frame((6,), [0, 255]).astype(np.uint8))


def test_report_counts_what_became_of_the_neurons(new_program, check):
    gamma = np.array([1, -1, 0, 1, 1], F)
    mean = np.array([0, 0.5, 0, 99, 0.5], F)
    net = new_program((4,)).dense(np.ones((4, 5))).norm(gamma, np.zeros(5, F), mean, np.ones(5, F))
    net.map(where_sign).dense(np.ones((5, 2)))
    report, = check(net.program(), "bipolar", every_frame((4,), [0, 255]).astype(np.uint8)).layers
    assert (report.neurons, report.inverted, report.constant) == (5, 1, 2)
    # The sum 0 is a tie of neuron 0; neuron 2 is constant because its slope is 0.
    assert (report.near_ties, report.uncertain) == (1, 0)


def test_a_constant_zero_is_no_contribution(new_program, check):
    net = new_program((3,)).dense([[1, 1], [1, 1], [1, 1]])
    net.map(lambda x, s: np.sign(x * s), np.array([1, 0], F)).dense([[1, -1, 1], [1, 1, -1]])
    check(net.program(), "bipolar", every_frame((3,), [0, 255]).astype(np.uint8))


def binary(new_program):
    return new_program((4,)).dense(signs(np.random.default_rng(0), 4, 4), "first")


def test_preprocessing_is_given_or_declared(new_program):
    program = binary(new_program).program()
    with pytest.raises(SourceError, match=r"^the preprocessing of the input of 'net' must be "
                                          r"given, as the model does not declare it: --input "
                                          r"u8/255 \(pixels as 0 to"):
        lower(program)
    proven = Program(program.name, program.shape, program.dtype, program.steps, program.output,
                     declared_preprocessing="bits")
    assert lower(proven).preprocessing == "bits" == lower(proven).graph.input.preprocessing
    assert lower(proven, "bipolar").preprocessing == "bipolar"


def test_levels_that_fill_no_power_of_two(new_program, check):
    """Three levels take two bits, but no pixel reaches the fourth: the sum 10 cannot occur."""
    net = new_program((4,)).map(lambda x: np.rint(x * F(2 / 255)))
    net.dense(np.ones((4, 3))).map(lambda x, c: np.sign(x - c), np.array([10, 7.5, -1], F))
    net.dense(np.ones((3, 2)))
    report, = check(net.program(), "u8", every_frame((4,), [0, 128, 255]).astype(np.uint8)).layers
    assert report.constant == 2


def test_bias_in_the_course_of_a_sum_is_uncertain(new_program):
    weights = np.ones((784, 3), F)
    net = new_program((784,))
    net.add(Dense("gemm", "gemm:0", INPUT, weights, np.array([2e-5, 0.5, 1], F)))
    net.map(lambda x: where_sign(x - F(10))).dense(np.ones((3, 2)))
    report, = lower(net.program(), "bipolar").layers
    # Only 0.5 and 1 are added without rounding.
    assert (report.near_ties, report.uncertain) == (0, 1)


def test_constant_neuron_that_rounding_could_move_is_counted(new_program):
    net = new_program((2,)).dense([[1, 1], [1, 1]], "first")
    # Neuron 0 has the value 2 for all its sums, -2 to 2, and 4 for larger ones.
    net.map(lambda x, odd: np.where(odd, np.where(x > 2, F(4), F(2)), where_sign(x - F(1))),
            np.array([True, False]))
    net.dense(np.ones((2, 2)))
    report, = lower(net.program(), "bipolar").layers
    assert (report.constant, report.near_ties) == (1, 1)


def test_file_names_of_any_letters(new_program):
    program = binary(new_program).program()
    named = Program("a\nb\udcff", program.shape, program.dtype, program.steps, program.output)
    assert lower(named, "bits").graph.name == "a_b_"


def test_reprs(new_program):
    program = binary(new_program).map(where_sign).dense(np.ones((4, 2))).program()
    assert repr(program) == "Program('net', (4,) float32, 3 steps)"
    assert repr(lower(program, "bipolar")) \
        == "Lowered(Graph('net', 4-4-2, 24 weights), 'bipolar')"


@pytest.mark.parametrize("bits, exact", [(None, True), (7, True), (3, False), (1, False)])
def test_bits_of_the_scores(new_program, bits, exact):
    rng = np.random.default_rng(5)
    net = new_program((24,)).dense(signs(rng, 24, 3)).map(lambda x: x * np.array([61, 53, 47], F))
    lowered = lower(net.program(), "bipolar", score_bits=bits)
    assert lowered.scores.exact == exact
    largest = lowered.graph.layers[-1].scales.max()
    assert largest < 1 << (bits or 7) and (largest > 7) == exact
