"""Schedules: how many neurons and synapses of each layer are worked on in one cycle.

A schedule is data. :mod:`xnorloom.folding` makes one for a wanted interval and
:mod:`xnorloom.timing` says what it comes to in cycles.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .checks import integer
from .errors import ScheduleError
from .files import write_atomic
from .graph import Graph, Layer

__all__ = ["STYLES", "LUT_DEPTH", "Fold", "Schedule"]

STYLES = ("wired", "lut", "block")
# A LUT4 with three address bits and the activation holds eight weights and is the XNOR gate too.
LUT_DEPTH = 8
_FORMAT = "xnorloom-schedule"
_VERSION = 1


@dataclass(frozen=True)
class Fold:
    """How one layer is folded.

    Parameters
    ----------
    pe : int
        Neurons worked on at once (processing elements).
    simd : int
        Synapses of each of those neurons worked on at once.
    style : str
        Where the weights live: ``wired`` (constants; needs ``pe`` and ``simd`` to be the whole
        layer), ``lut`` (look-up tables) or ``block`` (block RAM).
    register_every : int
        Adder levels of the popcount tree between two registers; 0 for none.
    """

    pe: int
    simd: int
    style: str
    register_every: int = 2

    def __post_init__(self):
        for name, low in (("pe", 1), ("simd", 1), ("register_every", 0)):
            value = integer(f"Fold {name}", getattr(self, name), low)
            object.__setattr__(self, name, value)
        if self.style not in STYLES:
            raise ValueError(f"Fold style must be one of {', '.join(STYLES)}, not {self.style!r}")

    def synapse_folds(self, layer: Layer) -> int:
        """Steps over one bit plane of the inputs of ``layer``, the last perhaps not full."""
        return -(-layer.inputs // self.simd)

    def neuron_folds(self, layer: Layer) -> int:
        """Steps over the neurons of ``layer``, the last perhaps not full."""
        return -(-layer.neurons // self.pe)

    @property
    def lanes(self) -> int:
        """XNOR gates, ``pe * simd``."""
        return self.pe * self.simd


@dataclass(frozen=True)
class Schedule:
    """A fold for each layer and the width of the input stream.

    Parameters
    ----------
    input_width : int
        Bits in one word of the input stream; at most the elements of a frame.
    folds : sequence of Fold
        One for each layer of the graph, in its order.
    """

    input_width: int
    folds: tuple[Fold, ...]

    def __post_init__(self):
        width = integer("Schedule input_width", self.input_width, 1)
        object.__setattr__(self, "input_width", width)
        if isinstance(self.folds, str) or not isinstance(self.folds, Sequence):
            raise TypeError(f"Schedule folds must be a sequence of Fold, not {self.folds!r}")
        object.__setattr__(self, "folds", tuple(self.folds))
        for fold in self.folds:
            if not isinstance(fold, Fold):
                raise TypeError(f"Schedule folds must be a sequence of Fold, not of {fold!r}")

    def check(self, graph: Graph) -> None:
        """Raise :class:`ScheduleError` unless this schedule fits ``graph``."""
        if len(self.folds) != len(graph.layers):
            raise ScheduleError(f"schedule has {len(self.folds)} folds, but graph {graph.name!r} "
                                f"has {len(graph.layers)} layers")
        if self.input_width > graph.input.size:
            raise ScheduleError(f"input_width must be at most the {graph.input.size} elements of "
                                f"a frame, not {self.input_width}")
        for layer, fold in zip(graph.layers, self.folds):
            if fold.pe > layer.neurons:
                raise ScheduleError(f"pe of layer {layer.name!r} must be at most its "
                                    f"{layer.neurons} neurons, not {fold.pe}")
            if fold.simd > layer.inputs:
                raise ScheduleError(f"simd of layer {layer.name!r} must be at most its "
                                    f"{layer.inputs} inputs, not {fold.simd}")
            if fold.style == "wired" and (fold.pe, fold.simd) != layer.weights.shape:
                raise ScheduleError(
                    f"style wired of layer {layer.name!r} needs pe {layer.neurons} and simd "
                    f"{layer.inputs}, the whole layer, not pe {fold.pe} and simd {fold.simd}")

    def save(self, path: str | os.PathLike[str], graph: Graph) -> None:
        """Write the schedule of ``graph`` to ``path`` as JSON that a person can edit."""
        write_atomic(path, json.dumps(self.as_json(graph), indent=2) + "\n")

    def as_json(self, graph: Graph) -> dict[str, object]:
        """The schedule as plain values, with the names of the layers it is for."""
        self.check(graph)
        layers = [{"layer": layer.name, **asdict(fold)}
                  for layer, fold in zip(graph.layers, self.folds)]
        return {"format": _FORMAT, "version": _VERSION, "input_width": self.input_width,
                "layers": layers}

    @classmethod
    def load(cls, path: str | os.PathLike[str], graph: Graph) -> "Schedule":
        """Read the schedule of ``graph`` from ``path``.

        Raises
        ------
        ScheduleError
            If the file cannot be read, is not a schedule, or does not fit the graph.
        """
        path = Path(path)
        try:
            data = json.loads(path.read_bytes())
        except OSError as error:
            raise ScheduleError(f"schedule file {path} cannot be read: "
                                f"{error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise ScheduleError(f"schedule file {path} is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ScheduleError(f"{path} is not an xnorloom schedule (format must be {_FORMAT!r})")
        if data.get("version") != _VERSION:
            raise ScheduleError(f"schedule file {path} has version {data.get('version')!r}, but "
                                f"this xnorloom reads version {_VERSION}")
        try:
            if not isinstance(data["layers"], list):
                raise TypeError(f"layers must be a list, not {data['layers']!r}")
            names = [entry["layer"] for entry in data["layers"] if isinstance(entry, dict)]
            schedule = cls(data["input_width"], tuple(_fold(entry) for entry in data["layers"]))
        except KeyError as error:
            raise ScheduleError(f"schedule file {path} lacks {error.args[0]!r}") from error
        except (TypeError, ValueError) as error:
            raise ScheduleError(f"schedule file {path}: {error}") from error
        schedule.check(graph)
        for name, layer in zip(names, graph.layers):
            if name != layer.name:
                raise ScheduleError(f"schedule file {path} has a fold for layer {name!r} where "
                                    f"graph {graph.name!r} has {layer.name!r}")
        return schedule


def _fold(entry: object) -> Fold:
    if not isinstance(entry, dict):
        raise TypeError(f"each of layers must be an object, not {entry!r}")
    keys = {"layer", "pe", "simd", "style", "register_every"}
    if entry.keys() - keys:
        raise ValueError(f"unknown key {min(entry.keys() - keys)!r} in a layer, wanted "
                         f"{', '.join(sorted(keys))}")
    return Fold(entry["pe"], entry["simd"], entry["style"], entry.get("register_every", 2))
