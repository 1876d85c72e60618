# amaranth: UnusedElaboratable=no
"""Builds with fake programs: files, seeds, the cache, and failures."""

import hashlib
import json
import os
import re
import threading
from datetime import UTC, datetime

import pytest

from xnorloom.errors import ToolError
from xnorloom.folding.estimate import estimate
from xnorloom.graph.verified import keep_record, schedule_digest
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import board
from xnorloom_boards.build import build

SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))
BOARD = board.find("icebreaker")


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def without_times(values):
    return {key: value for key, value in values.items() if key not in ("date", "steps", "seconds")}


def test_build(fakes, toy, tmp_path):
    fakes.plan(fmax={"0": 46.0})
    said = []
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out", progress=said.append)
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
    assert values["digests"]["graph"] == toy.digest
    # 16 / 8 words in 12 / 4 turns, and 4 / 2 turns of 12 / 6 words.
    assert values["speed"]["interval_cycles"] == 6
    assert values["clock"]["hz"] <= 46e6
    assert values["speed"]["frames_per_second"] == pytest.approx(values["clock"]["hz"] / 6)
    # 16 bits are two bytes; with kind, number, checksum and end seven, of ten bits each.
    assert values["speed"]["link_frames_per_second"] == pytest.approx(3e6 / 70)
    assert values["resources"] == {"logic_cells": {"used": 100, "available": 5280}}
    assert [part["name"] for part in values["parts"]][:3] == [*(x.name for x in toy.layers),
                                                              "argmax"]
    assert values["critical_path"] == [
        {"kind": "clk-to-q", "ns": 1.25, "cell": "a<b>", "port": "I0"},
        {"kind": "routing", "ns": 2.5, "cell": "a<b>", "port": "I0"}]
    assert values["tools"]["yosys"] == "yosys of nobody 1.0"
    assert Schedule.load(tmp_path / "out" / "schedule.json", toy) == SCHEDULE
    assert (tmp_path / "out" / "synthesis.log").read_text() == "words of yosys\n" * 2
    assert "set_io uart_0__rx__io" in (tmp_path / "out" / "toy-icebreaker.pcf").read_text()
    assert "synthesising the network" in said


def test_build_overview(fakes, toy, tmp_path):
    """Values beside those of the tools, by definition; places are those of the fake nextpnr."""
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    values = made.values
    assert abs(datetime.now(UTC) - datetime.fromisoformat(values["date"])).total_seconds() < 600
    # Words of 8 bits, then of 4 neurons, then of 2 signed scores of counts to 12, then a class
    # of 4.
    offsets = toy.layers[1].offsets
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
        toy.layers[0].name: (2, 0),
        toy.layers[1].name: (1, 0),
        "argmax": (1, 0),
        "link and clock": (3, 1),
    }
    costs = estimate(SCHEDULE.bind(toy), BOARD.device)
    assert [part["cells"] for part in values["estimate"][:-1]] == [cost.cells for cost in costs]
    assert values["model"]["verified"] is values["model"]["accuracy"] is None
    assert [entry["of"] for entry in values["limits"]] == ["serial port", "schedule", "clock"]
    page = (tmp_path / "out" / "report.html").read_text()
    for title in ("What limits this design", "Blocks", "Floorplan", "Estimate", "Next"):
        assert f"<h2>{title}</h2>" in page
    assert f"{toy.layers[0].name}: 2 cells" in page
    assert "Not verified: there is no record of a verification of this network here." in page


def test_build_without_places(fakes, toy, tmp_path):
    fakes.plan(places=False)
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    assert {part["placed_cells"] for part in made.values["estimate"]} == {None}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Blocks</h2>" in page and "<h2>Floorplan</h2>" not in page


@pytest.mark.parametrize("same", [True, False], ids=["this schedule", "another"])
def test_build_verified(fakes, toy, tmp_path, same):
    schedule = SCHEDULE if same else Schedule(8, (Fold(6, 8, "lut"), Fold(2, 6, "lut")))
    keep_record(
        toy.digest,
        schedule_digest(schedule.as_json(toy)),
        "mnist:test",
        200,
        150,
        {"packed": 200},
    )
    made = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    model = made.values["model"]
    assert model["verified"]["same_schedule"] is same
    assert model["accuracy"] == {"correct": 150, "frames": 200, "data": "mnist:test"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b>75.00 %</b><span>accuracy, 200 frames of mnist:test</span>" in page
    assert ("xnorloom verify" in page) is not same


def test_build_seeds(fakes, toy, tmp_path):
    fakes.plan(fmax={"3": 44.0, "7": 45.5, "9": 45.0})
    made = build(toy, BOARD, schedule=SCHEDULE, seeds=(3, 7, 9, 7), directory=tmp_path)
    assert made.route.seed == made.values["clock"]["seed"] == 7
    [attempt] = made.values["clock"]["attempts"]
    assert [entry["seed"] for entry in attempt["seeds"]] == [3, 7, 9]
    assert made.values["clock"]["fmax_hz"] == 45_500_000


def test_build_cached(fakes, toy, tmp_path):
    first = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "a")
    before = len(fakes.calls())
    again = build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "b")
    assert again.bitstream == first.bitstream
    assert without_times(again.values) == without_times(first.values)
    assert len(fakes.calls()) == before
    # Another seed needs no synthesis, another schedule needs all.
    synthesised = len(fakes.calls("yosys"))
    build(toy, BOARD, schedule=SCHEDULE, seeds=(1,), directory=tmp_path / "b")
    assert len(fakes.calls("yosys")) == synthesised
    assert len(fakes.calls()) > before
    other = Schedule(8, (Fold(6, 8, "lut"), Fold(2, 6, "lut")))
    build(toy, BOARD, schedule=other, directory=tmp_path / "b")
    assert len(fakes.calls("yosys")) > synthesised


@pytest.mark.parametrize("tool, message", [
    ("yosys", r"Yosys failed: ERROR: no luck"),
    ("nextpnr-ice40", r"nextpnr-ice40 failed: ERROR: no luck"),
    ("icepack", r"icepack failed: ERROR: no luck")])
def test_build_failing_tool(fakes, toy, tmp_path, tool, message):
    fakes.plan(fail={tool: "no luck"})
    with pytest.raises(ToolError, match=f"^{message}$"):
        build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # What failed is not kept.
    fakes.plan()
    build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")


def test_build_wrong(fakes, toy, tmp_path):
    for arguments, message in (
            ({"schedule": SCHEDULE, "interval": 9},
             "build takes a schedule or an interval, not both"),
            ({"fps": 0.0}, r"build fps must be above 0 and at most 1e\+12, not 0\.0"),
            ({"fps": float("nan")}, r"build fps must be above 0 and at most 1e\+12, not nan"),
            ({"fps": 10**500}, r"build fps must be above 0 and at most 1e\+12, not 10+"),
            ({"schedule": SCHEDULE, "seeds": ()}, "build must have at least one seed"),
            ({"schedule": SCHEDULE, "seeds": (-1,)}, "Seed must be at least 0, not -1")):
        with pytest.raises(ValueError, match=f"^{message}$"):
            build(toy, BOARD, directory=tmp_path, **arguments)


def test_build_interrupted(fakes, toy, tmp_path):
    fakes.plan(sleep=300)
    threads = threading.active_count()

    def interrupt(text):
        if text.startswith("placing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out").exists()
    assert threading.active_count() == threads
    assert not list((tmp_path / "cache" / "xnorloom" / "builds").glob("xnorloom-build-*"))
    fakes.plan()
    build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path / "out")


def test_build_leaves_others(fakes, toy, tmp_path):
    (tmp_path / "build.json").write_text("before")
    fakes.plan(fail={"icepack": "no luck"})
    with pytest.raises(ToolError):
        build(toy, BOARD, schedule=SCHEDULE, directory=tmp_path)
    assert (tmp_path / "build.json").read_text() == "before"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".xnorloom-")]


def test_build_at_once(fakes, toy, tmp_path):
    threads = [threading.Thread(target=build, args=(toy, BOARD), kwargs=dict(
        schedule=SCHEDULE, seeds=(seed,), directory=tmp_path / "out")) for seed in (0, 0, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    bitstream = (tmp_path / "out" / "toy-icebreaker.bin").read_bytes()
    assert values["digests"]["bitstream"] == hashlib.sha256(bitstream).hexdigest()
    assert len(files(tmp_path / "out")) == 7
