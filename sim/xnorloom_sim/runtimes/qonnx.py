"""qonnx as the runtime of ONNX files with operators of QONNX, Brevitas and FINN."""

import contextlib
import importlib.metadata
import os
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime
from onnx import ModelProto, StringStringEntryProto, TensorAnnotation
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from xnorloom.errors import SourceError
from xnorloom.support.text import first_line

from .base import Execute, Runtime, Tensors
from .onnxruntime import QUIET, Batches, batched, frames_input, load

__all__ = ["open_custom"]

# Severity from which ONNX Runtime prints messages by default.
_DEFAULT = 2
_GENERAL = "qonnx.custom_op.general"
# Former domains of the operators of qonnx.
_FORMER = ("finn", "finn.custom_op.general", "onnx.brevitas")


def open_custom(path: str | os.PathLike[str], tensors: Sequence[str]) -> Runtime:
    """Return the runtime of a file with such operators.

    For the errors see :func:`.select.open_model`.
    """
    model = load(path)
    for node in model.graph.node:
        if node.domain in _FORMER:
            node.domain = _GENERAL
    for opset in model.opset_import:
        if opset.domain in _FORMER:
            opset.domain = _GENERAL
    # By its annotations qonnx would round tensors to integers, or fail.
    del model.graph.quantization_annotation[:]
    for node in model.graph.node:
        if node.op_type == "Im2Col":
            # It needs one, and checks whether the type has the number outside the map.
            kind = StringStringEntryProto(key="finn_datatype", value="FLOAT32")
            model.graph.quantization_annotation.append(TensorAnnotation(
                tensor_name=node.input[0], quant_parameter_tensor_names=[kind]))
    version = importlib.metadata.version("qonnx")
    return Runtime(f"qonnx {version}, node by node", Batches(model, tensors, _executor))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # qonnx opens sessions of ONNX Runtime with the default severity, and passes their errors on.
    onnxruntime.set_default_logger_severity(QUIET)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_DEFAULT)


def _with_shapes(model: ModelProto, batch: int) -> ModelWrapper:
    """Return a model of ``batch`` frames with the shapes of all tensors."""
    try:
        return ModelWrapper(batched(model, batch)).transform(InferShapes())
    except Exception:
        # Operators such as MaxPoolNHWC take the shapes that are annotated, for the model's batch.
        if frames_input(model).type.tensor_type.shape.dim[0].dim_value != batch:
            raise
        return ModelWrapper(model, make_deepcopy=True).transform(InferShapes())


def _executor(model: ModelProto, tensors: Sequence[str], batch: int) -> Execute:
    """Prepare a model for qonnx, which needs the number of frames."""
    source = frames_input(model)
    try:
        with warnings.catch_warnings():
            # Warnings of unexpected shapes; the users of the tensors check these.
            warnings.simplefilter("ignore")
            wrapper = _with_shapes(model, batch)
            known = wrapper.check_all_tensor_shapes_specified()
    # For most unsupported models qonnx raises Exception itself.
    except Exception as error:
        raise SourceError(f"qonnx cannot load the model: {first_line(error)}") from error
    if not known:
        raise SourceError("qonnx cannot run the model: it does not find the shapes of all tensors")

    def execute(frames: np.ndarray) -> Tensors:
        try:
            with warnings.catch_warnings(), _quiet():
                warnings.simplefilter("ignore")
                context = execute_onnx(wrapper, {source.name: frames}, True)
        except Exception as error:
            raise SourceError(f"qonnx cannot run the model: {first_line(error)}") from error
        return {name: np.asarray(context[name]) for name in tensors}

    return execute
