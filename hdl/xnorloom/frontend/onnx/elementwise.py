"""ONNX's elementwise operators in numpy, with the types and the rounding of ONNX Runtime.

Results equal those of ONNX Runtime without optimisation bit for bit, with two exceptions: a zero
may have the other sign after Relu and Where, and Pow with exponents other than 2 and 3 may differ
by one unit in the last place, as C libraries do. Functions whose values differ between libraries
(Exp, Softplus, ...) are left out, except for Sigmoid and Tanh, which have bounds of the deviation:
steps after them must not depend on it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..rising import RISING
from .file import TYPES
from .node import Node
from .operators import Handler, Kind, operator
from .tracer import Function, Tracer
from .tracked import Known, Tracked, array_of

__all__: list[str] = []

Builder = Callable[[Node], Function]


def _handler(build: Builder, kinds: str = "fiu",
             alike: tuple[int | None, int | None] = (None, None)) -> Handler:
    """Make a handler of the function that ``build`` returns for a node.

    Parameters
    ----------
    build : callable
        Maps a node to the function of its inputs, those left out excepted.
    kinds : str
        Kinds of types, numpy's ``dtype.kind``, that the inputs may have.
    alike : pair of int or None
        Slice of the inputs, first and last, that must be of one type.
    """
    def handle(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
        present = [operand for operand in operands if operand is not None]
        types = [array_of(operand).dtype for operand in present]
        same = types[slice(*alike)]
        if len(set(same)) > 1:
            raise node.error("must have inputs of one type, not "
                             + " and ".join(sorted({str(one) for one in same})))
        wrong = [one for one in same if one.kind not in kinds]
        if wrong or (node.op == "Where" and types[0].kind != "b"):
            raise node.error(f"cannot work on {(wrong or types)[0]}")
        return [tracer.elementwise(node, present, build(node))]
    return handle


def _plain(function: Function) -> Builder:
    return lambda node: function


def _among(function: Function) -> Builder:
    """Extend a function of two inputs to any number of inputs."""
    def among(x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        for other in others:
            x = function(x, other)
        return x
    return _plain(among)


def _div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return x / y
    # Integer division rounds towards zero.
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
    # The bounds are operands, in old versions attributes.
    given = [bool(name) for name in (*node.inputs[1:3], "", "")[:2]]
    fixed = [node.real(name, 0) if node.version < 11 and node.has(name) else None
             for name in ("min", "max")]

    def clip(x: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        # A bound that is left out is the largest finite number, so that infinities are clipped.
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
    number = node.integer("to", 0)
    if number not in TYPES:
        raise node.error(f"must give a type of numbers, not ONNX type {number}")
    return lambda x: x.astype(TYPES[number])


for _name, _function in {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _div,
        "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
        "Less": np.less, "LessOrEqual": np.less_equal, "Abs": np.abs, "Sign": np.sign}.items():
    operator(Kind.ELEMENTWISE, _name)(_handler(_plain(_function)))
for _name, _function in {
        "Sqrt": np.sqrt, "Reciprocal": lambda x: np.ones((), x.dtype) / x,
        "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint,
        "PRelu": lambda x, slope: np.where(x < 0, slope * x, x)}.items():
    operator(Kind.ELEMENTWISE, _name)(_handler(_plain(_function), "f"))
for _name, _function in {"And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
                         "Not": np.logical_not}.items():
    operator(Kind.ELEMENTWISE, _name)(_handler(_plain(_function), "b"))
for _name, _handle in {
        "Neg": _handler(_plain(np.negative), "fi"),
        "Relu": _handler(_plain(_relu), "fi"),
        "Equal": _handler(_plain(np.equal), "fiub"),
        "Pow": _handler(_plain(_pow), "fi", (0, 1)),
        "Where": _handler(_plain(_where), "fiub", (1, None)),
        "Max": _handler(_among(np.maximum)),
        "Min": _handler(_among(np.minimum)),
        "Sum": _handler(_among(np.add), "f"),
        "Clip": _handler(_clip),
        "LeakyRelu": _handler(_leaky, "f"),
        "HardSigmoid": _handler(_hard_sigmoid, "f"),
        "Cast": _handler(_cast, "fiub")}.items():
    operator(Kind.ELEMENTWISE, _name)(_handle)


@operator(Kind.ELEMENTWISE, "Sigmoid", "Tanh")
def _rising(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    [x] = operands
    assert x is not None
    if array_of(x).dtype.kind != "f":
        raise node.error(f"cannot work on {array_of(x).dtype}")
    function, error = RISING[node.op.lower()]
    result = tracer.elementwise(node, [x], function, error=error)
    if isinstance(result, Tracked):
        assert isinstance(x, Tracked)
        result = replace(result, before=x.before or x, kept_by=node.op)
    return [result]
