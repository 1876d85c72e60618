"""Resource that a schedule has not enough of, and the layer that takes the most of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..graph import Graph
from ..target.device import Device
from .estimate import LayerCost, estimate

if TYPE_CHECKING:
    from .search import Candidate

__all__ = ["Bound", "bound_of"]


@dataclass(frozen=True)
class Bound:
    """Resource of a chip that is too small for a schedule.

    ``str`` gives it as the end of a sentence that begins with "it needs".

    Attributes
    ----------
    resource : str
        ``cells``, ``block RAMs`` or ``SPRAMs``.
    needed : int
        Number that the schedule needs.
    free : int
        Number that it may use.
    available : int
        Number on the chip.
    layer : str
        Name of the layer that needs most of them.
    layer_needs : int
        Number that this layer needs.
    """

    resource: str
    needed: int
    free: int
    available: int
    layer: str
    layer_needs: int

    def __str__(self) -> str:
        left = (f"there are {self.free:,}" if self.free == self.available
                else f"{self.free:,} of {self.available:,} are left")
        return (f"{self.needed:,} {self.resource} where {left}, layer {self.layer!r} alone "
                f"{self.layer_needs:,}")


def bound_of(candidate: "Candidate", graph: Graph, device: Device, free: dict[str, int]) -> Bound:
    """Return the resource of which ``candidate`` needs the most, measured by what is ``free``."""
    needed = {"block RAMs": candidate.brams, "SPRAMs": candidate.sprams, "cells": candidate.cells}
    available = {"block RAMs": device.brams, "SPRAMs": device.sprams, "cells": device.logic_cells}
    resource = max(needed, key=lambda name: needed[name] / max(1, free[name]))
    costs = estimate(candidate.schedule.bind(graph), device)
    most = max(costs, key=lambda cost: _used(cost, resource))
    return Bound(resource, needed[resource], free[resource], available[resource], most.name,
                 _used(most, resource))


def _used(cost: LayerCost, resource: str) -> int:
    return {"cells": cost.cells, "SPRAMs": cost.sprams}.get(resource, cost.brams)
