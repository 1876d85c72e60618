"""Inputs of the commands: models, schedules and frames, as the arguments name them."""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.text import printable, quoted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xnorloom.lowering.lower import Lowered
    from xnorloom_sim.data import Dataset

    from .console import Console

__all__ = ["Loaded", "check_data", "load", "load_data", "load_frames", "make_schedule"]


@dataclass(frozen=True, eq=False)
class Loaded:
    """Model of a command.

    Attributes
    ----------
    path : Path
        Its file; for a bundled model its name.
    graph : Graph
        The integer graph.
    lowered : Lowered or None
        Result of the import, if the file comes from another tool.
    """

    path: Path
    graph: Graph
    lowered: "Lowered | None" = None


def load(arguments: Namespace, console: "Console") -> Loaded:
    """Load the model named by ``MODEL``, ``--input`` and ``--score-bits``; report an import.

    Raises
    ------
    XnorloomError
        If the file is missing or damaged, or cannot be imported.
    """
    from xnorloom import loading
    from xnorloom.frontend import file_suffixes
    from xnorloom.graph.constants import constant_warnings

    path = Path(arguments.model)
    if path.suffix.lower() not in file_suffixes():
        for name, option in (("input", "input"), ("score_bits", "score-bits")):
            if getattr(arguments, name) is not None:
                raise XnorloomError(f"argument --{option}: only allowed with a model from another "
                                    f"tool, not with {quoted(arguments.model)}")
        return Loaded(path, loading.load(arguments.model))
    from .tables.imported import import_summary

    lowered = loading.import_model(path, input=arguments.input, score_bits=arguments.score_bits)
    for note in lowered.notes:
        console.say(f"{printable(path.name)}: {note}")
    console.say(f"{printable(path.name)}: {import_summary(lowered)}")
    for line in constant_warnings(lowered.graph):
        console.warn(f"{printable(path.name)}: {line}")
    return Loaded(path, lowered.graph, lowered)


def make_schedule(graph: Graph, arguments: Namespace) -> Schedule:
    """Load the schedule ``--fold``, or make one for ``--interval`` and ``--style``.

    Raises
    ------
    XnorloomError
        If the options contradict each other, or no such schedule fits ``graph``.
    """
    if arguments.fold is None:
        from xnorloom.folding import automatic

        return automatic(graph, arguments.interval, arguments.style)
    if arguments.style is not None:
        raise XnorloomError("argument --style: not allowed with argument --fold, whose file names "
                            "the style of each layer")
    return Schedule.load(arguments.fold, graph)


def check_data(arguments: Namespace) -> None:
    """Raise :class:`XnorloomError` if an option does not go with ``--data``, or without it."""
    data, images = arguments.data, arguments.data is not None and _is_images(arguments.data)
    if data is None:
        for name in ("data_dir", "limit", "resize", "invert"):
            if getattr(arguments, name) not in (None, False):
                raise XnorloomError(f"argument --{name.replace('_', '-')}: only allowed with "
                                    f"argument --data")
    elif arguments.data_dir is not None and (images or data.endswith(".npz")
                                             or data == "mnist:bundled"):
        what = "is the path of images" if images else "is a single file"
        raise XnorloomError(f"argument --data-dir: not allowed with --data {printable(data)}, "
                            f"which {what}")
    for name in ("resize", "invert"):
        if getattr(arguments, name) and not images:
            raise XnorloomError(f"argument --{name}: only allowed with image files, not with "
                                f"--data {printable(data)}")


def _is_images(data: str) -> bool:
    from xnorloom_sim.data import is_pictures

    return ":" not in data and not data.endswith(".npz") and is_pictures(data)


def load_data(graph: Graph, arguments: Namespace, console: "Console") -> "Dataset":
    """Load the data set ``--data``, of images the first ``--limit``.

    Raises
    ------
    DataError
        If it cannot be loaded.
    """
    from xnorloom_sim import data

    if not _is_images(arguments.data):
        return data.load(arguments.data, directory=arguments.data_dir)
    dataset = data.load_pictures(arguments.data, graph.input, resize=arguments.resize,
                                 invert=arguments.invert, limit=arguments.limit)
    if data.has_bright_background(dataset):
        console.warn(f"the background of data {printable(dataset.name)} is bright; networks for "
                     f"MNIST expect bright strokes on a dark one"
                     f"{'' if arguments.invert else ': try --invert'}")
    return dataset


def load_frames(graph: Graph, arguments: Namespace, console: "Console") -> (
        "tuple[Dataset, npt.NDArray[np.uint8], npt.NDArray[np.integer] | None]"):
    """Load the data set ``--data``, and its first ``--limit`` frames and labels for ``graph``.

    Raises
    ------
    DataError
        If it cannot be loaded, or does not fit ``graph``.
    """
    from xnorloom_sim.data.frames import frames_of, labels_of

    dataset = load_data(graph, arguments, console)
    return (dataset, frames_of(graph, dataset)[:arguments.limit],
            labels_of(graph, dataset, arguments.limit))
