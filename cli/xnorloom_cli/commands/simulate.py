# amaranth: UnusedElaboratable=no
"""``xnorloom simulate``: images through the gateware, each result checked."""

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xnorloom.errors import XnorloomError
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.staging import staged_file
from xnorloom.support.text import count

from ..console import Console
from ..inputs import check_data_dir, frames_of, labels_of, load, make_schedule

if TYPE_CHECKING:
    from xnorloom_sim.harness import Stall
    from xnorloom_sim.simulation import Simulation

__all__ = ["run", "checked", "checked_text", "warn_of"]


def run(arguments: Namespace, console: Console) -> int:
    """Simulate a model; returns the exit status, 1 if a frame differs from the golden model."""
    from xnorloom_sim import data
    from xnorloom_sim.harness import SimulationError, Stall

    for name in ("stall", "waveform"):
        if arguments.engine == "golden" and getattr(arguments, name) is not None:
            raise XnorloomError(f"argument --{name}: not allowed with --engine golden, which "
                                f"simulates no cycles")
    check_data_dir(arguments)
    graph = load(arguments, console).graph
    schedule = make_schedule(graph, arguments)
    dataset = data.load(arguments.data, directory=arguments.data_dir)
    frames = frames_of(graph, dataset)[:arguments.limit]
    labels = labels_of(graph, dataset, arguments.limit)
    if dataset.images.any() and not frames.any():
        console.warn(f"every pixel of data {dataset.name} becomes 0: an input of "
                     f"{count(graph.input.bits, 'bit')} takes the top bits of 8-bit pixels, "
                     f"and the largest pixel is {dataset.images.max()}")
    stall = Stall(i=arguments.stall, o=arguments.stall) if arguments.stall else None
    # The waveform of a run that failed is the one that is wanted most.
    with (staged_file(arguments.waveform, keep=SimulationError) as waveform,
          console.progress(arguments.engine, len(frames), " frames") as progress):
        values, _, first = checked(graph, schedule, frames, labels, engine=arguments.engine,
                                   stall=stall, waveform=waveform, progress=progress)
    text = checked_text(graph, schedule, values)
    console.result(values, f"{graph.name} on {dataset.name}\n\n{text}")
    warn_of(graph, schedule, values, first, console)
    return 1 if values["mismatches"] else 0


def checked(graph: Graph, schedule: Schedule, frames: npt.NDArray[np.unsignedinteger],
            labels: npt.NDArray[np.integer] | None, *, engine: str, stall: "Stall | None" = None,
            waveform: str | None = None, progress: Callable[[int, int], None] | None = None
            ) -> "tuple[dict[str, Any], Simulation, str | None]":
    """Simulate and compare with the golden model.

    Returns what ``simulate --json`` gives, the simulation, and the first difference if there is
    one. Where nothing was simulated or stalls blur it, latency and interval are ``None``: they are
    measurements. Arguments and errors are those of :func:`xnorloom_sim.simulation.simulate`.
    """
    from xnorloom_sim import golden
    from xnorloom_sim.simulation import compare, simulate

    simulation = simulate(schedule.bind(graph), frames, engine=engine, stall=stall,
                          waveform=waveform, progress=progress)
    comparison = compare(simulation, golden.evaluate(graph, frames))
    simulated = simulation.cycles is not None
    correct = None if labels is None else int((simulation.classes == labels).sum())
    values = {"frames": len(frames), "correct": correct,
              "accuracy": None if correct is None else correct / len(frames),
              "mismatches": comparison.mismatches, "cycles": simulation.cycles,
              "latency": simulation.latency if simulated else None,
              "interval": simulation.interval if simulated else None, "engine": engine}
    return values, simulation, comparison.first


def checked_text(graph: Graph, schedule: Schedule, values: dict[str, Any]) -> str:
    """The values of :func:`checked` for a person."""
    times = Network(schedule.bind(graph))
    lines = [("engine", values["engine"]), ("frames", f"{values['frames']:,}")]
    if values["correct"] is not None:
        lines.append(("accuracy", f"{100 * values['accuracy']:.2f} % ({values['correct']:,} "
                                  f"correct)"))
    lines.append(("mismatches", f"{values['mismatches']:,} (frames whose class or scores differ "
                                f"from the golden model)"))
    if values["cycles"] is not None:
        lines.append(("cycles", f"{values['cycles']:,}"))
    for what in ("latency", "interval"):
        measured, formula = values[what], count(getattr(times, what), "cycle")
        if values["cycles"] is None:
            lines.append((what, f"{formula} by the formula, not measured"))
        elif measured is not None:
            lines.append((what, f"{count(measured, 'cycle')} measured, "
                                f"{getattr(times, what):,} by the formula"))
        elif values["frames"] == 1 and values["latency"] is not None:
            lines.append((what, f"{formula} by the formula; measuring takes two frames"))
        else:
            lines.append((what, f"{formula} by the formula; stalls forbid to measure"))
    return "\n".join(f"{name:<12}{text}" for name, text in lines)


def warn_of(graph: Graph, schedule: Schedule, values: dict[str, Any], first: str | None,
            console: Console) -> None:
    """Warn of what :func:`checked` found wrong."""
    times = Network(schedule.bind(graph))
    if first is not None:
        console.warn(f"the gateware differs from the golden model, first in {first}")
    for what in ("latency", "interval"):
        measured, formula = values[what], getattr(times, what)
        if measured is not None and measured != formula:
            console.warn(f"the measured {what} is {count(measured, 'cycle')}, the formula "
                         f"says {formula}")
