"""What the arguments of a command stand for: models, schedules, frames."""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xnorloom import frontend
from xnorloom.errors import XnorloomError
from xnorloom.folding import automatic
from xnorloom.graph import Graph
from xnorloom.graph.input import PIXEL_BITS
from xnorloom.graph.pixels import encode
from xnorloom.schedule import Schedule

if TYPE_CHECKING:
    from xnorloom.lowering.lower import Lowered
    from xnorloom_sim.data import Dataset

    from .console import Console

__all__ = ["Loaded", "bundled_models", "load", "load_model", "make_schedule",
           "check_data_dir", "pixels_of", "frames_of", "labels_of"]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model as a command needs it; ``lowered`` tells how it came out of another tool's file."""

    path: Path
    graph: Graph
    lowered: "Lowered | None" = None


def load(arguments: Namespace, console: "Console") -> Loaded:
    """The model that ``model``, ``--input`` and ``--score-bits`` name; tells what was imported.

    Raises
    ------
    XnorloomError
        If there is no such file, it is not sound, or it cannot be brought in.
    """
    path = Path(arguments.model)
    if path.suffix.lower() not in frontend.file_suffixes():
        for name, option in (("input", "input"), ("score_bits", "score-bits")):
            if getattr(arguments, name) is not None:
                raise XnorloomError(f"argument --{option}: only allowed with a model from another "
                                    f"tool, not with {arguments.model!r}")
        return Loaded(bundled_models().get(arguments.model, path), load_model(arguments.model))
    from xnorloom.lowering.lower import lower

    from .tables.imported import summary

    program = frontend.load(path)
    lowered = lower(program, arguments.input, score_bits=arguments.score_bits)
    for note in lowered.notes:
        console.say(f"{path.name}: {note}")
    console.say(f"{path.name}: {summary(lowered)}")
    return Loaded(path, lowered.graph, lowered)


def bundled_models() -> dict[str, Path]:
    """The models that come with the package, by the name a command takes for them."""
    from xnorloom_sim import data

    directory = Path(data.__file__).parent / "bundled"
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


def check_data_dir(arguments: Namespace) -> None:
    """Raise :class:`XnorloomError` for a ``--data-dir`` beside data that needs none."""
    data = arguments.data
    if arguments.data_dir is not None and (data.endswith(".npz") or data == "mnist:bundled"):
        raise XnorloomError(f"argument --data-dir: not allowed with --data {data}, which is a file "
                            f"by itself")


def pixels_of(graph: Graph, dataset: "Dataset") -> npt.NDArray[np.uint8]:
    """The images of ``dataset`` in the shape of the input of ``graph``.

    Axes of one make no difference, and neither does an image or an input of a single axis.

    Raises
    ------
    XnorloomError
        If the images do not have the shape, or cannot have the bits, of the input.
    """
    shape, images = graph.input.shape, dataset.images
    misfit = f"data {dataset.name} does not fit model {graph.name!r}"
    if graph.input.bits > PIXEL_BITS:
        raise XnorloomError(f"{misfit}: its pixels have {PIXEL_BITS} bits, the input has "
                            f"{graph.input.bits}")
    found, wanted = ([d for d in sides if d > 1] for sides in (images.shape[1:], shape))
    flat = min(len(found), len(wanted)) <= 1
    if images[0].size != graph.input.size or (found != wanted and not flat):
        raise XnorloomError(f"{misfit}: its images are {' x '.join(map(str, images.shape[1:]))}, "
                            f"the input is {' x '.join(map(str, shape))}")
    return images.reshape(len(images), *shape)


def frames_of(graph: Graph, dataset: "Dataset") -> npt.NDArray[np.uint8]:
    """The images of ``dataset`` as frames that ``graph`` takes; raises what ``pixels_of`` does."""
    return encode(graph.input, pixels_of(graph, dataset)).reshape(len(dataset), graph.input.size)


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
