"""Products of two linear layers without a sign between them, such as an average pool and a layer.

An average pool is a convolution with weights of one sign. Together with the linear layer after it,
it is a fully connected layer, whose weights are repeated over the areas of the pool.
"""

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import Conv, Dense
from ..frontend.windows import convolve
from ..graph import Map
from .preactivation import Preactivation, split
from .segment import Segment

__all__ = ["compose"]

# Counts at which a function is compared with a straight line, and its largest distance from one.
_COUNTS, _BENT = 4096, 1e-5


def compose(first: Conv | Dense, linear: Preactivation, segment: Segment, second: Conv | Dense,
            maps: tuple[Map, Map]) -> Dense | None:
    """Return the fully connected layer that two layers together are.

    Parameters
    ----------
    first, linear, segment
        Convolution, or the fully connected layer that it is, its sums, and the steps after it.
    second : Conv or Dense
        Next linear layer.
    maps : pair of Map
        Maps that the two layers see.

    Returns
    -------
    Dense or None
        Layer with the input of the first and the results of the second; None if the steps between
        them are not of the form ``a * x + b``, or if the product has weights of several magnitudes.
    """
    line = None if segment.pool != (1, 1) else _line(linear, segment)
    matrix = second.weights if isinstance(second, Dense) else _matrix(second, maps[1])
    if line is None or matrix is None:
        return None
    slope, offset = line
    # One for each element of the first layer's results, in their order.
    rows = matrix.astype(np.float64)[segment.order]
    channel = np.arange(len(rows)) % segment.channels
    scaled = rows * slope[channel, np.newaxis]
    weights = (first.weights.astype(np.float64) @ scaled if isinstance(first, Dense)
               else _adjoint(first, scaled, maps[0]))
    try:
        split(second.name, weights.T)
    except SourceError:
        return None
    # What the first layer gives for an input of zeros: its bias, and what stands outside the map.
    nothing = np.zeros(len(rows))
    if isinstance(first, Conv):
        nothing = convolve(np.zeros((1, *maps[0])), first.weights.astype(np.float64),
                           first.window, first.pad, first.groups).reshape(-1)
    if first.bias is not None:
        nothing = nothing + first.bias.astype(np.float64)[channel]
    bias = (offset[channel] + slope[channel] * nothing) @ rows
    if second.bias is not None:
        bias = bias + second.bias
    dtype = second.weights.dtype
    return Dense(second.name, second.tensor, first.input, weights.astype(dtype),
                 bias.astype(dtype) if bias.any() else None)


def _line(linear: Preactivation, segment: Segment,
          ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Return slope and offset of each channel's function, if all are straight lines."""
    steps = np.linspace(0, 1, min(linear.count_max + 1, _COUNTS))[:, np.newaxis]
    # Counts that no frame reaches, too: an input may be constant.
    counts = np.rint(steps * linear.tops).astype(np.int64)
    sums = linear.sums(counts).astype(np.float64)
    values = segment.evaluate(linear.sums(counts)).astype(np.float64)
    if not np.isfinite(values).all() or len(np.unique(values)) < 3:
        return None
    sums, values = (array.reshape(-1, linear.neurons) for array in (sums, values))
    ends = np.stack([sums.argmin(axis=0), sums.argmax(axis=0)])
    (first, last), (start, end) = (np.take_along_axis(array, ends, 0) for array in (sums, values))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.nan_to_num((end - start) / (last - first))
    offset = np.median(values - slope * sums, axis=0)
    largest = np.abs(values).max(axis=0)
    if (np.abs(values - (slope * sums + offset)) > _BENT * largest).any():
        return None
    # What is left of the rounding of a product is no offset.
    return slope, np.where(np.abs(offset) <= 4 * np.finfo(linear.dtype).eps * largest, 0, offset)


def _matrix(conv: Conv, map: Map) -> npt.NDArray[np.float64] | None:
    """Return the matrix (inputs, neurons) of a convolution with one output and without padding."""
    if conv.window.outputs(map.rows, map.columns) != (1, 1) or any(conv.window.padding):
        return None
    return _adjoint(conv, np.eye(len(conv.weights)), map)


def _adjoint(conv: Conv, rows: npt.NDArray[np.float64], map: Map) -> npt.NDArray[np.float64]:
    """Multiply ``rows``, of the results of a convolution, by its matrix; rows of its inputs."""
    window, neurons = conv.window, len(conv.weights)
    each, wide = conv.weights.shape[3], rows.shape[1]
    high, across = window.outputs(map.rows, map.columns)
    top, left, bottom, right = window.padding
    given = rows.reshape(high * across, conv.groups, neurons // conv.groups, wide)
    made = np.zeros((map.rows + top + bottom, map.columns + left + right, map.channels, wide))
    for (row, column), _ in np.ndenumerate(conv.weights[0, :, :, 0]):
        tap = conv.weights[:, row, column].astype(np.float64)
        tap = tap.reshape(conv.groups, neurons // conv.groups, each)
        part = np.einsum("pgmw,gmc->pgcw", given, tap, optimize=True)
        y, x = row * window.dilation[0], column * window.dilation[1]
        down, side = window.stride
        made[y:y + (high - 1) * down + 1:down, x:x + (across - 1) * side + 1:side] += (
            part.reshape(high, across, map.channels, wide))
    return made[top:top + map.rows, left:left + map.columns].reshape(map.size, wide)
