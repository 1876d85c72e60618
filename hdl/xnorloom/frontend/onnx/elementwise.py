"""ONNX's elementwise operations in numpy, in the types and with the rounding of ONNX Runtime.

Measured against ONNX Runtime without optimisation, the results are equal bit for bit (a zero may
have the other sign after Relu and Where), with one exception: Pow with another exponent than 2 and
3 is one unit in the last place off now and then, as two C libraries are. Functions whose values
differ between libraries as a rule (Exp, Sigmoid, ...) are left out; Tanh is here for those who only
ask for its sign.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .file import TYPES
from .node import Node

__all__ = ["ELEMENTWISE", "Function", "Operation", "element_type"]

Function = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Operation:
    """An elementwise operation.

    Parameters
    ----------
    build : callable
        From a node to the function of the inputs that are there.
    kinds : str
        The kinds, as of numpy's ``dtype.kind``, that the inputs may be of.
    alike : pair of int or None
        First and last, as of a slice, of the inputs that must be of one type.
    """

    build: Callable[[Node], Function]
    kinds: str = "fiu"
    alike: tuple[int | None, int | None] = (None, None)


def element_type(node: Node, number: int) -> np.dtype:
    """The numpy type with this number in ONNX, which ``node`` has as an attribute."""
    if number not in TYPES:
        raise node.error(f"must give a type of numbers, not ONNX type {number}")
    return TYPES[number]


def _plain(function: Function) -> Callable[[Node], Function]:
    return lambda node: function


def _div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return x / y
    # Integers are divided towards zero.
    quotient = x // y
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(x.dtype)


def _pow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if y.size == 1 and y.flat[0] in (2, 3):
        return x * x if y.flat[0] == 2 else x * x * x
    return np.power(x.astype(np.float64), y.astype(np.float64)).astype(x.dtype)


def _where(chosen: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(chosen, x, y)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, np.zeros((), x.dtype))


def _clip(node: Node) -> Function:
    # The places of the bounds among the operands; attributes in old versions.
    given = [bool(name) for name in (*node.inputs[1:3], "", "")[:2]]
    fixed = [node.real(name, 0) if node.version < 11 and node.has(name) else None
             for name in ("min", "max")]

    def clip(x: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        # A bound that is left out is the largest finite number, so that infinities go.
        limits = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
        rest = iter(operands)
        low, high = (next(rest) if there else np.asarray(limit if bound is None else bound, x.dtype)
                     for there, bound, limit in zip(given, fixed, (limits.min, limits.max)))
        return np.minimum(np.maximum(x, low), high)
    return clip


def _leaky(node: Node) -> Function:
    alpha = node.real("alpha", 0.01)
    return lambda x: np.where(x >= 0, x, np.asarray(alpha, x.dtype) * x)


def _hard_sigmoid(node: Node) -> Function:
    alpha, beta = node.real("alpha", 0.2), node.real("beta", 0.5)

    def hard_sigmoid(x: np.ndarray) -> np.ndarray:
        line = np.asarray(alpha, x.dtype) * x + np.asarray(beta, x.dtype)
        return np.maximum(np.zeros((), x.dtype), np.minimum(np.ones((), x.dtype), line))
    return hard_sigmoid


def _cast(node: Node) -> Function:
    dtype = element_type(node, node.integer("to", 0))
    return lambda x: x.astype(dtype)


def _among(function: Function) -> Callable[[Node], Function]:
    """An operation of any number of inputs, from one of two."""
    def build(node: Node) -> Function:
        def among(x: np.ndarray, *others: np.ndarray) -> np.ndarray:
            for other in others:
                x = function(x, other)
            return x
        return among
    return build


ELEMENTWISE: dict[str, Operation] = {
    **{name: Operation(_plain(function)) for name, function in {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _div,
        "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
        "Less": np.less, "LessOrEqual": np.less_equal,
        "Abs": np.abs, "Sign": np.sign}.items()},
    **{name: Operation(_plain(function), "f") for name, function in {
        "Sqrt": np.sqrt, "Reciprocal": lambda x: np.ones((), x.dtype) / x,
        "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Tanh": np.tanh,
        "PRelu": lambda x, slope: np.where(x < 0, slope * x, x)}.items()},
    **{name: Operation(_plain(function), "b") for name, function in {
        "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
        "Not": np.logical_not}.items()},
    "Neg": Operation(_plain(np.negative), "fi"),
    "Relu": Operation(_plain(_relu), "fi"),
    "Equal": Operation(_plain(np.equal), "fiub"),
    "Pow": Operation(_plain(_pow), "fi", (0, 1)),
    "Where": Operation(_plain(_where), "fiub", (1, None)),
    "Max": Operation(_among(np.maximum)),
    "Min": Operation(_among(np.minimum)),
    "Sum": Operation(_among(np.add), "f"),
    "Clip": Operation(_clip),
    "LeakyRelu": Operation(_leaky, "f"),
    "HardSigmoid": Operation(_hard_sigmoid, "f"),
    "Cast": Operation(_cast, "fiub"),
}
