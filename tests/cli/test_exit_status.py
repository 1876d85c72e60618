"""The program as a process: its exit status, its streams, and the signals that end it."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from xnorloom.folding.fit import NoScheduleError
from xnorloom_cli.exit_status import exit_status
from xnorloom_cli.main import main


def program(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "xnorloom", *map(str, arguments)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_program(model):
    with program("info", model, "--json") as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["name"] == "toy"
    assert err == ""


def test_program_error(tmp_path):
    with program("info", tmp_path / "none.bnn") as process:
        out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert re.fullmatch(r"xnorloom: error: model file .*none\.bnn cannot be read: No such file or "
                        r"directory; see docs/formats\.md#model-file-bnn\n", err)


def test_page(capsys):
    """An error whose class has a page names it."""
    def run():
        raise NoScheduleError("nothing fits")

    assert exit_status(run) == 2
    assert capsys.readouterr().err == (
        "xnorloom: error: nothing fits; see docs/boards.md#fitting\n")


def test_program_broken_pipe(model):
    with program("info", model) as process:
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate()
    assert process.returncode == 141
    assert err == ""


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "2>&-"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_program_closed_streams(model, closed, options):
    command = [sys.executable, "-m", "xnorloom", "info", str(model), *options]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *command], text=True,
                          capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.split())


def test_program_closed_streams_wrong(tmp_path):
    """An error without standard error does not go to standard output."""
    command = [sys.executable, "-m", "xnorloom", "info", str(tmp_path / "none.bnn")]
    done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *command], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_program_wrong_and_a_closed_pipe(tmp_path):
    with program("info", tmp_path / "none.bnn") as process:
        process.stderr.close()
        process.stderr = None
        out, _ = process.communicate()
    assert (process.returncode, out) == (2, "")


def test_program_full_disk(model):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "xnorloom", "info", model], text=True,
                              stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "xnorloom: error: No space left on device\n")


def test_program_terminated(model, tmp_path):
    """SIGTERM ends the program as Ctrl-C does: in one line, and without files."""
    np.savez(tmp_path / "many.npz", images=np.zeros((30000, 30), np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    with program("simulate", model, "--data", tmp_path / "many.npz", "--engine", "amaranth",
                 "--waveform", out / "w.vcd") as process:
        while not list(out.glob(".xnorloom-*/w.vcd")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (143, "xnorloom: terminated\n")
    assert list(out.iterdir()) == []


def test_interrupted(capsys, monkeypatch):
    def interrupted(arguments, console):
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorloom_cli.commands.info.run", interrupted)
    assert main(["info", "x"]) == 130
    assert capsys.readouterr().err == "xnorloom: interrupted\n"


def test_bug(capsys, monkeypatch):
    """A bug is reported with its traceback, and is no difference of the gateware."""
    def bug(arguments, console):
        raise ZeroDivisionError("of my own")

    monkeypatch.setattr("xnorloom_cli.commands.info.run", bug)
    assert main(["info", "x"]) == 70
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Traceback (most recent call last):\n")
    assert captured.err.endswith("\nZeroDivisionError: of my own\n")


def test_sigterm_is_given_back(run, model):
    before = signal.getsignal(signal.SIGTERM)
    run("info", model)
    assert signal.getsignal(signal.SIGTERM) is before
