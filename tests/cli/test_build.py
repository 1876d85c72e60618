# amaranth: UnusedElaboratable=no
"""The commands build, flash and run, with programs and boards that only pretend."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from xnorloom.errors import ToolError, XnorloomError
from xnorloom.graph import Graph, Input
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.session import Faults
from xnorloom_cli.commands import build, flash, run
from xnorloom_cli.console import Console
from xnorloom_sim.golden import evaluate

FAKE = Path(__file__).parents[1] / "fixtures" / "fake_tool.py"
SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))
ICE40 = b"\xff\0\0\xff\x7e\xaa\x99\x7e" + 99 * b"\0"
ECP5 = b"\xff\0Part: X\0\xff\xff\xff\xbd\xb3" + 99 * b"\0"


@pytest.fixture
def graph(random_graph):
    random = random_graph(np.random.default_rng(10), [16, 12, 4])
    return Graph("my net", Input((4, 4), 1), random.layers)


@pytest.fixture
def model(graph, tmp_path):
    path = tmp_path / "net.bnn"
    graph.save(path)
    return str(path)


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Programs that pretend; returns the file that says what they do."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("yosys", "nextpnr-ice40", "icepack", "openFPGALoader"):
        script = folder / name
        script.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, str(FAKE), name])} "
                          f'"$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv(name.upper().replace("-", "_"), str(script))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_TOOLS", str(folder / "plan.json"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / "plan.json").write_text('{"fmax": {"0": 46.0, "5": 47.5}}')
    return folder / "plan.json"


def building(model, **given):
    given = {"board": "icebreaker", "output": None, "interval": None, "fold": None, "fps": None,
             "seed": "0", "scores": False, "input": None, "score_bits": None, **given}
    return Namespace(model=model, **given)


def test_build(fakes, graph, model, tmp_path, capsys):
    SCHEDULE.save(tmp_path / "fold.json", graph)
    out = tmp_path / "out"
    arguments = building(model, output=str(out), fold=str(tmp_path / "fold.json"), seed="0,5")
    assert build.run(arguments, Console(json=True)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["clock"]["seed"] == 5
    assert values["files"][0] == str(out / "my_net-icebreaker.bin")
    assert all(Path(path).is_file() for path in values["files"])
    assert build.run(arguments, Console(json=False)) == 0
    text = capsys.readouterr().out
    assert text.startswith("my net on iCEBreaker (iCE40UP5K)\n\npart ")
    assert "clock         45 MHz; place and route reached 47.5 MHz (seed 5)\n" in text
    assert f"wrote {out / 'report.html'}\n" in text
    assert text.endswith(f"Next: xnorloom flash --board icebreaker {out}/my_net-icebreaker.bin\n")


def test_build_directory(fakes, graph, model, tmp_path, monkeypatch):
    SCHEDULE.save(tmp_path / "fold.json", graph)
    monkeypatch.chdir(tmp_path)
    assert build.run(building(model, fold="fold.json"), Console(json=False)) == 0
    assert (tmp_path / "my_net-icebreaker" / "build.json").is_file()


@pytest.mark.parametrize("given, message", [
    *(({"seed": seed}, f"argument --seed: must be integers in 0 to 2147483647 with commas between "
                       f"them, not '{named}'")
      for seed, named in [("1,,2", "1,,2"), ("-1", "-1"), ("2147483648", "2147483648"),
                          ("0," + 5000 * "9", "0,9999999999.*9999999999999")]),
    ({"board": "breadboard"}, "board must be one of .*icebreaker, .*, not 'breadboard'")])
def test_build_wrong(fakes, model, given, message):
    with pytest.raises(XnorloomError, match=f"^{message}$"):
        build.run(building(model, **given), Console(json=False))


@pytest.mark.parametrize("name", ["build.json", "my_net-icebreaker.bin", "my_net-icebreaker.pcf",
                                  "routing.log"])
def test_build_where_a_directory_is(fakes, graph, model, tmp_path, name):
    """It is found before any program runs."""
    SCHEDULE.save(tmp_path / "fold.json", graph)
    (tmp_path / "out" / name).mkdir(parents=True)
    with pytest.raises(XnorloomError, match=rf"^output directory \S+/out cannot be written: {name} "
                                            rf"in it is a directory, not a file$"):
        build.run(building(model, output=str(tmp_path / "out"), fold=str(tmp_path / "fold.json")),
                  Console(json=False))
    assert not fakes.with_name("CALLS").exists()


def test_build_ascii(fakes, graph, model, tmp_path):
    """Files are UTF-8 also where the machine's encoding lacks what is in them."""
    SCHEDULE.save(tmp_path / "fold.json", graph)
    done = subprocess.run(
        [sys.executable, "-m", "xnorloom", "build", model, "--board", "icebreaker", "-o", "out",
         "--fold", "fold.json"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert " µs" in (tmp_path / "out" / "report.html").read_text("utf-8")


def read_until(descriptor, words):
    """What is written to a terminal up to ``words``, or up to its end."""
    text = b""
    with contextlib.suppress(OSError):
        while words is None or words not in text:
            text += os.read(descriptor, 4096)
    return text.replace(b"\r\n", b"\n").decode()


@pytest.mark.parametrize("number, status, words", [
    pytest.param(signal.SIGINT, 130, "interrupted", id="ctrl-c"),
    pytest.param(signal.SIGTERM, 143, "terminated", id="sigterm")])
def test_build_ended(fakes, graph, model, tmp_path, number, status, words):
    """A signal while a program runs ends both, in one line, and leaves nothing."""
    SCHEDULE.save(tmp_path / "fold.json", graph)
    command = [sys.executable, "-m", "xnorloom", "build", model, "--board", "icebreaker",
               "-o", str(tmp_path / "out"), "--fold", str(tmp_path / "fold.json")]
    fakes.write_text('{"sleep": 300}')
    terminal, other = os.openpty()
    # What runs the tests may ignore SIGINT, as shells have programs in the background do.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other, preexec_fn=lambda:
                          signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        os.close(other)
        said = read_until(terminal, b"placing and routing, seed 0 ...\r\n")
        assert said.endswith("seed 0 ...\n"), said
        while "nextpnr" not in fakes.with_name("CALLS").read_text():
            time.sleep(0.01)
        process.send_signal(number)
        rest = read_until(terminal, None)
        out, _ = process.communicate()
    os.close(terminal)
    assert "  synthesising the network ...\n" in said
    assert (process.returncode, out, rest) == (status, b"", f"xnorloom: {words}\n")
    assert not (tmp_path / "out").exists()
    for line in fakes.with_name("PROCESSES").read_text().splitlines():
        with pytest.raises(ProcessLookupError):
            os.kill(int(line), 0)
    # The cache is sound: what was done is there, what was not done is not.
    assert not list((tmp_path / "cache" / "xnorloom" / "builds").glob("xnorloom-build-*"))
    fakes.write_text('{"fmax": {"0": 46.0}}')
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["yosys", "yosys", "nextpnr-ice40",
                                                   "nextpnr-ice40", "icepack"]


def flashing(path, **given):
    return Namespace(**{"board": "icebreaker", "bitstream": str(path), "volatile": False, **given})


def test_flash(fakes, tmp_path, capsys):
    path = tmp_path / "a b.bin"
    path.write_bytes(ICE40)
    assert flash.run(flashing(path), Console(json=True)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == {"board": "icebreaker", "bitstream": str(path), "bytes": len(ICE40),
                      "volatile": False, "loader": "openFPGALoader of nobody 1.0"}
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert calls == ["openFPGALoader -b ice40_generic -f a b.bin"]
    assert flash.run(flashing(path, volatile=True), Console(json=False)) == 0
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert calls[-1] == "openFPGALoader -b ice40_generic a b.bin"
    assert capsys.readouterr().out.startswith(f"wrote {path} into the configuration of iCEBreaker")


def test_flash_fails(fakes, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(ICE40)
    fakes.write_text('{"fail": {"openFPGALoader": "no cable"}}')
    with pytest.raises(ToolError, match=r"^openFPGALoader cannot write to board icebreaker: ERROR: "
                                        r"no cable; is it connected, and may you use its USB "
                                        r"port\?$"):
        flash.run(flashing(path), Console(json=False))


@pytest.mark.parametrize("data, message", [
    (None, r"bitstream \S+ cannot be read: No such file or directory"),
    (b"", r"file \S+ is not a bitstream"),
    (b"text", r"file \S+ is not a bitstream"),
    (ECP5, r"bitstream \S+ is for a chip of the family ecp5, but board icebreaker has one of "
           r"ice40")])
def test_flash_wrong(fakes, tmp_path, data, message):
    path = tmp_path / "a.bin"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(XnorloomError, match=f"^{message}$"):
        flash.run(flashing(path), Console(json=False))


def test_flash_other_board(fakes, graph, model, tmp_path):
    SCHEDULE.save(tmp_path / "fold.json", graph)
    build.run(building(model, output=str(tmp_path / "out"), fold=str(tmp_path / "fold.json")),
              Console(json=False))
    path = tmp_path / "out" / "my_net-icebreaker.bin"
    with pytest.raises(XnorloomError, match=r"^bitstream \S+ was built for board icebreaker, not "
                                            r"upduino_v3$"):
        flash.run(flashing(path, board="upduino_v3"), Console(json=False))
    # A file of the same name that was put there later is none of it.
    path.write_bytes(ICE40)
    assert flash.run(flashing(path, board="upduino_v3"), Console(json=False)) == 0


class Connected:
    """Answers as the golden model does, except for the frames in ``wrong``."""

    faults = Faults(resent=2)

    def __init__(self, graph, wrong=()):
        self.graph, self.wrong = graph, wrong

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
                        "data": str(tmp_path / "data.npz"), "data_dir": None, "limit": None,
                        "input": None, "score_bits": None, **given})


@pytest.fixture
def opened(monkeypatch, graph):
    """Puts a pretended connection in place; returns the calls that opened it."""
    calls = []

    @contextmanager
    def fake(port, found, *, baud, **options):
        calls.append((port, found == graph, baud))
        # Some boards must be sent weights, and say so.
        for done in range(3):
            options["loading"](done, 2)
        yield Connected(graph, fake.wrong)

    fake.wrong = ()
    monkeypatch.setattr(host, "open", fake)
    calls.append(fake)
    return calls


def test_run(opened, model, tmp_path, capsys):
    assert run.run(running(model, tmp_path), Console(json=True)) == 0
    assert opened[1:] == [("/dev/ttyX", True, 3_000_000)]
    values = json.loads(capsys.readouterr().out)
    assert values["frames"] == 9 and values["mismatches"] == 0
    assert values["accuracy"] == values["correct"] / 9
    assert values["faults"]["resent"] == 2
    assert values["frames_per_second"] == pytest.approx(9 / values["seconds"])
    assert run.run(running(model, tmp_path, limit=4, baud=115_200), Console(json=False)) == 0
    assert opened[-1] == ("/dev/ttyX", True, 115_200)
    text = capsys.readouterr().out
    assert "\nframes      4\n" in text and "resent 2; all made good" in text


def test_run_mismatch(opened, model, tmp_path, capsys):
    opened[0].wrong = (3, 5)
    assert run.run(running(model, tmp_path), Console(json=True)) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["mismatches"] == 2
    assert "the board differs from the golden model, first in frame 3: class" in output.err


def test_run_wrong(model, tmp_path):
    with pytest.raises(XnorloomError, match=r"^argument --data-dir: not allowed with --data \S+, "
                                            r"which is a file by itself$"):
        run.run(running(model, tmp_path, data_dir="x"), Console(json=False))
