"""``xnorloom explore``: table, files, and wrong input."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom_cli.main import main

COMMAND = "explore", "toy.bnn", "--board", "icestick,icebreaker"


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def explored(here, random_graph, run_json):
    """The values of an exploration in the directory ``front``, of a network with several points."""
    graph = random_graph(np.random.default_rng(4), [16, 12, 4], bits=2)
    Graph("toy", graph.input, graph.layers).save("toy.bnn")
    return run_json(*COMMAND, "-o", "front")


def test_explore(explored, run_json):
    """Each point has its schedule as values and as a file; numbers follow from it."""
    graph = Graph.load("toy.bnn")
    assert explored["model"] == {"name": "toy", "digest": graph.digest}
    assert [board["board"] for board in explored["boards"]] == ["icestick", "icebreaker"]
    for board in explored["boards"]:
        assert board["clock"]["estimated"] is True and board["limit"]
        rates = [point["frames_per_second"] for point in board["points"]]
        assert rates == sorted(rates, reverse=True) and len(rates) > 2
        for number, point in enumerate(board["points"], 1):
            assert point["name"] == f"{board['board']}-{number:02}"
            schedule = Schedule.load(f"front/{point['name']}.json", graph)
            assert schedule.as_json(graph) == point["schedule"]
            plan = schedule.bind(graph)
            assert point["interval_cycles"] == plan.interval
            assert point["frames_per_second"] == pytest.approx(
                plan.frames_per_second(board["clock"]["hz"]))
            assert point["routed"] is None
            for used in point["resources"].values():
                assert 0 <= used["used"] <= used["available"]
        names = [None, *(point["name"] for point in board["points"])]
        for place, point in enumerate(board["points"]):
            assert point["faster"] in names[:place + 1]
    saved = json.loads(Path("front/explore.json").read_text())
    assert saved["format"] == "xnorloom-explore" and saved["version"] == 1
    assert {Path(path).name for path in explored["files"]} == {
        path.name for path in Path("front").iterdir()}
    assert Path("front/explore.png").read_bytes().startswith(b"\x89PNG")
    # The printed command builds the point: its dry run has the same numbers.
    point = explored["boards"][1]["points"][-1]
    again = run_json(*shlex.split(point["command"])[1:], "--dry-run")
    for key in ("interval_cycles", "latency_cycles", "frames_per_second", "resources"):
        assert again[key] == point[key]


def test_explore_again(explored, run):
    """The same model goes into the same directory; the table has a row for each point."""
    before = Path("front/explore.json").read_bytes(), Path("front/explore.png").read_bytes()
    text = run(*COMMAND, "-o", "front")
    assert before == (Path("front/explore.json").read_bytes(),
                      Path("front/explore.png").read_bytes())
    for board in explored["boards"]:
        assert f"\n{board['title']} ({board['device']}), " in text
        assert f"\nNothing is faster: {board['limit']}.\n" in text
    rows = [line for line in text.splitlines() if line[:2].isdigit()]
    assert len(rows) == sum(len(board["points"]) for board in explored["boards"])
    assert text.endswith("Next: xnorloom build toy.bnn --board icestick --fold "
                         "front/icestick-01.json\n")


def test_a_board_that_is_too_small(run_json, random_graph, rng, tmp_path, monkeypatch):
    """It is reported; the others are explored."""
    monkeypatch.chdir(tmp_path)
    random_graph(rng, [400, 200, 4]).save("large.bnn")
    values = run_json("explore", "large.bnn", "--board", "icestick,hx8k_evn",
                      "--vectors", 1)
    assert [entry["board"] for entry in values["refused"]] == ["icestick"]
    assert values["refused"][0]["reason"].startswith("network 'random' does not fit iCE40HX1K: ")
    assert [board["board"] for board in values["boards"]] == ["hx8k_evn"]
    assert values["directory"] == "random-explore"


@pytest.mark.parametrize("boards, message", [
    ("", "argument --board: must be names of boards with commas between them, .+"),
    ("icestick,,icebreaker", "argument --board: must be names of boards .+"),
    ("icestick,icebreaker,icestick", "argument --board: must name each board once, icestick is "
                                     "there 2 times .+"),
    ("icestick,breadboard", "board must be one of .+, not 'breadboard'")])
def test_wrong_boards(wrong, boards, message):
    wrong(message, "explore", "toy.bnn", "--board", boards)


def test_no_board(wrong):
    wrong("the following arguments are required: --board .+", "explore", "toy.bnn")


@pytest.mark.parametrize("name, content, message", [
    ("notes.txt", "mine", "output directory front has no explore.json, but 'notes.txt'; choose a "
                          "new one with -o"),
    ("explore.json", "{}", "file front/explore.json is no exploration; remove it, or choose "
                           "another directory with -o"),
    ("explore.json", "[" * 100_000, "file front/explore.json is no exploration; .+"),
    ("explore.json", '{"format": "xnorloom-explore", "version": 2}',
     "file front/explore.json must have the format xnorloom-explore 1, not 'xnorloom-explore' 2; "
     "choose another directory with -o"),
    ("explore.json", '{"format": "xnorloom-explore", "version": 1, "boards": [], '
                     '"model": {"name": "other", "digest": "0"}}',
     "output directory front has the exploration of another network, other; choose another one "
     "with -o")])
def test_wrong_directory(wrong, name, content, message):
    Path("front").mkdir()
    Path("front", name).write_text(content)
    wrong(message, *COMMAND, "-o", "front")


def test_a_file_in_place_of_the_directory(wrong):
    Path("front").write_text("")
    wrong("output directory front cannot be written: it is not a directory", *COMMAND, "-o",
          "front")


def test_nothing_fits(random_graph, rng, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random_graph(rng, [400, 400, 4]).save("large.bnn")
    assert main(["explore", "large.bnn", "--board", "icestick"]) == 2
    assert capsys.readouterr().err.startswith(
        "xnorloom: error: network 'random' does not fit iCE40HX1K: ")
    assert [path.name for path in tmp_path.iterdir()] == ["large.bnn"]
