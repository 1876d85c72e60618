"""Resource budget of a network on a chip, and how it shrinks after a failed build."""

import numpy as np
import pytest

from xnorloom.folding.estimate import estimate
from xnorloom.target.device import DEVICES
from xnorloom_boards.flow.budget import ResourceBudget
from xnorloom_boards.flow.place_and_route import CongestionError, ResourceOverflowError

UP5K = DEVICES["iCE40UP5K"]


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(12), [256, 32, 10])


def cells(graph, schedule):
    return sum(cost.cells for cost in estimate(schedule.bind(graph), "ice40"))


def test_defaults(graph):
    for device in DEVICES.values():
        budget = ResourceBudget(graph, device)
        assert budget.reserve == 0 and 0.5 < budget.share < 1


@pytest.mark.parametrize("name", ["iCE40UP5K", "iCE40HX8K", "LFE5U-25F"])
@pytest.mark.parametrize("sizes, frame", [((256, 32, 10), 1), ((3000, 20, 10), 2)])
def test_leaves_enough(random_graph, name, sizes, frame):
    """Block RAMs for a frame of the link, in words of 4 bits at worst, and cells for the rest."""
    graph, device = random_graph(np.random.default_rng(12), sizes), DEVICES[name]
    costs = estimate(ResourceBudget(graph, device).schedule().bind(graph), device.family)
    brams = sum(cost.brams for cost in costs)
    assert brams + (frame if device.family == "ice40" else 1) <= device.brams
    # Serial port, link and clock were measured to take 450.
    assert sum(cost.cells for cost in costs) + 450 < device.logic_cells


@pytest.mark.parametrize("error, share, reserve", [
    pytest.param(ResourceOverflowError("large", {"logic_cells": (6000, 5280), "brams": (3, 30)}),
                 lambda guessed: 0.95 * guessed / 6000, 0, id="cells"),
    pytest.param(CongestionError("no way", {"logic_cells": (5200, 5280)}),
                 lambda guessed: 0.9 * guessed / 5280, 0, id="cramped"),
    pytest.param(CongestionError("no way", {}), lambda guessed: 0.9 * guessed / 5280, 0,
                 id="cramped-unknown"),
    pytest.param(ResourceOverflowError("large", {"logic_cells": (900, 5280), "brams": (33, 30)}),
                 None, 3, id="block-rams"),
    pytest.param(ResourceOverflowError("large", {"logic_cells": (6000, 5280), "brams": (31, 30)}),
                 lambda guessed: 0.95 * guessed / 6000, 1, id="both")])
def test_less(graph, error, share, reserve):
    budget = ResourceBudget(graph, UP5K)
    schedule = budget.schedule()
    guessed = cells(graph, schedule)
    less = budget.less(schedule, error)
    wanted = budget.share if share is None else min(budget.share, share(guessed))
    assert (less.share, less.reserve) == (pytest.approx(wanted), reserve)
    # As much smaller is the next schedule.
    if share is not None:
        assert cells(graph, less.schedule()) <= wanted * 5280 < guessed


def test_less_is_no_help(graph):
    budget = ResourceBudget(graph, UP5K)
    error = ResourceOverflowError("large", {"logic_cells": (900, 5280), "pins": (50, 39)})
    assert budget.less(budget.schedule(), error) is None


def test_front_and_steps(graph):
    """Points are within the budget of a build; the first is as fast as the schedule of a build."""
    budget = ResourceBudget(graph, UP5K)
    found = budget.front()
    plan = budget.schedule().bind(graph)
    assert found.points[0].cycles_per_frame <= plan.cycles_per_frame
    for point in found.points:
        cells, brams = budget.others(point.loaded)
        assert point.cells + cells < UP5K.logic_cells and point.brams + brams <= UP5K.brams
    assert budget.others(True)[0] > budget.others(False)[0]
    steps = budget.steps(found.points[0].schedule)
    assert (steps.here, steps.faster) == (found.points[0], None)
    assert steps.limit == found.limit
