"""ONNX's Conv, on maps and sequences."""

import numpy as np

from .geometry import check_maps
from .maps import check_border, convolve, last, padded_window, tracked_map
from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked

__all__: list[str] = []


@operator(Kind.SPATIAL, "Conv")
def _conv(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, weights, bias = [*operands, None][:3]
    x = tracked_map(node, x)
    if not isinstance(weights, np.ndarray) or isinstance(bias, Tracked):
        raise node.error("must have constant weights and biases, not any that depends on the input")
    sizes, dtype = check_maps(node, x), x.sample.dtype
    check_border(node, x)
    channels, groups = x.sample.shape[1], node.integer("group", 1)
    if weights.ndim != x.sample.ndim or 0 in weights.shape:
        raise node.error(f"must have weights (neurons, channels / groups, kernel ...) of "
                         f"{x.sample.ndim} axes, not of the shape {weights.shape}")
    if groups < 1 or channels % groups or len(weights) % groups:
        raise node.error(f"must have groups that divide its {channels} channels and "
                         f"{len(weights)} neurons, not {groups}")
    if weights.shape[1] * groups != channels:
        raise node.error(f"must have weights for {channels // groups} of {channels} channels, "
                         f"as it has {groups} groups, not of the shape {weights.shape}")
    if dtype != weights.dtype or dtype.kind != "f":
        raise node.error(f"must multiply floats of one type, not {dtype} by {weights.dtype}")
    if bias is not None and (bias.shape != weights.shape[:1] or bias.dtype != dtype):
        raise node.error(f"must have a bias of the shape ({len(weights)},) and of {dtype}, not "
                         f"{bias.shape} and {bias.dtype}")
    window = padded_window(node, x, sizes, weights.shape[2:])
    return [convolve(tracer, node, x, np.ascontiguousarray(last(weights)), window, groups, bias,
                     tensor=node.outputs[0])]
