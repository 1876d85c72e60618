# amaranth: UnusedElaboratable=no
"""Searches of builds with fake programs: clocks, schedules that fit, and rates that are reached."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.build import build
from xnorloom_boards.errors import BuildError
from xnorloom_boards.link.kind import LinkKind

SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))
BOARD = board.find("icebreaker")


def test_build_clock_twice(fakes, toy, tmp_path):
    # The network is synthesised once, though the clock changes.
    fakes.plan(fmax={"0": 60.0})
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert len(made.values["clock"]["attempts"]) == 2
    assert made.design.hz == 60_000_000
    assert len(fakes.calls("yosys")) == 3


TOO_LARGE = (r"network 'toy' at an interval of %s cycles? does not fit board icebreaker "
             r"\(iCE40UP5K\): ")


def test_build_too_large(fakes, toy, tmp_path):
    fakes.plan(cells=[6000, 5280], sleep=300)
    message = f"{TOO_LARGE % 6}it needs 6,000 logic cells where there are 5,280; .+"
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    assert not (tmp_path / "out").exists()


LEGAL = "Unable to find legal placement for all cells, design is probably at utilisation limit."


@pytest.mark.parametrize("turn, needed", [
    pytest.param({"cells": [6000, 5280], "sleep": 300},
                 "it needs 6,000 logic cells where there are 5,280", id="large"),
    pytest.param({"cells": [5200, 5280], "error": LEGAL},
                 "its 5,200 of 5,280 logic cells cannot be placed and routed (Unable to find legal "
                 "placement for all cells)", id="no-place"),
    pytest.param({"cells": [5200, 5280], "error": "Routing design failed."},
                 "its 5,200 of 5,280 logic cells cannot be placed and routed (Routing design "
                 "failed.)", id="no-way")])
def test_build_next(fakes, toy, tmp_path, turn, needed):
    # Where any interval will do, the next one is tried.
    said = []
    fakes.plan(turns=[turn], fmax={"0": 45.5})
    made = build(toy, BOARD, directory=tmp_path, progress=said.append)
    first = fit(toy, BOARD.device)
    interval = made.schedule.bind(toy).interval
    assert interval > first.bind(toy).interval
    assert made.values["speed"]["interval_cycles"] == interval
    assert Schedule.load(tmp_path / "schedule.json", toy) == made.schedule != first
    assert f"{needed}; trying an interval of {interval} cycles" in said
    assert len(fakes.calls("nextpnr")) == 2
    # An interval that was asked for is not changed.
    fakes.plan(**turn)
    least = first.bind(toy).interval
    message = (rf"{TOO_LARGE % least}{re.escape(needed)}; try --interval \d+, which is estimated "
               r"to fit")
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(toy, BOARD, interval=least, directory=tmp_path)


def test_build_next_at_most(fakes, toy, tmp_path):
    fakes.plan(cells=[5281, 5280])
    interval = r"\d+"
    message = rf"{TOO_LARGE % interval}it needs 5,281 logic cells where there are 5,280; .+"
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(toy, BOARD, directory=tmp_path / "out")
    assert 2 <= len(fakes.calls("nextpnr")) <= 4
    assert not (tmp_path / "out").exists()


def test_build_clock_cramped(fakes, toy, tmp_path):
    # What fits at one clock is kept, if the attempt at another one does not.
    fakes.plan(turns=[{}, {"error": "Routing design failed."}])
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert len(fakes.calls("nextpnr")) == 2
    assert made.design.hz == 45_000_000


def test_build_seed_cramped(fakes, toy, tmp_path):
    # One way is enough.
    fakes.plan(seeds={"0": {"error": "Routing design failed."}}, fmax={"1": 45.5})
    made = build(toy, BOARD, schedule=SCHEDULE, seeds=(0, 1), directory=tmp_path)
    [attempt] = made.values["clock"]["attempts"]
    assert [entry["seed"] for entry in attempt["seeds"]] == [1]


def test_build_too_slow(fakes, toy, tmp_path):
    fakes.plan(fmax={"0": 3.0})
    message = (r"network 'toy' misses its clock on board icebreaker: it was built for 45 MHz "
               r"and reaches 3 MHz; try more seeds")
    registered = replace(SCHEDULE.folds[0], register_every=1)
    for folds, advice in ((SCHEDULE.folds, ", or a fold with register_every 1"),
                          ((registered, SCHEDULE.folds[1]), ", or a fold with register_every 1"),
                          ((registered, replace(SCHEDULE.folds[1], register_every=1)), "")):
        with pytest.raises(BuildError, match=f"^{message}{advice}$"):
            build(toy, BOARD, schedule=Schedule(8, folds), directory=tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_build_fps(fakes, toy, tmp_path):
    fakes.plan(fmax={"0": 46.0})
    made = build(toy, BOARD, schedule=SCHEDULE, fps=6e6, directory=tmp_path / "out")
    assert made.values["speed"]["frames_per_second"] >= 6e6
    with pytest.raises(BuildError, match=r"^network 'toy' reaches 7,[\d,]{7} frames a second "
                                         r"on board icebreaker \([\d.]+ MHz, 6 cycles a frame\), "
                                         r"not 10,000,000; .+$"):
        build(toy, BOARD, schedule=SCHEDULE, fps=1e7, directory=tmp_path / "out")
    with pytest.raises(BuildError, match=r"^network 'toy' reaches .+, not 1,000,000,000; at this "
                                         r"clock a frame in every cycle is 45,750,000 a second$"):
        build(toy, BOARD, schedule=SCHEDULE, fps=1e9, directory=tmp_path / "out")


def test_build_fps_beyond_the_usual_clock(fakes, tmp_path):
    """The fastest schedule is built for a clock that some reach, and refused beyond that."""
    network = Graph.load(Path(__file__).parents[2] / "models" / "tfc.bnn")
    fakes.plan(fmax={"0": 48.0})
    made = build(network, BOARD, fps=480_000, directory=tmp_path / "out")
    assert made.values["speed"]["interval_cycles"] == 192
    assert made.values["speed"]["frames_per_interval"] == 2
    assert made.values["speed"]["frames_per_second"] >= 480_000
    with pytest.raises(NoScheduleError, match=(
            r"^network 'tfc' does not reach 700,000 frames a second on board icebreaker: the least "
            r"interval that fits is 96 cycles, 468,750 frames a second at the usual clock of 45 "
            r"MHz$")):
        build(network, BOARD, fps=700_000, directory=tmp_path / "out")


def test_build_fps_with_a_faster_schedule(fakes, tmp_path):
    """A rate that the first schedule misses is reached by one with fewer cycles per frame."""
    network = Graph.load(Path(__file__).parents[2] / "models" / "tfc.bnn")
    fakes.plan(fmax={"0": 36.2})
    said = []
    # At 45 MHz 150 cycles would do, at 36 MHz it takes 120.
    made = build(network, BOARD, fps=300_000, directory=tmp_path / "out", progress=said.append)
    assert made.values["speed"]["frames_per_second"] >= 300_000
    speed = made.values["speed"]
    assert speed["interval_cycles"] / speed["frames_per_interval"] <= 120
    [text] = [line for line in said if "missed at" in line]
    assert re.fullmatch(r"300,000 frames a second missed at 36 MHz; trying an interval of \d+ "
                        r"cycles for 2 frames", text)
    # An interval that is given says what is enough; a faster one is no less right.
    made = build(network, BOARD, fps=300_000, interval=150, directory=tmp_path / "out")
    speed = made.values["speed"]
    assert speed["interval_cycles"] / speed["frames_per_interval"] <= 120
    with pytest.raises(BuildError, match=(
            r"^network 'tfc' reaches 375,000 frames a second on board icebreaker \(36 MHz, 192 "
            r"cycles per 2 frames\), not 400,000; at this clock it would take an interval of 90 "
            r"cycles, but .+$")):
        build(network, BOARD, fps=400_000, directory=tmp_path / "out")


@pytest.mark.parametrize("line, met", [(30.0, True), (29.9, False)])
def test_spi_clock(fakes, tmp_path, toy, line, met):
    """The clock of SPI is none of the design, and must be met, too."""
    fakes.plan(fmax={"0": 60.0}, line=line)
    spi = BOARD.with_link(LinkKind.SPI)
    if not met:
        with pytest.raises(BuildError, match=rf"^network 'toy' misses the clock of SPI on board "
                                             rf"icebreaker: it is 30 MHz and reaches {line:g} MHz; "
                                             rf"build with a lower --baud$"):
            build(toy, spi, directory=tmp_path / "out", schedule=SCHEDULE)
    else:
        made = build(toy, spi, directory=tmp_path / "out", schedule=SCHEDULE)
        assert made.route.fmax_hz == 60e6 and made.route.line_fmax_hz == line * 1e6
        assert made.values["clock"]["fmax_hz"] == 60_000_000
        assert made.values["link"]["kind"] == "spi"
