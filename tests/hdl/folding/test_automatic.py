"""Automatic schedules: they reach the interval with the fewest lanes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom import folding
from xnorloom.errors import ScheduleError
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import WeightStyle
from xnorloom.target.device import LUT_DEPTH


def cycles(graph, index, pe, simd):
    """Cycles that a layer works on a frame, counted fold by fold."""
    layer = graph.layers[index]
    bits = graph.input.bits if index == 0 else 1
    return bits * len(range(0, layer.neurons, pe)) * len(range(0, layer.inputs, simd))


def fewest_lanes(graph, index, interval):
    """The fewest lanes of any fold that works at most ``interval`` cycles, by trying them all."""
    layer = graph.layers[index]
    return min(pe * simd
               for pe in range(1, layer.neurons + 1) for simd in range(1, layer.inputs + 1)
               if cycles(graph, index, pe, simd) <= interval)


def graph_of(sizes, bits=1):
    layers = [Dense(f"dense{i}", np.ones((m, n), int), np.ones(m, int))
              for i, (n, m) in enumerate(zip(sizes, sizes[1:-1]))]
    last = Score("score", np.ones((sizes[-1], sizes[-2]), int), np.zeros(sizes[-1], int))
    return Graph("g", Input((sizes[0],), bits), (*layers, last))


SIZES = st.lists(st.integers(1, 70), min_size=2, max_size=5)


@given(sizes=SIZES, bits=st.integers(1, 8), interval=st.integers(1, 6000))
def test_reaches_the_interval_with_the_fewest_lanes(sizes, bits, interval):
    graph = graph_of(sizes, bits)
    interval = max(interval, folding.smallest_interval(graph))
    schedule = folding.automatic(graph, interval)
    schedule.bind(graph)
    for index, fold in enumerate(schedule.folds):
        assert cycles(graph, index, fold.pe, fold.simd) <= interval
        assert fold.lanes == fewest_lanes(graph, index, interval)
    assert bits * len(range(0, sizes[0], schedule.input_width)) <= interval


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("m", range(1, 9))
@pytest.mark.parametrize("bits", [1, 3])
def test_every_interval_of_small_layers(n, m, bits):
    graph = graph_of([n, m], bits)
    for interval in range(bits, bits * n * m + 3):
        fold = folding.fold_for(graph, 0, interval)
        assert cycles(graph, 0, fold.pe, fold.simd) <= interval
        assert fold.lanes == fewest_lanes(graph, 0, interval)


@given(sizes=SIZES, bits=st.integers(1, 8), interval=st.integers(8, 6000))
def test_takes_the_cheapest_style_for_the_depth(sizes, bits, interval):
    graph = graph_of(sizes, bits)
    for index, fold in enumerate(folding.automatic(graph, interval).folds):
        depth = cycles(graph, index, fold.pe, fold.simd) // graph.planes(index)
        assert fold.style == ("wired" if depth == 1 else "lut" if depth <= LUT_DEPTH else "block")


@pytest.mark.parametrize("style", ["lut", "block"])
def test_a_wanted_style_changes_nothing_else(style):
    graph = graph_of([40, 30, 20, 10])
    wanted = folding.automatic(graph, 10, style)
    assert {fold.style for fold in wanted.folds} == {style}
    free = folding.automatic(graph, 10)
    assert [(f.pe, f.simd) for f in wanted.folds] == [(f.pe, f.simd) for f in free.folds]


@pytest.mark.parametrize("bits, interval", [(1, 1), (1, 50), (8, 8), (8, 100)])
def test_wired_is_the_whole_layer(bits, interval):
    graph = graph_of([40, 30, 10], bits)
    schedule = folding.automatic(graph, interval, "wired")
    schedule.bind(graph)
    assert [fold.lanes for fold in schedule.folds] == [1200, 300]


@pytest.mark.parametrize("bits", [1, 8])
def test_smallest_interval(bits):
    graph = graph_of([20, 10, 5], bits)
    smallest = folding.smallest_interval(graph)
    schedule = folding.automatic(graph, smallest)
    assert smallest == bits
    assert schedule.folds[0].style == "wired"
    assert schedule.input_width == 20


def test_one_lane():
    graph = graph_of([20, 10, 5])
    folds = folding.automatic(graph, 200).folds
    assert [fold.lanes for fold in folds] == [1, 1]


@given(sizes=st.lists(st.integers(1, 600), min_size=2, max_size=4), bits=st.integers(1, 8))
def test_default_interval(sizes, bits):
    graph = graph_of(sizes, bits)
    interval = folding.default_interval(graph)
    work = sum(layer.weights.size * graph.planes(i) for i, layer in enumerate(graph.layers))
    assert interval >= folding.smallest_interval(graph)
    # The lanes would do the work of a frame in that many cycles if none of them ever idled.
    assert interval == bits or (interval - 1) * folding.DEFAULT_LANES < work
    assert interval * folding.DEFAULT_LANES >= work
    assert folding.automatic(graph) == folding.automatic(graph, interval)


@pytest.mark.parametrize("depth, style", [(1, "wired"), (2, "lut"), (LUT_DEPTH, "lut"),
                                          (LUT_DEPTH + 1, "block"), (4096, "block")])
def test_style_for(depth, style):
    assert WeightStyle.cheapest(depth) == style


# Impossible requests


@pytest.mark.parametrize("style", [None, "wired", "lut", "block"])
def test_interval_too_small(style):
    message = (r"^interval 7 cannot be reached: layer 'dense0' works on 8 bit planes in turn, so "
               r"the smallest interval is 8$")
    with pytest.raises(ScheduleError, match=message):
        folding.automatic(graph_of([20, 10, 5], 8), 7, style)


@pytest.mark.parametrize("interval", [0, -3])
def test_interval_not_positive(interval):
    message = rf"^interval must be at least 1 cycle, not {interval}$"
    with pytest.raises(ScheduleError, match=message):
        folding.automatic(graph_of([20, 5]), interval)


@pytest.mark.parametrize("interval, shown", [(2.0, r"2\.0"), ("9", "'9'"), (True, "True")])
def test_interval_wrong(interval, shown):
    with pytest.raises(TypeError, match=rf"^interval must be an integer, not {shown}$"):
        folding.automatic(graph_of([20, 5]), interval)


def test_style_wrong():
    message = r"^style must be one of wired, lut, block, spram, not 'ram'$"
    with pytest.raises(ScheduleError, match=message):
        folding.automatic(graph_of([20, 5]), 10, "ram")
