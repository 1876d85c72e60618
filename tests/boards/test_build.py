# amaranth: UnusedElaboratable=no
"""Builds with fake programs: clocks, seeds, the cache, and failures."""

import hashlib
import json
import os
import re
import shlex
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from xnorloom.errors import ToolError
from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import NoScheduleError, fit
from xnorloom.graph import Graph
from xnorloom.graph.verified import keep_record, schedule_digest
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.build import build
from xnorloom_boards.errors import BuildError
from xnorloom_boards.link.kind import LinkKind

FAKE = Path(__file__).parents[1] / "fixtures" / "fake_tool.py"
SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))
BOARD = board.find("icebreaker")


class Fakes:
    """Plan for the programs, and their calls."""

    def __init__(self, folder):
        self.file = folder / "plan.json"
        self.plan()

    def plan(self, **plan):
        self.file.write_text(json.dumps(plan))

    def calls(self, name=""):
        path = self.file.with_name("CALLS")
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(name)]


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Fake programs, and an empty cache."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("yosys", "nextpnr-ice40", "icepack"):
        script = folder / name
        script.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, str(FAKE), name])} "
                          f'"$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv(name.upper().replace("-", "_"), str(script))
    monkeypatch.setenv("FAKE_TOOLS", str(folder / "plan.json"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Fakes(folder)


@pytest.fixture
def graph(random_graph):
    random = random_graph(np.random.default_rng(5), [16, 12, 4])
    return Graph("toy", random.input, random.layers)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def without_times(values):
    return {key: value for key, value in values.items() if key not in ("date", "steps", "seconds")}


def test_build(fakes, graph, tmp_path):
    fakes.plan(fmax={"0": 46.0})
    said = []
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out", progress=said.append)
    names = ["build.json", "report.html", "routing.log", "schedule.json", "synthesis.log",
             "toy-icebreaker.bin", "toy-icebreaker.pcf"]
    assert files(tmp_path / "out") == names == sorted(path.name for path in made.files)
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    assert values == made.values
    expected = said.pop(0)
    assert re.fullmatch(r"expecting about 1( to \d)? minutes? on an idle machine, less with "
                        r"steps in the cache", expected)
    assert [step["step"] for step in values["steps"]] == said
    assert 0 <= max(step["started"] for step in values["steps"]) <= values["seconds"]
    bitstream = (tmp_path / "out" / "toy-icebreaker.bin").read_bytes()
    assert bitstream == made.bitstream
    assert values["digests"]["bitstream"] == hashlib.sha256(bitstream).hexdigest()
    assert values["digests"]["graph"] == graph.digest
    # 16 / 8 words in 12 / 4 turns, and 4 / 2 turns of 12 / 6 words.
    assert values["speed"]["interval_cycles"] == 6
    assert values["clock"]["hz"] <= 46e6
    assert values["speed"]["frames_per_second"] == pytest.approx(values["clock"]["hz"] / 6)
    # 16 bits are two bytes; with kind, number, checksum and end seven, of ten bits each.
    assert values["speed"]["link_frames_per_second"] == pytest.approx(3e6 / 70)
    assert values["resources"] == {"logic_cells": {"used": 100, "available": 5280}}
    assert [part["name"] for part in values["parts"]][:3] == [*(x.name for x in graph.layers),
                                                              "argmax"]
    assert values["critical_path"] == [
        {"kind": "clk-to-q", "ns": 1.25, "cell": "a<b>", "port": "I0"},
        {"kind": "routing", "ns": 2.5, "cell": "a<b>", "port": "I0"}]
    assert values["tools"]["yosys"] == "yosys of nobody 1.0"
    assert Schedule.load(tmp_path / "out" / "schedule.json", graph) == SCHEDULE
    assert (tmp_path / "out" / "synthesis.log").read_text() == "words of yosys\n" * 2
    assert "set_io uart_0__rx__io" in (tmp_path / "out" / "toy-icebreaker.pcf").read_text()
    assert "synthesising the network" in said


def test_build_overview(fakes, graph, tmp_path):
    """Values beside those of the tools, by definition; places are those of the fake nextpnr."""
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    values = made.values
    assert abs(datetime.now(UTC) - datetime.fromisoformat(values["date"])).total_seconds() < 600
    # Words of 8 bits, then of 4 neurons, then of 2 signed scores of counts to 12, then a class
    # of 4.
    offsets = graph.layers[1].offsets
    bits = 1 + max(int(offsets.max() + 12).bit_length(), int(-offsets.min() - 1).bit_length())
    assert values["widths"] == [8, 4, 2 * bits, 2]
    # 16 block RAM bits of each of 30; all weights are in look-up tables.
    assert values["ram_bound"] == {
        "cycles": 1,
        "reads": 16 * 12 + 12 * 4,
        "bits": 30 * 16,
        "unread": 16 * 12 + 12 * 4,
    }
    assert {
        part["name"]: (part["placed_cells"], part["placed_brams"]) for part in values["estimate"]
    } == {
        graph.layers[0].name: (2, 0),
        graph.layers[1].name: (1, 0),
        "argmax": (1, 0),
        "link and clock": (3, 1),
    }
    costs = estimate(SCHEDULE.bind(graph), BOARD.device)
    assert [part["cells"] for part in values["estimate"][:-1]] == [cost.cells for cost in costs]
    assert values["model"]["verified"] is values["model"]["accuracy"] is None
    assert [entry["of"] for entry in values["limits"]] == ["serial port", "schedule", "clock"]
    page = (tmp_path / "out" / "report.html").read_text()
    for title in ("What limits this design", "Blocks", "Floorplan", "Estimate", "Next"):
        assert f"<h2>{title}</h2>" in page
    assert f"{graph.layers[0].name}: 2 cells" in page
    assert "Not verified: there is no record of a verification of this network here." in page


def test_build_without_places(fakes, graph, tmp_path):
    fakes.plan(places=False)
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    assert {part["placed_cells"] for part in made.values["estimate"]} == {None}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Blocks</h2>" in page and "<h2>Floorplan</h2>" not in page


@pytest.mark.parametrize("same", [True, False], ids=["this schedule", "another"])
def test_build_verified(fakes, graph, tmp_path, same):
    schedule = SCHEDULE if same else Schedule(8, (Fold(6, 8, "lut"), Fold(2, 6, "lut")))
    keep_record(
        graph.digest,
        schedule_digest(schedule.as_json(graph)),
        "mnist:test",
        200,
        150,
        {"packed": 200},
    )
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    model = made.values["model"]
    assert model["verified"]["same_schedule"] is same
    assert model["accuracy"] == {"correct": 150, "frames": 200, "data": "mnist:test"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b>75.00 %</b><span>accuracy, 200 frames of mnist:test</span>" in page
    assert ("xnorloom verify" in page) is not same


def test_build_seeds(fakes, graph, tmp_path):
    fakes.plan(fmax={"3": 44.0, "7": 45.5, "9": 45.0})
    made = build(graph, BOARD, schedule=SCHEDULE, seeds=(3, 7, 9, 7), directory=tmp_path)
    assert made.route.seed == made.values["clock"]["seed"] == 7
    [attempt] = made.values["clock"]["attempts"]
    assert [entry["seed"] for entry in attempt["seeds"]] == [3, 7, 9]
    assert made.values["clock"]["fmax_hz"] == 45_500_000


def test_build_cached(fakes, graph, tmp_path):
    first = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "a")
    before = len(fakes.calls())
    again = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "b")
    assert again.bitstream == first.bitstream
    assert without_times(again.values) == without_times(first.values)
    assert len(fakes.calls()) == before
    # Another seed needs no synthesis, another schedule needs all.
    synthesised = len(fakes.calls("yosys"))
    build(graph, BOARD, schedule=SCHEDULE, seeds=(1,), directory=tmp_path / "b")
    assert len(fakes.calls("yosys")) == synthesised
    assert len(fakes.calls()) > before
    other = Schedule(8, (Fold(6, 8, "lut"), Fold(2, 6, "lut")))
    build(graph, BOARD, schedule=other, directory=tmp_path / "b")
    assert len(fakes.calls("yosys")) > synthesised


def test_build_clock_twice(fakes, graph, tmp_path):
    # The network is synthesised once, though the clock changes.
    fakes.plan(fmax={"0": 60.0})
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert len(made.values["clock"]["attempts"]) == 2
    assert made.design.hz == 60_000_000
    assert len(fakes.calls("yosys")) == 3


TOO_LARGE = (r"network 'toy' at an interval of %s cycles? does not fit board icebreaker "
             r"\(iCE40UP5K\): ")


def test_build_too_large(fakes, graph, tmp_path):
    fakes.plan(cells=[6000, 5280], sleep=300)
    message = f"{TOO_LARGE % 6}it needs 6,000 logic cells where there are 5,280; .+"
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
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
def test_build_next(fakes, graph, tmp_path, turn, needed):
    # Where any interval will do, the next one is tried.
    said = []
    fakes.plan(turns=[turn], fmax={"0": 45.5})
    made = build(graph, BOARD, directory=tmp_path, progress=said.append)
    first = fit(graph, BOARD.device)
    interval = made.schedule.bind(graph).interval
    assert interval > first.bind(graph).interval
    assert made.values["speed"]["interval_cycles"] == interval
    assert Schedule.load(tmp_path / "schedule.json", graph) == made.schedule != first
    assert f"{needed}; trying an interval of {interval} cycles" in said
    assert len(fakes.calls("nextpnr")) == 2
    # An interval that was asked for is not changed.
    fakes.plan(**turn)
    least = first.bind(graph).interval
    message = (rf"{TOO_LARGE % least}{re.escape(needed)}; try --interval \d+, which is estimated "
               r"to fit")
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(graph, BOARD, interval=least, directory=tmp_path)


def test_build_next_at_most(fakes, graph, tmp_path):
    fakes.plan(cells=[5281, 5280])
    interval = r"\d+"
    message = rf"{TOO_LARGE % interval}it needs 5,281 logic cells where there are 5,280; .+"
    with pytest.raises(BuildError, match=f"^{message}$"):
        build(graph, BOARD, directory=tmp_path / "out")
    assert 2 <= len(fakes.calls("nextpnr")) <= 4
    assert not (tmp_path / "out").exists()


def test_build_clock_cramped(fakes, graph, tmp_path):
    # What fits at one clock is kept, if the attempt at another one does not.
    fakes.plan(turns=[{}, {"error": "Routing design failed."}])
    made = build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert len(fakes.calls("nextpnr")) == 2
    assert made.design.hz == 45_000_000


def test_build_seed_cramped(fakes, graph, tmp_path):
    # One way is enough.
    fakes.plan(seeds={"0": {"error": "Routing design failed."}}, fmax={"1": 45.5})
    made = build(graph, BOARD, schedule=SCHEDULE, seeds=(0, 1), directory=tmp_path)
    [attempt] = made.values["clock"]["attempts"]
    assert [entry["seed"] for entry in attempt["seeds"]] == [1]


def test_build_too_slow(fakes, graph, tmp_path):
    fakes.plan(fmax={"0": 3.0})
    message = (r"network 'toy' misses its clock on board icebreaker: it was built for 45 MHz "
               r"and reaches 3 MHz; try more seeds")
    registered = replace(SCHEDULE.folds[0], register_every=1)
    for folds, advice in ((SCHEDULE.folds, ", or a fold with register_every 1"),
                          ((registered, SCHEDULE.folds[1]), ", or a fold with register_every 1"),
                          ((registered, replace(SCHEDULE.folds[1], register_every=1)), "")):
        with pytest.raises(BuildError, match=f"^{message}{advice}$"):
            build(graph, BOARD, schedule=Schedule(8, folds), directory=tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_build_fps(fakes, graph, tmp_path):
    fakes.plan(fmax={"0": 46.0})
    made = build(graph, BOARD, schedule=SCHEDULE, fps=6e6, directory=tmp_path / "out")
    assert made.values["speed"]["frames_per_second"] >= 6e6
    with pytest.raises(BuildError, match=r"^network 'toy' reaches 7,[\d,]{7} frames a second "
                                         r"on board icebreaker \([\d.]+ MHz, 6 cycles a frame\), "
                                         r"not 10,000,000; .+$"):
        build(graph, BOARD, schedule=SCHEDULE, fps=1e7, directory=tmp_path / "out")
    with pytest.raises(BuildError, match=r"^network 'toy' reaches .+, not 1,000,000,000; at this "
                                         r"clock a frame in every cycle is 45,750,000 a second$"):
        build(graph, BOARD, schedule=SCHEDULE, fps=1e9, directory=tmp_path / "out")


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


@pytest.mark.parametrize("tool, message", [
    ("yosys", r"Yosys failed: ERROR: no luck"),
    ("nextpnr-ice40", r"nextpnr-ice40 failed: ERROR: no luck"),
    ("icepack", r"icepack failed: ERROR: no luck")])
def test_build_failing_tool(fakes, graph, tmp_path, tool, message):
    fakes.plan(fail={tool: "no luck"})
    with pytest.raises(ToolError, match=f"^{message}$"):
        build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # What failed is not kept.
    fakes.plan()
    build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")


def test_build_wrong(fakes, graph, tmp_path):
    for arguments, message in (
            ({"schedule": SCHEDULE, "interval": 9},
             "build takes a schedule or an interval, not both"),
            ({"fps": 0.0}, r"build fps must be above 0 and at most 1e\+12, not 0\.0"),
            ({"fps": float("nan")}, r"build fps must be above 0 and at most 1e\+12, not nan"),
            ({"fps": 10**500}, r"build fps must be above 0 and at most 1e\+12, not 10+"),
            ({"schedule": SCHEDULE, "seeds": ()}, "build must have at least one seed"),
            ({"schedule": SCHEDULE, "seeds": (-1,)}, "Seed must be at least 0, not -1")):
        with pytest.raises(ValueError, match=f"^{message}$"):
            build(graph, BOARD, directory=tmp_path, **arguments)


def test_build_interrupted(fakes, graph, tmp_path):
    fakes.plan(sleep=300)
    threads = threading.active_count()

    def interrupt(text):
        if text.startswith("placing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out").exists()
    assert threading.active_count() == threads
    assert not list((tmp_path / "cache" / "xnorloom" / "builds").glob("xnorloom-build-*"))
    fakes.plan()
    build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")


def test_build_leaves_others(fakes, graph, tmp_path):
    (tmp_path / "build.json").write_text("before")
    fakes.plan(fail={"icepack": "no luck"})
    with pytest.raises(ToolError):
        build(graph, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert (tmp_path / "build.json").read_text() == "before"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".xnorloom-")]


def test_build_at_once(fakes, graph, tmp_path):
    threads = [threading.Thread(target=build, args=(graph, BOARD), kwargs=dict(
        schedule=SCHEDULE, seeds=(seed,), directory=tmp_path / "out")) for seed in (0, 0, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    bitstream = (tmp_path / "out" / "toy-icebreaker.bin").read_bytes()
    assert values["digests"]["bitstream"] == hashlib.sha256(bitstream).hexdigest()
    assert len(files(tmp_path / "out")) == 7


@pytest.mark.parametrize("line, met", [(30.0, True), (29.9, False)])
def test_spi_clock(fakes, tmp_path, graph, line, met):
    """The clock of SPI is none of the design, and must be met, too."""
    fakes.plan(fmax={"0": 60.0}, line=line)
    spi = BOARD.with_link(LinkKind.SPI)
    if not met:
        with pytest.raises(BuildError, match=rf"^network 'toy' misses the clock of SPI on board "
                                             rf"icebreaker: it is 30 MHz and reaches {line:g} MHz; "
                                             rf"build with a lower --baud$"):
            build(graph, spi, directory=tmp_path / "out", schedule=SCHEDULE)
    else:
        made = build(graph, spi, directory=tmp_path / "out", schedule=SCHEDULE)
        assert made.route.fmax_hz == 60e6 and made.route.line_fmax_hz == line * 1e6
        assert made.values["clock"]["fmax_hz"] == 60_000_000
        assert made.values["link"]["kind"] == "spi"
