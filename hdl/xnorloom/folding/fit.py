"""Schedule for a chip: the smallest interval that fits its memories and cells."""

from collections.abc import Callable
from math import ceil

from ..errors import XnorloomError
from ..graph import Graph
from ..schedule import Schedule
from ..schedule.fold import USUAL_VECTORS
from ..support.arguments import integer
from ..target.device import DEVICES, Device, find_device
from .searches import Searches

__all__ = ["NoScheduleError", "fit", "refusal"]


class NoScheduleError(XnorloomError):
    """No schedule of a network fits a chip, or none reaches the wanted interval."""

    page = "boards.md#fitting"


def fit(graph: Graph, device: Device | str, *, interval: int | None = None, share: float = 0.9,
        reserve_cells: int = 0, reserve_loader: int = 0,
        reserve: int | Callable[[Device], int] = 0, register_every: int = 1,
        most_vectors: int = USUAL_VECTORS) -> Schedule:
    """Return a schedule of ``graph`` that fits ``device``.

    Weights are in SPRAM, which must be loaded, only if nothing fits without it, or if the least
    interval with it is shorter by a twentieth or more.

    Parameters
    ----------
    graph : Graph
        The network.
    device : Device or str
        The chip, or its name, such as ``iCE40UP5K``.
    interval : int or None
        Largest number of cycles per frame; the result has the fewest cells that reach it. ``None``
        for the fewest cycles per frame that fit. Several frames, or outputs of convolutions, at
        once (``Fold.vectors``) are chosen where they save a fiftieth of the cycles or cells; the
        interval of frames divided by their number is the cycles per frame.
    share : float
        Share of the cells of the chip that the network may use; at most 72 % if it processes
        several frames at once, since such networks are harder to place.
    reserve_cells : int
        Cells that the network must leave free, if that is more.
    reserve_loader : int
        Further cells to leave if weights are in SPRAM.
    reserve : int or callable
        Block RAMs that the network must leave free, as a number or a function of the chip.
    register_every : int
        Adder levels between two registers, in all layers. Routed, TFC on an iCE40UP5K runs at
        45 MHz with 1 and at 34 MHz with 2; cells differ by 1 %.
    most_vectors : int
        Most frames at once; with 1 the latency is least: a frame takes each layer as many cycles as
        a batch of frames. A network with convolutions takes one frame at a time: most outputs side
        by side that its first layer computes at once.

    Raises
    ------
    NoScheduleError
        If there is none. The message has what is needed, what is available, and what would fit.
    """
    device = find_device(device)
    searches = Searches(graph, share, reserve_cells, reserve_loader, reserve, register_every,
                        most_vectors)
    if interval is not None:
        interval = integer("fit interval", interval, 1)
    found = searches.least(device) if interval is None else searches.best(device, interval)
    if found is None:
        raise NoScheduleError(refusal(searches, device, interval))
    return found.schedule


def refusal(searches: Searches, device: Device, interval: int | None) -> str:
    """Return one line with the reason why nothing fits ``device``, and what would fit."""
    return searches.of(device, device.sprams).refusal(
        interval, lambda: _nearest(device, searches, interval))


def _nearest(device: Device, searches: Searches, interval: int | None) -> str:
    """Return what would fit instead: a larger interval, or another chip."""
    def least(chip: Device) -> int | None:
        found = searches.least(chip)
        return None if found is None else ceil(searches.of(chip, 0).interval(found))

    def holds(chip: Device) -> bool:
        return any(searches.of(chip, sprams).holds(interval) for sprams in {0, chip.sprams})

    if interval is not None:
        cycles = least(device)
        if cycles is not None:
            return f"the least interval that fits is {cycles} cycles"
    chips = sorted(DEVICES.values(), key=lambda chip: chip.logic_cells)
    # If the largest chip cannot hold the network, none can.
    for chip in chips if holds(chips[-1]) else ():
        if holds(chip):
            at = "" if interval is not None else f", at an interval of {least(chip)} cycles"
            return f"the smallest chip that it fits is {chip.name}{at}"
    return f"it fits none of {', '.join(DEVICES)}"
