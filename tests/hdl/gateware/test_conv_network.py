# amaranth: UnusedElaboratable=no
"""Convolutional networks against the golden model; latency and interval against the formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall
from xnorloom_sim.simulation import simulate


def check(graph, schedule, frames, *, stall=None, engine="amaranth"):
    """Simulate ``frames``; compare all activations, scores, latency and interval."""
    plan, expected = schedule.bind(graph), golden.evaluate(graph, frames)
    result = simulate(plan, frames, stall=stall, engine=engine, probes=True)
    for layer, found, wanted in zip(graph.layers, result.activations, expected.activations,
                                    strict=False):
        np.testing.assert_array_equal(found, wanted, layer.name)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.classes, expected.classes)
    if stall is None:
        network = Network(plan)
        assert result.latency == network.latency
        assert result.interval == network.interval
    return result


def frames_of(graph, rng, count):
    return rng.integers(0, 1 << graph.input.bits, (count, graph.input.size))


@given(st.integers(0, 2**32))
@settings(max_examples=12)
def test_chain(random_chain, seed):
    graph, schedule, rng = random_chain(seed)
    check(graph, schedule, frames_of(graph, rng, len(graph.layers) + 2))


@given(st.integers(0, 2**32), st.sampled_from([0.2, 0.5, 0.9]), st.sampled_from([0.2, 0.5, 0.9]))
@settings(max_examples=8)
def test_chain_under_stalls(random_chain, seed, before, after):
    graph, schedule, rng = random_chain(seed)
    check(graph, schedule, frames_of(graph, rng, 3), stall=Stall(seed, before, after))


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_model(random_chain, seed):
    """The model of the network, composed of those of its parts."""
    graph, schedule, rng = random_chain(seed)
    frames = frames_of(graph, rng, 2)
    expected = golden.evaluate(graph, frames)
    classes, scores = Network(schedule.bind(graph)).model(frames)
    np.testing.assert_array_equal(classes, expected.classes)
    np.testing.assert_array_equal(scores, expected.scores)


def conv(rng, shape, window, *, groups=1, pool=None, classes=1):
    weights = rng.integers(0, 2, shape)
    middle = weights[0].size // 2 if classes == 1 else weights[0].size // 3
    thresholds = middle + rng.integers(0, 2, (classes, shape[0]))
    return Conv("conv", weights, thresholds if classes > 1 else thresholds[0], window, pool, groups)


RNG = np.random.default_rng(1)
# What users of other compilers met. Fold of the convolution; the score takes a lane.
KNOWN = {
    "a source as fast as a depthwise window (FINN 1698)": (
        (6, 6, 4), conv(RNG, (4, 3, 3, 1), Window((3, 3)), groups=4), (4, 1)),
    "zeros pad a bipolar map (FINN 996)": (
        (5, 5, 3), conv(RNG, (4, 3, 3, 3), Window((3, 3), padding=(1, 1, 1, 1)), classes=9),
        (2, 3)),
    "several outputs in a ring (finn-hlslib 142)": (
        (7, 3, 2), conv(RNG, (3, 3, 2, 2), Window((3, 2))), (3, 2)),
    "dilation of a square kernel (FINN 860)": (
        (7, 7, 1), conv(RNG, (2, 3, 3, 1), Window((3, 3), dilation=(2, 2))), (2, 1)),
    "a strided 1x1 on a rectangular map (FINN 1033)": (
        (5, 8, 3), conv(RNG, (4, 1, 1, 3), Window((1, 1), stride=(2, 2))), (2, 3)),
    "widths that do not divide (FINN 297)": (
        (4, 5, 7), conv(RNG, (5, 2, 3, 7), Window((2, 3))), (3, 4)),
    "odd sizes under a pool (hls4ml 757)": (
        (8, 10, 2), conv(RNG, (3, 2, 2, 2), Window((2, 2)), pool=Pool((2, 2))), (3, 2)),
    "a single pixel (hls4ml 338)": (
        (3, 4, 2), conv(RNG, (3, 3, 4, 2), Window((3, 4))), (2, 1)),
    "a sequence": (
        (1, 17, 2), conv(RNG, (4, 1, 5, 2), Window((1, 5), stride=(1, 2), padding=(0, 2, 0, 2),
                                                   pad=0)), (4, 2)),
}


@pytest.mark.parametrize("shape, layer, fold", KNOWN.values(), ids=KNOWN)
def test_known_from_elsewhere(shape, layer, fold):
    rng = np.random.default_rng(2)
    size = layer.output(Graph("map", Input(shape), [_score(rng, shape)]).maps[0]).size
    graph = Graph("known", Input(shape), [layer, _score(rng, (size,))])
    schedule = Schedule(shape[2], (Fold(*fold, "lut"), Fold(1, 1, "block")))
    check(graph, schedule, frames_of(graph, rng, 4))


def several(rng, shape, bits, layers, folds, width):
    """A network of unpadded convolutions, given by neurons, kernel, stride, dilation and pool."""
    map, convs = Map(*shape), []
    for index, (neurons, kernel, stride, dilation, pool) in enumerate(layers):
        weights = rng.integers(0, 2, (neurons, *kernel, map.channels))
        most = weights[0].size * ((1 << bits) - 1 if index == 0 else 1)
        thresholds = np.round(most * rng.normal(0.5, 0.1, neurons)).astype(int).clip(0, most)
        least = rng.integers(0, 2, neurons).astype(bool)
        convs.append(Conv(f"conv{index}", weights, thresholds, Window(kernel, stride, dilation),
                          Pool(pool, least)))
        map = convs[-1].output(map)
    graph = Graph("several", Input(shape, bits), [*convs, _score(rng, tuple(map))])
    folds = [Fold(pe, simd, "lut", vectors=vectors) for pe, simd, vectors in folds]
    return graph, Schedule(width, [*folds, Fold(2, 3, "block")])


ONE, THREE = (1, 1), (3, 3)
# Layers, folds (PE, SIMD, vectors), and input width.
SEVERAL = {
    "a pool joins all": ((8, 8, 1), 1, [(4, THREE, ONE, ONE, (2, 2))], [(4, 9, 2)], 2),
    "neuron folds": ((8, 8, 1), 1, [(5, THREE, ONE, ONE, (2, 2))], [(2, 9, 2)], 2),
    "a pool of twice as many columns": (
        (7, 10, 2), 1, [(3, THREE, ONE, ONE, (1, 4))], [(3, 18, 2)], 4),
    "rows of the kernel": ((7, 10, 2), 1, [(3, THREE, ONE, ONE, (2, 2))], [(2, 6, 2)], 4),
    "words of pixels between layers": (
        (9, 8, 2), 1, [(4, THREE, ONE, ONE, ONE), (3, THREE, ONE, ONE, (2, 2))],
        [(3, 18, 2), (2, 36, 2)], 4),
    "a pool joins some": (
        (8, 18, 1), 1, [(3, THREE, ONE, ONE, (1, 2)), (2, (2, 2), ONE, ONE, (2, 2))],
        [(3, 9, 4), (2, 12, 2)], 4),
    "pixels after the last of a row": (
        (7, 9, 1), 1, [(3, (2, 3), ONE, ONE, ONE), (2, (2, 3), ONE, ONE, (1, 4))],
        [(3, 6, 4), (2, 18, 4)], 4),
    "an output after the last pixel": (
        (6, 8, 1), 1, [(3, THREE, ONE, ONE, ONE), (4, ONE, ONE, ONE, (1, 4))],
        [(3, 9, 4), (4, 3, 4)], 4),
    "strides": (
        (9, 13, 1), 1, [(3, THREE, (2, 2), ONE, ONE), (3, (2, 2), ONE, ONE, (2, 2))],
        [(3, 9, 2), (2, 12, 2)], 4),
    "a stride takes all pixels": ((7, 10, 1), 1, [(3, (2, 3), (1, 2), ONE, ONE)], [(2, 6, 1)], 2),
    "dilation": ((8, 10, 1), 1, [(3, THREE, ONE, (2, 3), (2, 2))], [(2, 9, 2)], 2),
    "planes": (
        (6, 8, 1), 3, [(3, THREE, ONE, ONE, ONE), (3, (2, 2), ONE, ONE, (1, 2))],
        [(2, 9, 2), (3, 12, 2)], 2),
    "a signal": ((1, 17, 2), 1, [(4, (1, 5), ONE, ONE, (1, 3))], [(4, 10, 3)], 6),
}


@pytest.mark.parametrize("stall", [None, Stall(5, 0.3, 0.6)], ids=["", "stalls"])
@pytest.mark.parametrize("arguments", SEVERAL.values(), ids=SEVERAL)
def test_outputs_at_once(arguments, stall):
    """Several outputs side by side, of input words of several pixels."""
    rng = np.random.default_rng(6)
    graph, schedule = several(rng, *arguments)
    frames = frames_of(graph, rng, len(graph.layers) + 3)
    check(graph, schedule, frames, stall=stall)
    classes, scores = Network(schedule.bind(graph)).model(frames)
    expected = golden.evaluate(graph, frames)
    np.testing.assert_array_equal(classes, expected.classes)
    np.testing.assert_array_equal(scores, expected.scores)


def test_cycles_of_outputs_at_once():
    """Half of the words of the input, and of the cycles of each layer, with two at once."""
    rng = np.random.default_rng(7)
    layers = [(4, THREE, ONE, ONE, ONE), (3, THREE, ONE, ONE, (2, 2))]
    plans = []
    for vectors in 1, 2:
        graph, schedule = several(rng, (10, 10, 1), 1, layers,
                                  [(4, 9, vectors), (3, 36, vectors)], vectors)
        plans.append(schedule.bind(graph))
    one, two = plans
    assert (one.words, two.words) == (100, 50)
    assert [layer.cycles for layer in one.layers[:2]] == [64, 36]
    assert [layer.cycles for layer in two.layers[:2]] == [32, 18]
    assert (one.interval, two.interval) == (100, 50)
    assert two.vectors == 1 and two.cycles_per_frame == 50


def _score(rng, shape):
    return Score("score", rng.integers(0, 2, (3, int(np.prod(shape)))), [0, 1, 0])


def test_engines_agree():
    """A network with a change of width, a pool and a padded map, in both engines."""
    rng = np.random.default_rng(3)
    layers = [conv(rng, (4, 3, 3, 2), Window((3, 3), padding=(1, 1, 1, 1)), classes=9),
              Conv("next", rng.integers(0, 2, (6, 3, 3, 4)), rng.integers(15, 22, 6),
                   Window((3, 3)), Pool((2, 2), rng.integers(0, 2, 6).astype(bool))),
              Dense("dense", rng.integers(0, 2, (5, 24)), rng.integers(10, 15, 5)),
              Score("score", rng.integers(0, 2, (3, 5)), [0, 0, 1])]
    graph = Graph("both", Input((6, 7, 2)), layers)
    schedule = Schedule(2, (Fold(3, 2, "lut"), Fold(2, 3, "block"), Fold(2, 4, "lut"),
                            Fold(3, 5, "wired")))
    frames = frames_of(graph, rng, 6)
    runs = [check(graph, schedule, frames, engine=engine) for engine in ("amaranth", "compiled")]
    np.testing.assert_array_equal(*(run.o_cycles for run in runs))
