"""Bounds that the help of ``xnorloom build`` has without importing the boards."""

from xnorloom_boards.flow.clock_search import MOST_CLOCKS
from xnorloom_boards.link.kind import LinkKind
from xnorloom_cli.commands import build


def test_bounds_are_those_of_the_boards():
    assert build._MOST_CLOCKS == MOST_CLOCKS
    assert build._FASTEST_BAUD == max(link.fastest for link in LinkKind)
