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

__all__ = ["ENGINES", "Simulation", "Comparison", "simulate", "compare"]

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
        Output of each dense layer; ``None`` without probes.
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
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if not isinstance(plan, Plan):
        raise TypeError(f"plan must be a Plan, not {plan!r}")
    array = golden.check_frames(plan.graph, frames)
    if stall is not None and not isinstance(stall, Stall):
        raise TypeError(f"stall must be a Stall, not {stall!r}")
    if not len(array):
        raise ValueError("frames must hold at least one frame, not none")
    if engine == "golden":
        for what, value in (("stall", stall), ("waveform", waveform)):
            if value is not None:
                raise ValueError(f"{what} must be None with the engine 'golden', which simulates "
                                 f"no cycles, not {value!r}")
        return _golden(plan, array, progress, scores, probes)

    network = Network(plan, scores=scores, probes=probes)
    # The last result of a convolutional network leaves before pixels that nothing needs. With one
    # frame more, all activations of the others are there.
    more = array[-1:] if probes and plan.overlaps else array[:0]
    words = pack_frames(plan, np.concatenate([array, more]))
    # An idle network has no output for `latency` cycles, a busy one for `interval`.
    patience = max(harness.IDLE_LIMIT, 4 * (network.latency + network.interval))
    trace = harness.run(network, words, len(array) + len(more), engine=engine, stall=stall,
                        waveform=waveform, patience=patience, progress=progress,
                        probes=network.probes, load=_load(plan))
    classes, values = unpack_results(plan.graph, trace.outputs[:len(array)], scores=scores)
    latency = interval = None
    if stall is None:
        latency = int(trace.o_cycles[0] - trace.i_cycles[0])
        if network.steady_frames is not None and len(array) > network.steady_frames:
            last = trace.o_cycles[:len(array)]
            interval = int(last[-1] - last[-1 - plan.vectors])
    activations = _activations(plan, trace, len(array)) if probes else None
    return Simulation(engine, classes, values, trace.cycles, latency, interval, trace.i_cycles,
                      trace.o_cycles[:len(array)], activations)


def _load(plan: Plan) -> npt.NDArray[np.uint8] | None:
    """Return the words to load as rows of bytes, or ``None`` if there are none."""
    words = load_words(plan)
    return words.astype("<u2").view(np.uint8).reshape(-1, 2) if words.size else None


def _activations(plan: Plan, trace: harness.Trace,
                 frames: int) -> tuple[npt.NDArray[np.uint8], ...]:
    """Unpack the probed words into activations, without the lanes that have no neuron."""
    activations = []
    order = _order(plan.vectors, trace.probes.get("batches"), frames)
    for entry, (name, words) in zip(plan.layers[:-1], trace.probes.items()):
        layer, folds = entry.layer, entry.output.pixels * entry.neuron_folds
        batches = 1 + int(order.max()) // plan.vectors
        if plan.overlaps:
            words = words[:batches * folds]
        if len(words) != batches * folds:
            of = f"{frames} frames" if plan.vectors == 1 else f"{batches} batches"
            raise harness.SimulationError(f"{name}: {len(words)} words left layer {layer.name!r}, "
                                          f"{batches * folds} belong to {of}")
        bits = np.unpackbits(words, axis=1, count=plan.vectors * entry.fold.pe, bitorder="little")
        rows = bits.reshape(batches, folds, plan.vectors, -1).swapaxes(1, 2)
        rows = rows.reshape(batches * plan.vectors, entry.output.pixels, -1)[order]
        activations.append(rows[..., :layer.neurons].reshape(frames, -1))
    return tuple(activations)


def _order(vectors: int, masks: npt.NDArray[np.uint8] | None,
           frames: int) -> npt.NDArray[np.int64]:
    """Return the place of each frame among all columns of all batches.

    ``masks`` has the columns with a frame of each batch.
    """
    if masks is None:
        return np.arange(frames)
    places, column = [], 0
    for batch, mask in enumerate(np.unpackbits(masks, axis=1, count=vectors, bitorder="little")):
        for _ in range(int(mask.sum())):
            if not mask[column]:
                raise harness.SimulationError(f"batches: frame {len(places)} belongs to column "
                                              f"{column}, which batch {batch} lacks")
            places.append(batch * vectors + column)
            column = (column + 1) % vectors
    if len(places) != frames:
        raise harness.SimulationError(f"batches: {len(places)} frames were in batches, not "
                                      f"{frames}")
    return np.array(places, np.int64)


def _golden(plan: Plan, frames: npt.NDArray[np.unsignedinteger], progress: Progress | None,
            scores: bool, probes: bool) -> Simulation:
    network = Network(plan)
    result = golden.evaluate_packed(plan.graph, frames)
    if progress is not None:
        progress(len(frames), len(frames))
    return Simulation("golden", result.classes, result.scores if scores else None, None,
                      network.latency, network.interval, None, None,
                      result.activations if probes else None)


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
