"""ONNX Runtime as the runtime of ONNX files, and batched copies of models."""

import importlib
import os
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, numpy_helper

from xnorloom.errors import SourceError
from xnorloom.support.text import first_line

from .base import MOST_FRAMES, Execute, Runtime, Tensors

__all__ = ["QUIET", "Batches", "batched", "frames_input", "is_standard", "load", "open_standard"]

# ONNX Runtime has no base class of its errors, and no types for their compiled module.
state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
_RUNTIME_ERRORS = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
                  state.NotImplemented, state.NoSuchFile, state.RuntimeException)
_STANDARD = ("", "ai.onnx", "ai.onnx.ml")
_ROUNDING = 1e-5
_MOST_ELEMENTS = 1 << 26  # of an input; a model of a larger batch only runs with a smaller one
_COMPARED = 8  # runs of the original model that its copy is compared with
QUIET = 4  # severity: errors are raised, and a batch size that a model refuses is no error


def load(path: str | os.PathLike[str]) -> ModelProto:
    """Return the model in a file, with its external data."""
    return onnx.load(os.fspath(path))


def is_standard(path: str | os.PathLike[str]) -> bool:
    """True if all operators of a file belong to ONNX."""
    model = onnx.load(os.fspath(path), load_external_data=False)
    return all(node.domain in _STANDARD for node in model.graph.node)


def frames_input(model: ModelProto) -> onnx.ValueInfoProto:
    """Return the only input that is not an initialiser.

    Raises
    ------
    SourceError
        If there is none, or more than one.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise SourceError(f"the model must have one input, not {len(inputs)}")
    return inputs[0]


def open_standard(path: str | os.PathLike[str], tensors: Sequence[str]) -> Runtime:
    """Return the runtime of a file of standard operators.

    For the errors see :func:`.select.open_model`.
    """
    model = load(path)
    title = f"onnxruntime {onnxruntime.__version__}, optimisation off"
    return Runtime(title, Batches(model, tensors, _session))


class Batches:
    """Executes any number of frames in a model with a fixed batch size.

    A copy with another batch size is used if it computes the same tensors for the first frames,
    except for the rounding of sums, whose order depends on the batch size.

    Parameters
    ----------
    model : ModelProto
    tensors : sequence of str
        Names of the tensors to return.
    prepare : callable
        ``prepare(model, tensors, batch)`` returns the function that runs ``batch`` frames.

    Raises
    ------
    SourceError
        If the model has no such tensors.
    """

    def __init__(self, model: ModelProto, tensors: Sequence[str],
                 prepare: Callable[[ModelProto, Sequence[str], int], Execute]):
        known = {name for node in model.graph.node for name in node.output}
        known |= {frames_input(model).name}
        for name in tensors:
            if name not in known:
                raise SourceError(f"no node computes tensor {name!r}")
        self._model, self._tensors, self._prepare = model, tensors, prepare
        self._original = _batch_of(model)
        self._batch: int | None = None
        self._runs: dict[int, Execute] = {}

    def __call__(self, frames: np.ndarray) -> Tensors:
        """Return the tensors that the model computes of ``frames``, batch first."""
        if self._batch is None:
            self._batch = self._choose(frames)
        return self._run(frames, self._batch)

    def _choose(self, frames: np.ndarray) -> int:
        """Return the batch size to use for all frames."""
        few, many = self._original, min(len(frames), MOST_FRAMES)
        if few is None or few == many:
            return many
        if few * frames[0].size > _MOST_ELEMENTS:
            return many
        first = frames[:few * _COMPARED]
        expected = self._run(first, few)
        try:
            found = self._run(first, many)
        except SourceError:
            return few
        return many if all(_close(found[name], expected[name]) for name in self._tensors) else few

    def _run(self, frames: np.ndarray, batch: int) -> Tensors:
        if batch not in self._runs:
            fits = self._original in (None, batch)
            model = self._model if fits else batched(self._model, batch)
            self._runs[batch] = self._prepare(model, self._tensors, batch)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self._tensors}
        for start in range(0, len(frames), batch):
            part = frames[start:start + batch]
            filled = np.zeros((batch, *part.shape[1:]), part.dtype)
            filled[:len(part)] = part
            for name, array in self._runs[batch](filled).items():
                if name in parts:
                    if batch == 1 and array.shape[:1] != (1,):
                        # The tensors of a model for one frame may lack the batch.
                        array = array[np.newaxis]
                    parts[name].append(array[:len(part)])
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    """True if two arrays are equal except for rounding at the largest magnitude."""
    if found.shape != expected.shape or found.dtype.kind != "f":
        return np.array_equal(found, expected)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return np.allclose(found, expected, rtol=0, atol=_ROUNDING * largest, equal_nan=True)


def _batch_of(model: ModelProto) -> int | None:
    """Return the batch size of a model, or ``None`` for any."""
    shape = frames_input(model).type.tensor_type.shape
    if not shape.dim:
        raise SourceError("the input of the model must have a shape")
    return shape.dim[0].dim_value or None


def batched(model: ModelProto, batch: int) -> ModelProto:
    """Return a copy of a model with batch size ``batch``.

    A constant target shape of a ``Reshape`` of frames that begins with the old batch size begins
    with the new one. Annotated shapes are dropped.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    graph, old = copy.graph, _batch_of(model)
    frames_input(copy).type.tensor_type.shape.dim[0].dim_value = batch
    for value in graph.output:
        dims = value.type.tensor_type.shape.dim
        if dims and (old is None or dims[0].dim_value == old):
            dims[0].dim_value = batch
    del graph.value_info[:]
    if old is None:
        return copy
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    depends = {frames_input(copy).name}
    for node in graph.node:
        if not depends.intersection(node.input):
            continue
        depends.update(node.output)
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if shape.size and shape[0] == old:
            shape[0] = batch
            name = f"{node.output[0]}::shape of {batch} frames"
            graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name
    return copy


def _session(model: ModelProto, tensors: Sequence[str], batch: int) -> Execute:
    """Open a session of ONNX Runtime with the requested tensors as outputs."""
    changed = ModelProto()
    changed.CopyFrom(model)
    # ONNX Runtime infers the types of the new ones.
    del changed.graph.output[:]
    source = frames_input(changed).name
    computed = [name for name in dict.fromkeys(tensors) if name != source]
    changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in computed)
    options, settings = onnxruntime.SessionOptions(), onnxruntime.RunOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = settings.log_severity_level = QUIET
    try:
        session = onnxruntime.InferenceSession(changed.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
    except _RUNTIME_ERRORS as error:
        raise SourceError(f"onnxruntime cannot load the model: {first_line(error)}") from None

    def execute(frames: np.ndarray) -> Tensors:
        try:
            arrays = session.run(computed, {source: frames}, settings)
        except _RUNTIME_ERRORS as error:
            raise SourceError(f"onnxruntime cannot run the model: {first_line(error)}") from None
        return {source: frames, **dict(zip(computed, map(np.asarray, arrays)))}

    return execute
