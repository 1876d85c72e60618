"""Thermometer of a graph: order of pixels, cuts and channels, of the elements of a source."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Map
from ..graph.thermometer import Cuts
from .expansion import Expansion

__all__ = ["Thermometer", "flat_thermometer", "map_thermometer"]


@dataclass(frozen=True, eq=False)
class Thermometer:
    """Input of a graph whose elements are compared with cuts.

    Parameters
    ----------
    shape : tuple of int
        Shape of a frame of elements.
    cuts : tuple of tuple of int
        Cuts of each channel of a pixel, or one row for all.
    elements : int64 array, shape (elements,)
        Element ``i`` of a flattened frame of the graph is element ``elements[i]`` of the source.
    pixels : int64 array, shape (pixels,)
        Pixel ``i`` of a flattened frame of the graph is pixel ``pixels[i]`` of the source.
    channels : int64 array, shape (channels,)
        Channel ``i`` of a map of the graph is channel ``channels[i]`` of that of the source; of a
        vector, nothing.
    """

    shape: tuple[int, ...]
    cuts: Cuts
    elements: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    channels: npt.NDArray[np.int64]


def flat_thermometer(expansion: Expansion, cuts: npt.NDArray[np.int64]) -> Thermometer:
    """Order elements before a fully connected layer by their pixel, then by their cut.

    Parameters
    ----------
    expansion : Expansion
        Steps that make the elements.
    cuts : int64 array, shape (elements,)
        Cut of each element, in the order of the source.
    """
    shape = tuple(expansion.program.shape)
    elements = np.lexsort((cuts, expansion.pixels))
    counts = np.bincount(expansion.pixels)
    rows = tuple(tuple(part.tolist()) for part in
                 np.split(cuts[elements], np.cumsum(counts)[:-1]))
    wide: tuple[int, ...] = (len(elements),)
    if len(set(rows)) == 1:
        rows = rows[:1]
        if len(shape) > 1:
            wide = *shape, len(elements) // len(counts)
    return Thermometer(wide, rows, elements, np.arange(len(counts)), np.arange(0))


def map_thermometer(name: str, expansion: Expansion, cuts: npt.NDArray[np.int64], map: Map,
                    groups: int) -> Thermometer:
    """Order the channels of the map before a convolution by the channel of the pixel, then the cut.

    Parameters
    ----------
    name : str
        Name of the convolution.
    expansion, cuts
        See :func:`flat_thermometer`; elements are in the order of the map.
    map : Map
        Map that the convolution sees.
    groups : int
        Groups of the convolution, in which each channel must stay.

    Raises
    ------
    SourceError
        If positions of a channel have different cuts, or are not those of one channel of the
        pixels, or groups would be mixed.
    """
    table = cuts.reshape(map.pixels, map.channels)
    places = expansion.pixels.reshape(map.pixels, map.channels)
    differ = (table != table[:1]).any(axis=0)
    if differ.any():
        raise SourceError(f"layer {name} must see the same cuts at all positions of a channel, as "
                          f"it shares its weights over them, but those of channel "
                          f"{int(np.argmax(differ))} differ; compare all pixels alike, or begin "
                          f"with a fully connected layer")
    # Channels of a pixel, by the first position.
    found, first, source = np.unique(places[0], return_index=True, return_inverse=True)
    pixels, size = places[:, first], math.prod(expansion.program.shape)
    if not np.array_equal(pixels[:, source], places) or (
            len(np.unique(pixels)) != size or pixels.size != size):
        raise SourceError(f"layer {name} must see at each position the cuts of one pixel, whose "
                          f"channels are in one order, and not pixels that were rearranged, "
                          f"repeated (as by circular padding) or left out; give it the pixels as "
                          f"they are")
    channels = np.lexsort((table[0], source))
    each = map.channels // groups
    if groups > 1 and (channels // each != np.arange(map.channels) // each).any():
        raise SourceError(f"layer {name} must have the cuts of a channel of the pixels in one of "
                          f"its {groups} groups: put the cuts of the first channel first, then "
                          f"those of the next")
    rows = tuple(tuple(int(table[0, channel]) for channel in channels
                       if source[channel] == number) for number in range(len(found)))
    elements = (np.arange(map.pixels)[:, np.newaxis] * map.channels + channels).reshape(-1)
    return Thermometer(tuple(map), rows[:1] if len(set(rows)) == 1 else rows, elements,
                       pixels.reshape(-1), channels)
