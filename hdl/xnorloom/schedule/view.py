"""Map and window of a convolution as its ring has them: taps one by one, or in wider words."""

from dataclasses import dataclass

import numpy as np

from ..errors import ScheduleError
from ..graph import Conv, Map, Window

__all__ = ["View", "spans", "view"]


@dataclass(frozen=True, eq=False)
class View:
    """Map that a ring receives for a convolution, and the window over it.

    With a SIMD of at most the channels, pixels of the map. With a SIMD of a whole row of the
    kernel, the pixels under that row, for each output of a row: a window of one column. With a
    SIMD of the whole kernel, the pixels under it for each output: a window of one tap.

    Attributes
    ----------
    window : Window
        Window over the words in the ring.
    map : Map
        Map of these words; its channels are the elements of a word.
    synapses : int array, shape (taps, elements of a tap)
        Synapse of each element, in C order of the weights of a neuron.
    rows, columns : bool
        True if a word has all rows, or all columns, of the kernel.
    gap : int
        Rows of pixels between the words of two frames, that give none.
    """

    window: Window
    map: Map
    synapses: np.ndarray
    rows: bool = False
    columns: bool = False
    gap: int = 0


def spans(conv: Conv) -> tuple[int, ...]:
    """Return the SIMD above the channels that a convolution can have: a kernel row, the kernel.

    There are none with padding or groups.
    """
    rows, columns = conv.window.kernel
    if conv.groups > 1 or any(conv.window.padding):
        return ()
    sizes = {columns * conv.channels, rows * columns * conv.channels}
    return tuple(sorted(size for size in sizes if size > conv.channels))


def view(conv: Conv, map: Map, simd: int) -> View:
    """Return what the ring of ``conv`` over ``map`` receives under a fold with ``simd``.

    Raises
    ------
    ScheduleError
        If no hardware takes so many synapses at once.
    """
    window, channels = conv.window, conv.weights.shape[3]
    (high, wide), (rows, columns) = window.kernel, conv.positions(map)
    synapses = np.arange(window.taps * channels).reshape(high, wide, channels)
    if simd <= channels:
        return View(window, map, synapses.reshape(-1, channels))
    if simd not in spans(conv):
        wider = " or ".join(f"{size:,}" for size in spans(conv))
        raise ScheduleError(
            f"simd of layer {conv.name!r} must be at most its {channels} channels"
            f"{' of a group' if conv.groups > 1 else ''}"
            f"{f', or {wider} for a whole row of its kernel or all of it' if wider else ''}, "
            f"not {simd}")
    if simd == wide * channels:
        return View(Window((high, 1), (window.stride[0], 1), (window.dilation[0], 1)),
                    Map(map.rows, columns, simd), synapses.reshape(high, simd), columns=True)
    gap = map.rows - (rows - 1) * window.stride[0] - 1
    return View(Window((1, 1)), Map(rows, columns, simd),
                synapses.swapaxes(0, 1).reshape(1, simd), rows=True, columns=True, gap=gap)
