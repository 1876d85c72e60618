"""Operations that come last: what they do to the scores leaves the largest where it is."""

from collections.abc import Callable

import numpy as np

from .node import Node
from .tracer import Known, Tracked, Walk, frames

__all__ = ["LAST", "PASSING", "follow"]

# What may follow them: other shapes and types of the same.
PASSING = frozenset({"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Dropout"})


def _classes(node: Node, operands: list[Known], axis: int) -> Tracked:
    """The scores that the node works on, if it does so along the classes."""
    scores = operands[0]
    if not isinstance(scores, Tracked):
        raise node.error("must work on what depends on the input, not on constants")
    if scores.sample.ndim != 2 or axis not in (1, -1):
        raise node.error(f"must work along axis 1 of scores [batch, classes], not along axis "
                         f"{axis} of frames of the shape {frames(scores)}")
    return scores


def _monotonic(walk: Walk, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", -1 if node.version >= 13 else 1))
    walk.notes.append(f"{node.op} at the end is left out: it keeps the order of the scores, but "
                      "for ties that its rounding makes")
    return [Tracked(scores.value, scores.sample, end="scores")]


def _argmax(walk: Walk, node: Node, operands: list[Known]) -> list[Known]:
    scores = _classes(node, operands, node.integer("axis", 0))
    if node.integer("select_last_index", 0):
        raise node.error("must take the first of equal scores, not the last")
    walk.notes.append("ArgMax at the end is left out: the hardware has its own")
    return [Tracked(scores.value, scores.sample, end="classes")]


def _topk(walk: Walk, node: Node, operands: list[Known]) -> list[Known]:
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
    walk.notes.append("TopK at the end is left out: the hardware has its own ArgMax" + (
        f", and gives the first of the {k} classes" if k > 1 else ""))
    return [Tracked(scores.value, scores.sample, end=end) for end in ("largest", "classes")]


LAST: dict[str, Callable[[Walk, Node, list[Known]], list[Known]]] = {
    "Softmax": _monotonic, "LogSoftmax": _monotonic, "Sigmoid": _monotonic, "ArgMax": _argmax,
    "TopK": _topk}


def follow(node: Node, ended: Tracked) -> list[Known]:
    """The result of a node after one of these, which must not change much."""
    what = {"scores": "Softmax or Sigmoid", "classes": "the class", "largest": "the largest scores"}
    if node.quant or node.op not in PASSING:
        raise node.error(f"must not take {what[ended.end or 'scores']}, which must be the last "
                         "result")
    return [ended]
