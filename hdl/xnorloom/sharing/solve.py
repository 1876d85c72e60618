"""Sharing compiler: the program of a layer with constant weights, solved once and then cached."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..support import artifacts, cache
from ..support.activity import activity
from ..support.arguments import integer, integers
from ..support.text import count as counted
from .budget import Budget
from .compile import Effort, compiled
from .pipeline import Pipeline
from .program import Program
from .reduction import Reduction, reduce

__all__ = ["MOST_STEPS", "Solution", "solve"]

MOST_STEPS = 100_000
"""Steps of the search unless the caller wants others: some minutes for a layer of 1,024 x 1,024."""

# Raised with each change of the search that changes a program.
_VERSION = 1
# Synapses up to which solving is faster than looking into the cache.
_SMALL = 1024
_FOLDER = "xnorloom/sharing"


@dataclass(frozen=True, eq=False)
class Solution:
    """Program of a layer, and how it came about.

    Attributes
    ----------
    program : Program
        Results of all neurons.
    reduction : Reduction
        Neurons that share a row, or are constant, and inputs that nothing depends on.
    effort : Effort
        Rows, shared counts and steps of the search.
    """

    program: Program
    reduction: Reduction
    effort: Effort

    def __repr__(self) -> str:
        return f"Solution({self.summary})"

    @property
    def summary(self) -> str:
        """One line for people."""
        reduction, effort = self.reduction, self.effort
        parts = [f"{counted(len(reduction.row), 'neuron')} in {counted(effort.rows, 'row')}"]
        constant = int(reduction.constant.sum())
        if constant:
            parts.append(f"{constant} constant")
        if reduction.unfelt.size:
            parts.append(f"{counted(reduction.unfelt.size, 'input')} without effect")
        parts.append(f"{effort.differences:,} differences, {effort.units:,} shared counts")
        if not effort.complete:
            parts.append(f"search ended after its {effort.steps:,} steps")
        return ", ".join(parts)

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(self.program.as_json()).encode()).hexdigest()

    def pipeline(self, every: int = 0) -> Pipeline:
        """Return the program with registers after ``every`` levels, or without."""
        if every not in self._pipelines:
            pipeline = Pipeline(self.program, every)
            if pipeline.stages and self.reduction.row.size * self.program.inputs > _SMALL:
                levels = _stored("levels", [self._digest, every], lambda: list(pipeline.levels))
                pipeline = Pipeline(self.program, every, tuple(levels))
            self._pipelines[every] = pipeline
        return self._pipelines[every]

    @cached_property
    def _pipelines(self) -> dict[int, Pipeline]:
        return {}


def solve(weights: npt.ArrayLike, thresholds: npt.ArrayLike | None = None,
          offsets: npt.ArrayLike | None = None, *, steps: int = MOST_STEPS) -> Solution:
    """Return the program of a layer.

    The same arguments always give the same program. Larger layers are kept in the user's cache.
    A search is announced; see :mod:`xnorloom.support.activity`.

    Parameters
    ----------
    weights : array of -1, 0 and 1, shape (neurons, inputs)
        Weights; 0 for an absent synapse. The count of a neuron are its inputs that agree with
        their weight.
    thresholds : array of int, shape (neurons,), or None
        Thresholds, for results of one bit: 1 iff the count reaches the threshold.
    offsets : array of int, shape (neurons,), or None
        Without thresholds: numbers added to the counts, which are the results.
    steps : int
        Most steps of the search; see :class:`~.budget.Budget`. A layer for which they do not
        suffice shares less.

    Raises
    ------
    TypeError, ValueError
        If the arrays have other shapes or values, or there are both thresholds and offsets.
    """
    reduction = reduce(weights, thresholds)
    neurons = len(reduction.row)
    limits = None if thresholds is None else integers("Thresholds", thresholds).astype(np.int64)
    if offsets is None:
        added = np.zeros(neurons, np.int64)
    elif thresholds is not None:
        raise ValueError("Offsets must be None with thresholds")
    else:
        added = integers("Offsets", offsets).astype(np.int64)
    if added.shape != (neurons,):
        raise ValueError(f"Offsets must have the shape ({neurons},), not {added.shape!r}")
    # Only this matters: equal layers of other networks find it, too.
    key = (reduction.rows.tobytes(), reduction.rows.shape, reduction.row.tobytes(),
           reduction.sign.tobytes(), None if limits is None else limits.tobytes(), added.tobytes())
    integer("Budget steps", steps, 0)
    program, effort = _solved(_Key(key, reduction, limits, added), steps)
    return Solution(program, reduction, effort)


class _Key:
    """Arguments of the search, equal if their bytes are."""

    def __init__(self, key: tuple, reduction: Reduction, thresholds: npt.NDArray[np.int64] | None,
                 offsets: npt.NDArray[np.int64]):
        self.key, self.reduction, self.thresholds = key, reduction, thresholds
        self.offsets = offsets

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.key == other.key

    def search(self, steps: int) -> tuple[Program, Effort]:
        neurons, inputs = len(self.reduction.row), self.reduction.rows.shape[1]
        with activity(f"sharing the counts of {inputs:,} × {neurons:,} weights") as update:
            return compiled(self.reduction, self.thresholds, self.offsets, Budget(steps, update))


@lru_cache(64)
def _solved(key: _Key, steps: int) -> tuple[Program, Effort]:
    if key.reduction.row.size * key.reduction.rows.shape[1] <= _SMALL:
        return key.search(steps)

    def found() -> dict[str, Any]:
        program, effort = key.search(steps)
        return {"program": program.as_json(), "effort": asdict(effort)}

    digest = hashlib.sha256(repr(key.key).encode()).hexdigest()
    values = _stored("program", [digest, steps], found)
    return Program.from_json(values["program"]), Effort(**values["effort"])


def _stored(name: str, inputs: list[Any], make: Callable[[], Any]) -> Any:
    """Return JSON values that are in the user's cache, made if missing."""
    def write(folder: Path) -> None:
        (folder / "values.json").write_text(json.dumps(make()), "utf-8")

    folder = artifacts.cached(cache.writable(_FOLDER), name, [_VERSION, *inputs], "values.json",
                              write, tool="sharing compiler")
    return json.loads((folder / "values.json").read_text("utf-8"))
