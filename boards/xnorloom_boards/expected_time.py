"""Expected time of a build, from the estimated cells and the times of measured builds."""

import math
import os
from dataclasses import dataclass

from xnorloom.folding.estimate import estimate
from xnorloom.schedule import Plan
from xnorloom.support.text import count
from xnorloom.target.family import Family

from .board import Board
from .flow.budget import ResourceBudget

__all__ = ["expected_seconds", "expected_text"]

# Clocks for which most builds are placed and routed; see flow.clock_search.
_FEWEST, _MOST = 2, 6
# Seconds above which the text has hours.
_HOURS = 2 * 3600


@dataclass(frozen=True)
class _Seconds:
    """Processor time of synthesis, and of an attempt for a clock: at least, and for each cell.

    Nets of large networks are hard to route: a cell of a network of ``twice`` cells takes twice the
    time, and more with the fourth power of the cells.
    """

    synthesis: float
    synthesis_cell: float
    attempt: float
    attempt_cell: float
    twice: float

    def of_attempt(self, cells: float) -> float:
        return self.attempt + self.attempt_cell * cells * (1 + (cells / self.twice) ** 4)


# Fitted to processor times of builds by YoWASP's Yosys 0.70 and nextpnr 0.11.1: three networks of
# 1,600 to 3,900 cells on iCE40, and on ECP5 one of 2,300 and, within a factor of two, three of
# 10,800 to 27,900.
_TIMES = {Family.ICE40: _Seconds(18, 0.006, 2, 0.0087, math.inf),
          Family.ECP5: _Seconds(12, 0.005, 15, 0.01, 15_000)}


def expected_seconds(plan: Plan, board: Board, seeds: int = 1) -> tuple[int, int]:
    """Return the seconds that a build takes on an idle machine, with two and with six clocks.

    Steps that are in the cache, and the compilation of tools for their first use, are not counted.
    """
    times = _TIMES[board.device.family]
    loaded = any(layer.fold.style.loadable for layer in plan.layers)
    cells = sum(cost.cells for cost in estimate(plan, board.device))
    cells += ResourceBudget(plan.graph, board.device).others(loaded)[0]
    synthesis = times.synthesis + times.synthesis_cell * cells
    # Seeds are placed at the same time, one on each core.
    attempt = times.of_attempt(cells) * -(-seeds // (os.cpu_count() or 1))
    return round(synthesis + _FEWEST * attempt), round(synthesis + _MOST * attempt)


def expected_text(seconds: tuple[int, int]) -> str:
    """Return a time in words, such as ``about 1 to 3 minutes`` or ``about 3 to 9 hours``."""
    unit, name = (3600, "hour") if seconds[0] > _HOURS else (60, "minute")
    low, high = max(1, math.floor(seconds[0] / unit + 0.5)), math.ceil(seconds[1] / unit)
    if low >= high:
        return f"about {count(high, name)}"
    return f"about {low:,} to {count(high, name)}"
