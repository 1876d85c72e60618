"""ONNX operators at the end of a model, which keep the largest score the largest."""

import numpy as np

from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, frame_shape

__all__: list[str] = []


def _classes(node: Node, operands: list[Known], axis: int) -> Tracked:
    """Return the scores that the node takes, after checking that it works along the classes."""
    scores = operands[0]
    if not isinstance(scores, Tracked):
        raise node.error("must work on a tensor that depends on the input, not on constants")
    if scores.sample.ndim != 2 or axis not in (1, -1):
        raise node.error(f"must work along axis 1 of scores [batch, classes], not along axis "
                         f"{axis} of frames of the shape {frame_shape(scores)}")
    return scores


@operator(Kind.OUTPUT, "Softmax", "LogSoftmax", "Sigmoid")
def _monotonic(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", -1 if node.version >= 13 else 1))
    tracer.notes.append(f"{node.op} at the end is left out: it keeps the order of the scores, but "
                      "for ties that its rounding makes")
    return [Tracked(scores.value, scores.sample, end="scores")]


@operator(Kind.OUTPUT, "ArgMax")
def _argmax(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", 0))
    if node.integer("select_last_index", 0):
        raise node.error("must take the first of equal scores, not the last")
    tracer.notes.append("ArgMax at the end is left out: the hardware has its own")
    return [Tracked(scores.value, scores.sample, end="classes")]


@operator(Kind.OUTPUT, "TopK")
def _topk(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", -1))
    if not node.integer("largest", 1):
        raise node.error("must take the largest scores, not the smallest")
    count = operands[1] if node.version >= 10 else np.array(node.integer("k", 1))
    if not isinstance(count, np.ndarray) or count.size != 1 or count.dtype.kind not in "iu":
        raise node.error("must have a constant whole number of scores to take")
    k = int(count.flat[0])
    if not 1 <= k <= scores.sample.shape[1]:
        raise node.error(f"must take 1 to {scores.sample.shape[1]} scores, not {k}")
    if k > 1 and not node.integer("sorted", 1):
        raise node.error(f"must sort the {k} scores it takes, the largest first")
    tracer.notes.append("TopK at the end is left out: the hardware has its own ArgMax" + (
        f", and gives the first of the {k} classes" if k > 1 else ""))
    return [Tracked(scores.value, scores.sample, end=end) for end in ("largest", "classes")]
