"""What every simulation engine takes, gives back and raises."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from xnorloom.errors import XnorloomError
from xnorloom.support.arguments import integer

__all__ = [
    "IDLE_LIMIT",
    "RESET_CYCLES",
    "DeadlineError",
    "Job",
    "ProtocolError",
    "SimulationError",
    "Stall",
    "Trace",
    "deadline_error",
    "protocol_error",
    "prove_waveform",
]

IDLE_LIMIT = 1_000_000
"""Cycles without a transfer after which a run is given up, if neither is told otherwise."""

RESET_CYCLES = 2
"""Rising clock edges with the reset held before cycle 0."""


class SimulationError(XnorloomError):
    """A component that misbehaved in simulation."""


class ProtocolError(SimulationError):
    """A broken rule of the stream protocol on the output.

    Members
    -------
    cycle : int
        The cycle that breaks the rule.
    """

    def __init__(self, message: str, *, cycle: int):
        super().__init__(message)
        self.cycle = cycle


class DeadlineError(SimulationError):
    """A run that did not finish in time.

    Members
    -------
    cycle : int
        The first cycle that the run was not allowed.
    taken, given : int
        Words that went in and that came out.
    """

    def __init__(self, message: str, *, cycle: int, taken: int, given: int):
        super().__init__(message)
        self.cycle = cycle
        self.taken = taken
        self.given = given


@dataclass(frozen=True)
class Stall:
    """Random stalls on both sides of a component, the same ones for every engine.

    Parameters
    ----------
    seed : int
        Seed of the generator, not negative.
    i : float
        Probability, below 1, that the source withholds a word in a cycle.
    o : float
        Probability, below 1, that the sink is not ready in a cycle.
    """

    seed: int = 0
    i: float = 0.0
    o: float = 0.0

    PERIOD = 4096
    """Cycles after which the patterns repeat."""

    def __post_init__(self):
        integer("Stall seed", self.seed, 0)
        for name, value in (("i", self.i), ("o", self.o)):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"Stall probability {name} must be a number, not {value!r}")
            if not 0 <= value < 1:
                raise ValueError(
                    f"Stall probability {name} must be at least 0 and below 1, not {value!r}"
                )

    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Two bool arrays of shape ``[PERIOD]``, indexed by the cycle number modulo ``PERIOD``.

        The first tells whether the source may begin to present a word, the second whether
        the sink is ready.
        """
        dice = np.random.default_rng(self.seed).random((2, self.PERIOD))
        return dice[0] >= self.i, dice[1] >= self.o


@dataclass(frozen=True, eq=False)
class Trace:
    """What a component did, cycle by cycle.

    Members
    -------
    outputs : uint8 array of shape ``[expected, bytes of an output word]``
        The words that came out.
    i_cycles : int64 array of shape ``[words]``
        The cycle in which each input word was transferred.
    o_cycles : int64 array of shape ``[expected]``
        The cycle in which each output word was transferred.
    taps : dict of uint8 arrays of shape ``[count, bytes of a word]``
        By the name of each tap, the words that it showed from cycle 0 to the end.
    """

    outputs: np.ndarray
    i_cycles: np.ndarray
    o_cycles: np.ndarray
    taps: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cycles(self) -> int:
        """Cycles from the first one to the last output transfer, that one included."""
        return int(self.o_cycles[-1]) + 1 if len(self.o_cycles) else 0


@dataclass(frozen=True, eq=False)
class Job:
    """One checked request to simulate; see :func:`xnorloom_sim.harness.run` for the meaning."""

    # Not a Component for the type checker, which does not know that it has `i` and `o`.
    dut: Any
    i_width: int
    o_width: int
    words: np.ndarray
    expected: int
    stall: Stall
    deadline: int | None
    patience: int
    watch: int
    waveform: str | None
    progress: Callable[[int, int], object] | None
    cache: str | os.PathLike[str] | None
    taps: dict[str, int]  # bits of the payload by name
    load: np.ndarray | None = None  # words for stream `load`
    load_width: int = 0


def prove_waveform(job: Job) -> None:
    """Raise the OSError of a waveform that cannot be written, before time is spent on it.

    To be called with the component elaborated, since Amaranth warns of those that never are.
    """
    if job.waveform is not None:
        with open(job.waveform, "ab"):
            pass


def protocol_error(kind: str, *, cycle: int, given: int) -> ProtocolError:
    """The error for a broken rule ``kind`` in ``cycle``, after ``given`` words came out."""
    what = {
        "dropped": f"valid dropped before output word {given} was taken",
        "changed": f"payload of output word {given} changed before it was taken",
        "spurious": f"spurious output word after the {given} expected",
    }[kind]
    return ProtocolError(f"Cycle {cycle}: {what}", cycle=cycle)


def deadline_error(job: Job, *, cycle: int, taken: int, given: int,
                   loaded: int = 0) -> DeadlineError:
    """The error for a run given up before ``cycle``, with ``taken`` words in and ``given`` out.

    ``loaded`` words went into stream ``load``, where there is one.
    """
    unloaded = "" if job.load is None else f", {loaded} of {len(job.load)} were loaded"
    why = "in time" if job.deadline is not None else f"and {job.patience} cycles had no transfer"
    return DeadlineError(
        f"Cycle {cycle}: the run did not finish {why}, {taken} of {len(job.words)} words "
        f"went in and {given} of {job.expected} came out{unloaded}",
        cycle=cycle,
        taken=taken,
        given=given,
    )
