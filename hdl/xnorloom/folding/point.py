# amaranth: UnusedElaboratable=no
"""Schedule of a network with its speed and its estimated resources."""

from dataclasses import dataclass

from ..gateware.multiplier import fits_mac16
from ..gateware.network import Network
from ..graph import Graph, Score
from ..schedule import LayerPlan, Schedule
from ..target.device import Device
from ..target.family import Family
from .cells import score_bits, value_bits
from .estimate import estimate

__all__ = ["Point", "point"]


@dataclass(frozen=True)
class Point:
    """Schedule of a network on a chip, its speed, and its estimated resources.

    Attributes
    ----------
    schedule : Schedule
        The schedule.
    interval : int
        Cycles per ``vectors`` frames in a steady stream.
    vectors : int
        Frames at once.
    latency : int
        Cycles from the first input word of a frame to its result.
    cells : int
        Estimated logic cells.
    brams, sprams, dsps : int
        Block RAMs, SPRAMs, and multipliers.
    slowest : tuple of str
        Names of the layers that set the interval; empty if the input words do.
    """

    schedule: Schedule
    interval: int
    vectors: int
    latency: int
    cells: int
    brams: int
    sprams: int
    dsps: int
    slowest: tuple[str, ...]

    @property
    def cycles_per_frame(self) -> float:
        """Cycles per frame in a steady stream."""
        return self.interval / self.vectors

    @property
    def loaded(self) -> bool:
        """True if a host must load weights before the first frame."""
        return self.sprams > 0


def point(graph: Graph, schedule: Schedule, device: Device) -> Point:
    """Return the point of ``graph`` under ``schedule`` on ``device``.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """
    plan = schedule.bind(graph)
    costs = estimate(plan, device)
    slowest = tuple(layer.layer.name for layer in plan.layers if layer.interval == plan.interval)
    if plan.vectors * plan.words == plan.interval:
        slowest = ()
    return Point(schedule, plan.interval, plan.vectors, Network(plan).latency,
                 sum(cost.cells for cost in costs), sum(cost.brams for cost in costs),
                 sum(cost.sprams for cost in costs), _multipliers(plan.layers[-1], device), slowest)


def _multipliers(plan: LayerPlan, device: Device) -> int:
    """Return the DSPs that multiply the counts of the last layer by scales."""
    layer = plan.layer
    assert isinstance(layer, Score)
    if not layer.scaled or plan.neuron_folds == 1 or not device.dsps:
        return 0
    wanted = plan.fold.pe * plan.vectors
    if device.family is Family.ICE40 and not fits_mac16(
            plan.count_max.bit_length(), value_bits(layer, plan.planes)[-1],
            score_bits(layer, plan.planes)):
        return 0
    return min(wanted, device.dsps)
