"""Fitted schedules: within the chip, and the fastest of all schedules by exhaustive search."""

import itertools
import re
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.graph import Dense, Graph, Input, Score, modelfile
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES

MODELS = Path(__file__).parents[3] / "models"
UP5K = DEVICES["iCE40UP5K"]


def model(name):
    return modelfile.load(MODELS / f"{name}.bnn")


def used(graph, schedule, device):
    costs = estimate(schedule.bind(graph), device.family)
    return sum(cost.cells for cost in costs), sum(cost.brams for cost in costs)


def fits(graph, schedule, device, share=0.9):
    cells, brams = used(graph, schedule, device)
    return cells <= share * device.logic_cells and brams <= device.brams


def cycles(graph, schedule):
    """Cycles per frame."""
    plan = schedule.bind(graph)
    return plan.interval / plan.vectors


@pytest.mark.parametrize("name, device, most_vectors, interval", [
    ("tfc", "iCE40UP5K", 1, 112), ("tfc", "iCE40UP5K", 2, 96), ("tfc", "iCE40HX8K", 1, 98),
    ("tfc", "iCE40HX8K", 8, 64), ("tfc", "LFE5U-25F", 8, 7),
])
def test_least_interval(name, device, most_vectors, interval):
    graph, device = model(name), DEVICES[device]
    schedule = fit(graph, device, most_vectors=most_vectors)
    assert fits(graph, schedule, device)
    assert cycles(graph, schedule) <= interval
    assert {fold.vectors for fold in schedule.folds} <= set(range(1, most_vectors + 1))
    # Words of the input arrive as the first layer takes them.
    assert schedule.input_width == schedule.folds[0].simd


def test_wanted_interval():
    graph = model("sfc")
    schedule = fit(graph, DEVICES["LFE5U-25F"], interval=190)
    assert cycles(graph, schedule) <= 190
    assert fits(graph, schedule, DEVICES["LFE5U-25F"])


def test_a_slower_network_takes_fewer_cells():
    graph = model("tfc")
    cells = [used(graph, fit(graph, UP5K, interval=interval, most_vectors=1), UP5K)[0]
             for interval in (112, 200, 400, 800)]
    assert cells == sorted(cells, reverse=True) and cells[-1] < 0.75 * cells[0]


def test_reserve_and_share():
    graph = model("tfc")
    cells, brams = used(graph, fit(graph, UP5K, reserve=2, most_vectors=1), UP5K)
    assert brams <= 28
    cells, brams = used(graph, fit(graph, UP5K, share=0.6, register_every=2, most_vectors=2), UP5K)
    assert cells <= 0.6 * 5280 and brams <= 30


def every_schedule(graph, share, device, vectors):
    """Every schedule that fits, whose input is as wide as its first layer."""
    folds = []
    for layer in graph.layers:
        folds.append([Fold(pe, simd, style, 1, vectors=vectors)
                      for pe in range(1, layer.neurons + 1) for simd in range(1, layer.inputs + 1)
                      for style in ("wired", "lut", "block")
                      if (style == "wired") == ((pe, simd) == layer.weights.shape)])
    for chosen in itertools.product(*folds):
        schedule = Schedule(chosen[0].simd, chosen)
        if fits(graph, schedule, device, share):
            yield schedule


@pytest.mark.parametrize("brams, cells", [(0, 260), (1, 240), (2, 300), (4, 400)])
def test_nothing_is_faster(brams, cells):
    rng = np.random.default_rng(3)
    graph = Graph("small", Input((7,)), (
        Dense("hidden", rng.integers(0, 2, (5, 7)), rng.integers(2, 6, 5)),
        Score("score", rng.integers(0, 2, (2, 5)), [1, 0])))
    device = replace(UP5K, logic_cells=cells, brams=brams)
    found = fit(graph, device, share=1, most_vectors=1)
    assert found.bind(graph).interval == min(
        schedule.bind(graph).interval for schedule in every_schedule(graph, 1, device, 1))

    # Several frames at once must save a fiftieth, or are not taken.
    least = min(cycles(graph, schedule) for vectors in range(1, 4)
                for schedule in every_schedule(graph, 1, device, vectors))
    batches = fit(graph, device, share=1, most_vectors=3)
    assert fits(graph, batches, device, 1)
    assert least <= cycles(graph, batches) <= least / 0.98


@pytest.mark.parametrize("name, device, options, message", [
    ("tfc", "iCE40UP5K", {"interval": 50},
     r"network 'tfc' at an interval of 50 cycles does not fit iCE40UP5K: it needs [\d,]+ "
     r"(block RAMs|cells) where there are [\d,]+, layer 'dense0' alone [\d,]+; the least interval "
     r"that fits is 96 cycles"),
    ("tfc", "iCE40HX1K", {},
     r"network 'tfc' does not fit iCE40HX1K: it needs 18 block RAMs where there are 16, layer "
     r"'dense0' alone 15; the smallest chip that it fits is iCE40UP5K, at an interval of 96 "
     r"cycles"),
    ("sfc8", "LFE5U-25F", {"interval": 7},
     r"network 'sfc8' at an interval of 7 cycles does not fit LFE5U-25F: 8 bit planes of the input "
     r"take 8 cycles or more"),
    ("sfc", "iCE40UP5K", {"interval": 500},
     r"network 'sfc' at an interval of 500 cycles does not fit iCE40UP5K: it needs [\d,]+ "
     r"(block RAMs|cells) where there are [\d,]+, layer 'dense\d' alone [\d,]+; the least interval "
     r"that fits is 1024 cycles"),
    ("sfc", "iCE40HX8K", {"interval": 2000, "most_vectors": 2},
     r"network 'sfc' at an interval of 2000 cycles does not fit iCE40HX8K: of 334,336 weights its "
     r"block RAMs hold 131,072, and it needs [\d,]+ (block RAMs|cells) where there are [\d,]+, "
     r"layer 'dense\d' alone [\d,]+; the smallest chip that it fits is LFE5U-25F"),
])
def test_what_does_not_fit(name, device, options, message):
    with pytest.raises(NoScheduleError, match=f"^{message}$"):
        fit(model(name), DEVICES[device], **options)


@pytest.mark.parametrize("options, error, message", [
    ({"share": 0}, ValueError, "fit share must be above 0 and at most 1, not 0"),
    ({"share": 1.5}, ValueError, "fit share must be above 0 and at most 1, not 1.5"),
    ({"reserve": -1}, ValueError, "fit reserve must be at least 0, not -1"),
    ({"interval": 0}, ValueError, "fit interval must be at least 1, not 0"),
    ({"interval": 1.5}, TypeError, "fit interval must be an integer, not 1.5"),
    ({"most_vectors": 0}, ValueError, "fit most_vectors must be in 1 to 256, not 0"),
    ({"most_vectors": 257}, ValueError, "fit most_vectors must be in 1 to 256, not 257"),
])
def test_wrong(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        fit(model("tfc"), UP5K, **options)


def test_reserves():
    graph = model("tfc")
    cells, brams = used(graph, fit(graph, UP5K, reserve_cells=2000, register_every=2,
                                   most_vectors=1), UP5K)
    assert cells <= 3280
    # The function also takes a chip that is only suggested.
    for reserve, left in ((5, 5), (lambda chip: 5 * (chip.brams < 30), 0)):
        interval = ceil(cycles(graph, fit(graph, UP5K, reserve=left, most_vectors=2)))
        with pytest.raises(NoScheduleError, match=(
                rf" of 59,008 weights its block RAMs hold {11 * 4096:,}, and .*; the smallest chip "
                rf"that it fits is iCE40UP5K, at an interval of {interval} cycles$")):
            fit(graph, DEVICES["iCE40HX1K"], reserve=reserve, most_vectors=2)
    with pytest.raises(NoScheduleError, match=r" of 59,008 weights its block RAMs hold 0, and "):
        fit(graph, DEVICES["iCE40HX1K"], reserve=17)


def test_sprams_where_they_pay():
    """Layers in SPRAM leave cells to others, but a network that is no faster is not loaded."""
    graph = model("tfc")
    small = replace(UP5K, logic_cells=3300)
    plain = fit(graph, replace(small, sprams=0), reserve=1, most_vectors=1).bind(graph)
    loaded = fit(graph, small, reserve=1, reserve_loader=193, most_vectors=1).bind(graph)
    assert loaded.interval <= 0.95 * plain.interval
    assert any(fold.style.loadable for fold in loaded.schedule.folds)
    # With no cells left for the loader the SPRAMs are of no use.
    unloaded = fit(graph, small, reserve=1, reserve_loader=3000, most_vectors=1)
    assert unloaded == plain.schedule
    whole = fit(graph, UP5K, reserve=1, most_vectors=1)
    assert not any(fold.style.loadable for fold in whole.folds)


def test_hopeless_at_once():
    """A network far beyond all chips is refused without a search of each."""
    rng = np.random.default_rng(1)
    graph = Graph("huge", Input((3000,)), (
        Dense("hidden", rng.integers(0, 2, (4000, 3000)), rng.integers(0, 3000, 4000)),
        Score("score", rng.integers(0, 2, (5, 4000)), [0] * 5)))
    with pytest.raises(NoScheduleError, match=rf"; it fits none of {', '.join(DEVICES)}$"):
        fit(graph, UP5K)
