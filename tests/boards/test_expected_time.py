"""Expected time of a build."""

import pytest

import xnorloom
from xnorloom_boards.board import find
from xnorloom_boards.expected_time import expected_seconds, expected_text
from xnorloom_boards.preview import preview


@pytest.mark.parametrize("seconds, said", [
    ((10, 40), "about 1 minute"), ((10, 61), "about 1 to 2 minutes"),
    ((89, 170), "about 1 to 3 minutes"), ((95, 100), "about 2 minutes"),
    ((3600, 7300), "about 60 to 122 minutes"), ((9100, 27_000), "about 3 to 8 hours"),
    ((90_000, 7_200_000), "about 25 to 2,000 hours")])
def test_text(seconds, said):
    assert expected_text(seconds) == said


# Processor seconds of builds with one attempt: synthesis, then each attempt.
MEASURED = [("tfc", "icebreaker", 784, 23.4 + 4.5, 3.7 + 13.4 + 0.2),
            ("tfc", "icebreaker", 192, 27.7 + 5.0, 3.5 + 17.0 + 0.2),
            ("mnist-cnn", "hx8k_evn", 10_000, 37.1 + 5.0, 3.7 + 32.4 + 0.2),
            ("tfc", "ulx3s_25f", 98, 15.8 + 7.3, 3.3 + 35.0 + 0.2)]


@pytest.mark.parametrize("model, board, interval, synthesis, attempt", MEASURED)
def test_measured(model, board, interval, synthesis, attempt):
    """Within a quarter of what was measured, for two clocks and for six."""
    found = preview(xnorloom.load(model), find(board), interval=interval)
    low, high = expected_seconds(found.plan, found.board)
    assert low == pytest.approx(synthesis + 2 * attempt, rel=0.25)
    assert high == pytest.approx(synthesis + 6 * attempt, rel=0.25)


# Processor seconds of one attempt.
LARGE = [("mnist-cnn", "ulx3s_25f", 400, 180), ("sfc", "ecp5_evn", 46, 400),
         ("tfc", "ulx3s_85f", 1, 5_200)]


@pytest.mark.parametrize("model, board, interval, attempt", LARGE)
def test_large(model, board, interval, attempt):
    """Within a factor of two."""
    found = preview(xnorloom.load(model), find(board), interval=interval)
    low, high = expected_seconds(found.plan, found.board)
    assert attempt / 2 < (high - low) / 4 < 2 * attempt


def test_seeds(monkeypatch):
    """Seeds share the cores; synthesis runs once."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = preview(xnorloom.load("tfc"), find("icebreaker"), interval=784)
    times = [expected_seconds(found.plan, found.board, seeds) for seeds in (1, 2, 3, 4)]
    assert times[0] == times[1] < times[2] == times[3]
    (low, high), (more, most) = times[0], times[2]
    synthesis = low - 2 * (high - low) / 4
    assert more - synthesis == pytest.approx(2 * (low - synthesis), abs=2)
    assert most - synthesis == pytest.approx(2 * (high - synthesis), abs=2)
