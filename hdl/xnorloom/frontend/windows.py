"""Convolution and pooling of maps in float arithmetic, as sources compute them."""

import numpy as np
import numpy.typing as npt

from ..graph import Window

__all__ = ["convolve", "max_pool"]


def convolve(frames: np.ndarray, weights: npt.NDArray[np.floating], window: Window,
             pad: npt.ArrayLike, groups: int) -> np.ndarray:
    """Convolve maps ``(B, rows, columns, channels)``, in the common type of maps and weights.

    Sums are assumed to be exact: the order of their additions is not that of any library.

    Parameters
    ----------
    frames : array, shape (B, rows, columns, channels)
        Maps.
    weights : float array, shape (neurons, kernel rows, kernel columns, channels / groups)
        Weights. Neurons of a group follow one another.
    window : Window
        Kernel, stride, dilation and padding.
    pad : number or array of shape (channels,)
        Number that stands outside the map.
    groups : int
        Groups of neurons and channels.

    Returns
    -------
    array, shape (B, output rows, output columns, neurons)
    """
    batch, rows, columns, channels = frames.shape
    top, left, bottom, right = window.padding
    dtype = np.result_type(frames, weights)
    padded = np.empty((batch, rows + top + bottom, columns + left + right, channels), dtype)
    padded[...] = np.asarray(pad)
    padded[:, top:top + rows, left:left + columns] = frames
    high, wide = window.outputs(rows, columns)
    (down, across), (apart, aside) = window.stride, window.dilation
    neurons, kernel_rows, kernel_columns, each = weights.shape
    total = np.zeros((groups, batch * high * wide, neurons // groups), dtype)
    # A product for each tap takes no memory for the patches of all taps.
    for row in range(kernel_rows):
        for column in range(kernel_columns):
            first, start = row * apart, column * aside
            seen = padded[:, first:first + (high - 1) * down + 1:down,
                          start:start + (wide - 1) * across + 1:across]
            tap = weights[:, row, column].reshape(groups, neurons // groups, each)
            total += (seen.reshape(-1, groups, each).transpose(1, 0, 2)
                      @ tap.transpose(0, 2, 1).astype(dtype))
    return np.ascontiguousarray(total.transpose(1, 0, 2)).reshape(batch, high, wide, neurons)


def max_pool(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pool maps ``(B, rows, columns, channels)`` over areas of ``size`` side by side.

    Rows and columns beyond the last whole area are dropped.
    """
    batch, rows, columns, channels = frames.shape
    high, wide = size
    down, across = rows // high, columns // wide
    areas = frames[:, :down * high, :across * wide].reshape(batch, down, high, across, wide,
                                                            channels)
    return areas.max(axis=(2, 4))
