"""Models by name, by file or from another tool, as integer graphs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ModelFileError
from .graph import Graph
from .graph.bundled import bundled, check
from .support.text import quoted

if TYPE_CHECKING:
    from torch import nn

    from .lowering.lower import Lowered

__all__ = ["import_model", "load"]


def load(model: str | os.PathLike[str], *, input: str | None = None,
         score_bits: int | None = None) -> Graph:
    """Load the integer graph of a model.

    Parameters
    ----------
    model : str or path
        A model file (``.bnn``), a model of another tool (``.onnx``, ``.h5``, ``.keras``), or the
        name of a bundled model, such as ``tfc``. A file comes before a bundled model of its name.
        Files of bundled models are searched in the folder ``$XNORLOOM_MODELS``, in
        ``xnorloom/models`` of the user's data folder, and in the package.
    input : str or None
        Preprocessing of the input of a model of another tool, such as ``u8/255``; see
        :func:`import_model`.
    score_bits : int or None
        See :func:`import_model`.

    Raises
    ------
    ModelFileError
        If there is no such file or bundled model, the model file is damaged, or the file of a
        bundled model has not the SHA-256 that the package pins.
    SourceError
        If a model of another tool cannot be read, or no integer graph equals it.
    ValueError
        If ``input`` or ``score_bits`` is given for a model file or a bundled model.
    """
    from .frontend import file_suffixes

    path = Path(model)
    if path.suffix.lower() in file_suffixes():
        return import_model(path, input=input, score_bits=score_bits).graph
    for name, value in (("input", input), ("score_bits", score_bits)):
        if value is not None:
            raise ValueError(f"{name} is only for a model of another tool, not for "
                             f"{quoted(str(model))}")
    if path.is_file():
        return Graph.load(path)
    models = bundled()
    if str(model) in models:
        return Graph.load(check(str(model), models[str(model)]))
    if path.suffix or path.name != str(model):
        return Graph.load(path)
    raise ModelFileError(f"model {quoted(str(model))} is neither a file nor one of the bundled "
                         f"models {', '.join(models)}")


def import_model(model: "str | os.PathLike[str] | nn.Module", *, input: str | None = None,
                 shape: tuple[int, ...] | None = None, name: str | None = None,
                 score_bits: int | None = None) -> "Lowered":
    """Import a trained model of another tool.

    Parameters
    ----------
    model : str, path or torch.nn.Module
        File of one of the formats in :data:`xnorloom.frontend.FORMATS`, or a PyTorch module in
        evaluation mode.
    input : str or None
        Preprocessing of the input: ``u8`` (pixels 0 to 255), ``u8/255``, another formula such as
        ``(u8/255-0.1307)/0.3081``, ``bipolar`` or ``bits``. ``None`` if the model declares it.
    shape : tuple of int or None
        Shape of one frame; only for a PyTorch module, which does not hold it.
    name : str or None
        Name of the graph; only for a PyTorch module, by default that of its class. A file gives the
        graph its own name.
    score_bits : int or None
        Most bits of a class's scale, for smaller scores that may change decisions; by default the
        smallest scores that change none.

    Returns
    -------
    Lowered
        The integer graph, in ``graph``, with a report of the import.

    Raises
    ------
    SourceError
        If the model cannot be read, or no integer graph equals it; the message names the layer,
        the neuron and the value.
    ValueError
        If ``shape`` is missing for a PyTorch module, or ``shape`` or ``name`` is given for a file.
    """
    from . import frontend
    from .lowering.lower import lower

    if isinstance(model, (str, os.PathLike)):
        for what, value in (("shape", shape), ("name", name)):
            if value is not None:
                raise ValueError(f"{what} is only for a PyTorch module: a file holds the {what}")
        return lower(frontend.load(model), input, score_bits=score_bits)
    if shape is None:
        raise ValueError("a PyTorch module needs shape=, the shape of one frame")
    from .frontend import torch as torch_frontend

    return lower(torch_frontend.from_module(model, shape, name=name), input, score_bits=score_bits)
