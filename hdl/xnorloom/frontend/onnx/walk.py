"""Visits the nodes of an ONNX graph in order."""

from dataclasses import replace

from ...errors import SourceError
from ...support.text import quoted
from .file import TYPES, Tensors
from .graph import SourceGraph
from .node import Node
from .operators import OPERATORS, Kind
from .tracer import Tracer
from .tracked import Known, Tracked

__all__ = ["trace"]

# Operators that may follow those of Kind.OUTPUT: they change only the shape or the type.
_PASSING = frozenset({"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Dropout"})

# Operators that may follow a Pad.
_PADDED = frozenset({"AveragePool", "Conv", "Identity", "Pad", "Transpose"})
# Operators that may follow an Im2Col.
_PRODUCTS = frozenset({"MatMul", "XnorPopcountMatMul"})


def trace(source: SourceGraph, tensors: Tensors, batch: int) -> Tracer:
    """Visit the nodes of ``source``, for samples of ``batch`` frames.

    Raises
    ------
    SourceError
        Naming the node that does something unsupported.
    """
    tracer = Tracer(source, tensors, batch)
    used = {source.output}.union(*(node.inputs for node in source.nodes))
    for node in source.nodes:
        for name, known in zip(node.outputs, _visit(tracer, node, tracer.operands(node))):
            if name:
                tracer.known[name] = known
        missing = [name for name in node.outputs if name in used and name not in tracer.known]
        if missing:
            raise node.error(f"gives {quoted(missing[0])}, and that output is not supported")
    return tracer


def _visit(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    """Return the outputs of ``node``."""
    operator = OPERATORS[node.quant, node.op]
    tracked = [operand for operand in operands if isinstance(operand, Tracked)]
    ended = [one.end for one in tracked if one.end]
    if operator.kind is Kind.OUTPUT:
        # One may follow another whose result is still the scores.
        if "classes" in ended or "largest" in ended:
            raise _after_end(node, tracked[0].end)
        return operator.handle(tracer, node, [
            tracer.scores(one) if isinstance(one, Tracked) else one for one in operands])
    for one in tracked:
        if one.border is not None and node.op not in _PADDED:
            raise node.error(f"must not work on a padded map: {one.border.name} pads it, and only "
                             f"a convolution may follow; pad directly in front of it")
        if one.patches is not None and node.op not in _PRODUCTS:
            raise node.error(f"must not work on patches: {one.patches.name} takes them, and only a "
                             f"product with weights may follow")
    passing = not node.quant and node.op in _PASSING
    if ended:
        if not passing or not _keeps_scores(node, ended[0]):
            raise _after_end(node, ended[0])
        return [next(one for one in tracked if one.end)]
    results = operator.handle(tracer, node, operands)
    if passing and len(tracked) == 1 and tracked[0].before and _keeps_scores(node, "scores"):
        return [replace(one, before=tracked[0].before, kept_by=tracked[0].kept_by)
                if isinstance(one, Tracked) else one for one in results]
    return results


def _keeps_scores(node: Node, end: str) -> bool:
    """True unless the node casts scores to integers, or classes to truth values."""
    number = node.integer("to", 0) if node.op == "Cast" else 1
    kind = TYPES[number].kind if number in TYPES else ""
    return kind == "f" if end == "scores" else kind != "b"


def _after_end(node: Node, end: str | None) -> SourceError:
    what = {"scores": "Softmax or Sigmoid", "classes": "the class", "largest": "the largest scores"}
    return node.error(f"must not take {what[end or 'scores']}, which must be the last result")

