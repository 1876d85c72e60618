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

__all__ = ["Loaded", "check_data_dir", "load", "load_frames", "make_schedule"]


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


def check_data_dir(arguments: Namespace) -> None:
    """Raise :class:`XnorloomError` if ``--data-dir`` is given with data that is one file."""
    data = arguments.data
    if arguments.data_dir is not None and (data.endswith(".npz") or data == "mnist:bundled"):
        raise XnorloomError(f"argument --data-dir: not allowed with --data {printable(data)}, "
                            f"which is a single file")


def load_frames(graph: Graph, arguments: Namespace) -> (
        "tuple[Dataset, npt.NDArray[np.uint8], npt.NDArray[np.integer] | None]"):
    """Load the data set ``--data``, and its first ``--limit`` frames and labels for ``graph``.

    Raises
    ------
    DataError
        If it cannot be loaded, or does not fit ``graph``.
    """
    from xnorloom_sim import data
    from xnorloom_sim.data.frames import frames_of, labels_of

    dataset = data.load(arguments.data, directory=arguments.data_dir)
    return (dataset, frames_of(graph, dataset)[:arguments.limit],
            labels_of(graph, dataset, arguments.limit))
