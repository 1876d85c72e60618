"""Sentence with what limits a build."""

import numpy as np

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.report.critical_path import Step
from xnorloom_boards.report.limit import limit


def plan_of(scales=None):
    rng = np.random.default_rng(1)
    graph = Graph("g", Input((16,)), (
        Dense("hidden", rng.integers(0, 2, (8, 16)), rng.integers(3, 12, 8)),
        Score("score", rng.integers(0, 2, (4, 8)), [0] * 4, scales)))
    return Schedule(4, (Fold(2, 4, "lut"), Fold(4, 8, "wired"))).bind(graph)


def test_limit():
    resources = {"logic_cells": (5000, 5280), "brams": (30, 30), "sprams": (0, 4), "plls": (1, 1),
                 "pins": (4, 39), "dsps": (2, 8)}
    path = [Step("clock to output", 1.5, "flip-flop", "link.parser", "place", ""),
            Step("routing", 12.25, "", "", "", ""),
            Step("setup", 1, "flip-flop", "link.memory", "", "")]
    assert limit(resources, plan_of(), path) == (
        "layer 'hidden' takes 16 of the 16 cycles of the interval; 5,000 of 5,280 logic cells and "
        "30 of 30 block RAMs are in use (SPRAMs idle); the critical path of 14.8 ns is in "
        "link.parser to link.memory")


def test_scales():
    text = limit({"logic_cells": (100, 5280)}, plan_of([1, 2, 3, 900]), [])
    assert text == (
        "layer 'hidden' takes 16 of the 16 cycles of the interval; no resource of the chip is full"
        "; its classes have scales of 10 bits: an import with a smaller --score-bits, or a model "
        "that ends in nn.Scores, needs smaller products or none")
