"""Bound of the interval by RAM bandwidth, against counts by definition."""

import numpy as np
import pytest

from xnorloom.folding.ram_bound import ram_bound
from xnorloom.graph import Conv, Dense, Graph, Input, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.device import DEVICES


def dense(present=None):
    rng = np.random.default_rng(1)
    return Graph(
        "g",
        Input((40,), 2),
        (
            Dense("hidden", rng.integers(0, 2, (24, 40)), rng.integers(3, 9, 24), present=present),
            Score("score", rng.integers(0, 2, (4, 24)), [0] * 4),
        ),
    )


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize(
    "chip, bits", [("iCE40HX1K", 16 * 16), ("iCE40UP5K", 30 * 16), ("LFE5U-25F", 56 * 36)]
)
def test_dense(chip, bits, vectors):
    """A word serves all bit planes and all frames of a batch."""
    plan = Schedule(
        8, (Fold(4, 8, "block", vectors=vectors), Fold(2, 6, "lut", vectors=vectors))
    ).bind(dense())
    found = ram_bound(plan, DEVICES[chip])
    assert (found.reads, found.bits, found.unread) == (24 * 40 + 4 * 24, bits, 4 * 24)
    assert found.cycles == -(-(24 * 40 + 4 * 24) // bits)


def test_sprams_and_ternary():
    present = np.random.default_rng(2).integers(0, 2, (24, 40))
    plan = Schedule(8, (Fold(4, 4, "spram"), Fold(2, 6, "block"))).bind(dense(present))
    found = ram_bound(plan, DEVICES["iCE40UP5K"])
    assert (found.reads, found.bits, found.unread) == (2 * 24 * 40 + 4 * 24, 30 * 16 + 4 * 16, 0)


def test_convolution():
    """Each output before pooling reads the weights of its channel."""
    ones = np.ones((6, 2, 2, 4), int)
    graph = Graph(
        "g",
        Input((9, 7, 4)),
        (
            Conv("conv", ones, [2] * 6, Window((2, 2)), Pool((2, 3))),
            Score("score", np.ones((2, 6 * 4 * 2), int), [0, 0]),
        ),
    )
    plan = Schedule(4, (Fold(2, 4, "block"), Fold(1, 6, "block"))).bind(graph)
    rows, columns = 9 - 2 + 1, 7 - 2 + 1
    found = ram_bound(plan, DEVICES["iCE40HX8K"])
    assert found.reads == rows * columns * ones.size + 2 * 6 * 4 * 2
    assert found.bits == 32 * 16
