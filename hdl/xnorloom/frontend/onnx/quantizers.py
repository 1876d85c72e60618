"""Quantizers of QONNX, and of Brevitas and FINN before it, as elementwise functions.

The functions have the types and the rounding of the package qonnx.
"""

import numpy as np

from .node import Node
from .operators import Kind, operator
from .tracer import Function, Tracer
from .tracked import Known, Tracked, array_of

__all__: list[str] = []

_MOST_BITS = 32
_MOST_THRESHOLDS = 1 << 12
_ROUNDING: dict[str, Function] = {
    "ROUND": np.rint, "HALF_EVEN": np.rint, "CEIL": np.ceil, "FLOOR": np.floor, "DOWN": np.trunc,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + x.dtype.type(0.5)),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - x.dtype.type(0.5))}


def _operands(node: Node, operands: list[Known], names: str) -> tuple[
        Tracked | np.ndarray, list[np.ndarray]]:
    """Check the operands, and return the first and the constants after it."""
    wanted = names.split()
    if len(operands) != len(wanted) or any(operand is None for operand in operands):
        raise node.error(f"must have the inputs {', '.join(wanted)}")
    x, *others = operands
    assert x is not None
    constants = []
    for name, other in zip(wanted[1:], others):
        if not isinstance(other, np.ndarray):
            raise node.error(f"must have a constant {name}, not one that depends on the input")
        constants.append(other)
    for one in (array_of(x).dtype, *(constant.dtype for constant in constants
                                     if constant.dtype.kind not in "iu")):
        if one != np.float32:
            raise node.error(f"must work on float32, not {one}")
    return x, constants


def _single(x: np.ndarray) -> np.ndarray:
    # With an integer parameter, numpy and so qonnx computes in double precision before.
    return x.astype(np.float32)


def _plus_or_minus(x: np.ndarray) -> np.ndarray:
    one = np.ones((), x.dtype)
    return np.where(x >= 0, one, -one)


@operator(Kind.QUANTIZER, "BipolarQuant", quant=True)
def _bipolar(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, [scale] = _operands(node, operands, "x scale")
    return [tracer.elementwise(node, [x, scale],
                               lambda x, scale: _single(_plus_or_minus(x) * scale))]


@operator(Kind.QUANTIZER, "Quant", "IntQuant", quant=True)
def _quant(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, [scale, zero, width] = _operands(node, operands, "x scale zeropt bitwidth")
    if width.size != 1 or not 1 <= width.flat[0] <= _MOST_BITS or width.flat[0] % 1:
        raise node.error(f"must have one whole number of bits from 1 to {_MOST_BITS}, not "
                         f"{width.tolist()!r:.60}")
    bits = int(width.flat[0])
    signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 1))
    mode = node.text("rounding_mode", "ROUND").upper()
    if mode not in _ROUNDING:
        raise node.error(f"must round by one of {', '.join(_ROUNDING)}, not {mode!r:.60}")
    low = -(1 << bits - 1) + narrow if signed else 0
    high = (1 << bits - 1) - 1 if signed else (1 << bits) - 1 - narrow

    def quant(x: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
        y = x / scale + zero
        if signed and bits == 1:
            y = _plus_or_minus(y)
        else:
            # Unlike minimum and maximum, comparisons keep NaN.
            y = np.where(y > high, y.dtype.type(high), y)
            y = np.where(y < low, y.dtype.type(low), y)
            y = _ROUNDING[mode](y)
        return _single((y - zero) * scale)
    return [tracer.elementwise(node, [x, scale, zero], quant)]


@operator(Kind.QUANTIZER, "MultiThreshold", quant=True)
def _multithreshold(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, [thresholds] = _operands(node, operands, "x thresholds")
    shape = array_of(x).shape
    layout = node.text("data_layout", "") or {3: "NWC"}.get(len(shape), "NC")
    axis = layout.index("C") if "C" in layout else 1
    if not 1 <= axis < len(shape):
        raise node.error(f"must have its channels on an axis after the batch, not on axis {axis} "
                         f"of {len(shape)}")
    if thresholds.ndim != 2 or len(thresholds) not in (1, shape[axis]):
        raise node.error(f"must have thresholds of the shape ({shape[axis]}, levels) or "
                         f"(1, levels), not {thresholds.shape}")
    if not 1 <= thresholds.shape[1] <= _MOST_THRESHOLDS:
        raise node.error(f"must have 1 to {_MOST_THRESHOLDS} thresholds, not "
                         f"{thresholds.shape[1]}")
    scale, bias = node.real("out_scale", 1.0), node.real("out_bias", 0.0)
    levels = [level.reshape(-1, *[1] * (len(shape) - axis - 1)) for level in thresholds.T]

    def count(x: np.ndarray, *levels: np.ndarray) -> np.ndarray:
        passed = sum((x >= level).astype(np.int32) for level in levels)
        return x.dtype.type(scale) * np.asarray(passed, x.dtype) + x.dtype.type(bias)
    return [tracer.elementwise(node, [x, *levels], count)]


@operator(Kind.QUANTIZER, "DebugMarker", quant=True)
def _debug_marker(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, _ = _operands(node, operands, "x")
    return [tracer.elementwise(node, [x], lambda x: x)]
