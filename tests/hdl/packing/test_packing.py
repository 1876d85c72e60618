"""Packing of frames and results, compared with bits written by hand."""

import numpy as np
import pytest

from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Fold, Schedule


def graph_of(shape, bits, offsets=(0, 0, 0)):
    size = int(np.prod(shape))
    weights = np.zeros((len(offsets), size), np.uint8)
    return Graph("g", Input(shape, bits), (Score("score", weights, np.array(offsets)),))


def schedule_of(graph, width):
    return Schedule(width, (Fold(graph.classes, graph.input.size, "wired"),))


def test_planes_from_the_top_and_elements_from_bit_zero():
    graph = graph_of((2, 3), 2)
    frames = np.array([[[3, 0, 1], [2, 2, 0]]])
    # Elements 3 0 1 2 2 0: high plane 1 0 0 1 1 0, low plane 1 0 1 0 0 0, words of 4 bits.
    words = pack_frames(schedule_of(graph, 4).bind(graph), frames)
    assert words.tolist() == [[0b1001], [0b01], [0b0101], [0b00]]


def test_wide_words_take_several_bytes():
    graph = graph_of((20,), 1)
    frames = np.zeros((2, 20), np.uint8)
    frames[0, 0] = frames[0, 9] = frames[1, 19] = 1
    words = pack_frames(schedule_of(graph, 20).bind(graph), frames)
    assert words.tolist() == [[0b1, 0b10, 0], [0, 0, 0b1000]]


def test_pixels_of_a_convolution():
    """Pixel after pixel: each plane of its channels begins a word, and fills up its last one."""
    graph = Graph("g", Input((1, 2, 3), 2), (
        Conv("conv", np.zeros((1, 1, 1, 3), int), [0], Window((1, 1))),
        Score("score", np.zeros((2, 2), int), [0, 0])))
    plan = Schedule(2, (Fold(1, 3, "wired"), Fold(2, 2, "wired"))).bind(graph)
    frames = np.array([[[[3, 0, 1], [2, 2, 0]]], [[[0, 0, 0], [1, 2, 3]]]])
    # High planes 100 and 110, then 000 and 011; low planes 101 and 000, then 000 and 101.
    words = [0b01, 0b0, 0b01, 0b1, 0b11, 0b0, 0b00, 0b0,
             0b00, 0b0, 0b00, 0b0, 0b10, 0b1, 0b01, 0b1]
    assert pack_frames(plan, frames).tolist() == [[word] for word in words]
    assert plan.words == 8


def test_words_of_several_pixels():
    """Each row begins a word, and fills up its last one; of the first pixel first."""
    graph = Graph("cnn", Input((2, 3, 2), 2), (
        Conv("conv", np.ones((1, 1, 2, 2), int), [1], Window((1, 2)), Pool((1, 2))),
        Score("score", np.ones((2, 2), int), [0, 0])))
    frame = np.array([[[0, 1], [2, 3], [3, 0]], [[1, 1], [0, 2], [2, 1]]])
    plan = Schedule(4, (Fold(1, 4, "lut", vectors=2), Fold(1, 1, "lut"))).bind(graph)
    # Upper plane, then the lower one, of two pixels and of the last.
    assert pack_frames(plan, frame[None]).tolist() == [
        [0b1100], [0b1010], [0b0001], [0b0001], [0b1000], [0b0011], [0b0001], [0b0010]]
    assert plan.words == 8


def test_results():
    graph = graph_of((5,), 1, (-3, 0, 2))
    # Scores lie in -3 to 7: four bits and a sign make 4 bits signed; the class takes 2.
    word = 2 | (-3 & 0xF) << 2 | 5 << 6 | 7 << 10
    outputs = np.array([list(word.to_bytes(2, "little"))], np.uint8)
    classes, scores = unpack_results(graph, outputs, scores=True)
    assert classes.tolist() == [2] and scores is not None and scores.tolist() == [[-3, 5, 7]]
    classes, scores = unpack_results(graph, outputs[:, :1] & 3)
    assert classes.tolist() == [2] and scores is None


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64])
def test_any_integers_of_the_range(dtype):
    graph = graph_of((2, 3), 2)
    frames = np.array([[1, 0, 1, 1, 0, 0]], dtype)
    assert pack_frames(schedule_of(graph, 6).bind(graph), frames).tolist() == [[0], [0b1101]]
    plan = schedule_of(graph, 6).bind(graph)
    assert pack_frames(plan, frames.tolist()).tolist() == [[0], [0b1101]]


def test_unpack_wrong():
    graph = graph_of((5,), 1)
    with pytest.raises(TypeError, match="^Output words must be bytes .* of float64$"):
        unpack_results(graph, np.zeros((2, 1)))
    for shape in [(2, 2), (2,), (2, 0)]:
        with pytest.raises(ValueError, match=r"^Output words must have the shape \(frames, 1\), "
                                             r"not \("):
            unpack_results(graph, np.zeros(shape, np.uint8))


@pytest.mark.parametrize("frames, error, message", [
    ([[0, 1], [0]], ValueError, "^Frames must be integers, in rows of one length$"),
    ([[10**30]], TypeError, "^Frames must be integers, not an array of objects or of too large "
                            "integers$"),
    (np.zeros((2, 5), float), TypeError, "^Frames must be integers, not an array of float64$"),
    (np.zeros((2, 4), int), ValueError, r"^Frames must have the shape \(frames, 2, 3\) or "
                                        r"\(frames, 6\), not \(2, 4\)$"),
    (np.full((1, 6), 4), ValueError, "^Elements of a frame must be in 0 to 3, not 4$"),
    (np.full((1, 2, 3), -1), ValueError, "^Elements of a frame must be in 0 to 3, not -1$"),
])
def test_pack_wrong(frames, error, message):
    graph = graph_of((2, 3), 2)
    with pytest.raises(error, match=message):
        pack_frames(schedule_of(graph, 6).bind(graph), frames)
