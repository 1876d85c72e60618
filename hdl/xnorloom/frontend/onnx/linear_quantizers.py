"""ONNX's QuantizeLinear and DequantizeLinear, as elementwise functions.

The functions have the types and the rounding of ONNX Runtime.
"""

import numpy as np

from .file import TYPES
from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, array_of

__all__: list[str] = []

_FLOATS = (np.float32, np.float16)


def _parameters(tracer: Tracer, node: Node, operands: list[Known],
                ) -> tuple[Tracked | np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the tensor, and scale and zero point in a shape that fits it."""
    x, scale, zero = [*operands, None][:3]
    assert x is not None
    for what, constant in (("scale", scale), ("zero point", zero)):
        if isinstance(constant, Tracked):
            raise node.error(f"must have a constant {what}, not one that depends on the input")
    assert isinstance(scale, np.ndarray) and not isinstance(zero, Tracked)
    if scale.dtype not in _FLOATS:
        raise node.error(f"must have a scale of float32 or float16, not {scale.dtype}")
    if not (np.isfinite(scale) & (scale != 0)).all():
        raise node.error("must have a scale of finite numbers other than 0")
    if zero is not None and zero.shape != scale.shape and not zero.size == scale.size == 1:
        raise node.error(f"must have a zero point of the shape of its scale, {scale.shape}, not "
                         f"{zero.shape}")
    if node.integer("block_size", 0):
        raise node.error("must have one scale for the tensor or for each channel, not for blocks")
    if scale.size == 1:
        return x, scale.reshape(()), None if zero is None else zero.reshape(())
    shape = tracer.shape(x)
    axis = node.integer("axis", 1)
    axis += len(shape) if axis < 0 else 0
    if scale.ndim != 1 or not 0 <= axis < len(shape) or scale.shape != (shape[axis],):
        raise node.error(f"must have a scale for each of the elements on axis {axis} of the shape "
                         f"{shape}, not a scale of the shape {scale.shape}")
    if isinstance(x, Tracked) and not axis:
        raise node.error("must have one scale for all frames, not one for each")
    rest = [1] * (len(shape) - axis - 1)
    return (x, scale.reshape(-1, *rest), None if zero is None else zero.reshape(-1, *rest))


@operator(Kind.QUANTIZER, "DequantizeLinear")
def _dequantize(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, scale, zero = _parameters(tracer, node, operands)
    dtype = array_of(x).dtype
    if dtype.kind not in "iu" or (zero is not None and zero.dtype != dtype):
        raise node.error(f"must take integers and a zero point of their type, not {dtype} and "
                         f"{None if zero is None else zero.dtype}")
    offset = np.zeros((), np.int64) if zero is None else zero.astype(np.int64)

    def dequantize(x: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
        return (x.astype(np.int64) - offset).astype(scale.dtype) * scale
    return [tracer.elementwise(node, [x, scale, offset], dequantize)]


@operator(Kind.QUANTIZER, "QuantizeLinear")
def _quantize(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, scale, zero = _parameters(tracer, node, operands)
    if array_of(x).dtype != scale.dtype:
        raise node.error(f"must quantize floats of the type of their scale, {scale.dtype}, not "
                         f"{array_of(x).dtype}")
    number = node.integer("output_dtype", 0) or (2 if zero is None else None)
    if number is not None and number not in TYPES:
        raise node.error(f"must give a type of integers, not ONNX type {number}")
    dtype = zero.dtype if number is None and zero is not None else TYPES[number or 2]
    if dtype.kind not in "iu" or dtype.itemsize > 2 or (zero is not None and zero.dtype != dtype):
        raise node.error(f"must give integers of 8 or 16 bits, the type of its zero point, not "
                         f"{dtype}")
    limits = np.iinfo(dtype)
    offset = np.zeros((), np.int64) if zero is None else zero.astype(np.int64)

    def quantize(x: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
        # Clamped before the conversion, which numbers beyond the integers would not survive.
        steps = np.nan_to_num(np.rint(x / scale), nan=-np.inf)
        steps = np.clip(steps.astype(np.float64) + offset, limits.min, limits.max)
        return steps.astype(dtype)
    return [tracer.elementwise(node, [x, scale, offset], quantize)]
