"""Products with constant weights in a trace: fully connected layers and convolutions."""

import math

import numpy as np

from ...graph import Window
from ..program import Conv, Dense
from .arrays import compute
from .file import LARGEST
from .node import Node
from .tracer import Tracer
from .tracked import Patches, Tracked, frame_shape

__all__ = ["conv", "dense"]


def dense(tracer: Tracer, node: Node, tracked: Tracked, weights: np.ndarray, *,
          bias: np.ndarray | None = None, tensor: str | None = None) -> Tracked:
    """Multiply by constant weights; for ``tensor`` see :meth:`~.tracer.Tracer.elementwise`."""
    if weights.ndim != 2:
        raise node.error(f"must have a matrix of weights, not an array of the shape "
                         f"{weights.shape}")
    name = node.outputs[0] if tensor is None else tensor
    if tracked.patches is not None or (tracked.sample.ndim == 4
                                       and math.prod(tracked.sample.shape[:3]) > 1):
        return _dense_of_maps(tracer, node, tracked, weights, bias, name)
    if tracked.sample.ndim != 2:
        shape = tracked.sample.shape[1:]
        if any(size != 1 for size in shape[:-1]) or not shape:
            raise node.error(f"must take frames of one axis, not of the shape "
                             f"{frame_shape(tracked)}; flatten them first")
        # Axes of size 1 before the inputs of the layer come back after it.
        flat = tracer.reshape(node, tracked, shape[-1:], tensor=tracer.tensor(tracked))
        result = dense(tracer, node, flat, weights, bias=bias, tensor="")
        return tracer.reshape(node, result, (*shape[:-1], weights.shape[1]), tensor=name)
    if tracked.sample.shape[1] != len(weights) or not weights.shape[1]:
        raise node.error(f"must have weights for frames of the shape {frame_shape(tracked)}, "
                         f"not of the shape {weights.shape}")
    _check_floats(node, tracked, weights)
    if tracked.raw:
        tracer.scaled.append(False)
    weights = np.ascontiguousarray(weights)
    step = Dense(node.name, name, tracked.value, weights, bias)
    return tracer.append(node, step, compute(node, np.matmul, tracked.sample, weights))


def _check_floats(node: Node, tracked: Tracked, weights: np.ndarray) -> None:
    if tracked.sample.dtype != weights.dtype or weights.dtype.kind != "f":
        raise node.error(f"must multiply floats of one type, not {tracked.sample.dtype} by "
                         f"{weights.dtype}")


def _dense_of_maps(tracer: Tracer, node: Node, tracked: Tracked, weights: np.ndarray,
                   bias: np.ndarray | None, tensor: str) -> Tracked:
    """Multiply the channels of each pixel, or patches, by constant weights: a convolution."""
    patches = tracked.patches or Patches("", tracked, Window((1, 1)), 0.0)
    channels = patches.maps.sample.shape[3]
    if tracked.sample.shape[3] != len(weights) or not weights.shape[1]:
        raise node.error(f"must have weights for the {tracked.sample.shape[3]} numbers of each "
                         f"position, not of the shape {weights.shape}")
    _check_floats(node, tracked, weights)
    kernels = weights.T.reshape(-1, *patches.window.kernel, channels)
    own = np.eye(channels, dtype=np.bool_)[:, np.newaxis, np.newaxis]
    if channels > 1 and len(kernels) == channels and not np.where(own, 0, kernels).any():
        # A kernel for each channel, with zeros for the others.
        kernels = np.where(own, kernels, 0).sum(axis=3, keepdims=True, dtype=weights.dtype)
        return conv(tracer, node, patches.maps, kernels, patches.window, patches.pad, channels,
                    bias, tensor=tensor)
    return conv(tracer, node, patches.maps, np.ascontiguousarray(kernels), patches.window,
                patches.pad, 1, bias, tensor=tensor)


def conv(tracer: Tracer, node: Node, maps: Tracked, weights: np.ndarray, window: Window,
         pad: float = 0.0, groups: int = 1, bias: np.ndarray | None = None, *,
         tensor: str) -> Tracked:
    """Convolve maps (rows, columns, channels); see :class:`~.program.Conv`."""
    if maps.raw:
        tracer.scaled.append(False)
    rows, columns = maps.sample.shape[1:3]
    shape = (*window.outputs(rows, columns), len(weights))
    if math.prod(shape) > LARGEST:
        raise node.error(f"must have a result of at most {LARGEST} elements, not of the shape "
                         f"{shape}")
    step = Conv(node.name, tensor, maps.value, weights, window, pad, groups, bias)
    return tracer.append(node, step, np.zeros((1, *shape), weights.dtype))
