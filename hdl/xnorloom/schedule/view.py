"""Map and window of a convolution as its ring has them: taps one by one, or in wider words."""

from dataclasses import dataclass

import numpy as np

from ..errors import ScheduleError
from ..graph import Conv, Map, Window
from ..support.text import count

__all__ = ["View", "gathered", "spans", "view"]


@dataclass(frozen=True, eq=False)
class View:
    """Map that a ring receives for a convolution, and the window over it.

    With a SIMD of at most the channels, pixels of the map. With a SIMD of a whole row of the
    kernel, the pixels under that row, for each output of a row: a window of one column. With a
    SIMD of the whole kernel, the pixels under it for each output: a window of one tap. With several
    ``vectors`` a word has those of as many outputs side by side; the last word of a row may have
    some that do not exist.

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
    return tuple(size for size in gathered(conv) if size > conv.channels)


def gathered(conv: Conv) -> tuple[int, ...]:
    """Return the elements of a kernel row, and of the kernel; nothing with padding or groups."""
    rows, columns = conv.window.kernel
    if conv.groups > 1 or any(conv.window.padding):
        return ()
    return tuple(sorted({columns * conv.channels, rows * columns * conv.channels}))


def view(conv: Conv, map: Map, simd: int, vectors: int = 1, pixels: int = 1) -> View:
    """Return what the ring of ``conv`` over ``map`` receives under a fold with ``simd``.

    ``vectors`` are the outputs at once, and ``pixels`` those of an input word.

    Raises
    ------
    ScheduleError
        If no hardware takes so many synapses, outputs or pixels at once.
    """
    window, channels = conv.window, conv.weights.shape[3]
    (high, wide), (rows, columns) = window.kernel, conv.positions(map)
    synapses = np.arange(window.taps * channels).reshape(high, wide, channels)
    if vectors > 1 or pixels > 1:
        _check_parallel(conv, map, simd, vectors, pixels)
    elif simd <= channels:
        return View(window, map, synapses.reshape(-1, channels))
    elif simd not in spans(conv):
        wider = " or ".join(f"{size:,}" for size in spans(conv))
        raise ScheduleError(
            f"simd of layer {conv.name!r} must be at most its {channels} channels"
            f"{' of a group' if conv.groups > 1 else ''}"
            f"{f', or {wider} for a whole row of its kernel or all of it' if wider else ''}, "
            f"not {simd}")
    words, size = -(-columns // vectors), vectors * simd
    if simd == wide * channels:
        return View(Window((high, 1), (window.stride[0], 1), (window.dilation[0], 1)),
                    Map(map.rows, words, size), synapses.reshape(high, simd), columns=True)
    gap = map.rows - (rows - 1) * window.stride[0] - 1
    return View(Window((1, 1)), Map(rows, words, size),
                synapses.swapaxes(0, 1).reshape(1, simd), rows=True, columns=True, gap=gap)


def _check_parallel(conv: Conv, map: Map, simd: int, vectors: int, pixels: int):
    """Check that a convolution can compute several outputs at once, of words of several pixels."""
    at_once = (f"layer {conv.name!r} with {count(vectors, 'output')} at once, of input words of "
               f"{count(pixels, 'pixel')}")
    stride, pool, columns = conv.window.stride[1], conv.pool_size[1], conv.positions(map)[1]
    if conv.groups > 1:
        raise ScheduleError(f"{at_once}, must have one group, not {conv.groups}; take vectors 1")
    if any(conv.window.padding):
        raise ScheduleError(f"{at_once}, must have no padding; take vectors 1")
    if pixels != vectors * stride:
        per = f", {stride} for each output of stride {stride}" if stride > 1 else ""
        raise ScheduleError(f"{at_once}, needs input words of {count(vectors * stride, 'pixel')}"
                            f"{per}; take other vectors, or another input_width or vectors of the "
                            f"layer before")
    if vectors > columns:
        raise ScheduleError(f"vectors of layer {conv.name!r} must be at most the {columns} outputs "
                            f"of a row, not {vectors}")
    if pool % vectors and vectors % pool:
        raise ScheduleError(f"vectors of layer {conv.name!r} must divide the {pool} columns of its "
                            f"pool, or be a multiple of them, not {vectors}")
    if simd not in gathered(conv):
        wider = " or ".join(f"{size:,}" for size in gathered(conv))
        raise ScheduleError(f"{at_once}, needs simd {wider}, a whole row of its kernel or all of "
                            f"it, not {simd}")
