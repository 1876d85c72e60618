"""Simulation checked against the golden model, with its accuracy and measured cycles."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xnorloom.schedule import Plan

from . import golden
from .harness import Stall
from .simulation import Simulation, compare, simulate

__all__ = ["Check", "check"]


@dataclass(frozen=True, eq=False)
class Check:
    """A simulation and its differences from the golden model.

    Attributes
    ----------
    plan : Plan
        Graph and schedule.
    simulation : Simulation
        Results and cycles.
    frames : int
        Frames that were simulated.
    mismatches : int
        Frames whose class or scores differ from the golden model.
    first : str or None
        The first difference, in words.
    correct : int or None
        Frames whose class is their label; ``None`` without labels.
    """

    plan: Plan
    simulation: Simulation
    frames: int
    mismatches: int
    first: str | None
    correct: int | None

    @property
    def latency(self) -> int | None:
        """Measured latency in cycles; ``None`` if nothing was simulated or stalls blur it."""
        return None if self.simulation.cycles is None else self.simulation.latency

    @property
    def interval(self) -> int | None:
        """Measured interval in cycles; ``None`` as for the latency, and for too few frames."""
        return None if self.simulation.cycles is None else self.simulation.interval

    @property
    def values(self) -> dict[str, Any]:
        """The values of ``simulate --json``."""
        return {"frames": self.frames, "correct": self.correct,
                "accuracy": None if self.correct is None else self.correct / self.frames,
                "mismatches": self.mismatches, "cycles": self.simulation.cycles,
                "latency": self.latency, "interval": self.interval,
                "engine": self.simulation.engine}


def check(plan: Plan, frames: npt.NDArray[np.unsignedinteger],
          labels: npt.NDArray[np.integer] | None = None, *, engine: str = "compiled",
          stall: Stall | None = None, waveform: str | os.PathLike[str] | None = None,
          progress: Callable[[int, int], object] | None = None, probes: bool = False) -> Check:
    """Simulate ``frames`` and compare classes and scores with the golden model.

    ``labels`` are the right classes of the frames. Other parameters and errors are those of
    :func:`xnorloom_sim.simulation.simulate`.
    """
    simulation = simulate(plan, frames, engine=engine, stall=stall,
                          waveform=waveform, progress=progress, probes=probes)
    comparison = compare(simulation, golden.evaluate(plan.graph, frames))
    correct = None if labels is None else int((simulation.classes == labels).sum())
    return Check(plan, simulation, len(simulation.classes), comparison.mismatches,
                 comparison.first, correct)
