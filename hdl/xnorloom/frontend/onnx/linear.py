"""Products with constant weights, and batch normalisation."""

from collections.abc import Callable

import numpy as np

from .constants import FOLDS
from .node import Node
from .tracer import Known, Tracked, Walk

__all__ = ["LAYERS"]


def _product(node: Node, operands: list[Known]) -> tuple[Tracked, np.ndarray]:
    """The two factors, if the right one alone is constant."""
    left, right = operands[:2]
    if isinstance(right, Tracked):
        raise node.error("must multiply what depends on the input by constant weights on the "
                         "right, not " + ("two values that both depend on the input"
                                          if isinstance(left, Tracked) else "weights on the left"))
    assert isinstance(left, Tracked) and right is not None
    return left, right


def _matmul(walk: Walk, node: Node, operands: list[Known]) -> Known:
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
    return (_constant_product(walk, node, *arrays) if len(arrays) == 2
            else walk.dense(node, *_product(node, operands)))


def _constant_product(walk: Walk, node: Node, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    [product] = walk.work_out(node, lambda *arrays: FOLDS["MatMul"](node, *arrays), left, right)
    return walk.folded(node, product)


def _gemm(walk: Walk, node: Node, operands: list[Known]) -> Known:
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    bias = operands[2] if len(operands) > 2 else None
    left, right = (operand.T if flip and isinstance(operand, np.ndarray) else operand
                   for operand, flip in zip(operands, (node.integer("transA", 0),
                                                       node.integer("transB", 0))))
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        result = _constant_product(walk, node, left, right)
    else:
        tracked, weights = _product(node, [left, right])
        if node.integer("transA", 0):
            raise node.error("must have transA = 0: what depends on the input has frames as rows")
        if alpha == 1 and not isinstance(bias, Tracked):
            return walk.dense(node, tracked, weights, bias=_bias(walk, node, weights, bias, beta))
        result = walk.dense(node, tracked, weights, tensor="")
    kind = (result.sample if isinstance(result, Tracked) else result).dtype.type
    with np.errstate(all="ignore"):
        alpha, beta = kind(alpha), kind(beta)
    if bias is None:
        return walk.elementwise(node, [result], lambda x: alpha * x)
    if isinstance(bias, Tracked):
        raise node.error("must have a constant bias, not one that depends on the input")
    if bias.dtype != kind:
        raise node.error(f"must have a bias of the type of its product, not {bias.dtype}")
    return walk.elementwise(node, [result, walk.work_out(node, np.multiply, beta, bias)],
                            (lambda x, c: x + c) if alpha == 1 else
                            (lambda x, c: alpha * x + c))


def _bias(walk: Walk, node: Node, weights: np.ndarray, bias: np.ndarray | None,
          beta: float) -> np.ndarray | None:
    """What a Gemm adds to the sum of each neuron."""
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
        scaled = walk.work_out(node, np.multiply, kind(beta), bias)
    return np.broadcast_to(scaled.reshape(-1), neurons)


def _xnor(walk: Walk, node: Node, operands: list[Known]) -> Known:
    """The number of agreeing bits: a 1 agrees with a weight 1, and else a 0 would have agreed."""
    if len(operands) != 2 or any(operand is None for operand in operands):
        raise node.error("must have two inputs")
    if not any(isinstance(operand, Tracked) for operand in operands):
        raise node.error("must have an input that depends on the input of the model")
    left, right = _product(node, operands)
    for dtype in (left.sample.dtype, right.dtype):
        if dtype != np.float32:
            raise node.error(f"must work on float32, not {dtype}")
    if not ((right == 0) | (right == 1)).all():
        raise node.error("must have weights 0 and 1 only")
    product = walk.dense(node, left, 2 * right - np.float32(1), tensor="")
    return walk.elementwise(node, [product, (1 - right).sum(axis=0)], np.add)


def _batch_normalization(walk: Walk, node: Node, operands: list[Known]) -> Known:
    x, *parameters = operands
    assert x is not None
    if node.integer("training_mode", 0) or any(node.outputs[1:]):
        raise node.error("must be in the mode of inference, not of training")
    shape = (x.sample if isinstance(x, Tracked) else x).shape
    dtype = (x.sample if isinstance(x, Tracked) else x).dtype
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
    with np.errstate(all="ignore"):
        epsilon = dtype.type(node.real("epsilon", float(np.float32(1e-5))))
        slope = gamma * (dtype.type(1) / np.sqrt(variance + epsilon))
        shift = beta - mean * slope
    return walk.elementwise(node, [x, slope, shift], lambda x, slope, shift: x * slope + shift)


LAYERS: dict[tuple[bool, str], Callable[[Walk, Node, list[Known]], Known]] = {
    (False, "MatMul"): _matmul, (False, "Gemm"): _gemm,
    (False, "BatchNormalization"): _batch_normalization, (True, "XnorPopcountMatMul"): _xnor}
