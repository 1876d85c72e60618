"""Data sets as frames of a graph: pixels in its shape, encoded elements, checked labels."""

import numpy as np
import numpy.typing as npt

from xnorloom.errors import DataError
from xnorloom.graph import Graph
from xnorloom.graph.input import PIXEL_BITS
from xnorloom.graph.pixels import encode, pixels_fit
from xnorloom.support.text import printable, quoted

from .dataset import Dataset

__all__ = ["frames_of", "labels_of", "pixels_of"]


def pixels_of(graph: Graph, dataset: Dataset) -> npt.NDArray[np.uint8]:
    """Images of ``dataset`` in the shape of the pixels of ``graph``.

    See :func:`~xnorloom.graph.pixels.pixels_fit` for the shapes that fit.

    Raises
    ------
    DataError
        If the images do not have the shape of the input, or pixels have fewer bits than it.
    """
    shape, images = graph.input.pixel_shape, dataset.images
    misfit = f"data {printable(dataset.name)} does not fit model {quoted(graph.name)}"
    if graph.input.bits > PIXEL_BITS:
        raise DataError(f"{misfit}: its pixels have {PIXEL_BITS} bits, the input has "
                        f"{graph.input.bits}")
    if not pixels_fit(graph.input, images.shape[1:]):
        first = images.shape[1:] == (*shape[2:], *shape[:2]) and len(shape) == 3
        raise DataError(f"{misfit}: its images are {' x '.join(map(str, images.shape[1:]))}, "
                        f"the input is {' x '.join(map(str, shape))}"
                        f"{'; channels must come last' if first else ''}")
    return images.reshape(len(images), *shape)


def frames_of(graph: Graph, dataset: Dataset) -> npt.NDArray[np.uint8]:
    """Images of ``dataset`` as encoded frames of shape ``[B, size]``; raises as `pixels_of`."""
    return encode(graph.input, pixels_of(graph, dataset)).reshape(len(dataset), graph.input.size)


def labels_of(graph: Graph, dataset: Dataset,
              limit: int | None = None) -> npt.NDArray[np.integer] | None:
    """Labels of the first ``limit`` images of ``dataset``; ``None`` if it has no labels.

    Raises
    ------
    DataError
        If one of them is no class of ``graph``.
    """
    if dataset.labels is None:
        return None
    labels = dataset.labels[:limit]
    wrong = labels[(labels < 0) | (labels >= graph.classes)]
    if wrong.size:
        raise DataError(f"data {printable(dataset.name)} does not fit model "
                        f"{quoted(graph.name)}: labels must be in 0 to {graph.classes - 1}, not "
                        f"{wrong[0]}")
    return labels
