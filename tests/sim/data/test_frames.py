"""Data sets as frames of a graph."""

import numpy as np
import pytest

from xnorloom.errors import DataError
from xnorloom.graph import Graph, Input, Score
from xnorloom_sim.data import Dataset
from xnorloom_sim.data.frames import frames_of, labels_of, pixels_of


def graph_of(*shape, bits=2):
    size = int(np.prod(shape))
    return Graph("g", Input(shape, bits), (Score("s", np.ones((3, size), int), [0, 0, 0]),))


def data_of(*shape, labels=None):
    images = np.arange(5 * np.prod(shape), dtype=np.uint8).reshape(5, *shape)
    return Dataset("d", images, None if labels is None else np.array(labels))


@pytest.mark.parametrize("images, wanted, fits", [
    ((4, 3), (4, 3), True), ((4, 3), (1, 4, 3), True), ((4, 3, 1), (4, 3), True),
    ((4, 3), (12,), True), ((12,), (4, 3), True), ((3, 4), (4, 3), False),
    ((2, 2, 3), (4, 3), False), ((4, 4), (4, 3), False)])
def test_shapes(images, wanted, fits):
    graph, dataset = graph_of(*wanted), data_of(*images)
    if fits:
        pixels = pixels_of(graph, dataset)
        assert pixels.shape == (5, *wanted)
        assert (pixels.ravel() == dataset.images.ravel()).all()
    else:
        with pytest.raises(DataError, match=rf"^data d does not fit model 'g': its images are "
                                            rf"{' x '.join(map(str, images))}, the input is "
                                            rf"{' x '.join(map(str, wanted))}$"):
            pixels_of(graph, dataset)


def test_channels_first():
    graph = graph_of(4, 5, 3)
    assert pixels_of(graph, data_of(4, 5, 3)).shape == (5, 4, 5, 3)
    with pytest.raises(DataError, match="^data d does not fit model 'g': its images are 3 x 4 x 5, "
                                        "the input is 4 x 5 x 3; channels must come last$"):
        pixels_of(graph, data_of(3, 4, 5))
    with pytest.raises(DataError, match="the input is 4 x 5 x 3$"):
        pixels_of(graph, data_of(5, 4, 3))


def test_frames():
    dataset = data_of(4, 3)
    frames = frames_of(graph_of(4, 3), dataset)
    assert (frames == dataset.images.reshape(5, 12) >> 6).all()


def test_bits():
    with pytest.raises(DataError, match=r"^data d does not fit model 'g': its pixels have 8 bits, "
                                        r"the input has 9$"):
        frames_of(graph_of(4, 3, bits=9), data_of(4, 3))


def test_labels():
    graph = graph_of(4, 3)
    assert labels_of(graph, data_of(4, 3)) is None
    dataset = data_of(4, 3, labels=[0, 1, 2, 3, -1])
    assert (labels_of(graph, dataset, 3) == [0, 1, 2]).all()
    with pytest.raises(DataError, match=r"^data d does not fit model 'g': labels must be in 0 to "
                                        r"2, not 3$"):
        labels_of(graph, dataset)


def test_thermometer():
    """Images have the shape of the pixels, frames the cuts as channels."""
    frame = Input((4, 3, 2), thermometer=(8, 20))
    graph = Graph("g", frame, (Score("s", np.ones((3, 24), int), [0, 0, 0]),))
    dataset = data_of(4, 3)
    assert np.array_equal(pixels_of(graph, dataset), dataset.images)
    frames = frames_of(graph, dataset)
    assert frames.tolist() == [
        [int(pixel >= cut) for pixel in image.ravel() for cut in (8, 20)]
        for image in dataset.images
    ]
    with pytest.raises(
        DataError,
        match=r"^data d does not fit model 'g': its images are 4 x 3 x 2,"
        r" the input is 4 x 3$",
    ):
        frames_of(graph, data_of(4, 3, 2))
