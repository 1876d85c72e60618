"""Schedule for a chip: the smallest interval that fits its memories and cells."""

from collections.abc import Callable
from functools import cache
from math import ceil

from ..errors import XnorloomError
from ..graph import Conv, Graph
from ..schedule import Schedule
from ..schedule.fold import MOST_VECTORS, USUAL_VECTORS
from ..support.arguments import integer
from ..target.device import DEVICES, Device, find_device
from .batch_search import BatchSearch
from .search import Candidate, Search

__all__ = ["NoScheduleError", "fit"]

# Part by which weights in SPRAM must shorten the interval, since the host has to load them.
_LOADING_PAYS = 0.95

# Most of the cells, as estimated, for a network that processes several frames at once. Its short
# carry chains leave cells of their tiles unused: whole designs of 90 % of an iCE40UP5K were not
# placed, those of 84 % were.
_TOGETHER = 0.72


class NoScheduleError(XnorloomError):
    """No schedule of a network fits a chip, or none reaches the wanted interval."""


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
        for the fewest cycles per frame that fit. Several frames at once (``Fold.vectors``) are
        chosen where they save a fiftieth of the cycles or cells; their interval divided by their
        number is the cycles per frame.
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
        Most frames at once; a network with convolutions takes one. With 1 the latency is least: a
        frame takes each layer as many cycles as a batch of frames.

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
    most_vectors = integer("fit most_vectors", most_vectors, 1, MOST_VECTORS)
    if any(isinstance(layer, Conv) for layer in graph.layers):
        most_vectors = 1

    @cache
    def search_of(chip: Device, sprams: int) -> BatchSearch:
        most = chip.logic_cells - (reserve_loader if sprams else 0)
        brams = chip.brams - (reserve(chip) if callable(reserve) else reserve)

        def search(vectors: int) -> Search:
            part = share if vectors == 1 else min(share, _TOGETHER)
            cells = min(int(part * most), most - reserve_cells)
            return Search(graph, chip, max(0, cells), max(0, brams), sprams, register_every,
                          vectors)

        return BatchSearch(search, most_vectors)

    unloaded, loaded = search_of(device, 0), search_of(device, device.sprams)
    if interval is None:
        found = _least(unloaded, loaded)
    else:
        found = unloaded.best(interval)
        if found is None and device.sprams:
            found = loaded.best(interval)
    if found is None:
        raise NoScheduleError(loaded.refusal(
            interval, lambda: _nearest(device, search_of, interval)))
    return found.schedule


def _least(unloaded: BatchSearch, loaded: BatchSearch) -> Candidate | None:
    """Return the candidate with the fewest cycles per frame, in SPRAM if that pays."""
    found = unloaded.least()
    if not unloaded.device.sprams:
        return found
    return loaded.least(_LOADING_PAYS * unloaded.interval(found) if found else None) or found


def _nearest(device: Device, search_of: Callable[[Device, int], BatchSearch],
             interval: int | None) -> str:
    """Return what would fit instead: a larger interval, or another chip."""
    def least(chip: Device) -> int | None:
        unloaded = search_of(chip, 0)
        found = _least(unloaded, search_of(chip, chip.sprams))
        return None if found is None else ceil(unloaded.interval(found))

    def holds(chip: Device) -> bool:
        return any(search_of(chip, sprams).holds(interval) for sprams in {0, chip.sprams})

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
