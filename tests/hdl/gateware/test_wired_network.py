# amaranth: UnusedElaboratable=no
"""Networks whose neurons share counts, against the golden model: convolutions, planes, scales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom.support import cache
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall
from xnorloom_sim.simulation import simulate


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(cache, "folder", lambda name: place / name)


def weights_of(rng, shape, absent=0.0):
    """Weights, rows of which are alike, and the synapses that are present."""
    weights = rng.integers(0, 2, shape)
    flips = rng.random(shape) < 0.2
    weights[1:] = np.where(flips[1:], weights[1:], weights[:1])
    return weights, rng.random(shape) >= absent if absent else None


def thresholds_of(rng, weights, present, planes):
    synapses = np.ones(weights.shape, int) if present is None else present.astype(int)
    most = synapses.reshape(len(weights), -1).sum(axis=1) * ((1 << planes) - 1)
    return np.round(most * rng.normal(0.5, 0.12, len(weights))).astype(int).clip(0, most + 1)


def dense(rng, name, neurons, inputs, planes=1, absent=0.0):
    weights, present = weights_of(rng, (neurons, inputs), absent)
    return Dense(name, weights, thresholds_of(rng, weights, present, planes), present=present)


def score(rng, classes, inputs, scaled=False, absent=0.0):
    weights, present = weights_of(rng, (classes, inputs), absent)
    scales = rng.integers(0, 40, classes) if scaled else None
    return Score("score", weights, rng.integers(-30, 30, classes), scales, present=present)


def conv(rng, name, shape, window, *, planes=1, absent=0.0, **others):
    weights, present = weights_of(rng, shape, absent)
    return Conv(name, weights, thresholds_of(rng, weights, present, planes), window,
                present=present, **others)


def whole(graph, every, vectors=(), pixels=1):
    """Schedule of the whole of each layer at once, and of a pixel of the first per word."""
    folds, width = [], graph.maps[0].channels * pixels if graph.maps[0].pixels > 1 else None
    for index, layer in enumerate(graph.layers):
        many = vectors[index] if index < len(vectors) else 1
        simd = (layer.weights[0].size if isinstance(layer, Conv) else layer.inputs)
        folds.append(Fold(layer.neurons, simd, "wired", every, vectors=many))
    return Schedule(width or graph.input.size, folds)


def check(graph, schedule, frames, *, stall=None):
    """Compare all activations, scores, latency and interval."""
    plan, expected = schedule.bind(graph), golden.evaluate(graph, frames)
    assert all(layer.shares for layer in plan.layers)
    result = simulate(plan, frames, stall=stall, engine="amaranth", probes=True)
    for layer, found, wanted in zip(graph.layers, result.activations, expected.activations,
                                    strict=False):
        np.testing.assert_array_equal(found, wanted, layer.name)
    np.testing.assert_array_equal(result.scores, expected.scores)
    network = Network(plan)
    classes, scores = network.model(frames)
    np.testing.assert_array_equal(scores, expected.scores)
    np.testing.assert_array_equal(classes, expected.classes)
    if stall is None:
        assert result.latency == network.latency
        assert result.interval == network.interval == plan.interval
    return result


def frames_of(graph, rng, count):
    return rng.integers(0, 1 << graph.input.bits, (count, graph.input.size))


def chain(rng, shape, layers, bits=1, scaled=False, absent=0.0):
    """Network of convolutions and a dense layer, of which all neurons work at once."""
    graph_map, found, planes = Map(*shape), [], bits
    for index, (neurons, window, others) in enumerate(layers):
        groups = others.get("groups", 1)
        found.append(conv(rng, f"conv{index}", (neurons, *window.kernel,
                                                graph_map.channels // groups), window,
                          planes=planes, absent=absent, **others))
        graph_map, planes = found[-1].output(graph_map), 1
    found.append(dense(rng, "dense", 6, graph_map.size, planes, absent))
    return Graph("chain", Input(shape, bits), [*found, score(rng, 4, 6, scaled, absent)])


THREE, ONE = Window((3, 3)), Window((1, 1))
CASES = {  # shape, layers, bits, vectors, pixels, interval
    "a kernel": ((6, 7, 2), [(5, THREE, {})], 1, (), 1, 42),
    "a pool": ((8, 8, 1), [(6, THREE, {"pool": Pool((2, 2))})], 1, (), 1, 64),
    "a pool of some that take the AND": (
        (8, 6, 2), [(4, THREE, {"pool": Pool((2, 2), np.array([1, 0, 0, 1], bool))})],
        1, (), 1, 48),
    "two outputs at once": (
        (8, 8, 1), [(5, THREE, {"pool": Pool((2, 2))})], 1, (2,), 2, 32),
    "strides and dilation": (
        (9, 9, 2), [(4, Window((2, 3), (2, 1), (1, 2)), {})], 1, (), 1, 81),
    "two layers": ((9, 8, 1), [(5, THREE, {}), (6, Window((2, 2)), {})], 1, (), 1, 72),
    "a single pixel": ((4, 5, 3), [(7, ONE, {})], 1, (), 1, 20),
    "groups": ((4, 4, 6), [(9, ONE, {"groups": 3})], 1, (), 1, 16),
    "bit planes": ((5, 5, 2), [(4, THREE, {})], 3, (), 1, 75),
    "bit planes and a pool": ((6, 6, 1), [(4, THREE, {"pool": Pool((2, 2))})], 2, (), 1, 72),
}


@pytest.mark.parametrize("every", [0, 2])
@pytest.mark.parametrize("shape, layers, bits, vectors, pixels, interval", CASES.values(),
                         ids=CASES)
def test_convolutions(shape, layers, bits, vectors, pixels, interval, every):
    rng = np.random.default_rng(len(layers) + sum(shape) + every)
    graph = chain(rng, shape, layers, bits)
    result = check(graph, whole(graph, every, vectors, pixels), frames_of(graph, rng, 6))
    assert result.interval == interval


def test_absent_synapses_of_a_convolution():
    rng = np.random.default_rng(5)
    graph = chain(rng, (6, 6, 2), [(6, THREE, {})], 2, scaled=True, absent=0.6)
    check(graph, whole(graph, 1), frames_of(graph, rng, 6))


@pytest.mark.parametrize("every", [0, 1, 2])
@pytest.mark.parametrize("scaled", [False, True])
def test_bit_planes_and_scales(every, scaled):
    rng = np.random.default_rng(3)
    graph = Graph("planes", Input((12,), 4), [dense(rng, "first", 9, 12, 4),
                                              score(rng, 5, 9, scaled)])
    plan = whole(graph, every).bind(graph)
    assert [layer.shares_numbers for layer in plan.layers] == [True, scaled]
    result = check(graph, whole(graph, every), frames_of(graph, rng, 6))
    assert result.interval == 4


def test_scores_of_bit_planes():
    """A network of scores alone."""
    rng = np.random.default_rng(4)
    for scaled in (False, True):
        graph = Graph("scores", Input((9,), 3), [score(rng, 6, 9, scaled)])
        check(graph, whole(graph, 1), frames_of(graph, rng, 6))


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=12)
def test_random_chains(seed, stalls):
    rng = np.random.default_rng(seed)
    shape, layers = [*rng.integers(4, 8, 2), rng.integers(1, 4)], []
    found = Map(*map(int, shape))
    for _ in range(rng.integers(1, 3)):
        kernel = tuple(int(rng.integers(1, 1 + min(3, side))) for side in found[:2])
        window = Window(kernel, tuple(map(int, rng.integers(1, 3, 2))))
        groups = found.channels if kernel == (1, 1) and rng.random() < 0.5 else 1
        neurons = groups * int(rng.integers(1, 7))
        layers.append((neurons, window, {"groups": groups}))
        found = Conv("c", np.zeros((neurons, *kernel, found.channels // groups), int),
                     np.zeros(neurons, int), window, groups=groups).output(found)
    graph = chain(rng, tuple(map(int, shape)), layers, int(rng.integers(1, 4)),
                  bool(rng.integers(2)), float(rng.choice([0, 0.4])))
    schedule = whole(graph, int(rng.integers(0, 4)))
    check(graph, schedule, frames_of(graph, rng, 6),
          stall=Stall(seed, *rng.choice([0.3, 0.7], 2)) if stalls else None)


def test_a_plan_of_another_style_shares_nothing():
    rng = np.random.default_rng(4)
    assert not LayerPlan(dense(rng, "dense", 4, 6), Fold(2, 3, "lut")).shares
