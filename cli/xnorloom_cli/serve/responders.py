"""Responders: the gateware that answers the page, checked against the golden model."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Plan
from xnorloom_sim import golden
from xnorloom_sim.simulation import Simulator, compare

__all__ = ["Answer", "Responder", "SimulatedNetwork"]

_TITLES = {"compiled": "compiled simulation of the gateware", "golden": "golden model"}


@dataclass(frozen=True, eq=False)
class Answer:
    """Result of a frame.

    Attributes
    ----------
    read : int
        Class.
    scores : int64 array of shape (classes,)
        Scores.
    activations : tuple of uint8 arrays of shape (m,)
        Output of each layer but the last.
    latency : int or None
        Measured cycles from the first input word to the class.
    difference : str or None
        First difference from the golden model, in words.
    """

    read: int
    scores: npt.NDArray[np.int64]
    activations: tuple[npt.NDArray[np.uint8], ...]
    latency: int | None
    difference: str | None


class Responder(Protocol):
    """Gateware that answers.

    Attributes
    ----------
    graph : Graph
        The network.
    network : Network or None
        Its gateware; ``None`` if the schedule is unknown.
    title : str
        What answers, for people.
    inner : str
        What gives the scores and activations, for people.
    """

    graph: Graph
    network: Network | None
    title: str
    inner: str

    def answer(self, frame: npt.NDArray[np.unsignedinteger]) -> Answer:
        """Run a frame of shape (size,).

        Raises
        ------
        XnorloomError
            If the gateware does not answer.
        """
        ...


class SimulatedNetwork:
    """Responder that simulates the network, by default compiled from its Verilog.

    Parameters
    ----------
    plan : Plan
        The graph under its schedule.
    engine : str
        Engine of :func:`~xnorloom_sim.simulation.simulate`.

    Raises
    ------
    ToolError
        If the simulation cannot be compiled. The constructor does so, and takes its time.
    """

    def __init__(self, plan: Plan, engine: str):
        self._simulator = Simulator(plan, engine=engine, probes=True)
        self.graph = plan.graph
        self.network: Network | None = self._simulator.network
        self.title = self.inner = _TITLES[engine]
        self._measures = engine != "golden"
        self._simulator.run(np.zeros((1, self.graph.input.size), np.uint8))

    def answer(self, frame: npt.NDArray[np.unsignedinteger]) -> Answer:
        found = self._simulator.run(frame[np.newaxis])
        assert found.scores is not None and found.activations is not None
        comparison = compare(found, golden.evaluate(self.graph, frame[np.newaxis]))
        return Answer(int(found.classes[0]), found.scores[0],
                      tuple(values[0] for values in found.activations),
                      found.latency if self._measures else None, comparison.first)
