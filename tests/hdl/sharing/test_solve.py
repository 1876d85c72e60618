"""Sharing compiler against the definition of a count: all shapes, degenerate ones, budgets."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xnorloom.sharing import Add, Lut, solve
from xnorloom.support import artifacts
from xnorloom.support.activity import watched


def vectors_of(weights, seed=1, count=200):
    """All vectors of up to eight inputs; of more: random ones, and some near each row."""
    inputs = weights.shape[1]
    if inputs <= 8:
        return np.arange(1 << inputs)[:, None] >> np.arange(inputs) & 1
    rng = np.random.default_rng(seed)
    near = (weights > 0) ^ (rng.random(weights.shape) < 0.4)
    return np.concatenate([rng.integers(0, 2, (count, inputs)), near, weights > 0, weights < 0,
                           np.zeros((1, inputs)), np.ones((1, inputs))]).astype(int)


def check(weights, thresholds, counts):
    """Compare activations and counts, with offsets, with the definition."""
    weights = np.asarray(weights)
    vectors = vectors_of(weights)
    expected = counts(vectors, weights)
    found = solve(weights, thresholds)
    assert found.program.run(vectors).tolist() == (expected >= thresholds).astype(int).tolist()
    offsets = np.random.default_rng(3).integers(-40, 40, len(weights))
    scored = solve(weights, offsets=offsets).program
    assert scored.run(vectors).tolist() == (expected + offsets).tolist()
    assert solve(weights).program.run(vectors).tolist() == expected.tolist()
    return found


ONES = np.ones((3, 5), int)
DEGENERATE = {  # weights, thresholds
    "one neuron, one synapse": ([[1]], [1]),
    "one neuron, one synapse, inverted": ([[-1]], [1]),
    "one neuron, always": ([[1]], [0]),
    "one neuron, never": ([[1]], [2]),
    "one neuron": ([[1, -1, 1, 1, -1, -1, 1]], [4]),
    "one synapse": ([[1], [-1], [1], [-1]], [0, 1, 2, 1]),
    "all equal": (ONES, [2, 3, 3]),
    "all complementary": ([[1, -1, 1], [-1, 1, -1]], [2, 2]),
    "equal and complementary": ([[1, -1, 1, -1], [1, -1, 1, -1], [-1, 1, -1, 1]], [1, 4, 2]),
    "all constant": (ONES, [0, 6, 0]),
    "thresholds at the ends": (ONES * [[1], [1], [-1]], [1, 5, 5]),
    "no synapse": (np.zeros((2, 3), int), [0, 1]),
    "some without synapses": ([[0, 0, 0], [1, 0, -1], [0, 1, 0]], [1, 1, 1]),
    "one input unused": ([[1, 0, -1], [-1, 0, 1], [1, 0, 1]], [1, 2, 2]),
    "sparse among dense": ([[1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 1, 1],
                            [-1, -1, -1, -1, 0, -1]], [3, 1, 5, 2]),
}


@pytest.mark.parametrize("weights, thresholds", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate(weights, thresholds, counts):
    check(weights, np.array(thresholds), counts)


@pytest.mark.parametrize("threshold", range(10))
@pytest.mark.parametrize("sign", [1, -1])
def test_each_threshold(threshold, sign, counts):
    weights = sign * np.array([[1, 1, -1, 1, -1, 1, 1, -1], [1, 1, 1, -1, -1, 1, 1, -1],
                               [-1, -1, 1, -1, 1, -1, 1, 1]])
    check(weights, np.full(3, threshold), counts)


@st.composite
def layers(draw):
    neurons, inputs = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    absent = draw(st.sampled_from([0, 0, 0.3, 0.9]))
    weights = rng.choice([-1, 0, 1], (neurons, inputs), p=[(1 - absent) / 2, absent,
                                                           (1 - absent) / 2])
    # Some rows near others, equal to them or their complement.
    for row in np.flatnonzero(rng.random(neurons) < draw(st.sampled_from([0, 0.5, 0.9]))):
        other = weights[rng.integers(neurons)] * rng.choice([-1, 1])
        weights[row] = np.where(rng.random(inputs) < rng.choice([0, 0.1]), weights[row], other)
    return weights, rng.integers(0, np.count_nonzero(weights, axis=1) + 2)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers())
def test_any_layer(counts, layer):
    check(*layer, counts)


@pytest.mark.parametrize("index, most", [(1, 0.47), (2, 0.47), (0, 0.43)])
def test_trained_layers(index, most, trained, counts):
    weights, thresholds = trained(index)
    vectors = vectors_of(weights)
    found = solve(weights, thresholds)
    assert (found.program.run(vectors) == (counts(vectors, weights) >= thresholds)).all()
    cells = sum(node.width + (node.carry != 0) if isinstance(node, Add) else 1
                for node in found.program.nodes)
    assert cells <= most * weights.size
    assert found.effort.complete and found.effort.rows == 64


def test_wide_layer_of_few_classes(trained, counts):
    rng = np.random.default_rng(5)
    weights = rng.choice([-1, 1], (10, 300))
    vectors = vectors_of(weights)
    offsets = rng.integers(-1 << 20, 1 << 20, 10)
    program = solve(weights, offsets=offsets).program
    assert program.run(vectors).tolist() == (counts(vectors, weights) + offsets).tolist()


def test_constant_and_equal_neurons_take_no_node():
    weights = np.array([[1, -1, 1, 1], [1, -1, 1, 1], [-1, 1, -1, -1], [1, 1, 1, 1]])
    found = solve(weights, [2, 2, 3, 0])
    first, second, complement, always = (result.bits for result in found.program.results)
    assert first == second != complement and always == (1,)
    assert found.reduction.shared == 2
    assert found.reduction.constant.tolist() == [False, False, False, True]
    # Without the constant neuron it is the same program but for that result.
    assert solve(weights[:3], [2, 2, 3]).program.nodes == found.program.nodes


def test_inputs_without_effect():
    found = solve([[1, 0, -1, 1], [0, 0, 1, 1], [1, 1, 1, 1]], [1, 1, 5])
    assert found.reduction.unfelt.tolist() == [1]
    assert not any(3 in node.sources for node in found.program.nodes)
    assert found.summary == ("3 neurons in 2 rows, 1 constant, 1 input without effect, "
                             "5 differences, 0 shared counts")


def test_equal_layers_give_equal_programs(trained, own_cache):
    weights, thresholds = trained(2)
    rng = np.random.default_rng(1)
    weights = weights * rng.choice([-1, 1], weights.shape)
    first = solve(weights, thresholds)
    solve.__globals__["_solved"].cache_clear()
    stored = solve(weights, thresholds)
    assert stored.program.as_json() == first.program.as_json()
    assert stored.effort == first.effort and stored.program is not first.program
    # One entry, which another run finds.
    [entry] = (own_cache / "xnorloom" / "sharing").iterdir()
    assert artifacts.intact(entry, "values.json")
    (entry / "values.json").write_text("{}")
    solve.__globals__["_solved"].cache_clear()
    assert solve(weights, thresholds).program.as_json() == first.program.as_json()


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_budget(steps, trained, counts):
    weights, thresholds = trained(1)
    vectors = vectors_of(weights)
    said = []

    class Watcher:
        @contextlib.contextmanager
        def activity(self, what):
            said.append(what)
            yield lambda done, total: said.append((done, total))

    with watched(Watcher()):
        found = solve(weights, thresholds, steps=steps)
    assert said == ["sharing the counts of 64 × 64 weights",
                    *((place, steps) for place in range(1, steps + 1))]
    assert found.effort.steps == steps and not found.effort.complete
    assert found.summary.endswith(f", search ended after its {steps} steps")
    assert (found.program.run(vectors) == (counts(vectors, weights) >= thresholds)).all()
    assert len(found.program.nodes) > len(solve(weights, thresholds).program.nodes)


@pytest.mark.parametrize("arguments, error, message", [
    (([[1, 2]],), ValueError, r"^Weights must be -1, 0 or 1, not 2$"),
    (([1, 1],), ValueError, r"^Weights must have the shape \(neurons, inputs\), not \(2,\)$"),
    ((np.zeros((0, 3), int),), ValueError,
     r"^Weights must have the shape \(neurons, inputs\), not \(0, 3\)$"),
    (([[0.5]],), TypeError, r"^Weights must be integers, not an array of float64$"),
    (([[1]], [1, 2]), ValueError, r"^Thresholds must have the shape \(1,\), not \(2,\)$"),
    (([[1]], [0.5]), TypeError, r"^Thresholds must be integers, not an array of float64$"),
    (([[1]], None, [1, 2]), ValueError, r"^Offsets must have the shape \(1,\), not \(2,\)$"),
    (([[1]], [1], [1]), ValueError, r"^Offsets must be None with thresholds$"),
])
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        solve(*arguments)


@pytest.mark.parametrize("steps, error, message", [
    (-1, ValueError, r"^Budget steps must be at least 0, not -1$"),
    (1.5, TypeError, r"^Budget steps must be an integer, not 1\.5$"),
])
def test_wrong_steps(steps, error, message):
    with pytest.raises(error, match=message):
        solve([[1]], steps=steps)


def test_tables_have_no_constant_inputs(trained):
    for node in solve(*trained(1)).program.nodes:
        if isinstance(node, Lut):
            assert min(node.sources) > 1 and len(set(node.sources)) == len(node.sources)
