"""A source model executed by a runtime that knows nothing of this project.

ONNX files of standard operators run in ONNX Runtime with its graph optimisation off, which was seen
to merge batch norms into other nodes and so to flip bits at ties. Files with operators of QONNX, of
Brevitas or of FINN run in qonnx, node by node: each standard node is a session of its own in ONNX
Runtime, so nothing can be merged across nodes, and each other node is numpy code of qonnx.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnorloom.errors import SourceError, ToolError
from xnorloom.frontend import format_of
from xnorloom.frontend.program import Program

__all__ = ["MOST_FRAMES", "Runtime", "Tensors", "has_runtime", "numpy_runtime", "open_source",
           "run"]

MOST_FRAMES = 500
"""Frames that are executed at once."""

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Runtime:
    """A source model, ready to run.

    ``title`` says what runs it. ``execute`` takes frames of shape ``[B, *shape of the input]`` in
    the data type of the source, up to ``MOST_FRAMES``, and gives the wanted tensors by name, batch
    first.
    """

    title: str
    execute: Callable[[np.ndarray], Tensors]


def has_runtime(path: str | os.PathLike[str]) -> bool:
    """True if the format of a file has an independent runtime: ONNX has, Keras has not."""
    return format_of(path).runtime is not None


def open_source(path: str | os.PathLike[str], tensors: Sequence[str]) -> Runtime:
    """The runtime of an ONNX file; it will give the tensors with the names ``tensors``.

    Raises
    ------
    ToolError
        If the packages of the extra ``verify`` are missing.
    SourceError
        If the file has no such tensors, or the runtime cannot run it.
    """
    try:
        from . import onnxruntime as source_onnx
        if source_onnx.is_standard(path):
            return source_onnx.open_standard(path, tensors)
        from . import qonnx as source_qonnx
    except ImportError as error:
        package = (error.name or "onnxruntime").partition(".")[0]
        raise ToolError(f"the package {package} that runs the source model is missing: "
                        f"pip install 'xnorloom[verify]'") from None
    return source_qonnx.open_custom(path, tensors)


def numpy_runtime(program: Program, tensors: Sequence[str]) -> Runtime:
    """The program that a frontend made of a source, run step by step in numpy.

    For sources that no independent runtime is at hand for.

    Raises
    ------
    SourceError
        If the program has no such tensors.
    """
    place = {step.tensor: index for index, step in enumerate(program.steps)}
    for name in tensors:
        if name not in place:
            raise SourceError(f"{program.name}: no step computes tensor {name!r}")

    def execute(frames: np.ndarray) -> Tensors:
        results = program.run(frames)
        return {name: np.asarray(results[place[name]]) for name in tensors}

    return Runtime("source, in numpy", execute)


def run(path: str | os.PathLike[str], frames: np.ndarray, tensors: Sequence[str],
        progress: Callable[[int, int], object] | None = None) -> Tensors:
    """The named tensors, batch first, that an ONNX file makes of ``frames``.

    ``progress`` is called with the frames done and the frames in all. Arguments and errors are
    otherwise those of :func:`open_source` and of :class:`Runtime`.
    """
    if not len(frames):
        raise ValueError("frames must hold at least one frame, not none")
    runtime = open_source(Path(path), tensors)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in tensors}
    for start in range(0, len(frames), MOST_FRAMES):
        part = runtime.execute(frames[start:start + MOST_FRAMES])
        for name in tensors:
            parts[name].append(part[name])
        if progress is not None:
            progress(min(start + MOST_FRAMES, len(frames)), len(frames))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
