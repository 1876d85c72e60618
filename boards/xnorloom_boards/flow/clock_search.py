"""Search for the fastest clock of a design: build, measure, build again with a margin."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..board import Board
from ..design.pll import PllError, pll
from .place_and_route import ResourceOverflowError, Route
from .synthesis import Design, Netlist

__all__ = ["Attempt", "choose_clock", "first_hz", "reachable_hz"]

# Typical clocks of networks, by the first letters of the chip's name, for the first attempt.
_TYPICAL = {"iCE40UP": 45_000_000, "iCE40HX": 110_000_000, "LFE5UM5G": 140_000_000,
            "LFE5U": 97_000_000}
_ATTEMPTS = 4
# Factor on the slowest Fmax so far: a design built for another clock is placed a little better or
# worse.
_MARGIN = 0.96
# Gain in frequency that is worth another attempt.
_WORTH = 1.03


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
        """True if the fastest result runs at the clock it was built for."""
        return self.route.fmax_hz >= self.design.hz


def first_hz(board: Board) -> int:
    """Clock of the first attempt: the typical one of the chip, as far as its PLL makes it."""
    typical = next(hz for start, hz in _TYPICAL.items() if board.device.name.startswith(start))
    return reachable_hz(board, typical) or board.clock_hz


def reachable_hz(board: Board, hz: float) -> int | None:
    """Fastest clock of ``board`` that is not above ``hz``, rounded up; ``None`` if there is none.
    """
    try:
        return math.ceil(pll(board.device.family, board.clock_hz, int(hz)).output_hz)
    except PllError:
        return board.clock_hz if board.clock_hz <= hz else None


def choose_clock(board: Board, attempt: Callable[[int], Attempt], wanted: float = 0
                 ) -> tuple[Attempt | None, list[Attempt]]:
    """Find the fastest clock that a design meets.

    The first attempt is at the typical clock of the chip, or at ``wanted`` if that is faster.
    Further attempts are a little below the slowest Fmax so far, while that is faster than the best
    clock met.

    Parameters
    ----------
    board : Board
        The board.
    attempt : callable
        Builds the design for a frequency in hertz.
    wanted : float
        Frequency that the first attempt should reach.

    Returns
    -------
    best : Attempt or None
        Attempt with the fastest clock that is met.
    attempts : list of Attempt
        All attempts in order.

    Raises
    ------
    ResourceOverflowError
        If an attempt raises it before any clock is met.
    """
    hz: int | None = first_hz(board)
    if hz < wanted:
        hz = _at_least(board, wanted) or hz
    attempts: list[Attempt] = []
    best: Attempt | None = None
    for _ in range(_ATTEMPTS):
        assert hz is not None
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
        hz = reachable_hz(board, _MARGIN * min(entry.route.fmax_hz for entry in attempts))
        if hz is None or (best is not None and hz <= _WORTH * best.design.hz):
            break
    return best, attempts


def _at_least(board: Board, wanted: float) -> int:
    """Slowest clock of ``board`` that reaches ``wanted``, 0 if there is none within a tenth."""
    for percent in range(100, 110):
        hz = reachable_hz(board, wanted * percent / 100)
        if hz is not None and hz >= wanted:
            return hz
    return 0
