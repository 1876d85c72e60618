# amaranth: UnusedElaboratable=no
"""``xnorloom compile``."""

import json
import re

import pytest

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support import files
from xnorloom_cli.main import main

COMPILE = ["compile", "toy.bnn", "-o", "out"]


def test_compile(run_json, model, tmp_path):
    out = tmp_path / "some" / "where"
    values = run_json("compile", model, "-o", out, "--interval", 40)
    graph = Graph.load(model)
    schedule = automatic(graph, 40)
    times = Network(schedule.bind(graph))
    assert sorted(path.name for path in out.iterdir()) == [
        "bnn_toy.v", "manifest.json", "schedule.json"]
    assert values["files"] == [str(out / name) for name in
                               ("bnn_toy.v", "manifest.json", "schedule.json")]
    assert (values["latency"], values["interval"]) == (times.latency, times.interval)
    assert values["lanes"] == sum(fold.lanes for fold in schedule.folds)
    assert [e["bottleneck"] for e in values["layers"]] == [
        e.cycles == times.interval for e in times.plan.layers]
    assert Schedule.load(out / "schedule.json", graph) == schedule
    assert json.loads((out / "manifest.json").read_text())["interval"] == times.interval
    assert "\nmodule bnn_toy(" in (out / "bnn_toy.v").read_text()


def test_compile_edited_schedule(run, model, tmp_path):
    """A schedule file of compile, edited and passed with --fold, is written again unchanged."""
    run("compile", model, "-o", tmp_path / "a")
    path = tmp_path / "a" / "schedule.json"
    content = json.loads(path.read_text())
    content["layers"][0].update(pe=3, simd=4, style="lut")
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    text = run("compile", model, "-o", tmp_path / "a", "--fold", edited)
    assert json.loads(path.read_text()) == content
    assert re.search(r"^dense0 +7 x 30 +3 +4 +12 +72 +lut +24 .*<- slowest$", text, re.MULTILINE)
    assert re.search(r"^interval 72 cycles between frames, set by layer dense0$", text,
                     re.MULTILINE)
    assert f"wrote {tmp_path / 'a' / 'bnn_toy.v'}\n" in text


@pytest.mark.parametrize("style", ["wired", "lut", "block"])
def test_compile_style(run_json, model, tmp_path, style):
    values = run_json("compile", model, "-o", tmp_path / "out", "--style", style)
    assert {entry["style"] for entry in values["layers"]} == {style}


def test_compile_scores(run, model, tmp_path):
    run("compile", model, "-o", tmp_path / "class")
    run("compile", model, "-o", tmp_path / "scores", "--scores")
    fields = [json.loads((tmp_path / name / "manifest.json").read_text())["output"]["fields"]
              for name in ("class", "scores")]
    assert [len(entry) for entry in fields] == [1, 5]


def test_compile_axi_stream(run, run_json, model, tmp_path):
    """The automatic schedule takes words that fit a beat; latency and interval are the core's."""
    out = tmp_path / "out"
    command = ["compile", model, "-o", out, "--interface", "axi-stream", "--scores"]
    values = run_json(*command, "--tdata-width", 8, "--fusesoc")
    assert values["files"] == [str(out / name) for name in (
        "bnn_toy.v", "manifest.json", "bnn_toy.core", "schedule.json")]
    assert (out / "bnn_toy.core").read_text().startswith("CAPI=2:\nname: xnorloom:bnn:bnn_toy:")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["ports"][0]["name"] == "aclk"
    assert manifest["input"]["word_bits"] <= 8
    assert (values["latency"], values["interval"]) == (manifest["latency"], manifest["interval"])
    assert values["interface"] == "axi-stream"
    assert values["tdata_bits"] == values["result_tdata_bits"] == 8
    assert values["frame_beats"] == manifest["input"]["beats_per_frame"]
    assert values["result_beats"] == manifest["output"]["beats_per_frame"]
    text = run(*command)
    assert re.search(r"^AXI-Stream: a frame is \d+ beats? of \d+ bits, a result 1 beat of \d+ "
                     r"bits;$", text, re.MULTILINE)


@pytest.mark.parametrize("options, message", [
    (["--tdata-width", "8"], "argument --tdata-width: needs --interface axi-stream"),
    (["--interface", "axi-stream", "--tdata-width", "12"],
     "argument --tdata-width: AxiStreamNetwork tdata_width must be a multiple of 8, not 12"),
    (["--interface", "axi-stream", "--tdata-width", "0"],
     "argument --tdata-width: must be an integer of at least 1, not '0' (see xnorloom compile "
     "--help)"),
    (["--interface", "axi"], "argument --interface: must be one of stream, axi-stream, not 'axi' "
                             "(see xnorloom compile --help)"),
])
def test_compile_axi_stream_wrong(capsys, model, tmp_path, options, message):
    assert main(["compile", str(model), "-o", str(tmp_path / "out"), *options]) == 2
    assert capsys.readouterr().err == f"xnorloom: error: {message}\n"
    assert not (tmp_path / "out").exists()


def test_compile_schedule_of_wider_words(run, capsys, model, tmp_path):
    """A schedule file is taken as it is."""
    run("compile", model, "-o", tmp_path / "a", "--interval", 3)
    path = tmp_path / "a" / "schedule.json"
    width = json.loads(path.read_text())["input_width"]
    assert width > 8
    assert main(["compile", str(model), "-o", str(tmp_path / "b"), "--fold", str(path),
                 "--interface", "axi-stream", "--tdata-width", "8"]) == 2
    assert capsys.readouterr().err == (
        f"xnorloom: error: argument --tdata-width: AxiStreamNetwork tdata_width must be at least "
        f"the input_width of the schedule, {width}, not 8\n")


def test_compile_name(run, run_json, model, tmp_path):
    """The modules of two cores of one model have different names."""
    modules = []
    for name in "digits", "bnn_toy":
        out = tmp_path / name
        values = run_json("compile", model, "-o", out, "--name", name)
        assert values["files"][0] == str(out / f"{name}.v")
        assert json.loads((out / "manifest.json").read_text())["module"] == name
        modules.append(re.findall(r"^module \\?(\S+) ?\(", (out / f"{name}.v").read_text(),
                                  re.MULTILINE))
        assert len(modules[-1]) > 5
        assert all(re.match(rf"{name}(\.|$)", module) for module in modules[-1])
    run("compile", model, "-o", tmp_path / "default")
    assert (tmp_path / "default" / "bnn_toy.v").read_bytes() == \
        (tmp_path / "bnn_toy" / "bnn_toy.v").read_bytes()


def test_output_below_a_file(wrong):
    wrong(r"output directory data\.npz/deep cannot be written: Not a directory",
                 "compile", "toy.bnn", "-o", "data.npz/deep")


def test_output_name_taken(wrong, tmp_path):
    (tmp_path / "out" / "manifest.json").mkdir(parents=True)
    wrong(r"output directory out cannot be written: manifest\.json in it is a "
                         r"directory, not a file", *COMPILE)


@pytest.mark.parametrize("exists", [False, True])
def test_output_whole_or_not(wrong, tmp_path, monkeypatch, exists):
    """A failure leaves the directory unchanged."""
    if exists:
        (tmp_path / "deep" / "out").mkdir(parents=True)
        (tmp_path / "deep" / "out" / "bnn_toy.v").write_text("mine")

    def failing(network, name):
        raise ToolError("Yosys has left")

    monkeypatch.setattr(verilog, "manifest", failing)
    wrong(r"Yosys has left", "compile", "toy.bnn", "-o", "deep/out")

    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xnorloom.schedule.file.write_atomic", full)
    wrong(r"file deep/out/schedule\.json cannot be written: No space left on device",
                 "compile", "toy.bnn", "-o", "deep/out")
    assert files.write_atomic is not full


def test_compile_several_frames_at_once(run, run_json, model, tmp_path):
    """The table, the values and the simulation of a schedule with frames in parallel."""
    run("compile", model, "-o", tmp_path, "--interval", 72)
    path = tmp_path / "schedule.json"
    content = json.loads(path.read_text())
    folds = [{"pe": 3, "simd": 4, "style": "lut"}, {"pe": 1, "simd": 2, "style": "lut"}]
    for layer, fold in zip(content["layers"], folds, strict=True):
        layer.update(fold, vectors=3)
    content["input_width"] = 4
    path.write_text(json.dumps(content))
    text = run("compile", model, "-o", tmp_path / "out", "--fold", path)
    assert re.search(r"^layer +neurons x inputs +PE +SIMD +frames +lanes +cycles ", text,
                     re.MULTILINE)
    assert re.search(r"^dense0 +7 x 30 +3 +4 +3 +12 +72 +lut +24 .*<- slowest$", text, re.MULTILINE)
    assert "\ninterval 72 cycles per 3 frames, set by layer dense0\n" in text
    values = run_json("compile", model, "-o", tmp_path / "out", "--fold", path)
    assert (values["interval"], values["frames_per_interval"]) == (72, 3)
    assert [layer["vectors"] for layer in values["layers"]] == [3, 3]
    assert json.loads((tmp_path / "out" / "schedule.json").read_text()) == content

    # A wider fold, for which the frames do not arrive in time.
    content["layers"][0].update(pe=7)
    path.write_text(json.dumps(content))
    text = run("compile", model, "-o", tmp_path / "out", "--fold", path)
    assert re.search(r"^interval 72 cycles per 3 frames, set by the 72 input words; while the "
                     r"slowest layer works, 1 of 3 frames arrive$", text, re.MULTILINE)
