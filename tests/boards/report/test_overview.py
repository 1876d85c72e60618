# amaranth: UnusedElaboratable=no
"""Limits, block diagram, floorplan, verification and next commands of a report."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, Schedule
from xnorloom.target.family import Family
from xnorloom_boards.board import find
from xnorloom_boards.flow.placement import Tile
from xnorloom_boards.report.advice import advice
from xnorloom_boards.report.critical_path import Step
from xnorloom_boards.report.diagram import diagram
from xnorloom_boards.report.floorplan import Floorplan, color, draw
from xnorloom_boards.report.next_steps import next_steps, verification


def svg(markup):
    return ElementTree.fromstring(f"<div>{markup}</div>")


def text(element):
    return "".join(element.itertext())


PLAN = Schedule(
    4, (Fold(2, 4, "lut", register_every=1), Fold(4, 8, "wired", register_every=1))
).bind(
    Graph(
        "g",
        Input((16,)),
        (
            Dense("hidden", np.ones((8, 16), int), [5] * 8),
            Score("score", np.ones((4, 8), int), [0] * 4),
        ),
    )
)
FASTER = SimpleNamespace(
    here=SimpleNamespace(cycles_per_frame=16, cells=900),
    limit="",
    faster=SimpleNamespace(cycles_per_frame=9.5, cells=1300),
)
NONE = SimpleNamespace(here=FASTER.here, faster=None, limit="an interval of 15 cycles needs more")
PATH = [
    Step("clock to output", 1.5, "flip-flop", "link.parser", "place", ""),
    Step("routing", 12.25, "", "", "", ""),
    Step("setup", 1.0, "flip-flop", "layer0", "", ""),
]


def values(link=2e6, hz=48_000_000, seeds=(0,), brams=30):
    return {
        "clock": {"hz": hz, "attempts": [{"seeds": [{"seed": seed} for seed in seeds]}]},
        "speed": {"frames_per_second": 2e6, "link_frames_per_second": link},
        "link": {"baud": 3_000_000},
        "resources": {
            "logic_cells": {"used": 900, "available": 5280},
            "brams": {"used": brams, "available": 30},
            "pins": {"used": 39, "available": 39},
        },
    }


def test_schedule_limits():
    [schedule, clock] = advice(PLAN, find("icebreaker"), FASTER, values(), PATH)
    assert schedule == {
        "of": "schedule",
        "limit": "layer 'hidden' takes 16 of the 16 cycles of the interval",
        "remedy": "--interval 10 is estimated to fit: 1.68 times the frames with +400 cells",
    }
    assert clock == {
        "of": "clock",
        "limit": "the clock is 48 MHz, since a path of 14.8 ns, 83 % of it wires, leads through "
        "link.parser to layer0",
        "remedy": "--seed 1,2,3 may place it better, and a slower schedule leaves more room",
    }
    [schedule] = advice(PLAN, find("icebreaker"), NONE, values(), [])
    assert schedule["remedy"] == (
        "nothing faster is estimated to fit: an interval of 15 cycles needs more; a chip with more "
        "block RAM, or smaller layers, allow more"
    )
    [schedule] = advice(PLAN, find("icebreaker"), NONE, values(brams=3), [])
    assert schedule["remedy"] == (
        "nothing faster is estimated to fit: an interval of 15 cycles needs more"
    )


@pytest.mark.parametrize(
    "name, hz, baud, times",
    [
        ("icebreaker", 48_000_000, "12,000,000", 4),
        ("icebreaker", 47_000_000, "6,000,000", 2),
        ("icebreaker", 20_000_000, None, None),
        ("ulx3s_25f", 90_000_000, None, None),
        ("colorlight_5a_75b", 90_000_000, None, None),
    ],
)
def test_port_limits(name, hz, baud, times):
    """Only an FT2232H has a faster rate, and a bit takes at least four cycles."""
    first, *_ = advice(PLAN, find(name), NONE, values(link=25_000, hz=hz), PATH)
    assert first["of"] == "serial port"
    assert first["limit"] == (
        "the serial port carries 25,000 of the 2,000,000 frames a second that the network reads"
    )
    other = "feed the network from logic on the chip, with the Verilog of xnorloom compile, or from"
    if baud is None:
        assert first["remedy"] == f"{other} a faster link"
    else:
        assert first["remedy"] == (
            f"build with --baud 12000000, which makes it {baud} baud at this clock, {times} times "
            f"the frames, or {other} a faster link"
        )


@pytest.mark.parametrize(
    "seeds, path, plan, remedy",
    [
        ((0, 1), PATH, PLAN, "more seeds may place it better.*"),
        ((0,), PATH[::2], PLAN, "other seeds or a faster chip"),
        (
            (0,),
            PATH[::2],
            Schedule(4, (Fold(2, 4, "lut", register_every=2), Fold(4, 8, "wired"))).bind(
                PLAN.graph
            ),
            "a schedule with register_every 1 has a register after each adder",
        ),
        ((0,), [Step("logic", 0.0, "", "", "", "")], PLAN, "other seeds or a faster chip"),
    ],
    ids=["seeds", "logic", "registers", "nothing"],
)
def test_clock_limits(seeds, path, plan, remedy):
    clock = advice(plan, find("icestick"), NONE, values(seeds=seeds), path)[-1]
    assert clock["of"] == "clock" and re.fullmatch(remedy, clock["remedy"])


def layer(name, **changes):
    return {
        "name": name,
        "neurons": 1064,
        "inputs": 784,
        "pe": 16,
        "simd": 28,
        "style": "block",
        "depth": 112,
        "buffer": "direct",
        **changes,
    }


@pytest.mark.parametrize(
    "name", ["dense", 'a<b>&"c"', "層" * 90, "x" * 300], ids=["usual", "markup", "wide", "long"]
)
def test_diagram(name):
    found = svg(
        diagram(
            {
                "model": {"classes": 10, "input": {"shape": [28, 28, 3], "bits": 2}},
                "schedule": {
                    "words": 28,
                    "layers": [
                        layer("first", vectors=4),
                        layer(name, buffer="ring", rows=5, style="spram"),
                        layer("last", buffer="registers", style="lut"),
                    ],
                },
                "widths": [28, 64, 16, 190, 4],
            }
        )
    )
    [chart] = found
    _, _, width, height = map(float, chart.get("viewBox").split())
    boxes = [
        [float(box.get(key)) for key in ("x", "y", "width", "height")] for box in chart.iter("rect")
    ]
    # Input, layers, argmax, and two buffers, from top to bottom, without overlap.
    assert len(boxes) == 5 + 2
    ends = [y + h for _, y, _, h in boxes]
    assert ends == sorted(ends) and ends[-1] < height
    assert all(y >= end for (_, y, _, _), end in zip(boxes[1:], ends))
    assert all(0 <= x and x + w <= width for x, _, w, _ in boxes)
    words = [entry.text for entry in chart.iter("text")]
    assert words[:3] == ["input", "28 × 28 × 3 values of 2 bits", "28 words a frame"]
    bits = [word for word in words if re.fullmatch(r"\d+ bits?", word)]
    assert bits == ["28 bits", "64 bits", "16 bits", "190 bits"]
    assert [word for word in words if word.startswith("buffer")] == [
        "buffer: ring, 5 rows",
        "buffer: registers",
    ]
    assert "1,064 neurons × 784; PE 16, SIMD 28 × 4" in words
    assert "weights in SPRAM, 112 deep" in words and "weights in look-up tables, 112 deep" in words
    assert words[-3:] == ["argmax", "10 classes", "result of 4 bits"]
    assert name in [text(entry) for entry in chart.iter("title")]


def test_floorplan():
    """A tile in the colour of its largest part, at its place; fuller tiles are more opaque."""
    tiles = [
        Tile(3, 4, "a<b>", "logic", 6),
        Tile(4, 4, "a<b>", "logic", 8),
        Tile(3, 4, "link", "logic", 1),
        Tile(6, 4, "a<b>", "logic", 7),
        Tile(9, 1, "link", "ram", 1),
        Tile(2, 2, "link", "logic", 1),
    ]
    plan = Floorplan(
        "iCE40UP5K", Family.ICE40, (("a<b>", True), ("idle", True), ("link", False)), tiles
    )
    found = svg(draw(plan))
    chart, legend = found
    assert chart.get("viewBox") == "0 0 26 32"
    paths = {(path.get("style"), path.get("d")) for path in chart.iter("path")}
    first, other = color(0, True), color(0, False)
    assert paths == {
        (f"fill:{first};opacity:1", "M3 27h2v1h-2zM6 27h1v1h-1z"),
        (f"fill:{other};opacity:1", "M9 30h1v1h-1z"),
        (f"fill:{other};opacity:0.45", "M2 29h1v1h-1z"),
    }
    assert [text(entry) for entry in legend] == ["a<b>: 21 cells", "link: 2 cells, 1 RAM"]
    # Rows of an ECP5 count from the top; a chip that is not known is as large as its tiles.
    ecp5 = svg(draw(Floorplan("other", Family.ECP5, plan.parts, tiles[:1])))
    assert ecp5[0].get("viewBox") == "0 0 4 5"
    assert [path.get("d") for path in ecp5.iter("path")] == ["M3 4h1v1h-1z"]


RECORD = {
    "date": "2026-01-31",
    "xnorloom": "0.1.0",
    "data": "mnist:test",
    "frames": 100,
    "correct": 97,
    "steps": {"packed": 100, "compiled": 1},
    "same_schedule": True,
}


def test_verification():
    assert verification({"model": {}}) is None
    assert verification({"model": {"verified": None}}) == (
        "Not verified: there is no record of a verification of this network here"
    )
    assert verification({"model": {"verified": RECORD}}) == (
        "Verified on 2026-01-31 with xnorloom 0.1.0 on mnist:test: equal to the integer graph are "
        "packed (100 frames), compiled (1 frame); the gateware in the schedule of this build"
    )
    other = RECORD | {"same_schedule": False}
    assert verification({"model": {"verified": other}}).endswith(
        "the gateware in another schedule than that of this build"
    )


def test_next_steps():
    made = {
        "model": {"bundled": "tfc", "data": "mnist:test", "verified": None},
        "board": {"name": "icebreaker"},
        "files": ["a b.bin", "build.json"],
    }
    assert [command for command, _ in next_steps(made)] == [
        "xnorloom verify tfc --data mnist:test --fold schedule.json",
        "xnorloom flash --board icebreaker 'a b.bin'",
        "xnorloom run tfc --board icebreaker --data mnist:test",
        "xnorloom serve tfc --board icebreaker",
    ]
    made["model"] = {"bundled": None, "verified": RECORD}
    assert [command for command, _ in next_steps(made)] == [
        "xnorloom flash --board icebreaker 'a b.bin'",
        "xnorloom run MODEL --board icebreaker --data DATA",
        "xnorloom serve MODEL --board icebreaker",
    ]
