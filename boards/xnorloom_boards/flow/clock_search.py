"""The clock of a build: chosen from what place and route reaches, with a margin."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..board import Board
from ..design.pll import PllError, pll
from .place_and_route import NoFitError, Route
from .synthesis import Design, Netlist

__all__ = ["Attempt", "choose_clock", "first_hz", "reachable_hz"]

# What networks usually come close to, for the first attempt; by the beginning of the chip's name.
_USUAL = {"iCE40UP": 45_000_000, "iCE40HX": 110_000_000, "LFE5UM5G": 140_000_000,
          "LFE5U": 97_000_000}
_ATTEMPTS = 4
# Of the slowest Fmax so far: when a design is built for another clock, its placement comes out a
# little better or worse.
_SHARE = 0.96
# How much faster a clock must be to be worth another attempt.
_WORTH = 1.03


@dataclass(frozen=True, eq=False)
class Attempt:
    """A design for one clock, routed with all seeds, of which ``route`` is the fastest."""

    design: Design
    netlist: Netlist
    route: Route
    routes: tuple[Route, ...]

    @property
    def met(self) -> bool:
        """Whether the fastest can be run at the clock it was built for."""
        return self.route.fmax_hz >= self.design.hz


def first_hz(board: Board) -> int:
    """The clock of the first attempt."""
    usual = next(hz for start, hz in _USUAL.items() if board.device.name.startswith(start))
    return reachable_hz(board, usual) or board.clock_hz


def reachable_hz(board: Board, hz: float) -> int | None:
    """The fastest clock on ``board`` that is not above ``hz``, rounded up; ``None`` for none."""
    try:
        return math.ceil(pll(board.device.family, board.clock_hz, int(hz)).output_hz)
    except PllError:
        return board.clock_hz if board.clock_hz <= hz else None


def choose_clock(board: Board, attempt: Callable[[int], Attempt], wanted: float = 0
                 ) -> tuple[Attempt | None, list[Attempt]]:
    """The attempt with the fastest clock that is met, and all that were made.

    The first is at the usual clock of the chip, or at ``wanted`` if that is faster; the next ones
    are a little below the slowest Fmax that was reached so far, as long as that is faster than what
    was met.

    Raises
    ------
    NoFitError
        If an attempt does, before there is one that meets its clock.
    """
    hz: int | None = first_hz(board)
    if hz < wanted:
        hz = _above(board, wanted) or hz
    attempts: list[Attempt] = []
    best: Attempt | None = None
    for _ in range(_ATTEMPTS):
        assert hz is not None
        try:
            made = attempt(hz)
        except NoFitError:
            # On a chip nearly full one attempt may find room for all cells, and another not.
            if best is None:
                raise
            break
        attempts.append(made)
        if made.met and (best is None or made.design.hz > best.design.hz):
            best = made
        hz = reachable_hz(board, _SHARE * min(entry.route.fmax_hz for entry in attempts))
        if hz is None or (best is not None and hz <= _WORTH * best.design.hz):
            break
    return best, attempts


def _above(board: Board, wanted: float) -> int:
    """The slowest clock on ``board`` that is at least ``wanted``, 0 if there is none near."""
    for percent in range(100, 110):
        hz = reachable_hz(board, wanted * percent / 100)
        if hz is not None and hz >= wanted:
            return hz
    return 0
