"""Search for the clock of a build, with given results of place and route."""

import math
from dataclasses import replace

import numpy as np
import pytest

from xnorloom_boards import board
from xnorloom_boards.design.pll import frequencies
from xnorloom_boards.errors import BoardError
from xnorloom_boards.flow.clock_search import choose_clock, first_hz, reachable_hz
from xnorloom_boards.flow.place_and_route import CongestionError

BOARD = board.find("icebreaker")


class Routed:
    def __init__(self, hz, fmax):
        self.design = self.route = self
        self.hz, self.fmax_hz, self.met = hz, fmax, fmax >= hz


@pytest.mark.parametrize("reached, wished, kept", [
    pytest.param([45.6], [], 45, id="close"),
    pytest.param([60, 60], [60], 60, id="faster"),
    pytest.param([36, 36], [36], 36, id="slower"),
    pytest.param([60, 55, 53, 54, 52], [60, 54.75, 52.5, 54], 52.5, id="faster-missed"),
    # From the last Fmax, not from the slowest: what was built for 36.75 MHz was routed at 40.6.
    pytest.param([37.3, 40.6, 39.9, 39.8], [36.75, 40.5, 39.75], 39.75, id="issue"),
    pytest.param([37.3, 40.6, 38.7, 39.3, 39.0], [36.75, 40.5, 38.25, 39], 39, id="issue-again"),
    pytest.param([60, 46, 45.5], [60, 45.75], 45, id="back-to-the-first"),
    # 42.75 MHz was missed once; later an Fmax is above it, and the next clock below is tried.
    pytest.param([43, 41, 43.2, 42.9], [42.75, 39.75, 42], 42, id="missed-before"),
    pytest.param([36, 30, 25, 20, 18, 16, 15], [36, 29.25, 24, 18.75, 16.5, 12], 12, id="never"),
    pytest.param([5], [], None, id="hopeless"),
    pytest.param([14, 14], [12], 12, id="oscillator"),
])
def test_choose_clock(reached, wished, kept):
    asked, said = [], []

    def attempt(hz):
        asked.append(hz)
        return Routed(hz, reached[len(asked) - 1] * 1e6)

    best, attempts = choose_clock(BOARD, attempt, progress=said.append)
    assert asked == [first_hz(BOARD), *(hz * 1e6 for hz in wished)]
    assert len(attempts) == len(said) == len(asked)
    if kept is None:
        assert best is None
    else:
        assert best.hz == kept * 1e6
        assert best.met
        assert said[-1].endswith(f"; fastest clock met: {kept} MHz")
    assert said[0].startswith(f"attempt 1: built for 45 MHz, routed at {reached[0]} MHz")


@pytest.mark.parametrize("name", ["icebreaker", "hx8k_evn", "ulx3s_25f", "orangecrab_25f"])
@pytest.mark.parametrize("seed", range(20))
def test_choose_clock_of_noise(name, seed):
    """However placements come out, no step that the last one leaves open is left untried."""
    chosen = board.find(name)
    rng = np.random.default_rng(seed)
    middle = first_hz(chosen) * rng.uniform(0.7, 1.4)
    asked, fmax = [], []

    def attempt(hz):
        asked.append(hz)
        fmax.append(middle * rng.uniform(0.9, 1.1))
        return Routed(hz, fmax[-1])

    best, _ = choose_clock(chosen, attempt)
    met = [hz for hz, reached in zip(asked, fmax) if reached >= hz]
    assert len(asked) <= 8
    assert all(hz <= reached for hz, reached in zip(asked[1:], fmax))
    assert (best.hz if best else None) == max(met, default=None)
    assert len(set(asked)) == len(asked)
    if len(asked) < 8:
        left = [float(hz) for hz in frequencies(chosen.device.family, chosen.clock_hz)
                if max(met) * 1.011 < hz <= fmax[-1]]
        assert all(min(abs(hz / other - 1) for other in asked) < 0.011 for hz in left)


@pytest.mark.parametrize(("clocks", "reached", "kept"), [
    (1, [60], 45), (2, [60, 50], 45), (1, [30, 31], 30), (2, [60, 61, 60], 60)])
def test_choose_clock_ends_early(clocks, reached, kept):
    """A clock that is met after so many attempts is good enough; one that is missed is not."""
    left = [fmax * 1e6 for fmax in reached]
    best, _ = choose_clock(BOARD, lambda hz: Routed(hz, left.pop(0)), clocks=clocks)
    assert (best.hz, left) == (kept * 1e6, [60e6] if clocks == 2 and len(reached) == 3 else [])


@pytest.mark.parametrize("name", board.names())
def test_first_clock(name):
    """A board's own first clock, or the next slower one that its PLL makes."""
    chosen = board.find(name)
    steps = [*map(float, frequencies(chosen.device.family, chosen.clock_hz)), chosen.clock_hz]
    for wanted in (16_000_000, 31_234_567, 80_000_000):
        first = first_hz(replace(chosen, first_hz=wanted))
        assert first == math.ceil(max(step for step in steps if step <= wanted))
    asked = []
    choose_clock(replace(chosen, first_hz=40_000_000),
                 lambda hz: Routed(asked.append(hz) or hz, 41e6), clocks=1)
    assert asked == [first_hz(replace(chosen, first_hz=40_000_000))]


def test_first_clock_too_slow():
    with pytest.raises(BoardError, match=r"^first clock of board icebreaker must be at least "
                                         r"12 MHz, not 1\.5 MHz$"):
        first_hz(replace(BOARD, first_hz=1_500_000))


def test_choose_clock_wanted():
    # At once for what is wanted, if that is more than usual; then as always.
    asked = []

    def attempt(hz):
        asked.append(hz)
        return Routed(hz, 58e6)

    best, _ = choose_clock(BOARD, attempt, 50.1e6)
    assert asked[0] >= 50.1e6 and best.hz == asked[-1] == 57_750_000
    asked.clear()
    choose_clock(BOARD, attempt, 50.1e6, clocks=1)
    assert len(asked) == 1 and asked[0] >= 50.1e6
    asked.clear()
    choose_clock(BOARD, attempt, 1000)
    assert asked[0] == first_hz(BOARD)


def test_choose_clock_wanted_and_missed():
    """Further placements for a wanted clock, if the design is not far from it, and only then."""
    asked = []

    def attempt(hz):
        asked.append(hz)
        return Routed(hz, fmax[min(len(asked), len(fmax)) - 1] * 1e6)

    fmax = [44, 43, 43.5, 48, 44, 47.5]
    best, _ = choose_clock(BOARD, attempt, 46e6)
    assert [hz / 1e6 for hz in asked] == [46.5, 43.5, 42, 42.75, 48, 47.25]
    assert best.hz == 47_250_000
    asked.clear()
    fmax = [38]
    best, _ = choose_clock(BOARD, attempt, 46e6)
    assert best.hz == 37_500_000 and len(asked) == 2
    asked.clear()
    fmax = [44]
    best, _ = choose_clock(BOARD, attempt, 46e6)
    assert best.hz == 43_500_000
    assert [hz / 1e6 for hz in asked] == [46.5, 43.5, 47.25, 48, 48.75, 49.5]


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
