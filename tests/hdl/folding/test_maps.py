"""Schedules of convolutions: automatic, fitted to a chip, and estimated."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom import folding
from xnorloom.errors import ScheduleError
from xnorloom.folding.estimate import estimate, rams
from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.graph import Conv, Dense, Graph, Input, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES
from xnorloom.target.family import Family

UP5K = DEVICES["iCE40UP5K"]
RNG = np.random.default_rng(4)


def conv(name, neurons, kernel, channels, groups=1, pool=None, **window):
    """A convolution whose thresholds are about half of its taps."""
    weights = RNG.integers(0, 2, (neurons, *kernel, channels // groups))
    half = weights[0].size // 2
    return Conv(name, weights, RNG.integers(half - 1, half + 2, neurons),
                Window(kernel, **window), pool, groups)


def graph_of(input, *convs):
    """A network of convolutions, and scores of what they give."""
    size = input
    for layer in convs:
        size = layer.output(Graph("g", input, (score_of(input),)).maps[0]
                            if size is input else size)
    return Graph("cnn", input, (*convs, score_of(Input((size.size,)))))


def score_of(input, classes=3):
    return Score("score", RNG.integers(0, 2, (classes, input.size)), np.arange(classes))


def mnist():
    """The network of 3x3 kernels that takes 65,808 weights."""
    def of(neurons, channels, name, pool=None):
        weights = RNG.integers(0, 2, (neurons, 3, 3, channels))
        return Conv(name, weights, np.full(neurons, channels * 9 // 2), Window((3, 3)), pool)

    dense = RNG.integers(0, 2, (64, 800))
    return Graph("mnist", Input((28, 28)), (
        of(16, 1, "c1"), of(32, 16, "c2", Pool((2, 2))), of(32, 32, "c3", Pool((2, 2))),
        Dense("d", dense, np.full(64, 400)), Score("s", RNG.integers(0, 2, (10, 64)), [0] * 10)))


# Automatic schedules


def folds_of(layer, channels):
    """All folds (PE, SIMD) of a convolution that its groups, and its padding, allow."""
    if layer.groups == 1 and not any(layer.window.padding):
        rows, columns = layer.window.kernel
        for pe in range(1, layer.neurons + 1):
            yield from {(pe, columns * channels), (pe, rows * columns * channels)}
    members, of_group = layer.neurons // layer.groups, channels // layer.groups
    for pe, simd in itertools.product(range(1, layer.neurons + 1), range(1, of_group + 1)):
        if layer.groups == 1 or (
                members % pe == 0 and of_group % simd == 0 if pe <= members else
                pe % members == 0 and layer.neurons % pe == 0 and simd == of_group):
            yield pe, simd


NETWORKS = {
    "plain": graph_of(Input((6, 5, 3)), conv("a", 5, (3, 2), 3), conv("b", 4, (2, 2), 5)),
    "planes, pools": graph_of(Input((7, 7, 2), 3), conv("a", 6, (2, 2), 2, pool=Pool((2, 3))),
                              conv("b", 3, (1, 2), 6, padding=(0, 1, 0, 1), pad=1)),
    "groups": graph_of(Input((4, 6, 4)), conv("a", 8, (2, 2), 4, 2), conv("b", 8, (3, 1), 8, 8)),
    "few outputs": graph_of(Input((9, 9, 6)), conv("a", 2, (1, 1), 6, stride=(4, 4)),
                            conv("b", 6, (3, 3), 2)),
}


@settings(max_examples=60)
@given(name=st.sampled_from(list(NETWORKS)), part=st.floats(0, 1))
def test_automatic(name, part):
    """Reaches the interval, with the fewest lanes of any fold of each convolution."""
    graph = NETWORKS[name]
    # Below, several outputs at once are needed.
    smallest = max(folding.smallest_interval(graph), graph.maps[0].pixels * graph.input.bits)
    slowest = max(layer.weights.size * layer.output(map).pixels * 6 * 3
                  for layer, map in zip(graph.layers, graph.maps) if isinstance(layer, Conv))
    interval = round(smallest * (slowest / smallest) ** part)
    plan = folding.automatic(graph, interval).bind(graph)
    assert plan.interval <= interval
    for index, entry in enumerate(plan.layers[:2]):
        map, planes, layer = graph.maps[index], graph.planes(index), entry.layer
        positions = layer.positions(map)
        of_group = map.channels // layer.groups
        fewest = min(
            pe * simd for pe, simd in folds_of(layer, map.channels)
            if len(range(0, layer.neurons, pe)) * positions[0] * positions[1] * planes
            * (layer.window.taps * len(range(0, of_group, simd)) if simd <= of_group
               else layer.window.taps * of_group // simd) <= interval
            and map.pixels * planes * len(range(
                0, map.channels, simd * max(1, pe * layer.groups // layer.neurons))) <= interval)
        assert entry.fold.lanes == fewest


def test_smallest_interval():
    """Each convolution at once takes its pixels in turn, and the taps of outputs with padding."""
    least = {name: folding.smallest_interval(graph) for name, graph in NETWORKS.items()}
    assert least == {
        # As many as pixels: the whole kernel at once.
        "plain": 30,
        # Three pixels of a row at once, which the pool joins.
        "planes, pools": 7 * 3 * 3,
        "groups": 3 * 5 * 4,
        # As many as pixels; the nine outputs take nine.
        "few outputs": 81,
    }
    for graph in NETWORKS.values():
        smallest = folding.smallest_interval(graph)
        assert folding.automatic(graph, smallest).bind(graph).interval <= smallest
    graph = NETWORKS["plain"]
    work = 16 * 90 + 9 * 80 + 36 * 3
    assert folding.default_interval(graph) == 30 > work // 512
    assert folding.default_interval(mnist()) == -(-3_724_992 // 512)


@pytest.mark.parametrize("name, interval, message", [
    ("plain", 29, "layer 'a' receives 30 pixels in turn"),
    ("planes, pools", 62, "layer 'a' receives 49 pixels of 3 bit planes in words of 3 in turn"),
    ("groups", 59, "layer 'a' works on 15 outputs of 4 taps in turn"),
    ("few outputs", 80, "layer 'a' receives 81 pixels in turn"),
])
def test_interval_too_small(name, interval, message):
    with pytest.raises(ScheduleError, match=f"^interval {interval} cannot be reached: {message}, "
                                            f"so the smallest interval is {interval + 1}$"):
        folding.automatic(NETWORKS[name], interval)


@pytest.mark.parametrize("interval, vectors, words", [
    (784, (1, 1, 1), 784), (783, (2, 2, 1), 392), (392, (2, 2, 1), 392), (391, (4, 4, 2), 196),
    (196, (4, 4, 2), 196)])
def test_outputs_at_once(interval, vectors, words):
    """No more than the interval needs; pools join them, so that the dense layer has one pixel."""
    plan = folding.automatic(mnist(), interval).bind(mnist())
    assert plan.interval <= interval and plan.words == words
    assert tuple(layer.vectors for layer in plan.layers) == (*vectors, 1, 1)
    assert plan.vectors == 1


def test_outputs_at_once_fit():
    """Fewer cycles than pixels, on a chip with room for them; not with one output at once."""
    device = DEVICES["LFE5U-25F"]
    plan = fit(mnist(), device).bind(mnist())
    assert plan.interval < 784 and plan.layers[0].vectors > 1
    costs = estimate(plan, device)
    assert sum(cost.cells for cost in costs) <= 0.72 * device.logic_cells
    alone = fit(mnist(), device, most_vectors=1).bind(mnist())
    assert alone.interval >= 784 and {layer.vectors for layer in alone.layers} == {1}


def test_styles():
    graph = NETWORKS["plain"]
    for style in "lut", "block":
        assert {fold.style for fold in folding.automatic(graph, 500, style).folds} == {style}
    # The whole kernel at once.
    plan = folding.automatic(graph, 500, "wired").bind(graph)
    assert plan.layers[0].fold == Fold(5, 18, "wired") and plan.interval == 30
    padded = NETWORKS["planes, pools"]
    with pytest.raises(ScheduleError, match="needs a kernel of one tap, not 2; take style lut or "
                                            "block$"):
        folding.automatic(padded, 500, "wired").bind(padded)
    single = graph_of(Input((3, 3, 2)), conv("a", 4, (1, 1), 2))
    plan = folding.automatic(single, 9).bind(single)
    assert plan.layers[0].fold == Fold(4, 2, "wired") and plan.interval == 9


# Fitted schedules


def cost(plan, device):
    costs = estimate(plan, device)
    return sum(entry.cells for entry in costs), sum(entry.brams for entry in costs)


def test_mnist_fits_small_chips():
    graph = mnist()
    for chip, interval in ("iCE40UP5K", 5800), ("iCE40HX8K", 5000), ("LFE5U-25F", 1000):
        device = DEVICES[chip]
        # Several frames at once are only an upper bound.
        plan = fit(graph, device, most_vectors=8).bind(graph)
        cells, brams = cost(plan, device)
        assert cells <= 0.9 * device.logic_cells and brams <= device.brams
        assert plan.interval <= interval and plan.vectors == 1
    slow = fit(graph, UP5K, interval=20000).bind(graph)
    assert plan.interval < slow.interval <= 20000
    assert cost(slow, UP5K)[0] < 0.8 * cost(fit(graph, UP5K).bind(graph), UP5K)[0]


TINY = {
    "padded": graph_of(Input((3, 3, 2)), conv("a", 3, (2, 2), 2, padding=(1, 0, 0, 1), pad=1)),
    "depthwise": graph_of(Input((3, 2, 2)), conv("a", 2, (2, 1), 2, 2, Pool((2, 1)))),
    "one tap": graph_of(Input((2, 2, 3), 2), conv("a", 2, (1, 1), 3)),
    "rows": graph_of(Input((4, 3, 1)), conv("a", 2, (2, 2), 1)),
}


def every_plan(graph, device):
    """Every plan that fits, whose input words are operands of the first layer."""
    first, score = graph.layers
    for pe, simd in folds_of(first, first.channels):
        operands = simd * max(1, pe * first.groups // first.neurons)
        if simd > first.weights.shape[3]:
            operands = first.channels
        size = graph.maps[1].pixels * -(-first.neurons // pe) * pe
        for lanes in itertools.product(range(1, score.neurons + 1), range(1, size + 1)):
            for styles in itertools.product(("wired", "lut", "block"), repeat=2):
                try:
                    plan = Schedule(operands, (Fold(pe, simd, styles[0], 1),
                                               Fold(*lanes, styles[1], 1))).bind(graph)
                except ScheduleError:
                    continue
                # Tables of a single word are constants.
                if any((entry.depth == 1) != (entry.fold.style == "wired")
                       for entry in plan.layers):
                    continue
                cells, brams = cost(plan, device)
                if cells <= device.logic_cells and brams <= device.brams:
                    yield plan


@pytest.mark.parametrize("name, cells, brams", [
    ("padded", 430, 3), ("padded", 520, 1), ("depthwise", 420, 2), ("one tap", 380, 1),
    ("rows", 330, 1), ("rows", 400, 2),
])
def test_nothing_is_faster(name, cells, brams):
    graph, device = TINY[name], replace(UP5K, logic_cells=cells, brams=brams, sprams=0)
    found = fit(graph, device, share=1).bind(graph)
    assert cost(found, device)[0] <= cells and cost(found, device)[1] <= brams
    assert found.interval == min(plan.interval for plan in every_plan(graph, device))


@pytest.mark.parametrize("options, message", [
    ({"interval": 195}, "network 'mnist' at an interval of 195 cycles does not fit iCE40UP5K: "
                        "layer 'c1' receives 784 pixels in words of 4 in turn, which takes 196 "
                        "cycles or more"),
    ({"interval": 900}, "network 'mnist' at an interval of 900 cycles does not fit iCE40UP5K: it "
                        "needs [\\d,]+ (block RAMs|cells) where [\\w, ]+, layer '\\w+' alone "
                        "[\\d,]+; the least interval that fits is \\d+ cycles"),
    ({"share": 0.1}, "network 'mnist' does not fit iCE40UP5K: it needs [\\d,]+ cells where 528 of "
                     "5,280 are left, layer '\\w+' alone \\d+; the smallest chip that it fits "
                     "is LFE5U-25F, at an interval of \\d+ cycles"),
])
def test_what_does_not_fit(options, message):
    with pytest.raises(NoScheduleError, match=f"^{message}$"):
        fit(mnist(), UP5K, **options)


# Estimates


def test_ring_memory():
    """Six rows of 28 pixels and planes, rounded up to a power of two, in each family's RAM."""
    graph = graph_of(Input((28, 28, 12), 2), conv("a", 4, (3, 3), 12))
    plan = Schedule(12, (Fold(2, 12, "block"), Fold(1, 4, "block"))).bind(graph)
    first = plan.layers[0]
    assert first.ring.words == 512 >= 6 * 28 * 2
    for family, expected in ("ice40", 2), ("ecp5", 1):
        costs = estimate(plan, family)
        assert costs[0].buffer_brams == rams(512, 12, Family(family)) == expected


def test_levels_take_tables():
    """Thresholds for each border class: a table for each, but not for equal ones."""
    def cells(levels):
        window = Window((3, 3), padding=(1, 1, 1, 1))
        thresholds = np.full((9, 8), 6)
        thresholds[:levels] += np.arange(levels)[:, None]
        layer = Conv("a", RNG.integers(0, 2, (8, 3, 3, 4)), thresholds, window)
        graph = graph_of(Input((6, 6, 4)), layer)
        plan = Schedule(4, (Fold(4, 4, "lut"), Fold(1, 8, "block"))).bind(graph)
        return len(plan.layers[0].levels), estimate(plan, "ice40")[0].cells

    assert cells(1)[0] == 1 and cells(9)[0] == 9
    assert cells(1)[1] < cells(3)[1] < cells(9)[1]


def test_gaps_cost_operands():
    """Words of three elements for each pixel of four channels: half as much again in registers."""
    graph = graph_of(Input((4, 4, 2)), conv("a", 4, (2, 2), 2))
    costs = {}
    for pe in 3, 4:
        plan = Schedule(2, (Fold(pe, 2, "lut"), Fold(1, 6, "block"))).bind(graph)
        assert plan.layers[1].size == 9 * (6 if pe == 3 else 4)
        costs[pe] = estimate(plan, "ice40")[1].cells
    assert costs[3] - costs[4] >= 2 * 9 * 2 * 0.9


def test_pool_and_padding_take_cells():
    def cells(**arguments):
        layer = conv("a", 4, (3, 3), 4, **arguments)
        graph = graph_of(Input((8, 8, 4)), layer)
        return estimate(Schedule(4, (Fold(2, 4, "lut"), Fold(1, 2, "block"))).bind(graph),
                        "ice40")[0].cells

    plain = cells()
    assert cells(pool=Pool((2, 2))) > plain
    assert cells(padding=(1, 1, 1, 1), pad=0) > plain


def test_vectors_of_a_file():
    graph = NETWORKS["plain"]
    folds = tuple(replace(fold, vectors=2) for fold in folding.automatic(graph).folds)
    message = ("vectors of layer 'score' must be 1, not 2: a network with convolutions works on "
               "one frame at a time")
    with pytest.raises(ScheduleError, match=f"^{re.escape(message)}$"):
        Schedule(1, folds).bind(graph)
