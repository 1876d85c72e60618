"""Schedule for a chip: the smallest interval that fits its memories and cells."""

from collections.abc import Callable
from math import ceil

from ..errors import XnorloomError
from ..graph import Graph
from ..schedule import Schedule
from ..support.arguments import integer
from ..target.device import DEVICES, Device, find_device
from .batch_search import BatchSearch
from .search import Search

__all__ = ["NoScheduleError", "fit"]

# Part by which weights in SPRAM must shorten the interval, since the host has to load them.
_LOADING_PAYS = 0.95


class NoScheduleError(XnorloomError):
    """No schedule of a network fits a chip, or none reaches the wanted interval."""


def fit(graph: Graph, device: Device | str, *, interval: int | None = None, share: float = 0.9,
        reserve_cells: int = 0, reserve_loader: int = 0,
        reserve: int | Callable[[Device], int] = 0, register_every: int = 1) -> Schedule:
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
        for the fewest cycles per frame that fit. Several frames at once (``Fold.vectors``) are
        chosen where they pay: their interval divided by their number is the cycles per frame.
    share : float
        Share of the cells of the chip that the network may use.
    reserve_cells : int
        Cells that the network must leave free, if that is more.
    reserve_loader : int
        Further cells to leave if weights are in SPRAM.
    reserve : int or callable
        Block RAMs that the network must leave free, as a number or a function of the chip.
    register_every : int
        Adder levels between two registers, in all layers. Routed, TFC on an iCE40UP5K runs at
        45 MHz with 1 and at 34 MHz with 2; cells differ by 1 %.

    Raises
    ------
    NoScheduleError
        If there is none. The message has what is needed, what is available, and what would fit.
    """
    device = find_device(device)
    if not 0 < share <= 1:
        raise ValueError(f"fit share must be above 0 and at most 1, not {share!r}")
    reserve_cells = integer("fit reserve_cells", reserve_cells, 0)
    reserve_loader = integer("fit reserve_loader", reserve_loader, 0)
    if not callable(reserve):
        reserve = integer("fit reserve", reserve, 0)
    if interval is not None:
        interval = integer("fit interval", interval, 1)

    def search_of(chip: Device, sprams: int) -> BatchSearch:
        most = chip.logic_cells - (reserve_loader if sprams else 0)
        cells = min(int(share * most), most - reserve_cells)
        brams = chip.brams - (reserve(chip) if callable(reserve) else reserve)
        return BatchSearch(lambda vectors: Search(
            graph, chip, max(0, cells), max(0, brams), sprams, register_every, vectors))

    for sprams in _sprams(device):
        search = search_of(device, sprams)
        found = search.least() if interval is None else search.best(interval)
        if found is None:
            continue
        if interval is None and not sprams and device.sprams:
            loaded = search_of(device, device.sprams)
            if loaded.best(_LOADING_PAYS * search.interval(found)) is not None:
                found = loaded.least() or found
        return found.schedule
    raise NoScheduleError(search.refusal(interval, lambda: _nearest(search, search_of, interval)))


def _sprams(device: Device) -> tuple[int, ...]:
    """Return the limits of SPRAMs to try: none, then all."""
    return (0, device.sprams) if device.sprams else (0,)


def _nearest(search: BatchSearch, search_of: Callable[[Device, int], BatchSearch],
             interval: int | None) -> str:
    """Return what would fit instead: a larger interval, or another chip."""
    least = search.least() if interval is not None else None
    if least is not None:
        return f"the least interval that fits is {ceil(search.interval(least))} cycles"
    chips = sorted(DEVICES.values(), key=lambda device: device.logic_cells)
    others = [search_of(chip, sprams) for chip in chips for sprams in _sprams(chip)]
    # If the largest chip cannot hold the network, none can.
    for other in others if others[-1].holds(interval) else ():
        if interval is not None and other.holds(interval):
            return f"the smallest chip that it fits is {other.device.name}"
        least = other.least() if interval is None else None
        if least is not None:
            return (f"the smallest chip that it fits is {other.device.name}, at an interval of "
                    f"{ceil(other.interval(least))} cycles")
    return f"it fits none of {', '.join(DEVICES)}"
