"""Sentence with what limits a build."""

import numpy as np
import pytest

from xnorloom.graph import Conv, Dense, Graph, Input, Score, Window
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


@pytest.mark.parametrize("width, first, second, said", [
    (4, Fold(1, 4, "lut"), Fold(1, 4, "wired"),
     "layer 'first' takes 100 of the 100 cycles of the interval"),
    (1, Fold(4, 4, "wired"), Fold(1, 4, "wired"), "the 100 words of a frame take the interval"),
    (4, Fold(4, 4, "wired"), Fold(1, 1, "lut"),
     "layer 'second' receives the 100 words of its map in the 100 cycles of the interval"),
], ids=["cycles", "words", "received"])
def test_convolutions(width, first, second, said):
    """A layer, the input, or the pixels that a layer receives in narrow words."""
    ones = np.ones((4, 1, 1, 4), int)
    graph = Graph("g", Input((5, 5, 4)), (
        Conv("first", ones, [2] * 4, Window((1, 1))),
        Conv("second", ones[:1], [2], Window((1, 1), (5, 5))),
        Score("score", np.ones((2, 1), int), [0, 0])))
    plan = Schedule(width, (first, second, Fold(2, 1, "wired"))).bind(graph)
    assert limit({}, plan, []) == f"{said}; no resource of the chip is full"
