"""Interface of the simulation engines: job, trace, stalls and errors."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from xnorloom.errors import XnorloomError
from xnorloom.support.arguments import integer
from xnorloom.support.files import destination

__all__ = [
    "IDLE_LIMIT",
    "RESET_CYCLES",
    "DeadlineError",
    "Job",
    "ProtocolError",
    "SimulationError",
    "Stall",
    "Trace",
    "check_waveform",
    "deadline_error",
    "protocol_error",
]

IDLE_LIMIT = 1_000_000
"""Default number of cycles without a transfer after which a run without a deadline ends."""

RESET_CYCLES = 2
"""Rising clock edges with the reset held before cycle 0."""


class SimulationError(XnorloomError):
    """A component misbehaves in simulation."""


class ProtocolError(SimulationError):
    """The output breaks a rule of the stream protocol.

    Attributes
    ----------
    cycle : int
        The cycle that breaks the rule.
    """

    def __init__(self, message: str, *, cycle: int):
        super().__init__(message)
        self.cycle = cycle


class DeadlineError(SimulationError):
    """A run does not finish in time.

    Attributes
    ----------
    cycle : int
        The first cycle after the limit.
    received, sent : int
        Words that the component received and sent.
    """

    def __init__(self, message: str, *, cycle: int, received: int, sent: int):
        super().__init__(message)
        self.cycle = cycle
        self.received = received
        self.sent = sent


@dataclass(frozen=True)
class Stall:
    """Random stalls on both sides of a component, the same for every engine.

    Parameters
    ----------
    seed : int
        Seed of the generator, not negative.
    i : float
        Probability, below 1, that the producer withholds a word in a cycle.
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
        """Return the patterns of the producer and of the sink.

        Returns
        -------
        may_present, ready : bool arrays of shape ``[PERIOD]``
            Indexed by the cycle number modulo ``PERIOD``: the producer may begin to present a
            word, and the sink is ready.
        """
        dice = np.random.default_rng(self.seed).random((2, self.PERIOD))
        return dice[0] >= self.i, dice[1] >= self.o


@dataclass(frozen=True, eq=False)
class Trace:
    """Transfers of a component in a run.

    Attributes
    ----------
    outputs : uint8 array of shape ``[expected, bytes of an output word]``
        The output words.
    i_cycles : int64 array of shape ``[words]``
        The cycle in which each input word was transferred.
    o_cycles : int64 array of shape ``[expected]``
        The cycle in which each output word was transferred.
    probes : dict of uint8 arrays of shape ``[count, bytes of a word]``
        Words of each probe from cycle 0 to the end, by its name.
    """

    outputs: np.ndarray
    i_cycles: np.ndarray
    o_cycles: np.ndarray
    probes: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cycles(self) -> int:
        """Number of cycles up to and including the last output transfer."""
        return int(self.o_cycles[-1]) + 1 if len(self.o_cycles) else 0


@dataclass(frozen=True, eq=False)
class Job:
    """Validated arguments of :func:`xnorloom_sim.harness.run`."""

    # Not a Component for the type checker, which does not know its ports `i` and `o`.
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
    probes: dict[str, int]  # bits of the payload by name
    load: np.ndarray | None = None  # words for stream `load`
    load_width: int = 0


def check_waveform(job: Job) -> None:
    """Raise the OSError of a waveform that cannot be written, before the simulation.

    It must be a regular file, or become one.

    Call it after the component is elaborated: Amaranth warns of components that never are.
    """
    if job.waveform is not None:
        with open(destination(job.waveform), "ab"):
            pass


def protocol_error(kind: str, *, cycle: int, sent: int) -> ProtocolError:
    """Return the error for a broken rule ``kind`` in ``cycle``, after ``sent`` output words."""
    what = {
        "dropped": f"valid dropped before output word {sent} was taken",
        "changed": f"payload of output word {sent} changed before it was taken",
        "spurious": f"spurious output word after the {sent} expected",
    }[kind]
    return ProtocolError(f"Cycle {cycle}: {what}", cycle=cycle)


def deadline_error(job: Job, *, cycle: int, received: int, sent: int,
                   loaded: int = 0) -> DeadlineError:
    """Return the error for a run that ends before ``cycle``.

    Parameters
    ----------
    received, sent : int
        Words that went into stream ``i`` and came out of stream ``o``.
    loaded : int
        Words that went into stream ``load``, if the job has any for it.
    """
    unloaded = "" if job.load is None else f", {loaded} of {len(job.load)} were loaded"
    why = "in time" if job.deadline is not None else f"and {job.patience} cycles had no transfer"
    return DeadlineError(
        f"Cycle {cycle}: the run did not finish {why}, {received} of {len(job.words)} words "
        f"went in and {sent} of {job.expected} came out{unloaded}",
        cycle=cycle,
        received=received,
        sent=sent,
    )
