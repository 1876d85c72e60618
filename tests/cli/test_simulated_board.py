# amaranth: UnusedElaboratable=no
"""The simulated board ``sim``: real gateware, the real serial library and the real host program."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from xnorloom.errors import ToolError, XnorloomError
from xnorloom.graph import Conv, Graph, Input, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.errors import BoardError, BuildError, PortError
from xnorloom_boards.link.kind import LinkKind
from xnorloom_cli.boards import SIM, SimBoard, find, names
from xnorloom_sim.golden import evaluate


@pytest.fixture
def frames(net):
    return np.random.default_rng(3).integers(0, 2, (40, net.input.size))


def xnorloom(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "xnorloom", *arguments], text=True,
                          capture_output=True, timeout=600, **options)


def test_command(net, net_file, tmp_path):
    images = np.random.default_rng(4).integers(0, 256, (30, 4, 4), dtype=np.uint8)
    labels = evaluate(net, (images >> 7).reshape(30, -1)).classes
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    command = ["run", net_file, "--board", "sim", "--data", str(tmp_path / "data.npz")]
    done = xnorloom(*command, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(done.stdout)
    assert (values["board"], values["baud"], values["frames"]) == ("sim", None, 30)
    assert (values["mismatches"], values["accuracy"]) == (0, 1.0)
    assert values["port"].startswith("/dev/")
    done = xnorloom(*command, "--limit", "7")
    assert done.returncode == 0
    assert re.fullmatch(r"my net on a simulated board, \S+\n\nframes      7\n"
                        r"throughput  [\d,]+ frames per second \(\d+\.\d\d s, simulated\)\n"
                        r"accuracy    100\.00 % \(7 correct\)\n"
                        r"mismatches  0 \(.*\)\nline        0 faults\n", done.stdout)


def test_spi(net_file, tmp_path):
    """SPI: pyftdi, a stand-in of its chip, and the pins of the gateware."""
    images = np.random.default_rng(4).integers(0, 256, (30, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=images)
    done = xnorloom("run", net_file, "--board", "sim", "--link", "spi", "--data",
                    str(tmp_path / "data.npz"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(done.stdout)
    assert [values[name] for name in ("board", "link", "baud", "port", "frames", "mismatches")] == [
        "sim", "spi", None, "sim", 30, 0]
    assert not any(values["faults"].values())


def test_spi_without_pyftdi(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "usb.core", None)
    with pytest.raises(XnorloomError, match=r"^SPI needs pyftdi, which is not installed; pip "
                                            r"install '\.\[spi\]'$"):
        SimBoard().with_link(LinkKind.SPI).open("auto", net)


def test_python(net, frames):
    """Scores come as well; the port is gone after the connection is closed."""
    said = []
    golden = evaluate(net, frames)
    with find(SIM, say=said.append).open("auto", net) as board:
        assert os.path.exists(board.name)
        classes, scores = board.results(frames)
        assert np.array_equal(board.classify_frames(frames), golden.classes)
        path = board.name
    assert not os.path.exists(path)
    assert np.array_equal(classes, golden.classes) and np.array_equal(scores, golden.scores)
    assert said == ["preparing the simulated board; compiling it takes up to a minute the first "
                    "time"]
    board.close()
    with pytest.raises(ValueError, match=r"^Connection to port \S+ must be open to classify, but "
                                         r"was closed$"):
        board.classify_frames(frames)


def test_schedule(random_graph):
    """A schedule of one's own. Scores that are too large for a message stay on the board."""
    graph = random_graph(np.random.default_rng(5), [16, 3, 150])
    frames = np.random.default_rng(6).integers(0, 2, (40, 16))
    schedule = Schedule(8, (Fold(3, 8, "lut"), Fold(10, 3, "lut")))
    with SimBoard(schedule=schedule).open("auto", graph) as board:
        assert board.hello.input_width == 8
        classes, scores = board.results(frames)
    assert np.array_equal(classes, evaluate(graph, frames).classes) and scores is None


def test_ended_simulation(net, frames):
    """A simulation that ends is a port that went away, and closing it is no error."""
    with find(SIM).open("auto", net) as board:
        board._port._board._process.kill()
        with pytest.raises(PortError, match=f"^port {board.name} went away: .+$"):
            board.classify_frames(frames)


def test_names():
    assert names()[-1] == "sim" and "icebreaker" in names()
    assert find("icebreaker").title == "iCEBreaker"
    with pytest.raises(BoardError, match=r"^board must be one of .*, upduino_v3, sim, not 'simm'$"):
        find("simm")


@pytest.mark.parametrize("arguments, message", [
    (["--port", "COM3"], r"board sim makes its own port: it must be auto, not 'COM3'"),
    (["--baud", "9600"], r"board sim has no baud rate, but 9600 is given"),
    (["--port", "a\x1bb"], r"argument --port: must be a printable name, not 'a\\x1bb'"),
    (["--board", "icebreaker", "--port", "/dev/no/port"],
     r"there is no port /dev/no/port; .+"),
])
def test_command_wrong(wrong, arguments, message):
    wrong(message, "run", "toy.bnn", "--data", "data.npz", "--board", "sim", *arguments)


@pytest.mark.parametrize("command", ["build", "flash"])
def test_board_without_hardware(wrong, command):
    wrong(r"board must be one of .*, upduino_v3, not 'sim'", command, "toy.bnn", "--board", "sim")


def test_too_large():
    pixels = Conv("conv", [[[[1]]]], [1], Window((1, 1)))
    score = Score("score", np.ones((1, 90_000), int), [0])
    graph = Graph("wide", Input((300, 300, 1)), (pixels, score))
    with pytest.raises(BuildError, match=r"^network 'wide' takes 90,000 words for a frame of "
                                         r"300x300x1 elements .*$"):
        find(SIM).open("auto", graph)


def test_no_compiler(net, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    # A design that no other test compiles.
    schedule = Schedule(5, (Fold(1, 5, "lut"), Fold(1, 1, "lut")))
    with pytest.raises(ToolError, match="^.*no-such-compiler.*$"):
        SimBoard(schedule=schedule).open("auto", net)
