"""Schedules: how many neurons and synapses of each layer are worked on in one cycle.

A schedule is data. :mod:`xnorloom.folding` makes one for a wanted interval and
:mod:`xnorloom.timing` says what it comes to in cycles.
"""

import json
import os
import reprlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .checks import integer
from .errors import ScheduleError
from .files import write_atomic
from .graph import Graph, Layer

__all__ = ["STYLES", "RAM_STYLES", "LUT_DEPTH", "SPRAM_DEPTH", "SPRAM_WIDTH", "Fold", "Schedule"]

STYLES = ("wired", "lut", "block", "spram")
# Those whose words come a cycle after their address.
RAM_STYLES = ("block", "spram")
# A LUT4 with three address bits and the activation holds eight weights and is the XNOR gate too.
LUT_DEPTH = 8
# Words and bits of an SB_SPRAM256KA (Lattice FPGA-TN-02022, iCE40 SPRAM Usage Guide).
SPRAM_DEPTH, SPRAM_WIDTH = 16384, 16
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
        layer), ``lut`` (look-up tables), ``block`` (block RAM), or ``spram`` (the large RAMs of an
        iCE40 UltraPlus, one for each 16 lanes, which are loaded before the first frame).
    register_every : int
        Adder levels of the popcount tree between two registers; 0 for none.
    read_register : bool
        Whether weights are registered before they are used (not ``wired``): for chips whose RAM
        is slow, such as ECP5 (5.6 ns from the clock to the word), and for look-up tables of many
        words, which are several levels of logic.
    """

    pe: int
    simd: int
    style: str
    register_every: int = 2
    read_register: bool = False

    def __post_init__(self):
        for name, low in (("pe", 1), ("simd", 1), ("register_every", 0)):
            value = integer(f"Fold {name}", getattr(self, name), low)
            object.__setattr__(self, name, value)
        if self.style not in STYLES:
            raise ValueError(f"Fold style must be one of {', '.join(STYLES)}, not {self.style!r}")
        if not isinstance(self.read_register, bool):
            raise TypeError(f"Fold read_register must be a bool, not {self.read_register!r}")
        if self.read_register and self.style == "wired":
            raise ValueError(f"Fold read_register needs style {', '.join(STYLES[1:])}, not "
                             f"{self.style!r}")

    def synapse_folds(self, layer: Layer) -> int:
        """Steps over one bit plane of the inputs of ``layer``, the last perhaps not full."""
        return -(-layer.inputs // self.simd)

    def neuron_folds(self, layer: Layer) -> int:
        """Steps over the neurons of ``layer``, the last perhaps not full."""
        return -(-layer.neurons // self.pe)

    def depth(self, layer: Layer) -> int:
        """Weight words that each lane steps through."""
        return self.neuron_folds(layer) * self.synapse_folds(layer)

    @property
    def lanes(self) -> int:
        """XNOR gates, ``pe * simd``."""
        return self.pe * self.simd

    @property
    def sprams(self) -> int:
        """SPRAMs that hold the weights: one for each 16 lanes of style ``spram``."""
        return -(-self.lanes // SPRAM_WIDTH) if self.style == "spram" else 0


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
            depth = fold.depth(layer)
            if fold.style == "spram" and not 2 <= depth <= SPRAM_DEPTH:
                raise ScheduleError(f"style spram of layer {layer.name!r} needs 2 to "
                                    f"{SPRAM_DEPTH:,} weight words a lane, not {depth:,}")

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
        where = f"schedule file {path}"
        try:
            data = json.loads(Path(path).read_bytes(), object_pairs_hook=_object)
        except OSError as error:
            raise ScheduleError(f"{where} cannot be read: {error.strerror or error}") from error
        except ScheduleError as error:
            raise ScheduleError(f"{where}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise ScheduleError(f"{where} is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ScheduleError(f"{path} is not an xnorloom schedule (format must be {_FORMAT!r})")
        version = data.get("version")
        if type(version) is not int or version != _VERSION:
            raise ScheduleError(f"{where} has version {reprlib.repr(version)}, but this xnorloom "
                                f"reads version {_VERSION}")
        folds = _folds(where, data, graph)
        try:
            schedule = cls(data["input_width"], folds)
            schedule.check(graph)
        except (ScheduleError, TypeError, ValueError) as error:
            raise ScheduleError(f"{where}: {_clipped(error)}") from error
        return schedule


def _folds(where: str, data: dict[str, object], graph: Graph) -> tuple[Fold, ...]:
    """The folds in the contents of a schedule file, those of the layers of ``graph``."""
    _check_keys(where, data, ("format", "version", "input_width", "layers"))
    layers = data["layers"]
    if not isinstance(layers, list):
        raise ScheduleError(f"{where}: layers must be a list, not {reprlib.repr(layers)}")
    names = [_name(where, entry) for entry in layers]
    # First of all, for a schedule of another graph is wrong in many ways.
    for name, layer in zip(names, graph.layers):
        if name != layer.name:
            raise ScheduleError(f"{where} has a fold for layer {reprlib.repr(name)} where graph "
                                f"{graph.name!r} has {layer.name!r}")
    return tuple(_fold(f"{where}: layer {reprlib.repr(name)}", entry)
                 for name, entry in zip(names, layers))


def _name(where: str, entry: object) -> object:
    if not isinstance(entry, dict):
        raise ScheduleError(f"{where}: each of layers must be an object, not "
                            f"{reprlib.repr(entry)}")
    if "layer" not in entry:
        raise ScheduleError(f"{where}: each of layers must have the key 'layer', not only "
                            f"{', '.join(map(reprlib.repr, entry)) or 'none'}")
    return entry["layer"]


def _fold(what: str, entry: dict[str, Any]) -> Fold:
    _check_keys(what, entry, ("layer", "pe", "simd", "style"),
                ("register_every", "read_register"))
    try:
        return Fold(entry["pe"], entry["simd"], entry["style"], entry.get("register_every", 2),
                    entry.get("read_register", False))
    except (TypeError, ValueError) as error:
        raise ScheduleError(f"{what}: {_clipped(error)}") from error


def _check_keys(what: str, entry: dict[str, Any], needed: Sequence[str],
                others: Sequence[str] = ()) -> None:
    for key in needed:
        if key not in entry:
            raise ScheduleError(f"{what} lacks {key!r}")
    for key in entry:
        if key not in (*needed, *others):
            raise ScheduleError(f"{what} has the unknown key {reprlib.repr(key)}, wanted "
                                f"{', '.join((*needed, *others))}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise ScheduleError(f"key {reprlib.repr(key)} occurs twice in one object")
        keys.add(key)
    return dict(pairs)


def _clipped(error: Exception) -> str:
    """The message of ``error``, which may quote a value of any length from a file."""
    text = str(error)
    return text if len(text) <= 200 else f"{text[:180]}...{text[-10:]}"
