"""Graph of an ONNX model: one input, one output, and the nodes between them in order."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import SourceError
from ...support.text import quoted
from .file import AXES, LARGEST, TYPES, word
from .node import QUANT, Node, node_of

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["SourceGraph", "read_graph"]

# The oldest operator set with today's broadcasting.
_OLDEST = 7
_MOST_INPUTS = 1 << 22


@dataclass(frozen=True)
class SourceGraph:
    """Graph of a model, without nodes that its output does not need.

    Parameters
    ----------
    input, output : str
        Names of their tensors.
    dtype : numpy dtype
        Data type of the input.
    batch : int or None
        Frames in a batch; None for any number.
    shape : tuple of int
        Shape of an input frame.
    datatype : str or None
        FINN's name for the values of the input, from an annotation.
    tensors : dict of str to TensorProto
        Constants by name.
    nodes : tuple of Node
        Nodes in topological order.
    """

    input: str
    output: str
    dtype: np.dtype
    batch: int | None
    shape: tuple[int, ...]
    datatype: str | None
    tensors: "dict[str, TensorProto]"
    nodes: tuple[Node, ...]


def read_graph(model: "ModelProto", supported: Collection[str],
               quantizers: Collection[str]) -> SourceGraph:
    """Extract the graph of ``model``.

    ``supported`` and ``quantizers`` are the operators of ONNX and of the quantizers' domain.

    Raises
    ------
    SourceError
        If the model has not exactly one input and one output, or two tensors of one name; if its
        nodes form a circle or need a tensor that is missing; or if an operator is not supported.
    """
    graph = model.graph
    tensors: dict[str, TensorProto] = {}
    for tensor in graph.initializer:
        if word(tensor.name) in tensors:
            raise SourceError(f"the model has two initializers {quoted(tensor.name)}")
        tensors[tensor.name] = tensor
    entry = _only([value for value in graph.input if word(value.name) not in tensors], "input")
    output = word(_only(list(graph.output), "output").name)
    dtype, batch, shape = _frames(entry)
    makers = _makers(graph, {entry.name, *tensors})
    versions = _versions(model)
    local = {("" if function.domain == "ai.onnx" else word(function.domain), word(function.name))
             for function in model.functions}
    needed = _needed(output, makers)
    sparse = {word(tensor.values.name) for tensor in graph.sparse_initializer}
    nodes = []
    for message in needed:
        node = node_of(message, versions, local, supported, quantizers)
        for name in node.inputs:
            if name in sparse:
                raise node.error(f"takes {quoted(name)}, and sparse tensors are not supported")
            if name and name != entry.name and name not in tensors and name not in makers:
                raise node.error(f"takes {quoted(name)}, which nothing in the model provides")
        nodes.append(node)
    if not nodes:
        raise SourceError(f"the output of the model, {quoted(output)}, must be the result of a "
                          "node")
    return SourceGraph(entry.name, output, dtype, batch, shape, _datatype(graph, entry.name),
                       tensors, tuple(nodes))


def _only(values: "list[ValueInfoProto]", what: str) -> "ValueInfoProto":
    if len(values) != 1:
        names = ", ".join(quoted(word(value.name)) for value in values[:5])
        raise SourceError(f"the model must have one {what}, not {len(values)}"
                          + (f": {names}" if names else ""))
    return values[0]


def _frames(entry: "ValueInfoProto") -> tuple[np.dtype, int | None, tuple[int, ...]]:
    """Return the type, the batch and the frame shape of the input."""
    what = f"the input of the model, {quoted(word(entry.name))},"
    kind = entry.type.tensor_type
    if not entry.type.HasField("tensor_type") or kind.elem_type not in TYPES:
        raise SourceError(f"{what} must be a tensor of numbers, not of ONNX type "
                          f"{kind.elem_type}")
    if TYPES[kind.elem_type].kind == "b":
        raise SourceError(f"{what} must be a tensor of numbers, not of truth values")
    if not kind.HasField("shape"):
        raise SourceError(f"{what} must have a shape in the model")
    sizes = [size.dim_value if size.HasField("dim_value") else word(size.dim_param)
             for size in kind.shape.dim]
    if not 2 <= len(sizes) <= AXES:
        raise SourceError(f"{what} must have a shape [batch, ...], not {sizes!s:.60}")
    first, *rest = sizes
    # Exporters write a free batch as a name, as nothing, as 0 or as -1.
    batch = first if isinstance(first, int) and first > 0 else None
    if batch is not None and batch > LARGEST:
        raise SourceError(f"{what} must have a batch of at most {LARGEST} frames, not {batch}")
    shape = []
    for axis, size in enumerate(rest, 1):
        if not isinstance(size, int) or size < 1:
            raise SourceError(f"{what} must have a fixed size on every axis but the first, and "
                              f"axis {axis} is {size if isinstance(size, int) else quoted(size)}")
        shape.append(size)
    if math.prod(shape) > _MOST_INPUTS:
        raise SourceError(f"{what} must have at most {_MOST_INPUTS} elements, not "
                          f"{math.prod(shape)}")
    return TYPES[kind.elem_type], batch, tuple(shape)


def _makers(graph: "GraphProto", taken: set[str]) -> "dict[str, NodeProto]":
    """Return the nodes by the names of their outputs."""
    makers = {}
    for message in graph.node:
        for name in map(word, message.output):
            if name and (name in taken or name in makers):
                raise SourceError(f"the model has two tensors {quoted(name)}")
            if name:
                makers[name] = message
    return makers


def _versions(model: "ModelProto") -> dict[str, int]:
    """Return the version of each operator set, that of ONNX under the name ``""``."""
    from onnx import defs
    versions = {}
    for entry in model.opset_import:
        domain = word(entry.domain)
        versions["" if domain == "ai.onnx" else domain] = entry.version
    # A model of quantizers alone may omit it.
    newest = defs.onnx_opset_version()
    version = versions.setdefault("", newest if QUANT & set(versions) else 1)
    if version < _OLDEST:
        raise SourceError(f"the model must use version {_OLDEST} or later of ONNX's operation "
                          f"set, not {version}; onnx.version_converter can convert it")
    if version > newest:
        raise SourceError(f"the model uses version {version} of ONNX's operation set, and the "
                          f"installed package onnx knows those up to {newest}")
    return versions


def _needed(output: str, makers: "dict[str, NodeProto]") -> "list[NodeProto]":
    """Return the nodes that ``output`` needs, in topological order."""
    order, done, open_ = [], set(), set()
    # Names of tensors to find, and nodes to append once their inputs are done.
    stack: list[str | NodeProto] = [output]
    while stack:
        item = stack.pop()
        if not isinstance(item, str):
            open_.discard(id(item))
            done.add(id(item))
            order.append(item)
            continue
        maker = makers.get(item)
        if maker is None or id(maker) in done:
            continue
        if id(maker) in open_:
            raise SourceError(f"the model has a cycle: {quoted(item)} needs itself")
        open_.add(id(maker))
        stack.append(maker)
        stack.extend(word(name) for name in reversed(maker.input) if name)
    return order


def _datatype(graph: "GraphProto", name: str) -> str | None:
    for annotation in graph.quantization_annotation:
        if annotation.tensor_name == name:
            for entry in annotation.quant_parameter_tensor_names:
                if entry.key == "finn_datatype":
                    return word(entry.value)
    return None
