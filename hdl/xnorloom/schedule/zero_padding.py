"""Padding that contributes nothing, as taps of which half the synapses agree.

A tap outside the map adds 0 to a sum of ±1. So does a tap of which half the synapses agree. Then
all outputs count over all their taps, and have the same thresholds.
"""

import numpy as np
import numpy.typing as npt

from ..graph import Conv, Map

__all__ = ["whole_thresholds"]


def whole_thresholds(layer: Conv, map: Map, planes: int) -> npt.NDArray[np.int64] | None:
    """Return thresholds for counts in which half the synapses of taps outside the map agree.

    ``None`` if there are none: the taps have an odd number of synapses or an unequal one, or the
    thresholds of the border classes are not those of one sum. Those of a class may be as low as 0,
    or as high as one above its largest count, where the sum would ask for more.

    Parameters
    ----------
    layer : Conv
        Convolution whose padding contributes nothing, with thresholds for each border class.
    map : Map
        Map of inputs.
    planes : int
        Bit planes of an input.
    """
    if layer.present is not None or layer.weights.shape[3] % 2:
        return None
    counts, most = layer.class_counts(map, planes), layer.count_max(planes)
    shifted = layer.thresholds + (most - counts) // 2
    low = np.where(layer.thresholds > 0, shifted, 0).max(axis=0)
    high = np.where(layer.thresholds <= counts, shifted, most + 1).min(axis=0)
    return low if (low <= high).all() else None
