"""The graph of an ONNX model: its one input, its one output, and the nodes between, in order."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import SourceError
from .file import AXES, TYPES, shown, word
from .node import QUANT, Node, node_of

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["Source", "source"]

# The oldest operation set with today's rules of broadcasting.
_OLDEST = 7
_MOST_INPUTS = 1 << 22


@dataclass(frozen=True)
class Source:
    """What is needed of a model.

    Parameters
    ----------
    input, output : str
        Names of tensors.
    dtype : numpy dtype
        Of the input.
    batch : int or None
        Frames in a batch; None if any number may come.
    shape : tuple of int
        Of a frame of the input.
    datatype : str or None
        What an annotation of the input says about its values, in FINN's words.
    tensors : dict of str to TensorProto
        Constants by name.
    nodes : tuple of Node
        Those that the output needs, each after those that it needs.
    """

    input: str
    output: str
    dtype: np.dtype
    batch: int | None
    shape: tuple[int, ...]
    datatype: str | None
    tensors: "dict[str, TensorProto]"
    nodes: tuple[Node, ...]


def source(model: "ModelProto", supported: Collection[str],
           quantizers: Collection[str]) -> Source:
    """Take ``model`` apart.

    ``supported`` and ``quantizers`` are the operations of ONNX and of the quantizers' domain.

    Raises
    ------
    SourceError
        If it has not exactly one input and one output, if names collide, if nodes need each other
        in a circle or a tensor that nothing gives, or if a node is of no supported operation.
    """
    graph = model.graph
    tensors: dict[str, TensorProto] = {}
    for tensor in graph.initializer:
        if word(tensor.name) in tensors:
            raise SourceError(f"the model has two initializers {shown(tensor.name)}")
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
                raise node.error(f"takes {shown(name)}, and sparse tensors are not supported")
            if name and name != entry.name and name not in tensors and name not in makers:
                raise node.error(f"takes {shown(name)}, which nothing in the model gives")
        nodes.append(node)
    if not nodes:
        raise SourceError(f"the output of the model, {shown(output)}, must be the result of a "
                          "node")
    return Source(entry.name, output, dtype, batch, shape, _datatype(graph, entry.name), tensors,
                  tuple(nodes))


def _only(values: "list[ValueInfoProto]", what: str) -> "ValueInfoProto":
    if len(values) != 1:
        names = ", ".join(shown(word(value.name)) for value in values[:5])
        raise SourceError(f"the model must have one {what}, not {len(values)}"
                          + (f": {names}" if names else ""))
    return values[0]


def _frames(entry: "ValueInfoProto") -> tuple[np.dtype, int | None, tuple[int, ...]]:
    """Type, batch and shape of a frame of the input."""
    what = f"the input of the model, {shown(word(entry.name))},"
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
    # Exporters have written a free batch as a name, as nothing, as 0 and as -1.
    batch = first if isinstance(first, int) and first > 0 else None
    shape = []
    for axis, size in enumerate(rest, 1):
        if not isinstance(size, int) or size < 1:
            raise SourceError(f"{what} must have a fixed size on every axis but the first, and "
                              f"axis {axis} is {size if isinstance(size, int) else shown(size)}")
        shape.append(size)
    if math.prod(shape) * (batch or 1) > _MOST_INPUTS:
        raise SourceError(f"{what} must have at most {_MOST_INPUTS} elements, not "
                          f"{math.prod(shape) * (batch or 1)}")
    return TYPES[kind.elem_type], batch, tuple(shape)


def _makers(graph: "GraphProto", taken: set[str]) -> "dict[str, NodeProto]":
    """The nodes by the tensors they give."""
    makers = {}
    for message in graph.node:
        for name in map(word, message.output):
            if name and (name in taken or name in makers):
                raise SourceError(f"the model has two tensors {shown(name)}")
            if name:
                makers[name] = message
    return makers


def _versions(model: "ModelProto") -> dict[str, int]:
    """The version of each operation set, the one of ONNX under the name ``""``."""
    from onnx import defs
    versions = {}
    for entry in model.opset_import:
        domain = word(entry.domain)
        versions["" if domain == "ai.onnx" else domain] = entry.version
    # A model of quantizers alone may leave it out.
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
    """The nodes that ``output`` needs, each after those that it needs itself."""
    order, done, open_ = [], set(), set()
    # Tensors to be had, and, as the message itself, nodes whose inputs are being had.
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
            raise SourceError(f"the model has a circle: {shown(item)} needs itself")
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
