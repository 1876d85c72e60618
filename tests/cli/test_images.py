"""Image files as data of ``simulate``, ``verify`` and ``run``."""

import numpy as np
import pytest
from PIL import Image

from xnorloom.graph import Graph
from xnorloom.graph.pixels import top_bits
from xnorloom_cli.main import main
from xnorloom_sim.golden import evaluate

PIXELS = np.random.default_rng(5).integers(0, 256, (5, 6, 5), dtype=np.uint8)
# A dark border, so that there is no warning.
PIXELS[:, [0, -1]] = PIXELS[:, :, [0, -1]] = 3


@pytest.fixture
def folder(model, tmp_path):
    """A folder of images for ``model``, one for each class that it sees; some are wrong."""
    classes = evaluate(Graph.load(model), top_bits(PIXELS, 3).reshape(5, -1)).classes
    labels = [*classes[:4], (classes[4] + 1) % 4]
    for index, (pixels, label) in enumerate(zip(PIXELS, labels)):
        path = tmp_path / "images" / str(label) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "images"


def test_simulate(run_json, model, folder):
    values = run_json("simulate", model, "--data", folder, "--engine", "golden")
    assert (values["frames"], values["correct"], values["mismatches"]) == (5, 4, 0)
    assert len(values["answers"]) == 5
    wanted = evaluate(Graph.load(model), top_bits(PIXELS, 3).reshape(5, -1)).classes
    for answer in values["answers"]:
        index = int(answer["file"].rpartition("/")[2].partition(".")[0])
        assert answer["class"] == wanted[index]


def test_verify(run_json, model, folder):
    values = run_json("verify", model, "--data", folder, "--skip", "amaranth,compiled", "--limit",
                      3)
    assert values["data"] == str(folder) and values["steps"][0]["frames"] == 3


def test_one_file(run, model, tmp_path):
    Image.fromarray(np.kron(PIXELS[0], np.ones((4, 4), np.uint8))).save(tmp_path / "large.png")
    text = run("simulate", model, "--data", tmp_path / "large.png", "--resize", "--engine",
               "golden")
    [wanted] = evaluate(Graph.load(model), top_bits(PIXELS[:1], 3).reshape(1, -1)).classes
    assert f"\nfile {' ' * len(str(tmp_path))}" in text
    assert text.endswith(f"/large.png      {wanted}\n")


def test_many_files(run, model, tmp_path):
    for index in range(23):
        Image.fromarray(PIXELS[index % 5]).save(tmp_path / f"{index}.png")
    text = run("simulate", model, "--data", tmp_path, "--engine", "golden")
    assert "/19.png " in text and "/20.png " not in text
    assert text.endswith("\n... and 3 more files; --json has all\n")


def test_bright_background(model, tmp_path, capsys):
    Image.fromarray(255 - PIXELS[0]).save(tmp_path / "a.png")
    command = ["simulate", str(model), "--data", str(tmp_path / "a.png"), "--engine", "golden"]
    assert main(command) == 0
    assert capsys.readouterr().err == (
        f"xnorloom: warning: the background of data {tmp_path}/a.png is bright; networks for MNIST "
        f"expect bright strokes on a dark one: try --invert\n")
    assert main([*command, "--invert"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", [
    ["simulate", "--engine", "golden"], ["verify", "--skip", "amaranth,compiled"],
    ["run", "--board", "sim"]], ids=lambda command: command[0])
@pytest.mark.parametrize("make, message", [
    (lambda path: None, r"a\.png: image cannot be read: No such file or directory"),
    (lambda path: path.write_text("no image"), r"a\.png: not an image file \(\.png, .*\)"),
    (lambda path: Image.new("L", (5, 5)).save(path),
     r"a\.png: image must have 4 rows and 3 columns, not 5 and 5; --resize scales it"),
], ids=["missing", "no image", "size"])
def test_wrong(wrong, tmp_path, command, make, message):
    make(tmp_path / "a.png")
    wrong(message, command[0], "toy.bnn", "--data", "a.png", *command[1:])


def test_label_wrong(wrong, tmp_path):
    (tmp_path / "digits" / "7").mkdir(parents=True)
    Image.new("L", (3, 4)).save(tmp_path / "digits" / "7" / "a.png")
    wrong(r"data digits does not fit model 'toy': labels must be in 0 to 2, not 7",
          "simulate", "toy.bnn", "--data", "digits", "--engine", "golden")
