"""Preactivations of convolutions: sums of each neuron and border class, by count."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import graph
from ..errors import SourceError
from ..frontend.program import Conv, Dense
from ..graph import Map, Pool
from ..support.text import first_line
from .input_levels import InputLevels
from .preactivation import TOLERANCE, Preactivation, rounding, split

__all__ = ["as_dense", "conv_preactivation"]


def as_dense(conv: Conv, map: Map) -> Dense | Conv:
    """Return the fully connected layer that a convolution over ``map`` is, or the convolution.

    It is one if its only window covers the whole map. Inputs are in the order of the map.
    """
    window = conv.window
    if conv.groups > 1 or window.outputs(map.rows, map.columns) != (1, 1):
        return conv
    weights = np.zeros((*map, len(conv.weights)), conv.weights.dtype)
    seen = np.zeros((map.rows, map.columns), np.bool_)
    outside = np.zeros(len(conv.weights))
    for (row, column), _ in np.ndenumerate(conv.weights[0, :, :, 0]):
        y = row * window.dilation[0] - window.padding[0]
        x = column * window.dilation[1] - window.padding[1]
        tap = conv.weights[:, row, column]
        if 0 <= y < map.rows and 0 <= x < map.columns:
            weights[y, x], seen[y, x] = tap.T, True
        else:
            outside += tap.astype(np.float64) @ np.broadcast_to(conv.pad, map.channels)
    if not seen.all():
        return conv
    bias = conv.bias
    if outside.any():
        bias = outside.astype(conv.weights.dtype) + (0 if bias is None else bias)
    return Dense(conv.name, conv.tensor, conv.input, weights.reshape(map.size, -1), bias)


def conv_preactivation(conv: Conv, inputs: InputLevels, map: Map,
                       pool: tuple[int, int]) -> Preactivation:
    """Express the sums of a convolution over ``map`` by counts.

    What stands outside the map becomes a code of the elements where one stands for its number.
    Otherwise it contributes nothing to the count, and each border class has constants of its own.

    Parameters
    ----------
    conv : Conv
        The layer in the source.
    inputs : InputLevels
        Elements of ``map``, in its order.
    map : Map
        Map that the convolution sees.
    pool : pair of int
        Area of the pool after it.

    Raises
    ------
    SourceError
        If the weights of a neuron differ in magnitude, if elements of a channel differ in their
        levels, or if the layer does not fit the map.
    """
    inputs = _per_channel(conv, inputs, map)
    name, top = conv.name, (1 << inputs.planes) - 1
    neurons, *kernel, each = conv.weights.shape
    pads = np.broadcast_to(np.asarray(conv.pad, np.float64), map.channels)
    padded = any(conv.window.padding)
    codes, distance = _codes(inputs, pads) if padded else (None, 0.0)
    pad = None if codes is None else tuple(codes.tolist())
    signs, scale, error = split(name, conv.weights.reshape(neurons, -1))
    # Channels that each neuron sees.
    seen = (np.arange(neurons) // (neurons // conv.groups))[:, np.newaxis] * each + np.arange(each)
    taps = (slice(None), np.newaxis, np.newaxis)
    signs = signs.reshape(conv.weights.shape)
    bits = (signs * inputs.direction[seen][taps] > 0).astype(np.uint8)
    present = signs != 0
    shape = _shape(conv, bits, present, pad, pool, map)
    bias = np.zeros(neurons) if conv.bias is None else conv.bias.astype(np.float64)
    # Sums over the channels of each tap: with signs, of pad numbers, and bounds of counts.
    middles = ((2.0 * bits - 1) * present * inputs.middle[seen][taps]).sum(axis=3)
    outside = (conv.weights * pads[seen][taps]).sum(axis=3)
    least, largest = inputs.least, inputs.largest
    if codes is not None:
        least, largest = np.minimum(least, codes), np.maximum(largest, codes)
    low = (np.where(bits, least[seen][taps], top - largest[seen][taps]) * present).sum(axis=3)
    high = (np.where(bits, largest[seen][taps], top - least[seen][taps]) * present).sum(axis=3)
    synapses = present.sum(axis=3, dtype=np.int64)
    constants, tops, ranges = [], [], []
    for valid in shape.borders(map).taps:
        here = scale * middles[:, valid].sum(axis=1) + outside[:, ~valid].sum(axis=1) + bias
        constants.append(here)
        tops.append(synapses[:, valid].sum(axis=1) * top)
        ranges.append(np.stack([low[:, valid].sum(axis=1), high[:, valid].sum(axis=1)], axis=1))
    if not shape.borders(map).taps.any(axis=(1, 2)).all():
        raise SourceError(f"layer {name} must see a pixel of the map at each output, but its "
                          f"padding {conv.window.padding} makes windows that lie outside the "
                          f"{map.rows}x{map.columns} pixels; take less padding")
    slack = _slack(conv, inputs, seen, pads if padded else None, bias)
    slack += np.abs(conv.weights).reshape(neurons, -1).sum(axis=1, dtype=np.float64) * distance
    slack += error * kernel[0] * kernel[1] * _reach(inputs)[seen].sum(axis=1)
    dtype = np.result_type(inputs.dtype, conv.weights.dtype)
    count = len(tops)
    return Preactivation(name, bits, np.concatenate(tops), np.tile(scale * inputs.half, count),
                         np.concatenate(constants), np.tile(slack, count),
                         np.concatenate(ranges), dtype, shape, map, shape.present)


def _shape(conv: Conv, bits: npt.NDArray[np.uint8], present: npt.NDArray[np.bool_],
           pad: tuple[int, ...] | None, pool: tuple[int, int], map: Map) -> graph.Conv:
    """Return the layer in the graph, with thresholds of 0."""
    try:
        shape = graph.Conv("conv", bits, np.zeros(len(bits), np.int64),
                           replace(conv.window, pad=pad), Pool(pool), conv.groups, present)
        shape.borders(map)
    except ValueError as error:
        raise SourceError(f"layer {conv.name} cannot be a convolution of the graph: "
                          f"{first_line(error)}") from None
    return shape


def _per_channel(conv: Conv, inputs: InputLevels, map: Map) -> InputLevels:
    """Reduce the levels of elements to those of channels."""
    direction, middle, least, largest = (
        array.reshape(map.pixels, map.channels)
        for array in (inputs.direction, inputs.middle, inputs.least, inputs.largest))
    differ = np.ptp(middle, axis=0) > TOLERANCE * inputs.half
    differ |= (direction != direction[:1]).any(axis=0)
    if differ.any():
        raise SourceError(f"layer {conv.name} must have the same levels of its input at all "
                          f"positions of a channel, as it shares its weights over them, but those "
                          f"of channel {int(np.argmax(differ))} differ; prepare all pixels alike, "
                          f"or begin with a fully connected layer")
    error = inputs.error + float(np.ptp(middle, axis=0).max())
    return replace(inputs, middle=middle[0], direction=direction[0], least=least.min(axis=0),
                   largest=largest.max(axis=0), error=error)


def _codes(inputs: InputLevels,
           pads: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64] | None, float]:
    """Find the code of each channel that stands for its number of ``pads``.

    Returns
    -------
    int64 array or None, float
        The codes, and the largest distance of their numbers from ``pads``; None and 0 if a channel
        has no such code.
    """
    top = (1 << inputs.planes) - 1
    steps = ((inputs.direction * pads - inputs.middle) / inputs.half + top) / 2
    codes = np.rint(np.where(np.isfinite(steps), steps, -1)).astype(np.int64)
    distance = np.abs(steps - codes) * 2 * inputs.half
    if ((codes < 0) | (codes > top) | ~(distance <= TOLERANCE * inputs.half)).any():
        return None, 0.0
    return codes, float(distance.max())


def _reach(inputs: InputLevels) -> npt.NDArray[np.float64]:
    return np.abs(inputs.middle) + inputs.half * ((1 << inputs.planes) - 1)


def _slack(conv: Conv, inputs: InputLevels, seen: npt.NDArray[np.int64],
           pads: npt.NDArray[np.float64] | None,
           bias: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Estimate the deviation of sums by the source's rounding and by that of its inputs."""
    top = (1 << inputs.planes) - 1
    reach = _reach(inputs)
    numbers = np.concatenate([[2 * inputs.half], inputs.middle - inputs.half * top])
    if pads is not None:
        reach = np.maximum(reach, np.abs(pads))
        numbers = np.concatenate([numbers, pads])
    rows = conv.weights.reshape(len(conv.weights), -1)
    taps = conv.weights.shape[1] * conv.weights.shape[2]
    dtype = np.result_type(inputs.dtype, conv.weights.dtype)
    slack = rounding(conv.name, rows, bias, np.tile(reach[seen], (1, taps)), numbers, dtype)
    return slack + np.abs(rows).sum(axis=1, dtype=np.float64) * inputs.error
