"""Search for the clock of a build, with given results of place and route."""

import pytest

from xnorloom_boards import board
from xnorloom_boards.flow.clock_search import choose_clock, first_hz, reachable_hz
from xnorloom_boards.flow.place_and_route import CongestionError

BOARD = board.find("icebreaker")


class Routed:
    def __init__(self, hz, fmax):
        self.design = self.route = self
        self.hz, self.fmax_hz, self.met = hz, fmax, fmax >= hz


@pytest.mark.parametrize("reached, tried, kept", [
    pytest.param([47.5], 1, 45, id="close"),
    pytest.param([60, 58], 2, 57, id="faster"),
    pytest.param([36, 36], 2, 34.5, id="slower"),
    pytest.param([60, 55, 55], 3, 52.5, id="faster-missed"),
    pytest.param([60, 46], 2, 45, id="back-to-the-first"),
    pytest.param([36, 30, 25, 20], 4, None, id="never"),
    pytest.param([5], 1, None, id="hopeless"),
    pytest.param([14, 14], 2, 12, id="oscillator"),
])
def test_choose_clock(reached, tried, kept):
    asked = []

    def attempt(hz):
        asked.append(hz)
        return Routed(hz, reached[len(asked) - 1] * 1e6)

    best, attempts = choose_clock(BOARD, attempt)
    assert len(attempts) == len(asked) == tried
    assert asked[0] == first_hz(BOARD)
    if kept is None:
        assert best is None
    else:
        assert best.hz == pytest.approx(kept * 1e6, rel=2e-3)
        assert best.met


def test_choose_clock_wanted():
    # At once for what is wanted, if that is more than usual; then as always.
    asked = []

    def attempt(hz):
        asked.append(hz)
        return Routed(hz, 58e6)

    best, _ = choose_clock(BOARD, attempt, 50.1e6)
    assert asked[0] >= 50.1e6 and best.hz == asked[-1] == pytest.approx(55.5e6, rel=2e-3)
    asked.clear()
    choose_clock(BOARD, attempt, 1000)
    assert asked[0] == first_hz(BOARD)


def test_choose_clock_cramped():
    # What meets its clock is kept when a later attempt does not fit, and only then.
    def attempt(hz):
        if hz != first_hz(BOARD):
            raise CongestionError("no way", {})
        return Routed(hz, fmax)

    fmax = 60e6
    best, attempts = choose_clock(BOARD, attempt)
    assert [best] == attempts
    fmax = 36e6
    with pytest.raises(CongestionError, match="^no way$"):
        choose_clock(BOARD, attempt)


def test_reachable_hz():
    assert reachable_hz(BOARD, 48e6) == 48_000_000
    assert reachable_hz(BOARD, 15e6) == 12_000_000
    assert reachable_hz(BOARD, 11e6) is None
