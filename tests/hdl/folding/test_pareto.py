# amaranth: UnusedElaboratable=no
"""Pareto fronts: within the chip, as fast as a fit, and without superfluous points."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.folding.pareto import front
from xnorloom.folding.point import point
from xnorloom.gateware.network import Network
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES

UP5K = DEVICES["iCE40UP5K"]


def network(inputs=200, hidden=24, bits=1):
    rng = np.random.default_rng(5)
    middle = inputs * ((1 << bits) - 1) // 2
    return Graph("small", Input((inputs,), bits), (
        Dense("hidden", rng.integers(0, 2, (hidden, inputs)),
              rng.integers(max(0, middle - 5), middle + 3, hidden)),
        Score("score", rng.integers(0, 2, (4, hidden)), [1, 0, 2, 0])))


@pytest.fixture(scope="module", params=[
    pytest.param((0, 2), id="plain"), pytest.param((2, 2), id="sprams"),
    pytest.param((0, 1), id="one")])
def explored(request):
    sprams, most = request.param
    device = replace(UP5K, logic_cells=2000, brams=6, sprams=sprams)
    return device, most, front(network(), device, most_vectors=most)


def test_numbers(explored):
    """Speed follows from the schedule, resources from the estimate."""
    device, _, found = explored
    for entry in found.points:
        plan = entry.schedule.bind(network())
        costs = estimate(plan, device)
        assert (entry.interval, entry.vectors) == (plan.interval, plan.vectors)
        assert entry.cycles_per_frame == plan.interval / plan.vectors
        assert entry.latency == Network(plan).latency
        assert entry.cells == sum(cost.cells for cost in costs)
        assert entry.brams == sum(cost.brams for cost in costs)
        assert entry.sprams == sum(cost.sprams for cost in costs)
        assert entry.loaded == (entry.sprams > 0)
        assert set(entry.slowest) <= {"hidden", "score"}


def test_within_the_chip(explored):
    device, most, found = explored
    assert len(found.points) >= 5
    for entry in found.points:
        share = 0.9 if entry.vectors == 1 else 0.72
        assert entry.cells <= share * device.logic_cells
        assert entry.brams <= device.brams and entry.sprams <= device.sprams
        assert entry.vectors <= most


def test_the_fastest_is_that_of_a_fit(explored):
    device, most, found = explored
    plan = fit(network(), device, most_vectors=most).bind(network())
    assert found.points[0].cycles_per_frame <= plan.cycles_per_frame
    # The one that has the least latency has one frame at once.
    alone = fit(network(), replace(device, sprams=0), most_vectors=1).bind(network())
    assert min(entry.latency for entry in found.points) <= 1.25 * Network(alone).latency


def test_no_point_is_superfluous(explored):
    _, _, found = explored
    cycles = [entry.cycles_per_frame for entry in found.points]
    assert cycles == sorted(cycles)
    for first, second in itertools.combinations(found.points, 2):
        assert (second.latency < 0.8 * first.latency or second.cells < 0.85 * first.cells
                or second.brams < 0.7 * first.brams or second.sprams < first.sprams)


def test_the_fewest_of_all():
    """No schedule that fits has far fewer cells or block RAMs than the front, or is faster."""
    graph = network(7, 5)
    device = replace(UP5K, logic_cells=400, brams=4, sprams=0)
    found = front(graph, device, share=1, most_vectors=1).points
    layers = [[Fold(pe, simd, style, 1) for pe in range(1, layer.neurons + 1)
               for simd in range(1, layer.inputs + 1) for style in ("wired", "lut", "block")
               if (style == "wired") == ((pe, simd) == layer.weights.shape)]
              for layer in graph.layers]
    every = [entry for folds in itertools.product(*layers)
             if (entry := _sizes(graph, folds, device))[0] <= 400 and entry[1] <= 4]
    cells, brams, cycles = map(min, zip(*every))
    assert cells >= 0.85 * min(entry.cells for entry in found)
    assert brams == min(entry.brams for entry in found)
    assert cycles == found[0].cycles_per_frame


def _sizes(graph, folds, device):
    plan = Schedule(folds[0].simd, folds).bind(graph)
    costs = estimate(plan, device)
    return sum(cost.cells for cost in costs), sum(cost.brams for cost in costs), plan.interval


@pytest.mark.parametrize("graph, changes, message", [
    (network(), {"brams": 1, "logic_cells": 1500},
     r"an interval of [\d,]+ cycles( for \d frames)? needs [\d,]+ (cells|block RAMs) where "
     r"(there are [\d,]+|[\d,]+ of [\d,]+ are left), layer '(hidden|score)' alone [\d,]+"),
    (network(12, 4, bits=3), {}, "3 bit planes of the input take 3 cycles or more")],
    ids=["resource", "planes"])
def test_limit(graph, changes, message):
    assert re.fullmatch(message, front(graph, replace(UP5K, **changes)).limit)


def test_multipliers():
    """The scales of several neuron folds are factors in DSPs."""
    graph = network()
    score = Score("score", graph.layers[1].weights, [1, 0, 2, 0], [5, 3, 7, 6])
    graph = Graph("scaled", graph.input, (graph.layers[0], score))
    folds = Fold(4, 20, "block"), Fold(2, 8, "lut")
    assert point(graph, Schedule(20, folds), DEVICES["LFE5U-25F"]).dsps == 2
    assert point(graph, Schedule(20, folds), UP5K).dsps == 2
    assert point(graph, Schedule(20, folds), DEVICES["iCE40HX8K"]).dsps == 0
    assert point(network(), Schedule(20, folds), UP5K).dsps == 0


@pytest.mark.parametrize("device, options, error, message", [
    ("iCE40HX1K", {"reserve_cells": 1200}, NoScheduleError,
     r"network 'small' does not fit iCE40HX1K: it needs .+"),
    ("iCE41", {}, ValueError, r"device must be one of .+, not 'iCE41'"),
    (UP5K, {"share": 2}, ValueError, "fit share must be above 0 and at most 1, not 2"),
    (UP5K, {"most_vectors": 0}, ValueError, "fit most_vectors must be in 1 to 256, not 0")])
def test_wrong(device, options, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        front(network(), device, **options)
