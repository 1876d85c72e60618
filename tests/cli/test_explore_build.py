"""``xnorloom explore --build``, with fake programs: results, resumption, a Dask cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xnorloom_cli.main import main


@pytest.fixture
def command(fakes, net_file, tmp_path, monkeypatch):
    """A command that builds two points; their clock is 45.75 MHz."""
    monkeypatch.chdir(tmp_path)
    return ["explore", net_file, "--board", "icebreaker", "-o", "front", "--build", "2"]


def calls(fakes):
    path = fakes.with_name("CALLS")
    return len(path.read_text().splitlines()) if path.exists() else 0


def routed(values):
    return {point["name"]: point["routed"] for board in values["boards"]
            for point in board["points"] if point["routed"]}


def check(values):
    """Two points are routed, the fastest and the smallest, and their files are there."""
    found = routed(values)
    assert list(found) == [values["boards"][0]["points"][0]["name"], list(found)[1]]
    assert len(found) == 2
    for name, result in found.items():
        assert result["clock_hz"] == 45_750_000 and result["seeds"] == [0]
        point = next(point for point in values["boards"][0]["points"] if point["name"] == name)
        assert result["frames_per_second"] == pytest.approx(45.75e6 / point["cycles_per_frame"])
        built = json.loads(Path("front", name, "build.json").read_text())
        assert built["speed"]["frames_per_second"] == result["frames_per_second"]
        assert {path.name for path in Path("front", name).iterdir()} == set(result["files"])


def test_build(command, fakes, run, run_json):
    values = run_json(*command)
    check(values)
    before = calls(fakes)
    # The same command has nothing to do, and one without --build still shows the results.
    text = run(*command)
    assert "\nrouted " in text and calls(fakes) == before
    assert routed(run_json(*command[:-2])) == routed(values)
    # Other seeds are other builds; so is one whose files are gone.
    again = run_json(*command, "--seed", "5")
    assert all(result["clock_hz"] == 47_250_000 for result in routed(again).values())


def test_a_build_that_does_not_fit(command, fakes, run, run_json):
    """It is a result; the others are built."""
    fakes.write_text('{"cells": [6000, 5280]}')
    values = run_json(*command)
    for result in routed(values).values():
        assert "needs 6,000 logic cells where there are 5,280" in result["refused"]
    assert "01: network 'my net' at an interval of 1 cycle" in run(*command)


@pytest.mark.parametrize("options, message", [
    (["--build", "0"], "argument --build: must be an integer of at least 1, not '0' .+"),
    (["--scheduler", "tcp://127.0.0.1:9"], "argument --scheduler: only allowed with --build"),
    (["--build", "1", "--scheduler", ""], "argument --scheduler: must not be empty .+")])
def test_wrong(wrong, options, message):
    wrong(message, "explore", "toy.bnn", "--board", "icebreaker", *options)


def test_no_scheduler(command, capsys):
    """One line; the estimates are there."""
    assert main([*command, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("xnorloom: error: no Dask scheduler answers at 'tcp://127.0.0.1:9': ")
    assert Path("front/explore.json").exists()


def test_cluster(command, run_json):
    """Two workers of a cluster build; the results are those of this machine's cores."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  silence_logs=50) as cluster:
        check(run_json(*command, "--scheduler", cluster.scheduler_address))


def test_interrupted(command, fakes, tmp_path):
    """Ctrl-C ends the builds and their programs; the finished ones are kept, and not repeated."""
    fakes.write_text('{"turns": [{"fmax": {"0": 45.0}}, {"sleep": 300}]}')
    call = [sys.executable, "-m", "xnorloom", *command]
    with subprocess.Popen([*call, "--seed", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, preexec_fn=lambda: signal.signal(
                              signal.SIGINT, signal.SIG_DFL)) as process:
        def kept():
            file = Path("front/explore.json")
            return file.exists() and routed(json.loads(file.read_text()))
        while not kept():
            assert process.poll() is None
            time.sleep(0.05)
        before = kept()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
    assert (process.returncode, error) == (130, "xnorloom: interrupted\n")
    for line in fakes.with_name("PROCESSES").read_text().splitlines():
        with pytest.raises(ProcessLookupError):
            os.kill(int(line), 0)
    fakes.write_text('{"fmax": {"0": 45.0}}')
    done = subprocess.run([*call, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = routed(json.loads(done.stdout))
    assert len(found) == 2 and found.items() >= before.items()
