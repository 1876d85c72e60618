"""Boards by name: those of the catalog, and the simulated one.

    with find("sim").open("auto", graph) as board:
        classes = board.classify(images)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from xnorloom.support.text import quoted

from .simulated_board import SIM, SimBoard

if TYPE_CHECKING:
    from xnorloom_boards import Board

__all__ = ["SIM", "SimBoard", "find", "names"]


def names() -> tuple[str, ...]:
    """Names of the boards, sorted, and ``sim`` at the end."""
    from xnorloom_boards import board

    return (*board.names(), SIM)


def find(name: str, *, say: Callable[[str], object] | None = None) -> "Board | SimBoard":
    """Find the board ``name``, of which ``sim`` is a simulated one.

    Parameters
    ----------
    name : str
        Name of the board.
    say : callable or None
        Called with a line before steps of a simulated board that take long.

    Raises
    ------
    BoardError
        If there is none; the message names the boards.
    """
    from xnorloom_boards import board

    if name == SIM:
        return SimBoard(say=say)
    if name not in board.names():
        raise board.BoardError(f"board must be one of {', '.join(names())}, not {quoted(name)}")
    return board.find(name)
