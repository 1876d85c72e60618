"""Reader of ONNX models from any tool: QONNX, FINN, and plain ONNX of any exporter."""

import math
import os
from pathlib import Path

import numpy as np

from ...errors import SourceError
from ...support.text import quoted
from ..program import Program

# Each of these registers its operators.
from . import (  # noqa: F401
    constants,
    convolution,
    elementwise,
    linear,
    linear_quantizers,
    moving,
    outputs,
    padding,
    patches,
    pools,
    quantizers,
    reshaping,
)
from .batch_check import check_same_steps
from .file import Tensors, read
from .graph import SourceGraph, read_graph
from .operators import names
from .tracer import Tracer
from .tracked import Tracked
from .walk import trace

__all__ = ["load"]

_DATATYPES = {"UINT8": "u8", "BIPOLAR": "bipolar", "BINARY": "bits"}
# Batches of a model that takes any number of frames; rarely sizes of anything else.
_SAMPLES = (3, 5)


def load(path: str | os.PathLike[str]) -> Program:
    """Read the ONNX file ``path``, whose external data lies in its folder.

    Operators on constants are evaluated. ArgMax, TopK and Softmax at the end are left out, with a
    note. The program takes batches of any size, even if the model is fixed to one.

    Raises
    ------
    SourceError
        If the file cannot be read, is not an ONNX model, or computes something that a
        :class:`~xnorloom.frontend.program.Program` cannot describe.
    """
    model = read(path)
    source = read_graph(model, names(quant=False), names(quant=True))
    folder = Path(path).parent
    tracer = trace(source, Tensors(folder), source.batch or _SAMPLES[0])
    if tracer.reads_batch and source.batch is None:
        check_same_steps(tracer, trace(source, Tensors(folder), _SAMPLES[1]))
    scores = tracer.known[source.output]
    output = f"the output of the model, {quoted(source.output)},"
    if not isinstance(scores, Tracked):
        raise SourceError(f"{output} must depend on its input")
    for half in (scores.border, scores.patches):
        if half is not None:
            raise SourceError(f"{output} must be scores, not the result of {half.name}")
    if scores.end == "largest":
        raise SourceError(f"{output} must be the scores or the class, not the largest score")
    shape = scores.sample.shape[1:]
    classes = math.prod(shape)
    if classes > 1:
        scores = tracer.scores(scores)
    # A single output stands for two classes and may be a truth value.
    if max(shape, default=1) != classes or (scores.sample.dtype.kind == "b" and classes > 1):
        raise SourceError(f"{output} must be scores of the shape [batch, classes], not "
                          f"{scores.sample.dtype} of the shape "
                          f"[batch, {', '.join(map(str, shape))}]")
    steps = tuple(tracer.steps[:scores.value.step + 1])
    return Program(Path(path).stem, source.shape, source.dtype, steps, scores.value,
                   _declared_preprocessing(source, tracer), tuple(tracer.notes))


def _declared_preprocessing(source: SourceGraph, tracer: Tracer) -> str | None:
    if source.datatype in _DATATYPES:
        return _DATATYPES[source.datatype]
    if source.dtype == np.uint8 or (tracer.scaled and all(tracer.scaled)):
        return "u8"
    return None
