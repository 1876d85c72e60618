# amaranth: UnusedElaboratable=no
"""Simulation of a network: frames in, results and cycle counts out."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnorloom.gateware.network import Network
from xnorloom.packing import load_words, pack_frames, unpack_results
from xnorloom.schedule import Plan

from . import golden, harness
from .golden import Golden
from .harness import Stall
from .probes import activations

__all__ = ["ENGINES", "Comparison", "Simulation", "Simulator", "compare", "simulate"]

ENGINES = ("compiled", "amaranth", "golden")
Progress = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Simulation:
    """Results of the gateware for a number of frames, with their cycles.

    The engine ``golden`` simulates no cycles: ``cycles``, ``i_cycles`` and ``o_cycles`` are
    ``None``, ``latency`` and ``interval`` are computed from the schedule.

    Attributes
    ----------
    engine : str
    classes : int64 array of shape ``[frames]``
    scores : int64 array of shape ``[frames, C]``
        ``None`` for a network without scores.
    cycles : int
        Number of simulated cycles up to the last result.
    latency : int
        Cycles from the first input word of the first frame to its result; ``None`` with stalls.
    interval : int
        Cycles between the last result and that of ``B`` frames before, where ``B`` are the frames
        that the network processes at once; ``None`` with stalls, and for at most
        :attr:`~xnorloom.gateware.network.Network.steady_frames` frames.
    i_cycles, o_cycles : int64 arrays
        The cycle in which each input word, and each result, was transferred. Weights in SPRAM are
        loaded before the first input word.
    activations : tuple of uint8 arrays of shape ``[frames, m]``
        Output of each layer but the last; ``None`` without probes.
    """

    engine: str
    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64] | None
    cycles: int | None
    latency: int | None
    interval: int | None
    i_cycles: npt.NDArray[np.int64] | None
    o_cycles: npt.NDArray[np.int64] | None
    activations: tuple[npt.NDArray[np.uint8], ...] | None = None


@dataclass(frozen=True)
class Comparison:
    """Number of frames that differ, and a description of the first difference, if any."""

    mismatches: int
    first: str | None


def simulate(plan: Plan, frames: npt.ArrayLike, *, engine: str = "compiled",
             stall: Stall | None = None, waveform: str | os.PathLike[str] | None = None,
             progress: Progress | None = None, scores: bool = True,
             probes: bool = False) -> Simulation:
    """Run ``frames`` through the network of ``plan``.

    Parameters
    ----------
    plan : Plan
        The graph under its schedule.
    frames : integers of shape ``[frames, *shape]`` or ``[frames, size]``
        At least one frame, see :func:`~xnorloom_sim.golden.check_frames`.
    engine : str
        ``compiled`` and ``amaranth`` simulate the gateware cycle by cycle, see
        :func:`xnorloom_sim.harness.run`. ``golden`` evaluates the bit-packed golden model.
    stall : Stall
        Random stalls on both sides.
    waveform : path
        VCD file of all signals.
    progress : function
        Called periodically with the number of finished and of all frames.
    scores : bool
        True if the network outputs the scores beside the class.
    probes : bool
        True to record the activations of all layers but the last.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.
    XnorloomError
        If the engine is missing or fails.
    OSError
        If the waveform cannot be written.
    """
    return Simulator(plan, engine=engine, scores=scores, probes=probes).run(
        frames, stall=stall, waveform=waveform, progress=progress)


class Simulator:
    """Simulation of a network for frames that come one after the other.

    The first run elaborates and compiles the network; later runs take milliseconds. Parameters and
    errors are those of :func:`simulate`. Each run begins with an idle network.
    """

    def __init__(self, plan: Plan, *, engine: str = "compiled", scores: bool = True,
                 probes: bool = False):
        if engine not in ENGINES:
            raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        if not isinstance(plan, Plan):
            raise TypeError(f"plan must be a Plan, not {plan!r}")
        self._plan, self._engine, self._probes = plan, engine, bool(probes)
        self._network = Network(plan, scores=scores, probes=probes)

    @property
    def network(self) -> Network:
        return self._network

    def run(self, frames: npt.ArrayLike, *, stall: Stall | None = None,
            waveform: str | os.PathLike[str] | None = None,
            progress: Progress | None = None) -> Simulation:
        """Run ``frames`` through the network, see :func:`simulate`."""
        array = golden.check_frames(self._plan.graph, frames)
        if stall is not None and not isinstance(stall, Stall):
            raise TypeError(f"stall must be a Stall, not {stall!r}")
        if not len(array):
            raise ValueError("frames must hold at least one frame, not none")
        if self._engine != "golden":
            return self._simulate(array, stall, waveform, progress)
        for what, value in (("stall", stall), ("waveform", waveform)):
            if value is not None:
                raise ValueError(f"{what} must be None with the engine 'golden', which simulates "
                                 f"no cycles, not {value!r}")
        return self._golden(array, progress)

    def _simulate(self, array: npt.NDArray[np.unsignedinteger], stall: Stall | None,
                  waveform: str | os.PathLike[str] | None,
                  progress: Progress | None) -> Simulation:
        plan, network = self._plan, self._network
        # The last result of a convolutional network leaves before pixels that nothing needs. With
        # one frame more, all activations of the others are there.
        more = array[-1:] if self._probes and plan.overlaps else array[:0]
        words = pack_frames(plan, np.concatenate([array, more]))
        # An idle network has no output for `latency` cycles, a busy one for `interval`.
        patience = max(harness.IDLE_LIMIT, 4 * (network.latency + network.interval))
        trace = harness.run(network, words, len(array) + len(more), engine=self._engine,
                            stall=stall, waveform=waveform, patience=patience, progress=progress,
                            probes=network.probes, load=_load(plan))
        classes, scores = unpack_results(plan.graph, trace.outputs[:len(array)],
                                         scores=network.scores)
        latency = interval = None
        if stall is None:
            latency = int(trace.o_cycles[0] - trace.i_cycles[0])
            if network.steady_frames is not None and len(array) > network.steady_frames:
                last = trace.o_cycles[:len(array)]
                interval = int(last[-1] - last[-1 - plan.vectors])
        found = activations(plan, trace, len(array)) if self._probes else None
        return Simulation(self._engine, classes, scores, trace.cycles, latency, interval,
                          trace.i_cycles, trace.o_cycles[:len(array)], found)

    def _golden(self, frames: npt.NDArray[np.unsignedinteger],
                progress: Progress | None) -> Simulation:
        network = self._network
        result = golden.evaluate_packed(self._plan.graph, frames)
        if progress is not None:
            progress(len(frames), len(frames))
        return Simulation("golden", result.classes, result.scores if network.scores else None,
                          None, network.latency, network.interval, None, None,
                          result.activations if self._probes else None)


def _load(plan: Plan) -> npt.NDArray[np.uint8] | None:
    """Return the words to load as rows of bytes, or ``None`` if there are none."""
    words = load_words(plan)
    return words.astype("<u2").view(np.uint8).reshape(-1, 2) if words.size else None


def compare(simulation: Simulation, golden: Golden) -> Comparison:
    """Compare the results of a simulation with those of the golden model, frame by frame.

    A frame differs if its class differs or, in a simulation with scores, any score.

    Raises
    ------
    ValueError
        If the two have different numbers of frames.
    """
    if simulation.classes.shape != golden.classes.shape:
        raise ValueError(f"golden results must be of {len(simulation.classes)} frames, as the "
                         f"simulation, not {len(golden.classes)}")
    wrong = simulation.classes != golden.classes
    if simulation.scores is not None:
        wrong = wrong | (simulation.scores != golden.scores).any(axis=1)
    if not wrong.any():
        return Comparison(0, None)
    frame = int(np.argmax(wrong))
    if simulation.scores is not None:
        differing = np.flatnonzero(simulation.scores[frame] != golden.scores[frame])
        if differing.size:
            score = int(differing[0])
            return Comparison(int(wrong.sum()), f"frame {frame}: score of class {score} is "
                              f"{simulation.scores[frame, score]}, golden "
                              f"{golden.scores[frame, score]}")
    return Comparison(int(wrong.sum()), f"frame {frame}: class is {simulation.classes[frame]}, "
                                        f"golden {golden.classes[frame]}")
