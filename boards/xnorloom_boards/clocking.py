"""The clock of a build: chosen from what place and route reaches, with a margin."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .board import Board
from .pll import PllError, pll
from .routing import Route
from .synthesis import Design, Netlist

__all__ = ["Attempt", "choose_clock", "first_hz", "reachable_hz"]

# What networks usually come close to, for the first attempt; by the beginning of the chip's name.
_USUAL = {"iCE40UP": 40_000_000, "iCE40HX": 100_000_000, "LFE5U": 80_000_000}
# Of the routed Fmax, in the attempts one after another: when a design is built for another clock,
# its placement comes out a little better or worse.
_SHARES = (0.95, 0.92, 0.89, 0.86)
# How much faster a clock must be to be worth another run, after each of them.
_WORTH = (1.04, 1.1, 1.1, 1.1)


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


def choose_clock(board: Board, attempt: Callable[[int], Attempt]
                 ) -> tuple[Attempt | None, list[Attempt]]:
    """The attempt with the fastest clock that is met, and all that were made.

    The first is at the usual clock of the chip, the next at 95 % of what that reached, unless the
    first was within 4 % of it. More are made if that misses its clock, or falls far behind what it
    reaches.
    """
    hz: int | None = first_hz(board)
    attempts: list[Attempt] = []
    best: Attempt | None = None
    for share, worth in zip(_SHARES, _WORTH):
        assert hz is not None
        made = attempt(hz)
        attempts.append(made)
        if made.met and (best is None or made.design.hz > best.design.hz):
            best = made
        hz = reachable_hz(board, share * made.route.fmax_hz)
        if hz is None or (best is not None and hz <= worth * best.design.hz):
            break
    return best, attempts
