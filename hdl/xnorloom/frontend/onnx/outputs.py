"""ONNX operators at the end of a model, which keep the largest score the largest."""

import numpy as np

from .node import Node
from .operators import Kind, operator
from .tracer import Tracer
from .tracked import Known, Tracked, frame_shape

__all__: list[str] = []


def _classes(node: Node, operands: list[Known], given: int) -> Tracked:
    """Return the scores that the node takes, after checking that it works along the classes."""
    scores = operands[0]
    if not isinstance(scores, Tracked):
        raise node.error("must work on a tensor that depends on the input, not on constants")
    shape = scores.sample.shape
    axis = given + len(shape) if given < 0 else given
    if not 1 <= axis < len(shape) or any(
            size != 1 for other, size in enumerate(shape) if other != axis):
        raise node.error(f"must work along axis 1 of scores [batch, classes], not along axis "
                         f"{given} of frames of the shape {frame_shape(scores)}")
    if shape[axis] == 1:
        raise node.error("must choose among two classes or more: of one score it makes the same "
                         "result for every input; leave it off")
    return scores


@operator(Kind.OUTPUT, "Softmax", "LogSoftmax")
def _monotonic(tracer: Tracer, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", -1 if node.version >= 13 else 1))
    tracer.note_order(node.op)
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
    if not 1 <= k <= scores.sample.size:
        raise node.error(f"must take 1 to {scores.sample.size} scores, not {k}")
    if k > 1 and not node.integer("sorted", 1):
        raise node.error(f"must sort the {k} scores it takes, the largest first")
    tracer.notes.append("TopK at the end is left out: the hardware has its own ArgMax" + (
        f", and gives the first of the {k} classes" if k > 1 else ""))
    return [Tracked(scores.value, scores.sample, end=end) for end in ("largest", "classes")]
