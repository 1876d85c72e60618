# amaranth: UnusedElaboratable=no
"""Cycles in which a stage works on a frame, counted by hand."""

import numpy as np
import pytest

from xnorloom.gateware.stages import ConvStage, DenseStage
from xnorloom.graph import Conv, Dense, Map, Window
from xnorloom.schedule import Fold, LayerPlan


@pytest.mark.parametrize("spacing, begun", [
    # The first output needs five of nine pixels, the others six, eight and nine.
    (1, [5, 9, 13, 17]), (10, [41, 51, 71, 81])], ids=["fast source", "slow source"])
def test_convolution(spacing, begun):
    """A window of 2x2 on 3x3 pixels, each output in four cycles."""
    conv = Conv("conv", np.ones((2, 2, 2, 1), int), [2, 2], Window((2, 2)))
    stage = ConvStage(LayerPlan(conv, Fold(2, 1, "lut"), map=Map(3, 3, 1)))
    work = stage.work(np.arange(9) * spacing)
    assert (work.first, work.last) == (begun[0], begun[-1] + 3)
    assert work.done.tolist() == [cycle + 4 + stage.core.latency + 1 for cycle in begun]
    assert stage.interval == 16


def test_convolution_after_another_width():
    """Pixels of four words become pixels of two: the second is sent while no other is there."""
    conv = Conv("conv", np.ones((1, 1, 1, 8), int), [4], Window((1, 1)))
    stage = ConvStage(LayerPlan(conv, Fold(1, 4, "lut"), in_width=2, map=Map(1, 3, 8)))
    widths = stage.parts["widths"]
    work = stage.work(np.array([3, 7, 11]))
    # A cycle after the last of its two words is written an output of two cycles begins.
    begun = [cycle + widths.latency + 2 for cycle in (3, 7, 11)]
    assert (work.first, work.last) == (begun[0], begun[-1] + 1)
    assert work.done.tolist() == [cycle + 2 + stage.core.latency + 1 for cycle in begun]
    assert stage.interval == 12


def test_dense():
    """A layer works for the last cycles before its last word, from the last word of a frame on."""
    dense = Dense("dense", np.ones((4, 6), int), [3] * 4)
    stage = DenseStage(LayerPlan(dense, Fold(2, 3, "lut"), in_width=3), 4)
    work = stage.work(np.array([0, 9]))
    assert (work.first, work.last) == (11, 14)
    assert work.done.tolist() == [14 + stage.core.latency + 1]
    assert stage.latency == work.done[-1] - 9
