"""Responders: the gateware that answers the page, checked against the golden model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Plan
from xnorloom.support.text import count, quoted
from xnorloom_sim import golden
from xnorloom_sim.simulation import Simulator

if TYPE_CHECKING:
    from xnorloom_boards.link.connection import Connection

__all__ = ["Answer", "BoardNetwork", "Responder", "SimulatedNetwork"]

_TITLES = {"compiled": "the compiled simulation of the gateware",
           "golden": "the bit-packed golden model"}


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
        Name of the gateware with its article, for people.
    scores, activations : bool
        True if the gateware gives them, so that they are compared; otherwise they are those of the
        golden model.
    """

    graph: Graph
    network: Network | None
    title: str
    scores: bool
    activations: bool

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

    scores = activations = True

    def __init__(self, plan: Plan, engine: str):
        self._simulator = Simulator(plan, engine=engine, probes=True)
        self.graph = plan.graph
        self.network: Network | None = self._simulator.network
        self.title = _TITLES[engine]
        self._measures = engine != "golden"
        self._simulator.run(np.zeros((1, self.graph.input.size), np.uint8))

    def answer(self, frame: npt.NDArray[np.unsignedinteger]) -> Answer:
        found = self._simulator.run(frame[np.newaxis])
        assert found.scores is not None and found.activations is not None
        activations = tuple(values[0] for values in found.activations)
        return _checked(self.graph, frame, int(found.classes[0]), found.scores[0], activations,
                        found.latency if self._measures else None)


class BoardNetwork:
    """Responder that asks a board.

    Parameters
    ----------
    graph : Graph
        The network.
    connection : Connection
        Open connection to the board.
    title : str
        Name of the board with its article, for people.
    network : Network or None
        The gateware in the board, if its schedule is known.
    """

    activations = False

    def __init__(self, graph: Graph, connection: "Connection", title: str,
                 network: Network | None):
        self.graph, self.title, self.network = graph, title, network
        self._connection = connection
        self.scores = connection.hello.scores

    def answer(self, frame: npt.NDArray[np.unsignedinteger]) -> Answer:
        classes, scores = self._connection.results(frame[np.newaxis])
        return _checked(self.graph, frame, int(classes[0]), None if scores is None else scores[0],
                        None, None)


def _checked(graph: Graph, frame: npt.NDArray[np.unsignedinteger], read: int,
             scores: npt.NDArray[np.int64] | None,
             activations: tuple[npt.NDArray[np.uint8], ...] | None,
             latency: int | None) -> Answer:
    """Compare results with the golden model, which also gives those that are missing."""
    right = golden.evaluate(graph, frame[np.newaxis])
    wanted = tuple(values[0] for values in right.activations)
    difference = None
    for layer, found, same in zip(graph.layers, activations or (), wanted):
        wrong = int((found != same).sum())
        if wrong and difference is None:
            difference = (f"{wrong:,} of {count(found.size, 'activation')} of layer "
                          f"{quoted(layer.name)}")
    if scores is not None and difference is None and (scores != right.scores[0]).any():
        index = int(np.argmax(scores != right.scores[0]))
        difference = (f"score of class {index} is {scores[index]}, golden "
                      f"{right.scores[0, index]}")
    if difference is None and read != right.classes[0]:
        difference = f"class is {read}, golden {right.classes[0]}"
    return Answer(read, right.scores[0] if scores is None else scores,
                  wanted if activations is None else activations, latency, difference)
