"""Programs of docs/boards.md, with a fake board and a simulated one."""

import re
from contextlib import contextmanager
from pathlib import Path

from xnorloom_boards.link import connection as host
from xnorloom_sim.data import bundled
from xnorloom_sim.golden import evaluate

ROOT = Path(__file__).parents[2]


def program_with(text):
    page = (ROOT / "docs" / "boards.md").read_text()
    [program] = [program for program in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
                 if text in program]
    return program


def test_program(monkeypatch, capsys):
    program, calls = program_with('find("icebreaker").open('), []

    class Pretended:
        def classify(self, images):
            return evaluate(calls[0][1], images >> 7).classes

    @contextmanager
    def opened(port, graph, *, baud, **options):
        calls.append((port, graph, baud))
        yield Pretended()

    monkeypatch.setattr(host, "open", opened)
    monkeypatch.chdir(ROOT)
    exec(compile(program, "boards.md", "exec"), {})
    [(port, graph, baud)] = calls
    assert (port, graph.name, baud) == ("/dev/ttyUSB1", "tfc", 3_000_000)
    digits = bundled()
    right = (evaluate(graph, digits.images >> 7).classes == digits.labels).sum()
    assert capsys.readouterr().out == f"{right} of 500 read right\n"


def test_simulated(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(program_with('find("sim")'), "boards.md", "exec"), {})
    assert capsys.readouterr().out == "486 of 500 read right\n"
