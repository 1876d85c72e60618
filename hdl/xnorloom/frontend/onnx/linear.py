"""ONNX operators of linear layers: products with constant weights, and batch normalisation."""

import numpy as np

from .arrays import compute
from .constants import product
from .node import Node
from .operators import Kind, operator
from .products import dense
from .tracer import Tracer
from .tracked import Known, Tracked, array_of

__all__: list[str] = []


def _factors(node: Node, operands: list[Known]) -> tuple[Tracked, np.ndarray]:
    """Return the two factors, if only the right one is constant."""
    left, right = operands[:2]
    if isinstance(right, Tracked):
        raise node.error("must multiply a tensor that depends on the input by constant weights on "
                         "the right, not " + ("two values that both depend on the input"
                                          if isinstance(left, Tracked) else "weights on the left"))
    assert isinstance(left, Tracked) and right is not None
    return left, right


@operator(Kind.LINEAR, "MatMul")
def _matmul(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
    if len(arrays) == 2:
        return [tracer.constant(node, compute(node, product, *arrays))]
    left, right = operands
    if (isinstance(left, np.ndarray) and left.ndim == 2 and isinstance(right, Tracked)
            and right.sample.ndim > 2 and right.sample.shape[-1] == 1):
        # Frames as columns: weights on the left, and inputs on the axis before the last.
        *axes, inputs, _ = right.sample.shape[1:]
        row = tracer.reshape(node, right, (*axes, inputs),
                             tensor=tracer.tensor(right))
        result = dense(tracer, node, row, left.T, tensor="")
        return [tracer.reshape(node, result, (*result.sample.shape[1:], 1))]
    tracked, weights = _factors(node, operands)
    if weights.ndim == 1:
        result = dense(tracer, node, tracked, weights[:, np.newaxis], tensor="")
        return [tracer.reshape(node, result, result.sample.shape[1:-1])]
    # Leading axes of size 1 make one product, as for weights of two axes.
    if weights.ndim > 2 and set(weights.shape[:-2]) == {1} and (
            weights.ndim <= tracked.sample.ndim):
        weights = weights.reshape(weights.shape[-2:])
    return [dense(tracer, node, tracked, weights)]


@operator(Kind.LINEAR, "Gemm")
def _gemm(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    bias = operands[2] if len(operands) > 2 else None
    left, right = (operand.T if flip and isinstance(operand, np.ndarray) else operand
                   for operand, flip in zip(operands, (node.integer("transA", 0),
                                                       node.integer("transB", 0))))
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        result = tracer.constant(node, compute(node, product, left, right))
    else:
        tracked, weights = _factors(node, [left, right])
        if node.integer("transA", 0):
            raise node.error("must have transA = 0: frames must be rows")
        if alpha == 1 and not isinstance(bias, Tracked):
            return [dense(tracer, node, tracked, weights, bias=_bias(node, weights, bias, beta))]
        result = dense(tracer, node, tracked, weights, tensor="")
    kind = array_of(result).dtype.type
    with np.errstate(all="ignore"):
        alpha, beta = kind(alpha), kind(beta)
    if bias is None:
        return [tracer.elementwise(node, [result], lambda x: alpha * x)]
    if isinstance(bias, Tracked):
        raise node.error("must have a constant bias, not one that depends on the input")
    if bias.dtype != kind:
        raise node.error(f"must have a bias of the type of its product, not {bias.dtype}")
    return [tracer.elementwise(node, [result, compute(node, np.multiply, beta, bias)],
                               (lambda x, c: x + c) if alpha == 1 else
                               (lambda x, c: alpha * x + c))]


def _bias(node: Node, weights: np.ndarray, bias: np.ndarray | None,
          beta: float) -> np.ndarray | None:
    """Return the bias of each neuron of a Gemm."""
    if bias is None:
        return None
    kind = weights.dtype.type
    if bias.dtype != kind:
        raise node.error(f"must have a bias of the type of its product, not {bias.dtype}")
    neurons = weights.shape[1:]
    if bias.ndim == 2 and (bias == bias[:1]).all():
        bias = bias[:1]
    if bias.ndim > 2 or bias.shape[-1:] not in ((), (1,), neurons) or bias.shape[:-1] not in (
            (), (1,)):
        raise node.error(f"must have a bias for {neurons[0] if neurons else 0} neurons, not of the "
                         f"shape {bias.shape}")
    with np.errstate(all="ignore"):
        scaled = compute(node, np.multiply, kind(beta), bias)
    return np.broadcast_to(scaled.reshape(-1), neurons)


@operator(Kind.LINEAR, "XnorPopcountMatMul", quant=True)
def _xnor(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    # The agreeing bits: those that agree with weights 1, and for weights 0 the zeros.
    if len(operands) != 2 or any(operand is None for operand in operands):
        raise node.error("must have two inputs")
    if not any(isinstance(operand, Tracked) for operand in operands):
        raise node.error("must have an input that depends on the input of the model")
    left, right = _factors(node, operands)
    for dtype in (left.sample.dtype, right.dtype):
        if dtype != np.float32:
            raise node.error(f"must work on float32, not {dtype}")
    if not ((right == 0) | (right == 1)).all():
        raise node.error("must have weights 0 and 1 only")
    counts = dense(tracer, node, left, 2 * right - np.float32(1), tensor="")
    return [tracer.elementwise(node, [counts, (1 - right).sum(axis=0)], np.add)]


@operator(Kind.LINEAR, "BatchNormalization")
def _batch_normalization(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    x, *parameters = operands
    assert x is not None
    if node.integer("training_mode", 0) or any(node.outputs[1:]):
        raise node.error("must be in the mode of inference, not of training")
    shape, dtype = tracer.shape(x), array_of(x).dtype
    if len(shape) < 2 or (node.version < 9 and not node.integer("spatial", 1) and len(shape) > 2):
        raise node.error(f"must have one set of parameters for each channel, on axis 1, not "
                         f"frames of the shape {shape[1:]}")
    arrays = []
    for parameter in parameters:
        if not isinstance(parameter, np.ndarray):
            raise node.error("must have constant parameters, not any that depends on the input")
        if parameter.shape != (shape[1],) or parameter.dtype != dtype or dtype.kind != "f":
            raise node.error(f"must have parameters of the shape ({shape[1]},) and of its type "
                             f"{dtype}, not {parameter.shape} and {parameter.dtype}")
        arrays.append(parameter.reshape(-1, *[1] * (len(shape) - 2)))
    gamma, beta, mean, variance = arrays
    for what, array in zip(("scale", "bias", "mean", "variance"), arrays):
        if np.isnan(array).any():
            raise node.error(f"must have numbers as its parameters, but the {what} of channel "
                             f"{int(np.argmax(np.isnan(array)))} is NaN")
    with np.errstate(all="ignore"):
        epsilon = dtype.type(node.real("epsilon", float(np.float32(1e-5))))
        if (variance + epsilon < 0).any():
            channel = int(np.argmax(variance + epsilon < 0))
            raise node.error(f"must have variances of 0 or more, with epsilon {epsilon:.6g} added, "
                             f"but that of channel {channel} is {variance.flat[channel]:.6g}, "
                             f"which has no square root")
        slope = gamma * (dtype.type(1) / np.sqrt(variance + epsilon))
        shift = beta - mean * slope
    return [tracer.elementwise(node, [x, slope, shift], lambda x, slope, shift: x * slope + shift)]
