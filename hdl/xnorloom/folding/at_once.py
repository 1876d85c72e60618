"""Frames, or outputs of convolutions, that the layers of a network compute at once."""

import itertools
from typing import NamedTuple

from ..errors import ScheduleError
from ..graph import Conv, Graph
from ..schedule import Fold, LayerPlan, WeightStyle
from ..schedule.view import gathered

__all__ = ["ALONE", "AtOnce", "at_once", "tried"]


class AtOnce(NamedTuple):
    """Vectors that a layer computes at once, and pixels of its input words.

    Attributes
    ----------
    vectors : int
        Frames, or outputs of a convolution side by side.
    pixels : int
        Pixels side by side per input word.
    """

    vectors: int = 1
    pixels: int = 1


ALONE = AtOnce()


def at_once(graph: Graph, first: int) -> tuple[AtOnce, ...] | None:
    """Return what each layer computes at once if the first one has ``first`` vectors.

    Without convolutions all layers have as many. Convolutions have as many as their input words
    allow, and pools join them. ``None`` if some layer cannot.
    """
    if not any(isinstance(layer, Conv) for layer in graph.layers):
        return (AtOnce(first),) * len(graph.layers)
    if first > 1 and not graph.by_pixel:
        return None
    found, pixels = [], 1
    for index, layer in enumerate(graph.layers):
        if index == 0 and first > 1:
            assert isinstance(layer, Conv)
            pixels = first * layer.window.stride[1]
        if pixels == 1:
            found.append(ALONE)
            continue
        if not isinstance(layer, Conv) or not gathered(layer):
            return None
        part = AtOnce(max(1, pixels // layer.window.stride[1]), pixels)
        try:
            fold = Fold(1, gathered(layer)[-1], WeightStyle.BLOCK, vectors=part.vectors)
            plan = LayerPlan(layer, fold, graph.planes(index), layer.channels,
                             map=graph.maps[index], in_pixels=pixels)
        except ScheduleError:
            return None
        found.append(part)
        pixels = plan.out_vectors
    return tuple(found)


def tried(graph: Graph, most: int) -> list[int]:
    """Return the vectors of the first layer to try: 1, 2, 3, 4, 6, 8, 12 and so on, and ``most``.

    Without those that some layer of ``graph`` cannot have.
    """
    steps = itertools.chain((1,), *((2 << bit, 3 << bit) for bit in range(most.bit_length())))
    return [vectors for vectors in sorted({most, *steps})
            if vectors <= most and at_once(graph, vectors) is not None]
