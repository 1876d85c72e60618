"""How much of a chip a build gives to the network, and less where that turned out too much."""

from dataclasses import dataclass, replace

from xnorloom.folding.estimate import estimate, rams
from xnorloom.folding.fit import fit
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.target.device import Device

from .place_and_route import CrampedError, NoFitError

__all__ = ["Room"]

# Share of the cells of a chip that the network may take by the estimate.
_SHARE = 0.9
# What serial port, link and clock take (450 as measured on both families), and what the estimate is
# off by where a chip gets full: networks that take 98 % of an iCE40UP5K were routed.
_OTHER_CELLS = 556
# Of what was too much or, with the estimate as far off as it was, just enough.
_CRAMPED, _LARGE = 0.9, 0.95


@dataclass(frozen=True, eq=False)
class Room:
    """What a network may take of a chip, beside its serial port, link and clock.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device
        The chip.
    share : float
        Share of its logic cells, as :func:`~xnorloom.folding.estimate.estimate` counts them.
    reserve : int
        Block RAMs that the network must leave, besides those for the frame that the link keeps.
    """

    graph: Graph
    device: Device
    share: float
    reserve: int

    @classmethod
    def usual(cls, graph: Graph, device: Device) -> "Room":
        """As much as leaves enough for the others."""
        return cls(graph, device, _SHARE, 0)

    def schedule(self, interval: int | None = None) -> Schedule:
        """The schedule that :func:`~xnorloom.folding.fit.fit` finds in this room.

        Raises
        ------
        FitError
            If there is none.
        """
        return fit(self.graph, self.device, interval=interval, share=self.share,
                   reserve_cells=_OTHER_CELLS, reserve=self._others)

    def _others(self, device: Device) -> int:
        """Block RAMs for the frame of the link, however it may be cut into words, and others."""
        values = self.graph.input.size * self.graph.input.bits
        return self.reserve + rams(-(-values // 4), 8, device.family)

    def less(self, schedule: Schedule, error: NoFitError) -> "Room | None":
        """The room after ``schedule`` ended in ``error``; ``None`` if less would be no help."""
        share, reserve = self.share, self.reserve
        used, there = error.resources.get("logic_cells", (0, 0))
        plan = schedule.bind(self.graph)
        guessed = sum(cost.cells for cost in estimate(plan, self.device.family))
        if isinstance(error, CrampedError):
            share = min(share, _CRAMPED * guessed / self.device.logic_cells)
        elif used > there:
            share = min(share, _LARGE * guessed / used)
        used, there = error.resources.get("brams", (0, 0))
        reserve += max(0, used - there)
        if (share, reserve) == (self.share, self.reserve):
            return None
        return replace(self, share=share, reserve=reserve)
