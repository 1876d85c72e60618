"""Commands and programs of the README, run as they are, with faked tools and a faked board."""

import json
import lzma
import re
import shlex
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from xnorloom.graph import Graph
from xnorloom_boards.link import connection
from xnorloom_boards.link.session import Faults
from xnorloom_cli.main import main
from xnorloom_sim import data
from xnorloom_sim.golden import evaluate

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parents[1] / "fixtures"
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    xnorloom (.+)$", README, re.M)
# The whole test set takes minutes; the bundled images are the first 500 of it.
SMALLER = {"mnist:test": "mnist:bundled"}


@pytest.fixture
def place(fake_tools, tmp_path, monkeypatch):
    """Folder with a model of another tool, the committed models, and faked programs."""
    source = FIXTURES / "onnx" / "tfc_1w1a_mnist_brevitas_qonnx_torchscript.onnx.xz"
    (tmp_path / "net.onnx").write_bytes(lzma.decompress(source.read_bytes()))
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.setenv("PATH", f"{fake_tools.parent}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def board(monkeypatch):
    """Connection to a board that answers as the golden model does."""
    class Pretended:
        faults = Faults()

        def __init__(self, port, graph, baud):
            self.name, self.graph, self.baud = port, graph, baud

        def classify_frames(self, frames, progress):
            progress(len(frames), len(frames))
            return evaluate(self.graph, frames).classes

    @contextmanager
    def opened(port, graph, *, baud, **options):
        yield Pretended(port, graph, baud)

    entry = ListPortInfo("/dev/ttyUSB1")
    entry.vid, entry.pid = 0x0403, 0x6010
    monkeypatch.setattr(list_ports, "comports", lambda: [entry])
    monkeypatch.setattr(connection, "open", opened)


def test_commands(place, board, capsys):
    ran = []
    for command in COMMANDS:
        arguments = [SMALLER.get(word, word) for word in shlex.split(command)]
        assert main(arguments) == 0, (command, capsys.readouterr())
        ran.append(arguments[0])
    assert ran == ["import", "verify", "info", "compile", "simulate", "build", "flash", "run"]
    assert (place / "build" / "report.html").is_file()
    assert (place / "build" / "schedule.json").is_file()


def test_program(place, capsys):
    random = np.random.default_rng(1)
    arrays = {"hidden": random.integers(0, 2, (12, 784)), "thresholds": np.full(12, 392),
              "score": random.integers(0, 2, (10, 12)), "offsets": np.zeros(10, int)}
    np.savez(place / "weights.npz", **arrays)
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    names = {}
    exec(compile(program, "README.md", "exec"), names)
    assert capsys.readouterr().out == "build/mine-icebreaker.bin\n"
    graph = names["graph"]
    assert isinstance(graph, Graph) and graph.synapses == 12 * 784 + 10 * 12
    images = data.bundled().images[:20] >> 7
    counts = (images.reshape(20, 1, 784) == arrays["hidden"]).sum(axis=2)
    fires = counts >= 392
    scores = (fires[:, None] == arrays["score"]).sum(axis=2)
    np.testing.assert_array_equal(evaluate(graph, images).scores, scores)


def test_seeds():
    """The command that is printed has the seeds of the row whose rate is printed beside it."""
    [command] = [shlex.split(text) for text in COMMANDS if text.startswith("build")]
    assert command[1:4] == ["models/tfc.bnn", "--board", "icebreaker"]
    rows = json.loads((ROOT / "benchmarks" / "boards" / "rows.json").read_text())["rows"]
    [row] = [row for row in rows if (row["model"], row["board"]) == ("tfc", "icebreaker")]
    assert "interval" not in row and "--interval" not in command
    seeds = command[command.index("--seed") + 1] if "--seed" in command else "0"
    assert [int(seed) for seed in seeds.split(",")] == row.get("seeds", [0])


def test_speed():
    [rounded] = re.findall(r"reached ([\d,]+) frames per second on an iCEBreaker",
                           " ".join(README.split()))
    results = (ROOT / "docs" / "results.md").read_text()
    row = re.search(r"^\| iCEBreaker .*\|$", results, re.M)[0]
    exact = int(row.split("|")[9].replace(",", ""))
    assert int(rounded.replace(",", "")) == round(exact, -3)
