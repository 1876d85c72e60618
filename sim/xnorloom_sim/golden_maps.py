"""Windows of convolutions over maps, and pooling, in numpy, for the golden model."""

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Map

__all__ = ["at_outputs", "inside", "padded", "pooled", "windows"]


def padded(layer: Conv, map: Map, elements: npt.NDArray[np.unsignedinteger]
           ) -> npt.NDArray[np.unsignedinteger]:
    """Surround maps with the padding of ``layer``.

    Parameters
    ----------
    layer : Conv
    map : Map
        Input of the layer.
    elements : array of shape ``[B, map.size]``
        Codes of the elements.

    Returns
    -------
    array of shape ``[B, rows, columns, channels]``
        Codes; 0 outside the map if the padding contributes nothing.
    """
    top, left, bottom, right = layer.window.padding
    pad = np.asarray(0 if layer.window.pad is None else layer.window.pad, elements.dtype)
    image = np.empty((len(elements), top + map.rows + bottom, left + map.columns + right,
                      map.channels), elements.dtype)
    image[...] = pad
    image[:, top:top + map.rows, left:left + map.columns] = elements.reshape(-1, *map)
    return image


def windows(layer: Conv, image: np.ndarray, rows: range, columns: int) -> np.ndarray:
    """Copy the windows at the outputs in ``rows`` and the first ``columns`` columns.

    Parameters
    ----------
    layer : Conv
    image : array of shape ``[B, rows, columns, channels]``
        Maps with their padding.

    Returns
    -------
    array of shape ``[groups, B, len(rows) * columns, inputs]``
        Elements in the order of the weights of a neuron: row, column, channel.
    """
    window, groups = layer.window, layer.groups
    (high, wide), (down, across), (lower, farther) = window.kernel, window.stride, window.dilation
    channels = layer.channels // groups
    found = np.empty((groups, len(image), len(rows), columns, high, wide, channels), image.dtype)
    for row in range(high):
        for column in range(wide):
            first = rows.start * down + row * lower
            places = image[:, first:first + (len(rows) - 1) * down + 1:down,
                           column * farther:column * farther + (columns - 1) * across + 1:across]
            split = places.reshape(*places.shape[:3], groups, channels)
            found[..., row, column, :] = np.moveaxis(split, 3, 0)
    return found.reshape(groups, len(image), len(rows) * columns, layer.inputs)


def inside(layer: Conv, map: Map, rows: range, columns: int) -> npt.NDArray[np.bool_] | None:
    """Return which elements of the windows contribute: bools ``[len(rows) * columns, inputs]``.

    ``None`` if all do. The windows are those of :func:`windows`, in any group.
    """
    if not layer.window.skips:
        return None
    ones = np.ones((1, map.size), np.uint8)
    return windows(layer, padded(layer, map, ones), rows, columns)[0, 0].astype(bool)


def at_outputs(layer: Conv, map: Map, table: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
    """Return the rows of a table of border classes at the outputs in ``rows``.

    Parameters
    ----------
    layer : Conv
    map : Map
        Input of the layer.
    table : array of shape ``(neurons,)`` or ``(border classes, neurons)``

    Returns
    -------
    array of shape ``(neurons,)`` or ``[rows, columns, neurons]``
    """
    return table if table.ndim == 1 else table[layer.borders(map).classes[rows]]


def pooled(layer: Conv, fires: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pool activations of shape ``[B, rows, columns, neurons]``, whole areas: OR, or AND."""
    high, wide = layer.pool_size
    least, most = fires[:, ::high, ::wide], fires[:, ::high, ::wide]
    for row in range(high):
        for column in range(wide):
            place = fires[:, row::high, column::wide]
            least, most = least & place, most | place
    return np.where(layer.least, least, most)
