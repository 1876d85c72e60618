# amaranth: UnusedElaboratable=no
"""``xnorloom serve``: a process that serves and ends, and arguments that are refused."""

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import xnorloom
from xnorloom.folding import automatic
from xnorloom.graph.pixels import encode
from xnorloom_boards.design.top import Core
from xnorloom_sim import data as data_sets
from xnorloom_sim import golden
from xnorloom_sim.board.simulated import SimulatedBoard

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
PROGRAM = "import sys; from xnorloom_cli.main import main; sys.exit(main())"


def default():
    """In the new process: Ctrl-C does what it does in a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def serving(*arguments):
    """A process that serves, and the values that it printed."""
    with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", *map(str, arguments), "--json",
             "--port-number", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=default) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line == "}\n":
                    break
            yield process, json.loads("".join(lines) or process.stderr.read())
        finally:
            process.kill()


@pytest.mark.parametrize("number, status, said", [
    (signal.SIGINT, 130, "xnorloom: interrupted\n"),
    (signal.SIGTERM, 143, "xnorloom: terminated\n")])
def test_serve(model, data, number, status, said):
    with serving(model, "--engine", "golden", "--data", data) as (process, values):
        assert values["name"] == "toy"
        assert values["data"]["images"] == 9
        with urllib.request.urlopen(values["url"] + "api/model") as response:
            assert json.load(response) == {key: value for key, value in values.items()
                                           if key != "url"}
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "")
    assert err.endswith(said)
    assert "Traceback" not in err


def test_program_of_the_page(capsys):
    """That of docs/serve.md; a bundled image, read by the bundled TFC."""
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    digits = data_sets.bundled().images[:1]
    graph = xnorloom.load("tfc")
    right = golden.evaluate(graph, encode(graph.input, digits))
    with serving("tfc", "--engine", "golden") as (_, values):
        assert program.count("http://127.0.0.1:8000/") == 1
        exec(program.replace("http://127.0.0.1:8000/", values["url"]), {})
    assert capsys.readouterr().out == f"{right.classes[0]} {right.scores[0].tolist()} None\n"


def test_without_data(model):
    with serving(model, "--engine", "golden") as (_, values):
        assert values["data"] is None


def test_image_files(model, tmp_path):
    """A folder of pictures, the first of them, which have no labels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(4).integers(0, 100, (3, 6, 5), dtype=np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index}.png")
    with serving(model, "--engine", "golden", "--data", folder, "--limit", 2) as (_, values):
        assert (values["data"]["images"], values["data"]["wrong"]) == (2, None)
        with urllib.request.urlopen(values["url"] + "api/images/1") as response:
            image = json.load(response)
    assert base64.b64decode(image["pixels"]) == pixels[1].tobytes()
    assert image["label"] is None


def test_reachable_from_elsewhere(model):
    with serving(model, "--engine", "golden", "--host", "0.0.0.0") as (process, values):
        assert values["url"].startswith("http://localhost:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1].startswith(
            "xnorloom: warning: every machine that reaches 0.0.0.0 can use the page, which has no "
            "password\n")


@pytest.mark.parametrize("link", [(), ("--link", "spi")], ids=["uart", "spi"])
def test_simulated_board(model, link):
    """The gateware with its serial link, and the host program; the board ends with the server."""
    pixels = bytes(range(0, 240, 8))
    with serving(model, "--board", "sim", *link, "--interval", "40") as (process, values):
        assert values["responder"] == "a simulated board"
        assert values["gives"] == {"scores": True, "activations": False}
        assert values["schedule"]["interval"] <= 40
        request = urllib.request.Request(values["url"] + "api/answer", pixels,
                                         {"Content-Type": "application/octet-stream"})
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1].endswith("\nxnorloom: interrupted\n")
    assert process.returncode == 130
    graph = xnorloom.load(model)
    right = golden.evaluate(graph, encode(graph.input, np.frombuffer(pixels, np.uint8)[np.newaxis]))
    assert (answer["class"], answer["scores"]) == (right.classes[0], right.scores[0].tolist())
    assert (answer["latency"], answer["difference"]) == (None, None)


def test_board(net, net_file):
    """A board at a port. Its bitstream sends classes only, and does not say its schedule."""
    core = Core(net, automatic(net), clock_hz=4, baud=1, scores=False)
    pixels = bytes(range(0, 256, 16))
    with (SimulatedBoard(core, clock_hz=4, baud=1) as board,
          serving(net_file, "--board", "icebreaker", "--port", board.path) as (process, values)):
        assert values["responder"].startswith("the board iCEBreaker")
        assert values["gives"] == {"scores": False, "activations": False}
        assert values["schedule"] is None
        request = urllib.request.Request(values["url"] + "api/answer", pixels,
                                         {"Content-Type": "application/octet-stream"})
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    right = golden.evaluate(net, encode(net.input, np.frombuffer(pixels, np.uint8)[np.newaxis]))
    assert (answer["class"], answer["scores"]) == (right.classes[0], right.scores[0].tolist())
    assert answer["difference"] is None


def test_board_wrong(wrong):
    wrong("argument --port: only allowed with --board", "serve", "toy.bnn", "--port", "auto")
    wrong("argument --baud: only allowed with --board", "serve", "toy.bnn", "--baud", 9600)
    wrong("argument --link: only allowed with --board", "serve", "toy.bnn", "--link", "spi")
    wrong("argument --engine: not allowed with --board, whose gateware answers",
          "serve", "toy.bnn", "--board", "sim", "--engine", "golden")
    wrong("argument --interval: not allowed with --board icebreaker, whose bitstream has its "
          "schedule; --fold may name the file of it",
          "serve", "toy.bnn", "--board", "icebreaker", "--interval", 9)
    wrong("board must be one of .*, not 'nothing'", "serve", "toy.bnn", "--board", "nothing")
    wrong(r"argument --port: must be a printable name, not 'a\\x1b'",
          "serve", "toy.bnn", "--board", "icebreaker", "--port", "a\x1b")


def test_wrong(wrong):
    wrong("argument --port-number: must be an integer in 0 to 65535, not '65536' "
          r"\(see xnorloom serve --help\)", "serve", "toy.bnn", "--port-number", 65536)
    wrong("argument --limit: only allowed with argument --data", "serve", "toy.bnn", "--limit", 3)
    wrong("argument --data-dir: only allowed with argument --data", "serve", "toy.bnn",
          "--data-dir", ".")
    wrong("argument --engine: must be one of compiled, golden, not 'amaranth' "
          r"\(see xnorloom serve --help\)", "serve", "toy.bnn", "--engine", "amaranth")


def test_busy_port_wrong(wrong):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        wrong(f"port {port} of 127.0.0.1 is in use; give another one with --port-number, or 0 for "
              f"any free one", "serve", "toy.bnn", "--port-number", port)


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_missing_extra_wrong(wrong, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    wrong(r"serve needs starlette and uvicorn, which are not installed: pip install '\.\[serve\]'",
          "serve", "toy.bnn")
