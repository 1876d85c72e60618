"""Registry of the operators that an ONNX model may contain."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .node import Node
from .tracked import Known

if TYPE_CHECKING:
    from .tracer import Tracer

__all__ = ["OPERATORS", "Handler", "Kind", "Operator", "names", "operator"]

Handler = Callable[["Tracer", Node, list[Known]], list[Known]]
"""``handler(tracer, node, operands)`` returns the outputs of ``node``."""


class Kind(Enum):
    """Kind of an operator; each has a module of its own."""

    ELEMENTWISE = "elementwise"
    CONSTANT = "constant"
    MOVING = "moving"
    RESHAPING = "reshaping"
    LINEAR = "linear"
    QUANTIZER = "quantizer"
    OUTPUT = "output"
    SPATIAL = "spatial"


@dataclass(frozen=True)
class Operator:
    """Registered operator.

    Parameters
    ----------
    kind : Kind
        Kind of the operator.
    handle : Handler
        Handler of its nodes. It raises the error of the node for operands that it cannot take.
    """

    kind: Kind
    handle: Handler


OPERATORS: dict[tuple[bool, str], Operator] = {}
"""Operators by ``(node.quant, node.op)``."""


def operator(kind: Kind, *names: str, quant: bool = False) -> Callable[[Handler], Handler]:
    """Decorator that registers a handler for the operators ``names``.

    With ``quant`` they are those of the quantizers' domain, otherwise of ONNX itself.
    """
    def register(handler: Handler) -> Handler:
        for name in names:
            if (quant, name) in OPERATORS:
                raise ValueError(f"operator {name} must be registered once")
            OPERATORS[quant, name] = Operator(kind, handler)
        return handler
    return register


def names(*, quant: bool) -> set[str]:
    """Names of the operators of the quantizers' domain, or of ONNX itself."""
    return {name for domain, name in OPERATORS if domain == quant}
