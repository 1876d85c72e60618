"""Examples: images of a data set that the page steps through."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph
from xnorloom_sim import golden
from xnorloom_sim.data import Dataset
from xnorloom_sim.data.frames import frames_of, labels_of, pixels_of

__all__ = ["Examples"]

_CHUNK = 256


class Examples:
    """Images of a data set, with those that the network reads wrong.

    Parameters
    ----------
    graph : Graph
        The network. The golden model, which equals the gateware, reads all images.
    dataset : Dataset
        Images that fit it.
    limit : int or None
        Images to take, the first ones.
    progress : callable
        Called periodically with the images read and the images in all, if they have labels.

    Attributes
    ----------
    name : str
        Name of the data set.
    wrong : list of int or None
        Images whose class is not their label; ``None`` without labels.

    Raises
    ------
    DataError
        If the data do not fit the network.
    """

    def __init__(self, graph: Graph, dataset: Dataset, limit: int | None,
                 progress: Callable[[int, int], object]):
        self.name = dataset.name
        self._pixels = pixels_of(graph, dataset)[:limit].reshape(-1, graph.input.pixel_count)
        self._labels = labels_of(graph, dataset, limit)
        self.wrong = None
        if self._labels is not None:
            read = _classes(graph, frames_of(graph, dataset)[:limit], progress)
            self.wrong = np.flatnonzero(read != self._labels).tolist()

    def __len__(self) -> int:
        return len(self._pixels)

    def pixels(self, index: int) -> npt.NDArray[np.uint8]:
        """Pixels of image ``index``, of shape (pixels,)."""
        return self._pixels[index]

    def label(self, index: int) -> int | None:
        """Right class of image ``index``; ``None`` without labels."""
        return None if self._labels is None else int(self._labels[index])


def _classes(graph: Graph, frames: npt.NDArray[np.uint8],
             progress: Callable[[int, int], object]) -> npt.NDArray[np.int64]:
    found = []
    for start in range(0, len(frames), _CHUNK):
        found.append(golden.evaluate(graph, frames[start:start + _CHUNK]).classes)
        progress(min(start + _CHUNK, len(frames)), len(frames))
    return np.concatenate(found)
