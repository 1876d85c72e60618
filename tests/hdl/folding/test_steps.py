"""Steps of a schedule: the next faster one, the next smaller one, and the limit."""

import re
from dataclasses import replace

import numpy as np
import pytest

from xnorloom.errors import ScheduleError
from xnorloom.folding.fit import fit
from xnorloom.folding.steps import steps
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES

DEVICE = replace(DEVICES["iCE40UP5K"], logic_cells=1500, brams=6, sprams=0)


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(5)
    return Graph("small", Input((200,)), (
        Dense("hidden", rng.integers(0, 2, (24, 200)), rng.integers(90, 110, 24)),
        Score("score", rng.integers(0, 2, (4, 24)), [1, 0, 2, 0])))


def test_steps_in_the_middle(graph):
    middle = fit(graph, DEVICE, interval=120)
    found = steps(graph, DEVICE, middle)
    assert found.here.schedule == middle and found.limit == ""
    cycles = found.here.cycles_per_frame
    assert found.faster.cycles_per_frame <= cycles / 2 ** 0.5
    assert cycles < found.slower.cycles_per_frame <= 4 * cycles
    assert found.slower.cells < found.here.cells < found.faster.cells
    # The cells are the fewest for their interval.
    again = fit(graph, DEVICE, interval=int(cycles / 2 ** 0.5))
    assert found.faster.schedule == again


def test_steps_of_the_fastest(graph):
    found = steps(graph, DEVICE, fit(graph, DEVICE))
    assert found.faster is None
    match = re.fullmatch(r"an interval of ([\d,]+) cycles?(?: for (\d) frames)? needs ([\d,]+) "
                         r"(cells|block RAMs) where .+", found.limit)
    assert int(match[1].replace(",", "")) == found.here.interval - 1
    assert int(match[2] or 1) == found.here.vectors


def test_steps_of_the_slowest(graph):
    slowest = fit(graph, DEVICE, interval=10_000)
    found = steps(graph, DEVICE, slowest)
    assert found.slower is None and found.faster is not None


def test_steps_wrong(graph):
    with pytest.raises(ScheduleError, match=r"^schedule has 1 folds, but graph 'small' has 2 "
                                            r"layers$"):
        steps(graph, DEVICE, Schedule(4, (Fold(4, 4, "lut"),)))
