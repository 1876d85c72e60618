"""ONNX models as programs, whatever tool wrote them: QONNX, FINN, plain ONNX of any exporter."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import SourceError
from ..program import Program
from .constants import FOLDS
from .elementwise import ELEMENTWISE
from .file import Tensors, read, shown
from .graph import Source, source
from .linear import LAYERS
from .node import Node
from .outputs import LAST, follow
from .quantizers import QUANTIZERS
from .reshaping import MOVES
from .tracer import Known, Tracked, Walk

__all__ = ["load"]

_SUPPORTED = {*ELEMENTWISE, *FOLDS, *MOVES, *LAST, *(op for quant, op in LAYERS if not quant)}
_QUANTIZERS = {*QUANTIZERS, *(op for quant, op in LAYERS if quant)}
_DATATYPES = {"UINT8": "u8", "BIPOLAR": "bipolar", "BINARY": "bits"}
# Of a model that takes any number of frames: hardly ever sizes of anything else.
_SAMPLES = (3, 5)


def load(path: str | os.PathLike[str]) -> Program:
    """The program in the ONNX file ``path``, whose external data lies beside it.

    Constants are folded, ArgMax, TopK and Softmax at the end are left out (with a note), and frames
    are taken in batches of any size, also if the file is written for one size.

    Raises
    ------
    SourceError
        If the file cannot be read, is no ONNX model, or does something that no
        :class:`~.program.Program` describes.
    """
    model = read(path)
    made = source(model, _SUPPORTED, _QUANTIZERS)
    folder = Path(path).parent
    walk = _walk(made, Tensors(folder), made.batch or _SAMPLES[0])
    if walk.asked and made.batch is None:
        walk.same_steps(_walk(made, Tensors(folder), _SAMPLES[1]))
    scores = walk.known[made.output]
    if not isinstance(scores, Tracked):
        raise SourceError(f"the output of the model, {shown(made.output)}, must depend on its "
                          "input")
    if scores.end == "largest":
        raise SourceError(f"the output of the model, {shown(made.output)}, must be the scores or "
                          "the class, not the largest score")
    if scores.rough:
        raise SourceError(f"the output of the model, {shown(made.output)}, must not be a Tanh: its "
                          "values differ between libraries")
    if scores.sample.ndim != 2 or scores.sample.dtype.kind == "b":
        raise SourceError(f"the output of the model, {shown(made.output)}, must be scores of the "
                          f"shape [batch, classes], not {scores.sample.dtype} of the shape "
                          f"[batch, {', '.join(map(str, scores.sample.shape[1:]))}]")
    return Program(Path(path).stem, made.shape, made.dtype, tuple(walk.steps), scores.value,
                   _proof(made, walk), tuple(walk.notes))


def _proof(made: Source, walk: Walk) -> str | None:
    """What the input means, if the model says so."""
    if made.datatype in _DATATYPES:
        return _DATATYPES[made.datatype]
    if made.dtype == np.uint8 or (walk.pixels and all(walk.pixels)):
        return "u8"
    return None


def _walk(made: Source, tensors: Tensors, batch: int) -> Walk:
    walk = Walk(made, tensors, batch)
    used = {made.output}.union(*(node.inputs for node in made.nodes))
    for node in made.nodes:
        for name, known in zip(node.outputs, _visit(walk, node, walk.operands(node))):
            if name:
                walk.known[name] = known
        missing = [name for name in node.outputs if name in used and name not in walk.known]
        if missing:
            raise node.error(f"gives {shown(missing[0])}, and that output is not supported")
    return walk


def _visit(walk: Walk, node: Node, operands: list[Known]) -> list[Known]:
    """What is known of the outputs of ``node``."""
    tracked = [operand for operand in operands if isinstance(operand, Tracked)]
    if any(one.rough for one in tracked) and not _takes_sign(node, operands):
        raise node.error("must take only the sign of a Tanh: its values differ between libraries")
    if not node.quant and node.op in LAST:
        if any(one.end in ("classes", "largest") for one in tracked):
            return follow(node, tracked[0])
        return LAST[node.op](walk, node, operands)
    ended = [one for one in tracked if one.end]
    if ended:
        return follow(node, ended[0])
    if (node.quant, node.op) in LAYERS:
        return [LAYERS[node.quant, node.op](walk, node, operands)]
    if node.quant:
        inputs, function = QUANTIZERS[node.op](node, operands)
        return [walk.elementwise(node, inputs, function)]
    if node.op in MOVES:
        return [MOVES[node.op](walk, node, operands)]
    if node.op in ELEMENTWISE:
        return [_elementwise(walk, node, operands)]
    return _fold(walk, node, operands)


def _elementwise(walk: Walk, node: Node, operands: list[Known]) -> Known:
    operation = ELEMENTWISE[node.op]
    present = [operand for operand in operands if operand is not None]
    types = [(operand.sample if isinstance(operand, Tracked) else operand).dtype
             for operand in present]
    alike = types[slice(*operation.alike)]
    if len(set(alike)) > 1:
        raise node.error("must have inputs of one type, not "
                         + " and ".join(sorted({str(one) for one in alike})))
    wrong = [one for one in alike if one.kind not in operation.kinds]
    if wrong or (node.op == "Where" and types[0].kind != "b"):
        raise node.error(f"cannot work on {(wrong or types)[0]}")
    result = walk.elementwise(node, present, operation.build(node))
    return replace(result, rough=True) if isinstance(result, Tracked) and node.op == "Tanh" else (
        result)


def _fold(walk: Walk, node: Node, operands: list[Known]) -> list[Known]:
    """Operations of constants; of what depends on the input only its shape and type are known."""
    first = operands[0] if operands else None
    if node.op in ("Shape", "Size") and isinstance(first, Tracked):
        walk.asked = True
        operands = [first.sample]
    elif node.op == "CastLike" and isinstance(first, Tracked):
        like = operands[1]
        dtype = (like.sample if isinstance(like, Tracked) else np.asarray(like)).dtype
        return [walk.elementwise(node, [first], lambda x: x.astype(dtype))]
    elif any(isinstance(operand, Tracked) for operand in operands):
        raise node.error("works on constants only here, and its input depends on the input of the "
                         "model")
    arrays = [operand for operand in operands if not isinstance(operand, Tracked)]
    if node.op in ("Constant", "ConstantOfShape"):
        value = node.tensor("value")
        if value is not None or node.op == "ConstantOfShape":
            given = (np.zeros(1, np.float32) if value is None
                     else walk.tensors.array(value, f"the value of node {shown(node.name)}"))
            if node.op == "Constant":
                return [walk.folded(node, given)]
            arrays.append(given)
    results = walk.work_out(node, lambda *arrays: FOLDS[node.op](node, *arrays), *arrays)
    return [walk.folded(node, result) for result in results]


def _takes_sign(node: Node, operands: list[Known]) -> bool:
    """Whether the result depends on the sign of the operands alone."""
    if node.op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        return all(isinstance(operand, Tracked) and operand.rough
                   or isinstance(operand, np.ndarray) and not operand.any()
                   for operand in operands) and isinstance(operands[0], Tracked) != isinstance(
                       operands[1], Tracked)
    return node.op in ("Sign", "BipolarQuant")
