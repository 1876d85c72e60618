"""Resource budget of a network on a chip, and how it shrinks after a failed build."""

from dataclasses import dataclass, replace
from typing import Any

from xnorloom.folding.estimate import estimate, rams
from xnorloom.folding.fit import fit
from xnorloom.folding.pareto import Front, front
from xnorloom.folding.steps import Steps, steps
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.schedule.fold import USUAL_VECTORS
from xnorloom.target.device import Device

from ..link.kind import LinkKind
from .place_and_route import CongestionError, ResourceOverflowError

__all__ = ["ResourceBudget"]

# Cells of serial port, link and clock, measured on both families.
_LINK_CELLS = 470
# The same with the error of the estimate on a full chip: networks that take 98 % of an iCE40UP5K
# were routed.
_OTHER_CELLS = 580
# Further cells of a link that loads weights: 411 become 604 with serial port.
_LOADER_CELLS = 193
# Further cells of SPI, whose queue also takes a block RAM.
_SPI_CELLS, _SPI_BRAMS = 130, 1
# Factors on the share that was too large, and on the share that would just fit if the estimate is
# as wrong for the next schedule.
_AFTER_CONGESTION, _AFTER_OVERFLOW = 0.9, 0.95


@dataclass(frozen=True, eq=False)
class ResourceBudget:
    """Resources of a chip for a network, besides its serial port, link and clock.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device
        The chip.
    share : float
        Share of the logic cells, as :func:`~xnorloom.folding.estimate.estimate` counts them.
    reserve : int
        Block RAMs that the network must leave, besides those of the frame buffer of the link.
    most_vectors : int
        Most frames at once.
    link : LinkKind
        Link of the design.
    """

    graph: Graph
    device: Device
    share: float = 0.9
    reserve: int = 0
    most_vectors: int = USUAL_VECTORS
    link: LinkKind = LinkKind.UART

    def schedule(self, interval: int | None = None) -> Schedule:
        """Find a schedule within the budget; see :func:`~xnorloom.folding.fit.fit`.

        Raises
        ------
        NoScheduleError
            If there is none.
        """
        return fit(self.graph, self.device, interval=interval, **self._options)

    def front(self) -> Front:
        """Return the Pareto front within the budget; see :func:`~xnorloom.folding.pareto.front`.

        Raises
        ------
        NoScheduleError
            If no schedule fits.
        """
        return front(self.graph, self.device, **self._options)

    def steps(self, schedule: Schedule) -> Steps:
        """Return a schedule's neighbours; see :func:`~xnorloom.folding.steps.steps`.

        Raises
        ------
        ScheduleError
            If the schedule does not fit the graph.
        """
        return steps(self.graph, self.device, schedule, **self._options)

    def others(self, loaded: bool) -> tuple[int, int]:
        """Cells and block RAMs of a design besides its network: serial port, link and clock.

        ``loaded`` is true if the link loads weights.
        """
        cells = _LINK_CELLS + (_LOADER_CELLS if loaded else 0) + self._line_cells
        return cells, self._reserved(self.device)

    @property
    def _line_cells(self) -> int:
        """Cells of the link beyond those with a serial port."""
        return _SPI_CELLS if self.link is LinkKind.SPI else 0

    @property
    def _options(self) -> dict[str, Any]:
        return {"share": self.share, "reserve_cells": _OTHER_CELLS + self._line_cells,
                "reserve_loader": _LOADER_CELLS, "reserve": self._reserved,
                "most_vectors": self.most_vectors}

    def _reserved(self, device: Device) -> int:
        """Block RAMs to leave: ``reserve``, and those of the link with any word width."""
        values = self.graph.input.size * self.graph.input.bits
        queue = _SPI_BRAMS if self.link is LinkKind.SPI else 0
        return self.reserve + rams(-(-values // 4), 8, device.family) + queue

    def less(self, schedule: Schedule, error: ResourceOverflowError) -> "ResourceBudget | None":
        """Budget after ``schedule`` failed with ``error``; ``None`` if a smaller one is no help."""
        share, reserve = self.share, self.reserve
        used, available = error.resources.get("logic_cells", (0, 0))
        plan = schedule.bind(self.graph)
        estimated = sum(cost.cells for cost in estimate(plan, self.device))
        if isinstance(error, CongestionError):
            share = min(share, _AFTER_CONGESTION * estimated / self.device.logic_cells)
        elif used > available:
            share = min(share, _AFTER_OVERFLOW * estimated / used)
        used, available = error.resources.get("brams", (0, 0))
        reserve += max(0, used - available)
        if (share, reserve) == (self.share, self.reserve):
            return None
        return replace(self, share=share, reserve=reserve)
