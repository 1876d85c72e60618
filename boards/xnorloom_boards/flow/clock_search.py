"""Search for the fastest clock of a design: build, measure, build again for what was measured."""

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

from ..board import Board
from ..design.pll import frequencies
from ..errors import BoardError
from .place_and_route import ResourceOverflowError, Route
from .synthesis import Design, Netlist

__all__ = ["HOPE", "MOST_CLOCKS", "Attempt", "choose_clock", "first_hz", "most_hz",
           "reachable_hz"]

# Clocks of networks by the first letters of the chip's name: the typical one, for the first
# attempt, and one that is a fifth above the fastest that was ever routed.
_CLOCKS = {"iCE40UP": (45_000_000, 64_000_000), "iCE40HX": (110_000_000, 164_000_000),
           "LFE5UM5G": (140_000_000, 258_000_000), "LFE5U": (97_000_000, 190_000_000)}
MOST_CLOCKS = 8
"""Clocks to try at most for the fastest one."""

# Further ones while a wanted clock is missed.
_MORE = 4
# Gain in frequency that is worth another attempt. The PLL of an iCE40 has larger steps than this,
# that of an ECP5 also much smaller ones.
_WORTH = 1.01
# Part by which the next clock stays below the last Fmax for each attempt, while none is met.
_CAUTION = 0.02
# Least Fmax, as part of a wanted clock, with which another placement may reach that clock. A design
# built for another clock comes out up to 16 % faster or slower.
HOPE = 0.84


@dataclass(frozen=True, eq=False)
class Attempt:
    """Design built for one clock and routed with every seed.

    Parameters
    ----------
    design : Design
        The design with its clock.
    netlist : Netlist
        The design after synthesis.
    route : Route
        The fastest of ``routes``.
    routes : tuple of Route
        Results by seed.
    """

    design: Design
    netlist: Netlist
    route: Route
    routes: tuple[Route, ...]

    @property
    def met(self) -> bool:
        """True if the fastest result runs at the clocks it was built for."""
        line = self.route.line_fmax_hz
        return (self.route.fmax_hz >= self.design.hz
                and (line is None or line >= self.design.baud))


def first_hz(board: Board) -> int:
    """Clock of the first attempt, as far as the PLL makes it.

    It is the typical one of the chip, or ``board.first_hz``.

    Raises
    ------
    BoardError
        If the board makes no clock as slow as its ``first_hz``.
    """
    if board.first_hz is None:
        return reachable_hz(board, _clocks(board)[0]) or board.clock_hz
    found = reachable_hz(board, board.first_hz)
    if found is None:
        slowest = min(board.clock_hz, *frequencies(board.device.family, board.clock_hz))
        raise BoardError(f"first clock of board {board.name} must be at least "
                         f"{float(slowest) / 1e6:.4g} MHz, not {board.first_hz / 1e6:.4g} MHz")
    return found


def most_hz(board: Board) -> int:
    """Clock above which no network for the chip of ``board`` can be expected."""
    return _clocks(board)[1]


def _clocks(board: Board) -> tuple[int, int]:
    return next(pair for start, pair in _CLOCKS.items() if board.device.name.startswith(start))


def reachable_hz(board: Board, hz: float) -> int | None:
    """Fastest clock of ``board`` that is not above ``hz``, rounded up; ``None`` if there is none.
    """
    steps = frequencies(board.device.family, board.clock_hz)
    place = bisect.bisect_right(steps, int(hz))
    if place:
        return math.ceil(steps[place - 1])
    return board.clock_hz if board.clock_hz <= hz else None


def choose_clock(board: Board, attempt: Callable[[int], Attempt], wanted: float = 0,
                 progress: Callable[[str], object] = lambda text: None, clocks: int = MOST_CLOCKS
                 ) -> tuple[Attempt | None, list[Attempt]]:
    """Find the fastest clock that a design meets.

    The first attempt is at :func:`first_hz`, or at ``wanted`` if that is faster. The
    next one is at the fastest clock that is not above the last Fmax and was not tried, until that
    is no faster than the best clock met. If ``wanted`` is still missed, but not by far, the clocks
    that reach it are tried, since each is placed anew. There are at most 12 attempts.

    Parameters
    ----------
    board : Board
        The board.
    attempt : callable
        Builds the design for a frequency in hertz.
    wanted : float
        Frequency that should be reached.
    progress : callable
        Called with a line after each attempt.
    clocks : int
        Attempts after which a clock that is met, and is ``wanted`` at least, ends the search.

    Returns
    -------
    best : Attempt or None
        Attempt with the fastest clock that is met.
    attempts : list of Attempt
        All attempts in order.

    Raises
    ------
    ResourceOverflowError
        If an attempt raises it before any clock is met. Later it ends the search.
    """
    hz: int | None = first_hz(board)
    if hz < wanted:
        hz = _at_least(board, wanted, []) or hz
    attempts: list[Attempt] = []
    tried: list[int] = []
    best: Attempt | None = None
    while hz is not None:
        tried.append(hz)
        try:
            made = attempt(hz)
        except ResourceOverflowError:
            # On a nearly full chip one attempt may place all cells and another may not.
            if best is None:
                raise
            break
        attempts.append(made)
        if made.met and (best is None or made.design.hz > best.design.hz):
            best = made
        progress(_said(attempts, best))
        if best is not None and best.design.hz >= wanted and len(attempts) >= clocks:
            break
        hz = _next(board, attempts, tried, best, wanted)
    return best, attempts


def _said(attempts: list[Attempt], best: Attempt | None) -> str:
    last = attempts[-1]
    text = (f"attempt {len(attempts)}: built for {last.design.hz / 1e6:.4g} MHz, routed at "
            f"{last.route.fmax_hz / 1e6:.4g} MHz")
    return text if best is None else f"{text}; fastest clock met: {best.design.hz / 1e6:.4g} MHz"


def _next(board: Board, attempts: list[Attempt], tried: list[int], best: Attempt | None,
          wanted: float) -> int | None:
    """Clock of the next attempt, ``None`` if no further one is of use."""
    met = 0 if best is None else best.design.hz
    if len(attempts) < MOST_CLOCKS:
        below = 1.0 if best is not None else 1 - _CAUTION * (len(attempts) - 1)
        hz = _untried(board, below * attempts[-1].route.fmax_hz, tried)
        if hz is not None and hz >= _WORTH * met:
            return hz
    fastest = max(entry.route.fmax_hz for entry in attempts)
    if met < wanted <= fastest / HOPE and len(attempts) < MOST_CLOCKS + _MORE:
        return _at_least(board, wanted, tried)
    return None


def _untried(board: Board, hz: float, tried: list[int]) -> int | None:
    """Fastest clock that is not above ``hz`` and not close to one in ``tried``."""
    found = reachable_hz(board, hz)
    while found is not None:
        close = [other for other in tried if found < _WORTH * other and other < _WORTH * found]
        if not close:
            return found
        found = reachable_hz(board, min(found - 1, *(other / _WORTH for other in close)))
    return None


def _at_least(board: Board, wanted: float, tried: list[int]) -> int | None:
    """Slowest clock that reaches ``wanted``, is within a tenth of it, and is not in ``tried``."""
    for percent in range(100, 110):
        hz = reachable_hz(board, wanted * percent / 100)
        if hz is not None and hz >= wanted and hz not in tried:
            return hz
    return None
