# amaranth: UnusedElaboratable=no
"""No command sends a control character of a foreign string to the terminal, or a line of its own.

Foreign are names of files, models, layers, nodes, classes and keys, and what programs print.
"""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link import port as port_module
from xnorloom_cli.commands import COMMANDS
from xnorloom_cli.main import main

# Clears the screen, sets the title of the window, begins a line, turns the direction of the text.
EVIL = "\x1b[2J\x1b]0;title\x07\nEVIL: all equal\r\x9b31m\u202e\u2028\x7f"


@pytest.fixture
def say(capsys, monkeypatch):
    """``say(*arguments, status)`` runs a command at a terminal and returns all that it prints."""
    monkeypatch.setattr("xnorloom_cli.console._is_terminal", lambda stream: True)

    def run(*arguments, status=2):
        arguments = list(map(str, arguments))
        assert main(arguments) == status
        captured = capsys.readouterr()
        # Progress bars return to the start of their line.
        for text in (captured.out, captured.err.replace("\r", "\n")):
            for line in text.split("\n"):
                assert line.isprintable(), line
                assert not line.startswith("EVIL"), line
        if status == 2:
            assert captured.err.count("\n") >= 1
            assert captured.err.strip().split("\n")[-1].startswith("xnorloom: error: ")
        return captured.out + captured.err
    return run


@pytest.fixture
def evil(here, tmp_path):
    """A folder of an evil name, with an evil model file, data, schedule and bitstream in it."""
    folder = tmp_path / EVIL
    folder.mkdir()
    shutil.copyfile("toy.bnn", folder / f"{EVIL}.bnn")
    rng = np.random.default_rng(0)
    np.savez(folder / f"{EVIL}.npz", images=rng.integers(0, 256, (2, 4, 3), np.uint8))
    graph = Graph.load("toy.bnn")
    Schedule(8, (Fold(5, 4, "lut"), Fold(3, 5, "lut"))).save(folder / f"{EVIL}.json", graph)
    return folder


def test_every_command_has_a_test():
    assert set(COMMANDS) == {"demo", "import", "info", "verify", "simulate", "compile", "build",
                             "flash", "run", "boards", "serve", "explore",
                             "export", "models"}


ARGUMENTS = {
    "info": [EVIL], "info option": ["toy.bnn", EVIL], "info input": ["toy.bnn", "--input", EVIL],
    "compile": ["toy.bnn", "-o", "out", "--name", EVIL],
    "compile style": ["toy.bnn", "-o", "out", "--style", EVIL],
    "compile interval": ["toy.bnn", "-o", "out", "--interval", EVIL],
    "simulate": ["toy.bnn", "--data", EVIL], "simulate engine": ["toy.bnn", "--engine", EVIL],
    "simulate stall": ["toy.bnn", "--data", "data.npz", "--stall", EVIL],
    "simulate waveform": ["toy.bnn", "--data", "data.npz", "--waveform", f"{EVIL}/w.vcd"],
    "simulate directory": ["toy.bnn", "--data", "mnist:test", "--data-dir", EVIL],
    "simulate single": ["toy.bnn", "--data", f"{EVIL}.npz", "--data-dir", "."],
    "verify": ["toy.bnn", "--skip", EVIL], "verify data": ["toy.bnn", "--data", f"{EVIL}.npz"],
    "build": ["toy.bnn", "--board", EVIL],
    "build seed": ["toy.bnn", "--board", "icebreaker", "--seed", EVIL],
    "flash": [EVIL, "--board", "icebreaker"], "flash board": ["a.bin", "--board", EVIL],
    "run": ["toy.bnn", "--board", "icebreaker", "--data", "data.npz", "--port", EVIL],
    "import": ["toy.bnn", "-o", f"{EVIL}.onnx"], "import model": [f"{EVIL}.onnx", "-o", "a.bnn"],
    "import file": [f"{EVIL}.h5", "-o", "a.bnn"], "import own": ["toy.bnn", "-o", f"{EVIL}.bnn"],
    "demo": [EVIL], "models": [EVIL], "boards": [f"{EVIL}.bnn"], "serve": [f"{EVIL}.bnn"],
    "explore": [f"{EVIL}.bnn", "--board", "icestick"],
    "explore board": ["toy.bnn", "--board", EVIL],
    "explore boards": ["toy.bnn", "--board", f"{EVIL},{EVIL}"],
    "explore seed": ["toy.bnn", "--board", "icestick", "--seed", EVIL],
    "explore scheduler": ["toy.bnn", "--board", "icestick", "--scheduler", EVIL],
    "export": ["toy.bnn", "-o", f"{EVIL}.bnn"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_argument(here, say, name):
    say(name.split()[0], *ARGUMENTS[name])


@pytest.mark.parametrize("suffix", [".bnn", ".onnx", ".h5", ".keras", ".pt"])
@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_damaged_file(here, say, tmp_path, suffix, content):
    (tmp_path / f"{EVIL}{suffix}").write_bytes(content)
    say("info", f"{EVIL}{suffix}")
    say("import", f"{EVIL}{suffix}", "-o", "out.bnn")


def test_paths_on_success(evil, say):
    model, data, fold = (evil / f"{EVIL}.{kind}" for kind in ("bnn", "npz", "json"))
    say("info", model, status=0)
    text = say("compile", model, "-o", evil / EVIL, "--fold", fold, status=0)
    assert r"\x1b[2J" in text and r"\nEVIL: all equal\r" in text
    say("simulate", model, "--data", data, "--engine", "golden", status=0)
    say("verify", model, "--data", data, "--skip", "compiled", status=0)
    for command in ("info", "compile", "simulate", "verify"):
        more = {"compile": ["-o", evil / EVIL], "simulate": ["--data", data, "--engine", "golden"],
                "verify": ["--data", data, "--skip", "compiled,amaranth"]}.get(command, [])
        say(command, model, *more, "--json", status=0)


@pytest.mark.parametrize("change", [
    {EVIL: 1}, {"version": EVIL}, {"format": EVIL}, {"input_width": EVIL},
    {"layers": EVIL}, {"layers": [EVIL]}, {"layers": [{EVIL: EVIL}]}, {"layers": [{"layer": EVIL}]},
    {"layers": [{"layer": "dense0", "pe": EVIL, "simd": 4, "style": "lut"}]},
    {"layers": [{"layer": "dense0", "pe": 5, "simd": 4, "style": EVIL}]},
    {"layers": [{"layer": "dense0", "pe": 5, "simd": 4, "style": "lut", EVIL: 1}]}], ids=repr)
def test_schedule(evil, say, change):
    path = evil / f"{EVIL}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    say("compile", "toy.bnn", "-o", "out", "--fold", path)
    path.write_text(f'{{"a": 1, {json.dumps(EVIL)}: 1, {json.dumps(EVIL)}: 2}}')
    say("compile", "toy.bnn", "-o", "out", "--fold", path)


@pytest.mark.parametrize("change", [
    {"name": EVIL}, {"version": EVIL}, {"format": EVIL}, {"digest": EVIL}, {"input": EVIL},
    {"layers": [{"kind": EVIL, "name": "a", "shape": [1, 1]}]}, {"layers": EVIL},
    {"layers": [{"kind": "dense", "name": EVIL, "shape": [5, 12]}]},
    {"layers": [{"kind": "dense", "name": "a", "shape": [EVIL, 12]}]},
    {"version": 2, "input": {"shape": [4, 3], "bits": 2, "meaning": EVIL}}], ids=repr)
def test_model_file(here, say, change):
    with np.load("toy.bnn") as arrays:
        members = dict(arrays)
    header = {**json.loads(members["header"].tobytes()), **change}
    members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with open("evil.bnn", "wb") as file:
        np.savez(file, **members)
    for command in (["info"], ["compile", "-o", "out"], ["import", "-o", "new.bnn"]):
        # The digest of a graph does not cover its name, but it must be printable.
        say(command[0], "evil.bnn", *command[1:])


def test_members_of_data(here, say):
    np.savez("evil.npz", **{EVIL: np.zeros(3)})
    say("simulate", "toy.bnn", "--data", "evil.npz")


def network(**changes):
    """An ONNX network of one layer, with evil names all over."""
    names = {"node": EVIL, "sum": f"{EVIL}sum", "w": f"{EVIL}w", "x": f"{EVIL}x", "op": "MatMul",
             "graph": EVIL, **changes}
    weights = np.where(np.random.default_rng(0).integers(0, 2, (12, 3)), 1, -1).astype(np.float32)
    nodes = [helper.make_node(names["op"], [names["x"], names["w"]], [names["sum"]],
                              name=names["node"], domain=names.get("domain", ""))]
    if "attribute" in names:
        nodes[0].attribute.append(helper.make_attribute(names["attribute"], 1))
    graph = helper.make_graph(
        nodes, names["graph"],
        [helper.make_tensor_value_info(names["x"], TensorProto.FLOAT, ["N", 12])],
        [helper.make_tensor_value_info(names["sum"], TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(names.get("weights", weights), names["w"])])
    domains = {"": 17, **({EVIL: 1} if "domain" in names else {})}
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid(domain, version) for domain, version in domains.items()])


@pytest.mark.parametrize("changes", [
    {"op": EVIL}, {"op": EVIL, "domain": EVIL}, {"attribute": EVIL}, {"op": "Add"},
    {"weights": np.arange(36, dtype=np.float32).reshape(12, 3)},
    {"weights": np.ones((11, 3), np.float32)}, {"weights": np.full((12, 3), np.nan, np.float32)},
    {"weights": np.array([[EVIL]], object)}], ids=lambda changes: "-".join(changes))
def test_onnx_wrong(here, say, changes):
    onnx.save(network(**changes), f"{EVIL}.onnx")
    for command in (["info"], ["import", "-o", "out.bnn"], ["verify", "--random", "3"]):
        say(command[0], f"{EVIL}.onnx", "--input", "bipolar", *command[1:])


def test_onnx(here, say):
    onnx.save(network(), f"{EVIL}.onnx")
    for command in (["info"], ["import", "-o", f"{EVIL}.bnn"], ["compile", "-o", EVIL],
                    ["verify", "--random", "3", "--skip", "compiled,amaranth"]):
        say(command[0], f"{EVIL}.onnx", "--input", "bipolar", *command[1:], status=0)
    assert all("\x1b" not in path.read_text() for path in Path(EVIL).iterdir())


@pytest.mark.parametrize("config", [
    {"class_name": EVIL}, {"class_name": "Sequential", "config": {"layers": [
        {"class_name": EVIL, "config": {"name": EVIL}}]}},
    {"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Dense", "config": {"name": "a", "units": EVIL, "dtype": EVIL}}]}},
    EVIL, {EVIL: EVIL}], ids=range(5))
def test_keras(here, say, config):
    with h5py.File("evil.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights")
    shutil.move("evil.h5", f"{EVIL}.h5")
    say("info", f"{EVIL}.h5", "--input", "u8")
    say("import", f"{EVIL}.h5", "-o", "out.bnn")


@pytest.mark.parametrize("plan", [
    {"error": f"no way {EVIL}"}, {"fail": {"icepack": EVIL}}, {"fail": {"yosys": EVIL}},
    {"cells": [99999, 5280], "error": f"unable to place {EVIL}"}], ids=repr)
def test_programs(fakes, net_file, fold_file, say, plan):
    fakes.write_text(json.dumps(plan))
    say("build", net_file, "--board", "icebreaker", "--fold", fold_file, "-o", "out")


def test_programs_on_success(fakes, net_file, fold_file, say, tmp_path):
    """Their versions, and the names of cells in their reports."""
    fakes.write_text(json.dumps({"fmax": {"0": 46.0}, "version": EVIL}))
    say("build", net_file, "--board", "icebreaker", "--fold", fold_file, "-o", tmp_path / EVIL,
        status=0)
    for name in ("report.html", "build.json"):
        text = (tmp_path / EVIL / name).read_text()
        assert all(line.isprintable() for line in text.split("\n"))
    bitstream = next((tmp_path / EVIL).glob("*.bin"))
    bitstream.write_bytes(b"\xff\0\0\xff\x7e\xaa\x99\x7e" + 99 * b"\0")
    bitstream.rename(tmp_path / EVIL / f"{EVIL}.bin")
    say("flash", tmp_path / EVIL / f"{EVIL}.bin", "--board", "icebreaker", status=0)
    # Lines of the program are shown as they come.
    fakes.write_text(json.dumps({"fail": {"openFPGALoader": EVIL.replace("\n", "\v")}}))
    say("flash", tmp_path / EVIL / f"{EVIL}.bin", "--board", "icebreaker")


def test_ports(here, say, monkeypatch):
    """Descriptions of USB devices."""
    from serial.tools import list_ports

    entry = type("Entry", (), {"device": f"/dev/tty{EVIL}", "description": EVIL})
    monkeypatch.setattr(list_ports, "comports", lambda: [entry])
    assert "there are" in port_module._others()
    say("run", "toy.bnn", "--board", "icebreaker", "--data", "data.npz", "--port", "/dev/none")
