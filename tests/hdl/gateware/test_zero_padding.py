# amaranth: UnusedElaboratable=no
"""Padding that contributes nothing, against sums of ±1 and 0, with one threshold per neuron."""

import numpy as np
import pytest

from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Map, Pool, Score, Window
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom.schedule.zero_padding import whole_thresholds
from xnorloom_sim import golden
from xnorloom_sim.harness import Stall
from xnorloom_sim.simulation import simulate

ONES = (1, 1, 1, 1)


def sums(values, weights, window, groups=1):
    """Sums of ±1 weights over a map of integers, padded with zeros, in order of the outputs."""
    top, left, bottom, right = window.padding
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    (high, wide), (down, across), (lower, farther) = window.kernel, window.stride, window.dilation
    rows, columns = window.outputs(*values.shape[1:3])
    found = np.zeros((len(values), rows, columns, len(weights)), int)
    members, channels = len(weights) // groups, weights.shape[3]
    for y, x, neuron in np.ndindex(rows, columns, len(weights)):
        first = neuron // members * channels
        taps = padded[:, y * down:y * down + (high - 1) * lower + 1:lower,
                      x * across:x * across + (wide - 1) * farther + 1:farther,
                      first:first + channels]
        found[:, y, x, neuron] = (taps * (2 * weights[neuron].astype(int) - 1)).sum(axis=(1, 2, 3))
    return found


def conv_of(map, weights, window, limits, planes=1, **arguments):
    """Convolution whose neurons fire where the sum reaches their limit; limits may be fractions."""
    zero = Conv("conv", weights, np.zeros(len(weights), int), window, **arguments)
    tops = zero.class_counts(map, planes)
    thresholds = np.clip(np.ceil((limits + tops) / 2), 0, tops + 1).astype(int)
    return Conv("conv", weights, thresholds, window, **arguments)


# Map, neurons, window, groups, pool, PE, SIMD, style, registers, planes.
CASES = {
    "3x3": ((5, 6, 4), 10, Window((3, 3), padding=ONES), 1, None, 2, 4, "lut", 0, 1),
    "several words a tap": ((4, 5, 6), 9, Window((3, 3), padding=ONES), 1, None, 2, 2, "lut", 2,
                            1),
    "a narrow map": ((4, 4, 2), 15, Window((2, 3), padding=ONES), 1, None, 3, 2, "block", 1, 1),
    "bit planes": ((4, 4, 2), 12, Window((3, 3), padding=ONES), 1, None, 2, 2, "lut", 1, 3),
    "pool, AND and OR": ((6, 6, 4), 10, Window((3, 3), padding=ONES), 1,
                         Pool((2, 2), [0, 1, 1, 0, 0, 1, 0, 1, 1, 1]), 2, 4, "block", 2, 1),
    "groups": ((4, 3, 8), 16, Window((3, 3), padding=ONES), 2, None, 2, 2, "lut", 0, 1),
    "groups at once": ((3, 4, 20), 20, Window((3, 3), padding=ONES), 10, None, 4, 2, "lut", 1, 1),
    "5x5, stride, dilation": ((7, 9, 2), 5, Window((5, 5), (2, 3), (1, 2), (2, 4, 2, 4)), 1, None,
                              2, 2, "lut", 2, 1),
    "no output sees all taps": ((2, 2, 2), 20, Window((3, 3), padding=(1, 2, 2, 1)), 1, None, 1,
                                2, "lut", 0, 1),
    "one side": ((4, 5, 4), 12, Window((2, 2), padding=(0, 0, 1, 1)), 1, None, 2, 2, "lut", 0, 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("stalled", [False, True], ids=["back to back", "stalls"])
def test_sums_of_zeros(case, stalled):
    shape, neurons, window, groups, pool, pe, simd, style, every, planes = case
    rng, map, top = np.random.default_rng(3), Map(*shape), (1 << planes) - 1
    weights = rng.integers(0, 2, (neurons, *window.kernel, map.channels // groups))
    most = weights[0].size * top
    # Some neurons fire always, never, or at the border alone.
    limits = rng.normal(0, most ** 0.5, neurons)
    limits[:3] = -most - 3, most + 0.5, most // 2 + 1
    layer = conv_of(map, weights, window, limits, planes, pool=pool, groups=groups)
    size = layer.output(map).size
    score = Score("score", rng.integers(0, 2, (3, size)), np.zeros(3, int))
    graph = Graph("zeros", Input(shape, planes), [layer, score])
    schedule = Schedule(map.channels, (Fold(pe, simd, style, every), Fold(1, 1, "block")))
    plan = schedule.bind(graph)
    assert plan.layers[0].half == simd // 2
    assert plan.layers[0].levels.shape == (1, neurons)
    frames = rng.integers(0, 1 << planes, (4, map.size))
    fires = sums(2 * frames.reshape(4, *map) - top, weights, window, groups) >= limits
    if pool:
        rows, columns = (side // 2 * 2 for side in fires.shape[1:3])
        areas = fires[:, :rows, :columns].reshape(4, rows // 2, 2, columns // 2, 2, neurons)
        fires = np.where(pool.least, areas.all(axis=(2, 4)), areas.any(axis=(2, 4)))
    fires = fires.reshape(4, -1)
    np.testing.assert_array_equal(golden.evaluate(graph, frames).activations[0], fires)
    result = simulate(plan, frames, probes=True, stall=Stall(5, 0.5, 0.5) if stalled else None)
    np.testing.assert_array_equal(result.activations[0], fires)
    _, scores = Network(plan).model(frames)
    np.testing.assert_array_equal(result.scores, scores)
    if not stalled:
        assert (result.latency, result.interval) == (Network(plan).latency, plan.interval)


def plan_of(layer, map, fold, planes=1):
    return LayerPlan(layer, Fold(*fold), planes, map=Map(*map))


# Twelve neurons have three levels of twelve rows with a PE of 1.
LIMITS = [1, -3, 5, 7, -2, 0, 3, 4, -8, 9, 2, -1]


def zeros_3x3(channels, limits, shape=(5, 5), planes=1, **arguments):
    rng = np.random.default_rng(7)
    weights = rng.integers(0, 2, (len(limits), 3, 3, channels))
    return conv_of(Map(*shape, channels), weights, Window((3, 3), padding=ONES),
                   np.array(limits), planes, **arguments)


@pytest.mark.parametrize("channels, fold", [
    (3, (1, 3, "lut")),   # an odd number of synapses of a tap
    (4, (1, 1, "lut")),   # of a word
    (4, (1, 3, "lut")),   # 3 and 1
    (6, (1, 4, "lut")),   # 4 and 2: unequal
    (4, (6, 4, "lut")),   # a look-up table has all levels: three, of two rows
    (4, (6, 4, "block")),
])
def test_thresholds_for_each_class(channels, fold):
    plan = plan_of(zeros_3x3(channels, LIMITS), (5, 5, channels), fold)
    assert plan.half == 0
    assert len(plan.levels) > 1


def test_other_thresholds_of_a_class():
    """One neuron fires once less often in a corner than a sum with zeros would."""
    layer = zeros_3x3(4, LIMITS)
    assert plan_of(layer, (5, 5, 4), (1, 4, "lut")).half == 2
    thresholds = layer.thresholds.copy()
    thresholds[0, 1] += 1
    other = Conv("conv", layer.weights, thresholds, layer.window)
    plan = plan_of(other, (5, 5, 4), (1, 4, "lut"))
    assert plan.half == 0
    np.testing.assert_array_equal(plan.levels[plan.ring.level_of[0, 0]], thresholds[0])


def test_absent_synapses():
    layer = zeros_3x3(4, LIMITS)
    present = np.ones(layer.weights.shape, bool)
    present[0, 1, 1, 2] = False
    sparse = Conv("conv", layer.weights, layer.thresholds - 1, layer.window, present=present)
    assert plan_of(sparse, (5, 5, 4), (1, 4, "lut")).half == 0


def test_same_threshold_for_all_classes():
    """Then there is one level anyway, and words outside count nothing."""
    layer = Conv("conv", np.zeros((20, 3, 3, 4), int), np.full((9, 20), 5),
                 Window((3, 3), padding=ONES))
    plan = plan_of(layer, (5, 5, 4), (1, 4, "lut"))
    assert (plan.half, plan.levels.tolist()) == (0, [20 * [5]])


def test_table_in_block_ram():
    """Nine rows are in block RAM with levels and without."""
    layer = zeros_3x3(4, range(-4, 5))
    assert plan_of(layer, (5, 5, 4), (1, 4, "block")).half == 0
    assert plan_of(layer, (5, 5, 4), (1, 4, "lut")).half == 2
    assert plan_of(layer, (5, 5, 4), (2, 4, "block")).half == 2


@pytest.mark.parametrize("shape", [(5, 6), (2, 2), (1, 1), (1, 4)])
@pytest.mark.parametrize("planes", [1, 2])
def test_whole_thresholds(shape, planes):
    """Each class and count fires as its own threshold says; all limits, also far out."""
    limits = np.arange(-80, 81) / 2
    layer, map = zeros_3x3(2, limits, shape, planes), Map(*shape, 2)
    found, counts = whole_thresholds(layer, map, planes), layer.class_counts(map, planes)
    most = 18 * ((1 << planes) - 1)
    assert found.min() >= 0 and found.max() <= most + 1
    for thresholds, top in zip(layer.thresholds, counts[:, 0], strict=True):
        for count in range(top + 1):
            np.testing.assert_array_equal(count + (most - top) // 2 >= found,
                                          count >= thresholds)
