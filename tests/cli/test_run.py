"""``xnorloom run``, with a fake board."""

import json
import re
from argparse import Namespace
from contextlib import contextmanager

import numpy as np
import pytest

from xnorloom.errors import XnorloomError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.session import Faults
from xnorloom_cli.commands import run
from xnorloom_cli.console import Console
from xnorloom_sim.golden import evaluate


class Connected:
    """Connection that answers as the golden model, except for the frames in ``wrong``."""

    faults = Faults(resent=2)

    def __init__(self, graph, name, baud, wrong=()):
        self.graph, self.name, self.baud, self.wrong = graph, name, baud, wrong

    def classify_frames(self, frames, progress):
        classes = evaluate(self.graph, frames).classes
        for index in self.wrong:
            classes[index] ^= 1
        progress(len(frames), len(frames))
        return classes


def running(model, tmp_path, **given):
    rng = np.random.default_rng(11)
    np.savez(tmp_path / "data.npz", images=rng.integers(0, 256, (9, 4, 4), dtype=np.uint8),
             labels=np.zeros(9, int))
    return Namespace(**{"model": model, "board": "icebreaker", "port": "/dev/ttyX", "baud": None,
                        "link": "uart",
                        "data": str(tmp_path / "data.npz"), "data_dir": None, "limit": None,
                        "resize": False, "invert": False,
                        "input": None, "score_bits": None, **given})


@pytest.fixture
def opened(monkeypatch, net):
    """Replaces the connection by a fake one; returns the calls that opened it."""
    calls = []

    @contextmanager
    def fake(port, found, *, baud, **options):
        calls.append((port, found == net, baud))
        # Boards with SPRAM report the weights they load.
        for done in range(3):
            options["loading"](done, 2)
        yield Connected(net, port, baud, fake.wrong)

    fake.wrong = ()
    monkeypatch.setattr(host, "open", fake)
    calls.append(fake)
    return calls


@pytest.mark.parametrize("given", [
    {"link": "spi", "port": "ftdi://ftdi:2232h/1"}, {"port": "ftdi://ftdi:2232h/1"}],
    ids=["link", "port-alone"])
def test_run_spi(capsys, opened, net_file, tmp_path, given):
    assert run.run(running(net_file, tmp_path, **given), Console(json=True)) == 0
    assert opened[1:] == [("ftdi://ftdi:2232h/1", True, 30_000_000)]
    values = json.loads(capsys.readouterr().out)
    assert (values["link"], values["baud"]) == ("spi", 30_000_000)
    assert run.run(running(net_file, tmp_path, **given), Console(json=False)) == 0
    text = capsys.readouterr().out
    assert re.search(r"^throughput .* s, SPI at 30,000,000 bit/s\)$", text, re.M)


def test_run(capsys, opened, net_file, tmp_path):
    assert run.run(running(net_file, tmp_path), Console(json=True)) == 0
    assert opened[1:] == [("/dev/ttyX", True, 3_000_000)]
    values = json.loads(capsys.readouterr().out)
    assert values["frames"] == 9 and values["mismatches"] == 0
    assert values["accuracy"] == values["correct"] / 9
    assert values["faults"]["resent"] == 2
    assert values["frames_per_second"] == pytest.approx(9 / values["seconds"])
    assert run.run(running(net_file, tmp_path, limit=4, baud=115_200), Console(json=False)) == 0
    assert opened[-1] == ("/dev/ttyX", True, 115_200)
    text = capsys.readouterr().out
    assert "\nframes      4\n" in text and "resent 2; all recovered" in text


def test_run_mismatch(capsys, opened, net_file, tmp_path):
    opened[0].wrong = (3, 5)
    assert run.run(running(net_file, tmp_path), Console(json=True)) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["mismatches"] == 2
    assert "the board differs from the golden model, first in frame 3: class" in output.err


def test_run_wrong(net_file, tmp_path):
    with pytest.raises(XnorloomError, match=r"^argument --data-dir: not allowed with --data \S+, "
                                            r"which is a single file$"):
        run.run(running(net_file, tmp_path, data_dir="x"), Console(json=False))
