# amaranth: UnusedElaboratable=no
"""Frames and results that are too large for the serial link."""

import numpy as np
import pytest

from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.build import build
from xnorloom_boards.errors import BuildError
from xnorloom_boards.link.gateware import describe
from xnorloom_boards.link.sizes import check_graph, check_plan


def maps(shape, bits=1):
    """A convolution of as few outputs as there can be, and a score."""
    rows, columns, channels = shape
    window = Window((1, 1), stride=(rows, columns))
    return Graph("maps", Input(shape, bits), [
        Conv("conv", np.ones((2, 1, 1, channels), int), [1, 1], window),
        Score("score", np.ones((2, 2), int), [0, 0])])


@pytest.mark.parametrize("shape, bits, words", [((128, 128, 3), 8, "131,072"),
                                                ((256, 256, 1), 1, "65,536")])
def test_more_pixels_than_words(shape, bits, words, tmp_path):
    graph = maps(shape, bits)
    message = (rf"^network 'maps' takes {words} words for a frame of "
               rf"{'x'.join(map(str, shape))} elements of {bits} bits?, but the serial link takes "
               rf"at most 65,535; take an input of fewer pixels or fewer bits$")
    with pytest.raises(BuildError, match=message):
        build(graph, board.find("icebreaker"), directory=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_narrow_words():
    """65,536 words of a bit, or 32,768 of two."""
    graph = maps((128, 128, 4))

    def plan(width, simd):
        return Schedule(width, (Fold(1, simd, "lut"), Fold(1, 1, "lut"))).bind(graph)

    wrong = Network(plan(1, 1))
    message = (r"^network 'maps' takes 65,536 words for a frame of 128x128x4 elements of 1 bit, "
               r"but the serial link takes at most 65,535; take a schedule with an input_width of "
               r"at least 2, not 1$")
    with pytest.raises(BuildError, match=message):
        describe(wrong, clock_hz=4, baud=1)
    right = Network(plan(2, 2))
    assert describe(right, clock_hz=4, baud=1).words == 32768


def test_words_of_pixels():
    """An image of 100,000 pixels in two bit planes: few enough words of four pixels, not of two."""
    rows = 2000
    graph = Graph("maps", Input((rows, 50, 1), 2), [
        Conv("conv", np.ones((2, 1, 2, 1), int), [1, 1], Window((1, 2), stride=(rows, 1)),
             Pool((1, 4))),
        Score("score", np.ones((2, 24), int), [0, 0])])

    def plan(pixels):
        return Schedule(pixels, (Fold(2, 2, "lut", vectors=pixels), Fold(1, 1, "lut"))).bind(graph)

    check_graph(graph, False)
    message = (r"^network 'maps' takes 200,000 words for a frame of 2000x50x1 elements of 2 bits, "
               r"but the serial link takes at most 65,535; take a schedule with an input_width of "
               r"at least 4, not 1$")
    with pytest.raises(BuildError, match=message):
        check_plan(plan(1), False)
    with pytest.raises(BuildError, match="takes 100,000 words .* at least 4, not 2$"):
        check_plan(plan(2), False)
    assert plan(4).words == rows * 13 * 2
    check_plan(plan(4), False)


def test_vectors(random_graph):
    graph = random_graph(np.random.default_rng(1), (65_536, 2))
    schedule = Schedule(1, (Fold(1, 4, "block"),))
    with pytest.raises(BuildError, match="takes 65,536 words .*; take a schedule with an "
                                         "input_width of at least 2, not 1$"):
        check_plan(schedule.bind(graph), False)
    check_plan(Schedule(2, schedule.folds).bind(graph), False)


def test_most_words():
    check_graph(maps((255, 257, 1)), False)


def test_results(random_graph):
    graph = random_graph(np.random.default_rng(1), (60, 400))
    check_graph(graph, False)
    message = (r"^a result of network 'random' has [\d,]+ bytes, but the serial link takes at most "
               r"255; leave the scores of its 400 classes out$")
    with pytest.raises(BuildError, match=message):
        check_graph(graph, True)


@pytest.mark.parametrize("slower, credits", [(0, 128), (1, 1)])
def test_credits_of_words_after_the_result(monkeypatch, slower, credits):
    """The result depends on the first of 784 pixels; the words of the others are read all the same.

    A frame of 98 bytes takes 103 of 40 cycles on the line, less a twentieth, its answer 11 of 41.
    """
    network = Network(Schedule(1, (Fold(2, 1, "wired"), Fold(2, 2, "wired"))).bind(
        maps((28, 28, 1))))
    latency = 103 * 40 - 206 - 11 * 41 - 3 * 98 - 783 - 8
    monkeypatch.setattr(Network, "latency", latency + slower)
    assert describe(network, clock_hz=4, baud=1).credits == credits


def test_pixels_share_bytes():
    """A map of 28x28 bits takes as many bytes as a vector of them."""
    network = Network(Schedule(1, (Fold(2, 1, "lut"), Fold(2, 2, "wired"))).bind(maps((28, 28, 1))))
    hello = describe(network, clock_hz=4, baud=1)
    assert (hello.words, hello.frame_bytes) == (784, 98)
