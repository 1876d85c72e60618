"""What the arguments of a command stand for: models, schedules, frames."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import XnorloomError
from ..folding import automatic
from ..graph import Graph
from ..schedule import Schedule

if TYPE_CHECKING:
    from xnorloom_sim.data import Dataset

__all__ = ["bundled_models", "load_model", "make_schedule", "frames_of", "labels_of"]


def bundled_models() -> dict[str, Path]:
    """The models that come with the package, by the name a command takes for them."""
    import xnorloom_sim

    directory = Path(xnorloom_sim.__file__).parent / "bundled"
    return {path.stem: path for path in sorted(directory.glob("*.bnn"))}


def load_model(model: str) -> Graph:
    """The graph in the file ``model``, or the bundled one of that name.

    Raises
    ------
    ModelFileError
        If there is no such file, or it is not a sound model file.
    """
    if Path(model).is_file():
        return Graph.load(model)
    return Graph.load(bundled_models().get(model, Path(model)))


def make_schedule(graph: Graph, arguments: Namespace) -> Schedule:
    """The schedule that ``--fold``, or ``--interval`` and ``--style``, ask for.

    Raises
    ------
    XnorloomError
        If they contradict each other, or no such schedule fits ``graph``.
    """
    if arguments.fold is None:
        return automatic(graph, arguments.interval, arguments.style)
    if arguments.style is not None:
        raise XnorloomError("argument --style: not allowed with argument --fold, whose file names "
                            "the style of each layer")
    return Schedule.load(arguments.fold, graph)


def frames_of(graph: Graph, dataset: "Dataset") -> npt.NDArray[np.unsignedinteger]:
    """The images of ``dataset`` as frames that ``graph`` takes.

    Raises
    ------
    XnorloomError
        If the images do not have the shape, or cannot have the bits, of the input.
    """
    from xnorloom_sim import data, golden

    misfit = f"data {dataset.name} does not fit model {graph.name!r}"
    if graph.input.bits > 8:
        raise XnorloomError(f"{misfit}: its pixels have 8 bits, the input has {graph.input.bits}")
    try:
        frames = data.quantize(dataset.images, graph.input.bits)
        return golden.check_frames(graph, frames)
    except ValueError as error:
        raise XnorloomError(f"{misfit}: {error}") from error


def labels_of(graph: Graph, dataset: "Dataset",
              limit: int | None) -> npt.NDArray[np.integer] | None:
    """The labels of the first ``limit`` images of ``dataset``, if it has any.

    Raises
    ------
    XnorloomError
        If one of them is no class of ``graph``.
    """
    if dataset.labels is None:
        return None
    labels = dataset.labels[:limit]
    wrong = labels[(labels < 0) | (labels >= graph.classes)]
    if wrong.size:
        raise XnorloomError(f"data {dataset.name} does not fit model {graph.name!r}: labels must "
                            f"be in 0 to {graph.classes - 1}, not {wrong[0]}")
    return labels
