"""Programs that lowering refuses, and the messages."""

import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.program import INPUT, Elementwise
from xnorloom.lowering import thresholds
from xnorloom.lowering.lower import lower

F = np.float32


def signs(*shape):
    return np.random.default_rng(0).choice(np.array([-1, 1], F), shape)


def where_sign(x):
    return np.where(x >= 0, F(1), F(-1))


def binary(new):
    return new((4,)).dense(signs(4, 4), "first")


WRONG = {
    "sign of zero": (
        lambda new: binary(new).map(np.sign).dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, the same for all neurons, but neuron "
        r"0 has three, -1, 0, 1: 0 where its count is 2, its sum 0$"),
    "third value beside zero": (
        lambda new: binary(new).map(lambda x: np.where(x >= 0, np.where(x >= 2, F(3), F(1)), F(-1)))
        .dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, the same for all neurons, but neuron "
        r"0 has three, -1, 1, 3: 1 where its count is 2, its sum 0$"),
    "third value at the end": (
        lambda new: binary(new).map(lambda x: np.where(x > -4, np.where(x >= 4, F(5), F(2)), F(1)))
        .dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, the same for all neurons, but neuron "
        r"0 has three, 1, 2, 5: 2 where its count is 1, its sum -2$"),
    "no sign": (
        lambda new: binary(new).dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, .*, but neuron 0 has -4, -2, 0 and "
        r"more: a sign is missing between it and the next layer$"),
    "not monotonic": (
        lambda new: binary(new).map(lambda x: where_sign(np.abs(x) - 1)).dense(np.ones((4, 2))),
        r"^the response of layer first must switch at most once as the sum rises, but that of "
        r"neuron 0 switches 2 times$"),
    "switches three times": (
        lambda new: binary(new).map(lambda x: np.where((x == -2) | (x == 4), F(1), F(-1)))
        .dense(np.ones((4, 2))),
        r"^the response of layer first must switch at most once as the sum rises, but that of "
        r"neuron 0 switches 3 times$"),
    "other size": (
        lambda new: binary(new).map(lambda x: where_sign(x) * np.array([1, 1, 1, 2], F))
        .dense(np.ones((4, 2))),
        r"^the response of layer first must have two values, .* but neuron 3 has -2, 2, and others "
        r"have values that are 2 apart$"),
    "not finite": (
        lambda new: binary(new).map(lambda x: np.sqrt(x)).dense(np.ones((4, 2))),
        r"^the response of layer first must be finite, but that of neuron 0 is nan where its count "
        r"is 0, its sum -4$"),
    "three weights": (
        lambda new: new((3,)).dense([[1, 1], [0, 1], [-2, 1]], "w"),
        r"^weights of layer w must be of one magnitude in each neuron, -a, 0 and \+a, but neuron "
        r"0 has -2, 0, 1$"),
    "almost zero": (
        lambda new: new((3,)).dense([[1, 1], [1e-5, 1], [-1, 1]], "w"),
        r"^weights of layer w .* but neuron 0 has -1, 1e-05, 1$"),
    "float weights": (
        lambda new: new((6,)).dense([[.1], [.2], [.3], [-.4], [.5], [.6]], "w"),
        r"^weights of layer w .* neuron 0 has -0.4, 0.1, 0.2 and 3 more: train with binary or "
        r"ternary weights$"),
    "nan in weights": (
        lambda new: new((2,)).dense([[1], [np.nan]], "w"),
        r"^weights of layer w must be finite, but neuron 0 has nan at input 1$"),
    "infinite score": (
        lambda new: new((2,)).dense(np.ones((2, 2)), "w").map(lambda x: x / F(0)),
        r"^the score of class 0 must be finite, but is -inf where layer w has the count 0$"),
    "no layer": (
        lambda new: new((2,)).map(np.abs),
        r"^network 'net' must have a layer with weights, and has none$"),
    "larger frames": (
        lambda new: new((2,)).dense(np.ones((2, 1))).map(lambda x, c: x + c, np.ones(3, F),
                                                         name="m").dense(np.ones((3, 2))),
        r"^m must keep the shape of frames, \(1,\), but makes it \(3,\)$"),
    "constant for some frames": (
        lambda new: new((1,)).map(lambda x, c: x + c, np.ones((3, 1), F), name="m"),
        r"^m must treat all frames alike, but has a constant of the shape \(3, 1\) for frames of "
        r"\(1,\)$"),
    "constant of too many dimensions": (
        lambda new: new((3,)).map(lambda x, c: x + c[0], np.ones((1, 1, 3), F), name="m"),
        r"^m must treat all frames alike, but has a constant of the shape \(1, 1, 3\) for frames "
        r"of \(3,\)$"),
    "dropped elements": (
        lambda new: new((3,)).move(lambda a: a[:, :2]).dense(np.ones((2, 2))),
        r"^move0 must have each of the 3 elements of the input once, in any order, but lacks 1$"),
    "enlarged frames that are reshaped": (
        lambda new: new((2,)).dense(np.ones((2, 3))).move(lambda a: a.reshape(len(a), 3, 1))
        .map(np.multiply, np.ones((1, 3, 2), F)).move(lambda a: a.reshape(len(a), 6))
        .dense(np.ones((6, 2))),
        r"^map2 must keep the shape of frames, \(3, 1\), but makes it \(3, 2\)$"),
    "uneven levels": (
        lambda new: new((3,)).map(lambda x: x * x).dense(np.ones((3, 2))),
        r"^elements of the input must reach the first layer with two values, or in even steps of "
        r"one size, at most 256 of them, but element 0 has 0, "),
    "more levels than bits of a pixel": (
        lambda new: new((3,)).map(lambda x: np.where(x == 1, F(256 / 255), x))
        .dense(np.ones((3, 2))),
        r"^elements of the input must reach the first layer with two values, or in even steps of "
        r"one size, at most 256 of them, but element 0 has 0, 0.00392157, 0.00784314, 0.0117647 … "
        r"where the step is 0.00392157; quantize the input in the steps of its pixels, or not "
        r"at all$"),
    "turning levels": (
        lambda new: new((3,)).map(lambda x: where_sign(np.abs(x - 0.5) - 0.2))
        .dense(np.ones((3, 2))),
        r"^elements of the input must rise or fall with the pixel, but element 0 turns at pixel "),
    "constant input": (
        lambda new: new((3,)).map(lambda x: x * 0).dense(np.ones((3, 2))),
        r"^the input must make a difference, but every pixel gives the first layer the same$"),
    "input that is not finite": (
        lambda new: new((3,)).map(lambda x: 1 / x, name="m").dense(np.ones((3, 2))),
        r"^element 0 of the input must be finite after m:0, but is inf for pixel 0$"),
}


@pytest.mark.parametrize("make, message", WRONG.values(), ids=WRONG)
def test_refused(new_program, make, message):
    what = "u8/255" if "input" in message else "bipolar"
    with pytest.raises(SourceError, match=message):
        lower(make(new_program).program(), what)


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("places", [(-2, 4), (-4, 0), (-4, 2), (0, 4), (-4, -2, 4), (-4, 2, 4)])
def test_switches_in_parts_of_the_table(new_program, monkeypatch, rows, places):
    """Three switches, or two, are found wherever the parts of the table begin."""
    monkeypatch.setattr(thresholds, "_CHUNK", 4 * rows)
    net = binary(new_program).map(lambda x: np.where(np.isin(x, places), F(1), F(-1)))
    with pytest.raises(SourceError, match=r"^the response of layer first must switch at most once "
                                          r"as the sum rises, but that of neuron 0 switches [23] "
                                          r"times$"):
        lower(net.dense(np.ones((4, 2))).program(), "bipolar")


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1), (1, 3)])
def test_constants_for_all_frames(new_program, shape):
    net = new_program((3,)).map(lambda x, c: x * c, np.full(shape, 2, F), name="m")
    lowered = lower(net.dense([[1, -1]] * 3).program(), "bipolar")
    assert lowered.graph.layers[0].weights.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_levels_of_inputs_that_libraries_round_differently(new_program):
    """Deviations count in steps of an element, not in distances between elements."""
    step = 2.0**-10

    def build(error, apart):
        net = new_program((2,))
        net.add(Elementwise("soft", "soft:0", (net.value,), lambda x: x * np.float64(step),
                            lambda x: np.full(x.shape, error)))
        return net.map(np.add, np.array([0.0, apart])).dense([[1, -1], [1, 1]]).program()

    # At most a thousandth of 1/256 of what an input spans, 2 * step.
    most = 2 * step * 1e-3 / 256
    for apart in (0, 1):
        assert lower(build(most * 0.999, apart), "bipolar").graph.input.size == 2
        with pytest.raises(SourceError, match=(
                r"^element 0 of the input must be the same in all libraries after map1:0, but for "
                r"bit 0 their rounding decides$")):
            lower(build(most * 1.001, apart), "bipolar")


def test_joining_branches_are_refused(new_program):
    net = binary(new_program).map(where_sign, name="sign")
    left = net.value
    net.dense(np.ones((4, 4)), "second")
    net.add(Elementwise("join", "join:0", (left, net.value), np.add))
    with pytest.raises(SourceError, match=r"^join must depend on one layer, not on first and "
                                          r"second: branches that join again are not supported"):
        lower(net.program(), "bits")


def test_elements_that_meet_others_are_refused(new_program):
    net = new_program((4,)).move(lambda a: a[:, ::-1])
    net.add(Elementwise("both", "both:0", (INPUT, net.value), np.add)).dense(np.ones((4, 2)))
    with pytest.raises(SourceError, match=r"^both must combine each pixel with itself, not with "
                                          r"others$"):
        lower(net.program(), "bits")
