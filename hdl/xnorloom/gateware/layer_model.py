"""Model of a layer: outputs of its operand words, in numpy."""

import numpy as np

from ..graph import Conv, Score
from ..schedule import LayerPlan
from .operands import Operands

__all__ = ["conv_outputs", "dense_outputs"]

# Stands for the weight of a gap or an absent synapse, which never agrees.
_GAP = 2
# Threshold of a padding neuron, which never fires.
_NEVER = 1 << 40


def dense_outputs(plan: LayerPlan, words: np.ndarray) -> np.ndarray:
    """Return the elements of frames, shape (frames, neurons), of a dense or score layer.

    Operands are an array of bits of shape (words, vectors * simd).
    """
    layer, shape = plan.layer, (-1, plan.cycles, plan.vectors, plan.fold.simd)
    words = np.asarray(words).reshape(shape).swapaxes(1, 2)
    words = words.reshape(-1, plan.neuron_folds, plan.planes, plan.order.size)
    # All neuron folds have the same operands.
    bits = words[:, 0][..., np.flatnonzero(plan.order.reshape(-1) >= 0)]
    agree = 1 - (bits[:, None] ^ layer.weights[None, :, None])
    if layer.present is not None:
        agree &= layer.present[None, :, None]
    counts = _over_planes(plan, agree.sum(axis=-1, dtype=np.int64))
    if isinstance(layer, Score):
        return counts * layer.scales + layer.offsets
    return (counts >= layer.thresholds).astype(np.uint8)


def conv_outputs(plan: LayerPlan, words: Operands) -> np.ndarray:
    """Return the activations of frames, shape (frames, elements), of a convolution."""
    layer, pe = plan.layer, plan.fold.pe
    assert isinstance(layer, Conv)
    # Axes: pixel, neuron fold, pooled output, plane, synapse fold.
    shape = (-1, plan.neuron_folds, plan.repeats, plan.planes, plan.synapse_folds)
    taken = ~words.skip.reshape(shape).astype(np.bool_)
    # Further axes: vector, group, lane of the group, synapse.
    bits = words.bits.reshape(*shape, plan.vectors, plan.lane_groups, 1, plan.fold.simd)
    agree = (bits == _weights(plan)) & taken[..., None, None, None, None]
    counts = agree.sum(axis=8)
    counts += plan.half * ~taken[..., None, None, None]
    counts = np.moveaxis(counts.sum(axis=4), 3, -1)
    counts = _over_planes(plan, counts).reshape(*counts.shape[:4], pe)
    padding = plan.neuron_folds * pe - layer.neurons
    levels = np.pad(plan.levels, ((0, 0), (0, padding)), constant_values=_NEVER)
    level = words.level.reshape(shape)[..., 0, 0].astype(np.int64)
    thresholds = levels.reshape(-1, plan.neuron_folds, pe)[
        level, np.arange(plan.neuron_folds)[:, None]]
    fires = counts >= thresholds[:, :, :, None]
    # Axes: word, pooled output, pixel of the word, vector of the pixel, neuron.
    pixels = plan.out_vectors
    fires = np.moveaxis(fires, 1, 3).reshape(
        len(fires), plan.repeats, pixels, plan.vectors // pixels, -1)[..., :layer.neurons]
    pooled = np.where(layer.least, fires.all(axis=(1, 3)), fires.any(axis=(1, 3)))
    # The last word of a row may have pixels that do not exist.
    rows, columns = plan.output_words
    maps = pooled.reshape(-1, rows, columns * pixels, layer.neurons)[:, :, :plan.output.columns]
    return maps.astype(np.uint8).reshape(-1, plan.output.size)


def _weights(plan: LayerPlan) -> np.ndarray:
    """Return weights in the axes of :func:`conv_outputs`, without pixels."""
    layer, order = plan.layer, plan.order
    padding = plan.neuron_folds * plan.fold.pe - layer.neurons
    rows = layer.weights if layer.present is None else np.where(layer.present, layer.weights, _GAP)
    rows = np.pad(rows.reshape(layer.neurons, -1), ((0, padding), (0, 0)))
    weights = np.where(order >= 0, rows[:, np.maximum(order, 0)], _GAP)
    weights = weights.reshape(plan.neuron_folds, plan.lane_groups, -1, *order.shape)
    return weights.transpose(0, 3, 1, 2, 4)[:, None, None, :, None]


def _over_planes(plan: LayerPlan, counts: np.ndarray) -> np.ndarray:
    """Return the sum of counts over planes, the last axis, the most significant first."""
    return counts @ (1 << np.arange(plan.planes)[::-1])
