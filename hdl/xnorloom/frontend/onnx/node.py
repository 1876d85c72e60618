"""Nodes of an ONNX graph, with checked attributes of Python types."""

import math
from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ...errors import SourceError
from ...support.text import quoted
from .file import word

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto, TensorProto

__all__ = ["CONTROL", "Node", "QUANT", "SPATIAL", "node_of"]

# Domains of the quantizers in qonnx, Brevitas, FINN and their predecessors.
QUANT = frozenset({"qonnx.custom_op.general", "qonnx", "onnx.brevitas", "finn.custom_op.general",
                   "finn"})
# Operators on maps without a counterpart in the graph, each with advice.
SPATIAL = {
    **dict.fromkeys(("Col2Im", "ConvTranspose", "DeformConv", "GlobalLpPool", "LpPool",
                     "MaxRoiPool", "MaxUnpool", "RoiAlign"),
                    "use Conv, MaxPool, AveragePool and the like"),
    **dict.fromkeys(("ConvInteger", "QLinearConv"),
                    "quantize with quant_format=QuantFormat.QDQ"),
    "QuantAvgPool2d": "take the model before FINN lowers its pools"}
CONTROL = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS = 1, 2, 3, 4, 6, 7


class Node:
    """Node of a graph.

    Parameters
    ----------
    name : str
        Name, or operator and first output for a node without a name.
    op : str
        Operator.
    quant : bool
        True if ``op`` is of the quantizers' domain, False if of ONNX itself.
    version : int
        Version of the operator set.
    inputs, outputs : tuple of str
        Names of tensors, empty for those left out; the last input is never empty.
    attributes : dict of str to AttributeProto
        Attributes by name.
    """

    def __init__(self, name: str, op: str, quant: bool, version: int, inputs: tuple[str, ...],
                 outputs: tuple[str, ...], attributes: "dict[str, AttributeProto]"):
        self.name, self.op, self.quant, self.version = name, op, quant, version
        self.inputs, self.outputs = inputs, outputs
        self._attributes = attributes

    def error(self, text: str) -> SourceError:
        """Make the error to raise for this node."""
        op = self.op if self.op.isidentifier() and len(self.op) < 60 else quoted(self.op)
        return SourceError(f"node {quoted(self.name)} ({op}) {text}")

    def has(self, name: str) -> bool:
        """True if the attribute is present."""
        return name in self._attributes

    def _get(self, name: str, kind: int, what: str) -> "AttributeProto | None":
        attribute = self._attributes.get(name)
        if attribute is not None and attribute.type != kind:
            raise self.error(f"must have {what} as its attribute {name!r}")
        return attribute

    def integer(self, name: str, default: int) -> int:
        """Value of an integer attribute."""
        attribute = self._get(name, _INT, "an integer")
        return default if attribute is None else attribute.i

    def real(self, name: str, default: float) -> float:
        """Value of a finite 32-bit float attribute."""
        attribute = self._get(name, _FLOAT, "a number")
        value = default if attribute is None else attribute.f
        if not math.isfinite(value):
            raise self.error(f"must have a finite number as its attribute {name!r}, not {value}")
        return value

    def text(self, name: str, default: str) -> str:
        """Value of a string attribute."""
        attribute = self._get(name, _STRING, "a string")
        return default if attribute is None else attribute.s.decode("utf-8", "replace")

    def integers(self, name: str) -> list[int] | None:
        """Value of an attribute that is a list of integers, or None."""
        attribute = self._get(name, _INTS, "a list of integers")
        return None if attribute is None else list(attribute.ints)

    def reals(self, name: str) -> list[float] | None:
        """Value of an attribute that is a list of floats, or None."""
        attribute = self._get(name, _FLOATS, "a list of numbers")
        return None if attribute is None else list(attribute.floats)

    def tensor(self, name: str) -> "TensorProto | None":
        """Value of a tensor attribute, or None."""
        attribute = self._get(name, _TENSOR, "a tensor")
        return None if attribute is None else attribute.t


def node_of(message: "NodeProto", versions: dict[str, int], local: Collection[tuple[str, str]],
            supported: Collection[str], quantizers: Collection[str]) -> Node:
    """Convert a node, and check its operator, inputs, outputs and attributes.

    Parameters
    ----------
    message : NodeProto
        Node in the file.
    versions : dict of str to int
        Versions of the operator sets by domain.
    local : collection of pairs of str
        Domains and names of the functions that the model defines.
    supported, quantizers : collections of str
        Operators of ONNX and of the quantizers' domain.

    Raises
    ------
    SourceError
        Naming the node, its operator and the nearest one that is supported.
    """
    op, domain = word(message.op_type), word(message.domain)
    inputs, outputs = ([word(name) for name in names] for names in (message.input, message.output))
    while inputs and not inputs[-1]:
        inputs.pop()
    name = word(message.name) or f"{op} {next(filter(None, outputs), '')}".strip()
    attributes = {word(attribute.name): attribute for attribute in message.attribute}
    domain = "" if domain == "ai.onnx" else domain
    quant = domain in QUANT
    node = Node(name, op, quant, versions.get(domain, 1), tuple(inputs), tuple(outputs),
                attributes)
    if (domain, op) in local:
        raise node.error("calls a function that the model defines; inline such functions, for "
                         "instance with onnx.inliner.inline_local_functions")
    if op in SPATIAL:
        raise node.error(f"is an operator on maps that is not supported; {SPATIAL[op]}")
    if op in CONTROL or any(attribute.type in (5, 10) for attribute in message.attribute):
        raise node.error("cannot be read: conditions and loops are not supported")
    known = quantizers if quant else supported if not domain else ()
    if op not in known:
        where = f" of the domain {quoted(domain)}" if domain else ""
        raise node.error(f"is an operator{where} that is not supported"
                         + _nearest(op, supported, quantizers))
    if any(attribute.ref_attr_name for attribute in message.attribute):
        raise node.error("must not refer to attributes of a function, outside of one")
    if not quant:
        _check(node, attributes)
    return node


def _nearest(op: str, supported: Collection[str], quantizers: Collection[str]) -> str:
    """Return the end of a message, with advice or the supported operator of the nearest name."""
    if op.startswith(("QLinear", "QGemm")) or op in ("MatMulInteger", "DynamicQuantizeLinear"):
        return ("; ONNX Runtime's static quantization can be read if it is made with "
                "quant_format=QuantFormat.QDQ")
    near = get_close_matches(op, sorted({*supported, *quantizers}), 1, 0.5)
    if not near:
        return ""
    domain = "" if near[0] in supported else " of the domain 'qonnx.custom_op.general'"
    return f"; the one nearest in name is {near[0]}{domain or ' of ONNX itself'}"


def _check(node: Node, attributes: Collection[str]) -> None:
    """Check a node of ONNX itself against the schema of its operator."""
    from onnx import defs
    try:
        schema: Any = defs.get_schema(node.op, node.version, "")
    except defs.SchemaError:
        raise node.error(f"is no operator of version {node.version} of ONNX's operation "
                         "set") from None
    for counted, low, high, what in (
            (node.inputs, schema.min_input, schema.max_input, "inputs"),
            (node.outputs, schema.min_output, schema.max_output, "outputs")):
        if not low <= len(counted) <= high:
            wanted = str(low) if low == high else f"{low} to {high}"
            raise node.error(f"must have {wanted} {what}, not {len(counted)}")
    variadic = schema.inputs and (
        schema.inputs[-1].option == defs.OpSchema.FormalParameterOption.Variadic)
    if not all(node.inputs[:None if variadic else schema.min_input]):
        raise node.error("lacks a required input")
    unknown = sorted(set(attributes) - set(schema.attributes))
    if unknown:
        raise node.error(f"has an attribute {quoted(unknown[0])}, which version {node.version} of "
                         "ONNX's operation set does not have")
