"""Plans of layers on maps: synapses of operand bits, cycles, levels and errors."""

import re

import numpy as np
import pytest

from xnorloom.errors import ScheduleError
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom.schedule.plan import buffer_cell, map_cells

RNG = np.random.default_rng(0)


def conv(neurons, kernel, channels, groups=1, pool=None, **window):
    weights = RNG.integers(0, 2, (neurons, *kernel, channels // groups))
    return Conv("conv", weights, np.ones(neurons, int), Window(kernel, **window), pool, groups)


def plan(layer, fold, map, **arguments):
    return LayerPlan(layer, fold, map=map, **arguments)


# Cycles and words


@pytest.mark.parametrize("pe, simd, planes, in_width", [
    (4, 6, 1, 6), (3, 4, 2, 5), (1, 1, 3, 1), (5, 5, 1, 2),
])
def test_cycles(pe, simd, planes, in_width):
    """Counted operand word by operand word."""
    layer, map = conv(5, (3, 2), 6, pool=Pool((2, 1))), Map(7, 5, 6)
    got = plan(layer, Fold(pe, simd, "lut"), map, planes=planes, in_width=in_width)
    pixels = [(row, column) for row in range(2) for column in range(4)]
    words = sum(1 for _ in pixels for _ in range(0, 5, pe) for _ in range(2)
                for _ in range(planes) for _ in range(6) for _ in range(0, 6, simd))
    assert got.cycles == words
    assert (got.output, got.repeats) == (Map(2, 4, 5), 2)
    assert got.pixel_cycles * len(pixels) == words
    assert got.steps == planes * 6 * len(range(0, 6, simd))
    assert got.depth == len(range(0, 5, pe)) * 6 * len(range(0, 6, simd))
    assert got.received == 7 * 5 * planes * max(len(range(0, 6, in_width)),
                                                len(range(0, 6, simd)))
    assert got.operands == "ring"
    # Four rows are needed at once; the last five stay until the first four of the next frame are
    # there.
    assert (got.ring.reach.least_rows, got.ring.reach.rows) == (4, 9)
    least = 9 * 5 * planes * len(range(0, 6, simd))
    assert least <= got.ring.words < 2 * least and got.ring.words & got.ring.words - 1 == 0
    assert got.operand_bits == got.ring.words * simd


def test_plan_of_a_network():
    graph = Graph("cnn", Input((6, 6, 3), 2), (
        conv(4, (3, 3), 3), Dense("dense", RNG.integers(0, 2, (5, 64)), np.full(5, 30)),
        Score("score", RNG.integers(0, 2, (2, 5)), [0, 0])))
    bound = Schedule(2, (Fold(4, 3, "block"), Fold(5, 10, "lut"), Fold(2, 5, "wired"))).bind(graph)
    first, dense, score = bound.layers
    # Two words for the three channels of each plane of a pixel.
    assert bound.words == 6 * 6 * 2 * 2 and first.received == bound.words
    assert (first.cycles, dense.cycles, score.cycles) == (16 * 2 * 9, 7, 1)
    assert bound.interval == first.cycles
    # A frame takes the words of the input longer than any layer.
    quick = Schedule(1, (Fold(4, 3, "block"), Fold(5, 64, "wired"), Fold(2, 5, "wired")))
    assert quick.bind(graph).interval == max(6 * 6 * 2 * 3, 288)
    for width in 4, 21:
        message = (f"^input_width must be at most the 3 channels of a pixel, or a multiple of them "
                   f"for several pixels, up to the 18 of a row, not {width}$")
        with pytest.raises(ScheduleError, match=message):
            Schedule(width, (Fold(4, 3, "block"), Fold(5, 64, "wired"),
                             Fold(2, 5, "wired"))).bind(graph)


def test_interval_of_words_that_a_ring_writes():
    """A narrow fold of the second layer: more words are written than either layer has cycles."""
    graph = Graph("cnn", Input((4, 4, 2)), (
        conv(8, (1, 1), 2),
        Conv("narrow", RNG.integers(0, 2, (1, 1, 1, 8)), [1], Window((1, 1), (4, 4))),
        Score("score", RNG.integers(0, 2, (2, 1)), [0, 0])))
    bound = Schedule(2, (Fold(8, 2, "wired"), Fold(1, 1, "lut"), Fold(2, 1, "wired"))).bind(graph)
    assert [entry.cycles for entry in bound.layers] == [16, 8, 1]
    assert bound.layers[1].received == bound.interval == 16 * 8


def test_tables():
    """Maps and kernels are shown where there are convolutions."""
    layers = (conv(4, (3, 2), 4, 2, Pool((2, 1)), stride=(2, 1), dilation=(1, 2)),
              Dense("dense", RNG.integers(0, 2, (5, 48)), np.full(5, 20)),
              Score("score", RNG.integers(0, 2, (2, 5)), [0, 0]))
    bound = Schedule(4, (Fold(2, 2, "block"), Fold(1, 4, "lut"), Fold(2, 5, "wired"))).bind(
        Graph("cnn", Input((9, 8, 4)), layers))
    assert [map_cells(entry) for entry in bound.layers] == [
        ("9x8x4", "3x2, stride 2x1, dilation 1x2, pool 2x1, 2 groups"), ("2x6x4", ""), ("", "")]
    assert [buffer_cell(entry) for entry in bound.layers] == ["ring, 10 rows", "registers",
                                                              "registers"]
    shown = bound._repr_html_()
    assert "<th>kernel</th>" in shown and "<td>ring, 10 rows</td>" in shown
    dense = Graph("mlp", Input((48,)), layers[1:])
    assert "kernel" not in Schedule(4, (Fold(1, 4, "lut"), Fold(2, 5, "wired"))).bind(
        dense)._repr_html_()


# Operand bits


def test_order_with_gaps():
    got = plan(conv(2, (2, 1), 3), Fold(1, 2, "lut"), Map(4, 4, 3))
    assert got.order.tolist() == [[0, 1], [2, -1], [3, 4], [5, -1]]
    assert (got.taps, got.tap_words, got.ring.pixel_words, got.operand_width) == (2, 2, 2, 2)


def test_order_of_a_dense_layer_on_a_map():
    """Words start anew at each pixel: five channels in words of two leave a gap."""
    layer = Dense("dense", RNG.integers(0, 2, (2, 20)), [3, 4])
    got = plan(layer, Fold(1, 5, "lut"), Map(2, 2, 5), in_width=2)
    assert got.size == 24 and got.synapse_folds == 5
    expected = []
    for pixel in range(4):
        expected += [*range(5 * pixel, 5 * pixel + 5), -1]
    assert got.order.reshape(-1).tolist() == [*expected, -1]
    assert got.received == 12
    # Without gaps it is a vector.
    whole = plan(layer, Fold(1, 5, "lut"), Map(2, 2, 5), in_width=5)
    assert whole.size == 20 and whole.order.reshape(-1).tolist() == list(range(20))
    vector = plan(layer, Fold(1, 6, "lut"), None, in_width=3)
    assert vector.size == 20
    assert vector.order.reshape(-1).tolist() == [*range(20), -1, -1, -1, -1]


@pytest.mark.parametrize("groups, pe, simd, lane_groups", [
    (2, 1, 1, 1), (2, 2, 4, 1), (2, 4, 2, 1), (2, 8, 4, 2), (4, 4, 2, 2), (8, 1, 1, 1),
    (8, 4, 1, 4), (8, 8, 1, 8), (1, 8, 3, 1),
])
def test_groups(groups, pe, simd, lane_groups):
    """Each neuron sees its own channels, once, in the words of its neuron fold."""
    layer, members = conv(8, (1, 2), 8, groups), 8 // groups
    got = plan(layer, Fold(pe, simd, "lut"), Map(3, 3, 8))
    assert (got.ring.lane_groups, got.operand_width) == (lane_groups, simd * lane_groups)
    channels = 8 // groups
    for neuron in range(8):
        fold, lane = divmod(neuron, pe)
        group = neuron // members
        # The words of a pixel that the neuron fold reads, and the slice of its lane.
        first = fold * pe // members * channels // got.operand_width if groups > 1 else 0
        part = lane // members if lane_groups > 1 else 0
        seen = [word * got.operand_width + part * simd + bit
                for word in range(first, first + got.tap_words) for bit in range(simd)]
        assert [channel for channel in seen if channel < (group + 1) * channels] == list(
            range(group * channels, (group + 1) * channels))
    assert sorted(got.order[got.order >= 0].tolist()) == list(range(2 * channels))
    assert got.cycles == 9 // 3 * 2 * -(-8 // pe) * 2 * -(-channels // simd)


# Levels


def test_levels():
    """Border classes of equal thresholds are one level."""
    graph = Map(4, 5, 2)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    thresholds = np.array([[4, 4], [6, 6], [4, 4], [6, 6], [9, 9], [6, 6], [4, 4], [6, 6], [4, 4]])
    layer = Conv("conv", RNG.integers(0, 2, (2, 3, 3, 2)), thresholds, window)
    got = plan(layer, Fold(1, 2, "lut"), graph)
    assert got.levels.tolist() == [[4, 4], [6, 6], [9, 9]]
    assert got.ring.level_of.tolist() == [[0, 1, 1, 1, 0], [1, 2, 2, 2, 1], [1, 2, 2, 2, 1],
                                          [0, 1, 1, 1, 0]]
    codes = conv(2, (3, 3), 2, padding=(1, 1, 1, 1), pad=1)
    assert plan(codes, Fold(1, 2, "lut"), graph).ring.level_of.tolist() == [[0] * 5] * 4


# Errors

GROUPED = conv(8, (3, 3), 8, 2)
MAP = Map(5, 5, 8)
WRONG = {
    "pe": (lambda: plan(conv(4, (1, 1), 8), Fold(5, 1, "lut"), MAP),
           "pe of layer 'conv' must be at most its 4 neurons, not 5"),
    "simd": (lambda: plan(conv(4, (3, 3), 8), Fold(1, 9, "lut"), MAP),
             "simd of layer 'conv' must be at most its 8 channels, or 24 or 72 for a whole row "
             "of its kernel or all of it, not 9"),
    "simd of a group": (lambda: plan(GROUPED, Fold(1, 5, "lut"), MAP),
                        "simd of layer 'conv' must be at most its 4 channels of a group, not 5"),
    "simd with gaps": (
        lambda: plan(Dense("d", np.ones((1, 20), int), [3]), Fold(1, 25, "lut"), Map(2, 2, 5),
                     in_width=2),
        "simd of layer 'd' must be at most its 24 inputs with gaps between pixels, not 25"),
    "wired": (lambda: plan(conv(4, (3, 3), 8), Fold(4, 8, "wired"), MAP),
              "style wired of layer 'conv' needs a kernel of one tap, not 9; take style lut or "
              "block"),
    "wired fold": (lambda: plan(conv(4, (1, 1), 8), Fold(4, 4, "wired"), MAP),
                   "style wired of layer 'conv' needs pe 4 and simd 8, the whole layer, not pe 4 "
                   "and simd 4"),
    "spram": (lambda: plan(conv(4, (1, 1), 8), Fold(4, 8, "spram"), MAP),
              "style spram of layer 'conv' needs 2 to 16,384 weight words per lane, not 1"),
    "spram with gaps": (
        lambda: plan(Dense("d", np.ones((1, 20), int), [3]), Fold(1, 4, "spram"), Map(2, 2, 5),
                     in_width=2),
        "style spram of layer 'd' needs a pe of the layer before that divides the 5 channels, not "
        "2; take another pe there, or style block"),
    "pixels of words": (
        lambda: plan(conv(4, (3, 3), 8), Fold(4, 72, "lut", vectors=2), MAP),
        "layer 'conv' with 2 outputs at once, of input words of 1 pixel, needs input words of 2 "
        "pixels; take other vectors, or another input_width or vectors of the layer before"),
    "pixels for a stride": (
        lambda: plan(conv(4, (3, 3), 8, stride=(1, 3)), Fold(4, 72, "lut"), MAP, in_pixels=2),
        "layer 'conv' with 1 output at once, of input words of 2 pixels, needs input words of 3 "
        "pixels, 3 for each output of stride 3; take other vectors, or another input_width or "
        "vectors of the layer before"),
    "vectors, groups": (
        lambda: plan(GROUPED, Fold(4, 4, "lut", vectors=2), MAP, in_pixels=2),
        "layer 'conv' with 2 outputs at once, of input words of 2 pixels, must have one group, not "
        "2; take vectors 1"),
    "vectors, padding": (
        lambda: plan(conv(4, (3, 3), 8, padding=(1, 1, 1, 1), pad=0),
                     Fold(4, 72, "lut", vectors=2), MAP, in_pixels=2),
        "layer 'conv' with 2 outputs at once, of input words of 2 pixels, must have no padding; "
        "take vectors 1"),
    "vectors, simd": (
        lambda: plan(conv(4, (3, 3), 8), Fold(4, 8, "lut", vectors=2), MAP, in_pixels=2),
        "layer 'conv' with 2 outputs at once, of input words of 2 pixels, needs simd 24 or 72, a "
        "whole row of its kernel or all of it, not 8"),
    "vectors, columns": (
        lambda: plan(conv(4, (3, 3), 8), Fold(4, 72, "lut", vectors=200), MAP, in_pixels=200),
        f"vectors of layer 'conv' must be at most the {MAP.columns - 2} outputs of a row, not 200"),
    "vectors, pool": (
        lambda: plan(conv(4, (3, 3), 8, pool=Pool((1, 3))), Fold(4, 72, "lut", vectors=2), MAP,
                     in_pixels=2),
        "vectors of layer 'conv' must divide the 3 columns of its pool, or be a multiple of them, "
        "not 2"),
    "vectors, planes": (
        lambda: plan(conv(4, (3, 3), 8), Fold(4, 72, "lut", vectors=4), Map(5, 8, 8), planes=2,
                     in_pixels=4),
        "vectors of layer 'conv', whose input has 2 bit planes, must be such that their last "
        "windows end within the 8 columns of the words of a row, not 4, whose windows end with "
        "column 10"),
    "words of pixels": (
        lambda: plan(Dense("d", np.ones((1, 20), int), [3]), Fold(1, 4, "lut"), Map(2, 2, 5),
                     in_pixels=2),
        "layer 'd' needs input words of one pixel, not 2; take vectors of the layer before that "
        "its pool joins to one pixel"),
    "pe in a group": (lambda: plan(GROUPED, Fold(3, 4, "lut"), MAP),
                      "pe of layer 'conv' must divide the 4 neurons of a group, or be a multiple "
                      "of them, not 3"),
    "simd in a group": (lambda: plan(GROUPED, Fold(2, 3, "lut"), MAP),
                        "simd of layer 'conv' must divide the 4 channels of a group, not 3"),
    "pe of groups": (lambda: plan(GROUPED, Fold(6, 4, "lut"), MAP),
                     "pe of layer 'conv' must be a multiple of the 4 neurons of a group that "
                     "divides the 8 of the layer, not 6"),
    "simd of groups": (lambda: plan(GROUPED, Fold(8, 2, "lut"), MAP),
                       "simd of layer 'conv' must be the 4 channels of a group, as pe 8 takes "
                       "several groups, not 2"),
    "ring": (lambda: plan(conv(4, (9, 9), 512), Fold(1, 64, "lut"), Map(27, 300, 512)),
             "layer 'conv' needs 18 rows of its input, a map 27x300x512, in a ring of "
             "4,194,304 bits, more than the 3,833,856 of block RAM of the largest chip; take a "
             "smaller map"),
}


@pytest.mark.parametrize("make, message", WRONG.values(), ids=WRONG)
def test_wrong(make, message):
    with pytest.raises(ScheduleError, match=f"^{re.escape(message)}$"):
        make()


def test_no_map():
    with pytest.raises(TypeError, match="^LayerPlan map of layer 'conv' must be a Map, not None$"):
        LayerPlan(conv(4, (1, 1), 8), Fold(1, 1, "lut"))


def test_file(tmp_path):
    """Schedules of convolutions have the keys of all others."""
    layer = conv(4, (3, 3), 2)
    graph = Graph("cnn", Input((5, 5, 2)), (
        layer, Score("score", RNG.integers(0, 2, (3, 36)), [0, 0, 0])))
    schedule = Schedule(2, (Fold(2, 2, "block"), Fold(3, 4, "lut")))
    schedule.save(tmp_path / "s.json", graph)
    assert Schedule.load(tmp_path / "s.json", graph) == schedule
    assert schedule.as_json(graph)["layers"][0] == {
        "layer": "conv", "pe": 2, "simd": 2, "style": "block", "register_every": 2,
        "read_register": False}
    text = (tmp_path / "s.json").read_text()
    (tmp_path / "s.json").write_text(text.replace('"simd": 2', '"simd": 3'))
    with pytest.raises(ScheduleError, match="s.json: simd of layer 'conv' must be at most its 2 "
                                            "channels, or 6 or 18 for"):
        Schedule.load(tmp_path / "s.json", graph)
