"""Choice of the runtime of a source model, independent of this project where there is one.

ONNX files of standard operators run in ONNX Runtime with graph optimisation off, which merges batch
norms into other nodes and so flips bits at ties. Files with operators of QONNX, Brevitas or FINN
run in qonnx, node by node: each standard node is a session of its own in ONNX Runtime, so nothing
is merged across nodes, and each other node is numpy code of qonnx. PyTorch runs modules in memory.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnorloom.errors import MissingToolError, SourceError
from xnorloom.frontend import format_of
from xnorloom.frontend.program import Program
from xnorloom.support.extras import install_hint
from xnorloom.support.text import quoted

from .base import MOST_FRAMES, Runtime, Tensors

if TYPE_CHECKING:
    from torch import nn

__all__ = ["has_runtime", "numpy_runtime", "open_model", "run"]


def has_runtime(path: str | os.PathLike[str]) -> bool:
    """True if the format of a file has an independent runtime: ONNX has, Keras has not."""
    return format_of(path).runtime is not None


def open_model(model: "str | os.PathLike[str] | nn.Module", tensors: Sequence[str]) -> Runtime:
    """Return the runtime of an ONNX file or a PyTorch module that computes the named ``tensors``.

    Raises
    ------
    MissingToolError
        If the packages of the extra ``verify`` are missing.
    SourceError
        If the model has no such tensors, or the runtime cannot run it.
    """
    if not isinstance(model, (str, os.PathLike)):
        from . import torch
        return torch.open_module(model, tensors)
    try:
        from . import onnxruntime
        if onnxruntime.is_standard(model):
            return onnxruntime.open_standard(model, tensors)
        from . import qonnx
    except ImportError as error:
        package = (error.name or "onnxruntime").partition(".")[0]
        raise MissingToolError(f"the package {package} that runs the source model is missing: "
                               f"{install_hint('verify')}") from None
    return qonnx.open_custom(model, tensors)


def numpy_runtime(program: Program, tensors: Sequence[str]) -> Runtime:
    """Return a runtime that executes the imported ``program`` step by step in numpy.

    It serves formats without an independent runtime.

    Raises
    ------
    SourceError
        If the program has no such tensors.
    """
    place = {step.tensor: index for index, step in enumerate(program.steps)}
    for name in tensors:
        if name not in place:
            raise SourceError(f"{quoted(program.name)}: no step computes tensor {name!r}")

    def execute(frames: np.ndarray) -> Tensors:
        results = program.run(frames)
        return {name: np.asarray(results[place[name]]) for name in tensors}

    return Runtime("source, in numpy", execute)


def run(path: str | os.PathLike[str], frames: np.ndarray, tensors: Sequence[str],
        progress: Callable[[int, int], object] | None = None) -> Tensors:
    """Return the named tensors, batch first, that an ONNX file computes of ``frames``.

    ``progress`` is called with the number of finished and of all frames. Other arguments and errors
    are those of :func:`open_model` and :class:`.base.Runtime`.
    """
    if not len(frames):
        raise ValueError("frames must hold at least one frame, not none")
    runtime = open_model(Path(path), tensors)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in tensors}
    for start in range(0, len(frames), MOST_FRAMES):
        part = runtime.execute(frames[start:start + MOST_FRAMES])
        for name in tensors:
            parts[name].append(part[name])
        if progress is not None:
            progress(min(start + MOST_FRAMES, len(frames)), len(frames))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
