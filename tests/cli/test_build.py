# amaranth: UnusedElaboratable=no
"""``xnorloom build``, with fake programs."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from xnorloom.errors import XnorloomError
from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import fit
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_cli.commands import build
from xnorloom_cli.console import Console


def building(model, **given):
    given = {"board": "icebreaker", "output": None, "interval": None, "fold": None, "fps": None,
             "vectors": 8, "seed": (0,), "scores": False, "input": None, "score_bits": None,
             "dry_run": False, "baud": None, "link": "uart", "clocks": 8, "first_clock": None,
             "spread": False, **given}
    return Namespace(model=model, **given)


def test_build(capsys, fakes, net_file, tmp_path, fold_file):
    out = tmp_path / "out"
    arguments = building(net_file, output=str(out), fold=str(tmp_path / "fold.json"), seed=(0, 5))
    assert build.run(arguments, Console(json=True)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["clock"]["seed"] == 5
    assert values["files"][0] == str(out / "my_net-icebreaker.bin")
    assert all(Path(path).is_file() for path in values["files"])
    assert build.run(arguments, Console(json=False)) == 0
    text = capsys.readouterr().out
    assert text.startswith("my net on iCEBreaker (iCE40UP5K)\n\npart ")
    assert "clock         47.25 MHz; place and route reached 47.5 MHz (seed 5)\n" in text
    assert f"wrote {out / 'report.html'}\n" in text
    assert text.endswith(f"Next: xnorloom flash --board icebreaker {out}/my_net-icebreaker.bin\n")


@pytest.mark.parametrize("baud, found", [(None, 3_000_000), (6_000_000, 6_000_000),
                                         (12_000_000, 6_000_000), (115_200, 115_200)])
def test_build_baud(capsys, fakes, net_file, tmp_path, fold_file, baud, found):
    """At 47.25 MHz, a bit of 12 Mbaud would take fewer than four cycles."""
    arguments = building(net_file, output=str(tmp_path / "out"),
                         fold=str(tmp_path / "fold.json"), baud=baud)
    assert build.run(arguments, Console(json=False)) == 0
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    assert values["link"]["baud"] == found
    line = f"Serial port: {found:,} baud; run and serve need --baud {found}\n"
    assert (line in capsys.readouterr().out) == (found != 3_000_000)


def test_build_spi(capsys, fakes, net_file, tmp_path, fold_file):
    arguments = building(net_file, output=str(tmp_path / "out"), link="spi",
                         fold=str(tmp_path / "fold.json"), baud=15_000_000)
    assert build.run(arguments, Console(json=False)) == 0
    text = capsys.readouterr().out
    values = json.loads((tmp_path / "out" / "build.json").read_text())
    assert values["link"]["kind"] == "spi"
    assert {"link", "SPI"} <= {part["name"] for part in values["parts"]}
    rate = values["link"]["baud"]
    assert rate <= 15_000_000
    assert f" over SPI at {rate:,} bit/s\n" in text
    assert f"SPI: {rate:,} bit/s; run and serve need --baud {rate}\n" in text
    assert "Link: run needs --link spi, serve the --port of run\n" in text


@pytest.mark.parametrize("given, message", [
    ({"board": "icestick", "link": "spi"}, r"^link spi must be that of a board with SPI wires to "
                                           r"its USB bridge \(hx8k_evn, icebreaker\), not "
                                           r"icestick$"),
    ({"baud": 12_000_001}, r"^argument --baud: must be at most 12,000,000 with link uart, not "
                           r"12,000,001$")])
def test_build_link_wrong(net_file, given, message):
    with pytest.raises(XnorloomError, match=message):
        build.run(building(net_file, **given), Console(json=False))


def test_build_first_clock(run_json, net_file):
    """The PLL of an iCEBreaker makes steps of 0.75 MHz here."""
    command = "build", net_file, "--board", "icebreaker", "--dry-run"
    assert run_json(*command, "--first-clock", 20.5)["clock"]["hz"] == 20_250_000


@pytest.mark.parametrize("spread", [False, True])
def test_build_spread(fakes, net_file, tmp_path, fold_file, spread):
    arguments = building(net_file, output=str(tmp_path / "out"),
                         fold=str(tmp_path / "fold.json"), spread=spread)
    assert build.run(arguments, Console(json=True)) == 0
    calls = [line for line in fakes.with_name("CALLS").read_text().splitlines()
             if line.startswith("nextpnr")]
    options = "--placer-heap-beta 0.4 --router router2"
    assert calls and all(line.endswith(options) == spread for line in calls)


def test_build_dry_run(fakes, run, run_json, net, net_file, tmp_path, monkeypatch):
    """Schedule and estimate are printed; nothing is built or written."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = "build", net_file, "--board", "icebreaker", "--dry-run"
    values = run_json(*command, "--interval", 12)
    schedule = fit(net, "iCE40UP5K", interval=12)
    plan = schedule.bind(net)
    assert (values["dry_run"], values["fits"], values["clock"]["estimated"]) == (True, True, True)
    assert values["interval_cycles"] == plan.interval == values["schedule"]["interval"]
    assert values["latency_cycles"] == Network(plan).latency
    assert values["frames_per_second"] == pytest.approx(
        values["clock"]["hz"] * plan.vectors / plan.interval)
    costs = estimate(plan, "ice40")
    assert [entry["cells"] for entry in values["layers"]] == [cost.cells for cost in costs]
    assert values["resources"]["logic_cells"] == {
        "used": sum(cost.cells for cost in costs) + values["others"]["cells"], "available": 5280}
    assert 0 < values["build_seconds"]["least"] < values["build_seconds"]["most"] < 600
    text = run(*command, "--interval", 12)
    assert re.search(r"^build time    about 1( to \d)? minutes? on an idle machine$", text,
                     re.MULTILINE)
    assert text.startswith("my net on iCEBreaker (iCE40UP5K), estimated: nothing is built\n\nlay")
    for label in ("clock         45 MHz, the usual one of the chip", "faster        ",
                  "smaller       "):
        assert f"\n{label}" in text
    text = run(*command, "--fps", 10**8)
    assert "\nframes        45,000,000 a second; 100,000,000 take a clock of 100 MHz\n" in text
    assert sorted(tmp_path.rglob("*")) == before


def test_build_dry_run_too_large(run, random_graph, tmp_path):
    graph = random_graph(np.random.default_rng(1), [600, 64, 4])
    graph.save(tmp_path / "large.bnn")
    folds = Fold(64, 600, "wired"), Fold(4, 64, "wired")
    Schedule(600, folds).save(tmp_path / "fold.json", graph)
    text = run("build", tmp_path / "large.bnn", "--board", "icebreaker", "--fold",
               tmp_path / "fold.json", "--dry-run")
    assert re.search(r"\nlogic cells   [\d,]+ of 5,280 \(\d+ %\)  <- too many\n", text)


@pytest.mark.parametrize("options, message", [
    (["--fps", "0"], "argument --fps: must be an integer of at least 1, not '0' .+"),
    (["--interval", "0"], "argument --interval: must be an integer of at least 1, not '0' .+")])
def test_build_dry_run_wrong(wrong, net_file, options, message):
    wrong(message, "build", net_file, "--board", "icebreaker", "--dry-run", *options)


def test_build_directory(fakes, net_file, tmp_path, monkeypatch, fold_file):
    monkeypatch.chdir(tmp_path)
    assert build.run(building(net_file, fold="fold.json"), Console(json=False)) == 0
    assert (tmp_path / "my_net-icebreaker" / "build.json").is_file()


@pytest.mark.parametrize("name", ["x" * 57, "x" * 300, "é" * 300, "module", "build", "../up", "-o"])
def test_build_of_any_name(fakes, net_file, tmp_path, monkeypatch, fold_file, capsys, name):
    """Neither the default directory nor the files in it are too long, or elsewhere."""
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    graph = Graph.load(net_file)
    Graph(name, graph.input, graph.layers).save("named.bnn")
    assert build.run(building("named.bnn", fold="fold.json"), Console(json=True)) == 0
    values = json.loads(capsys.readouterr().out)
    [folder] = set(tmp_path.iterdir()) - before - {tmp_path / "named.bnn", tmp_path / "cache"}
    assert {path.name for path in folder.iterdir()} == {Path(path).name for path in values["files"]}
    assert len(folder.name) <= 120 and values["model"]["name"] == name


@pytest.mark.parametrize("option, text, message", [
    *(("--seed", seed, f"argument --seed: must be integers in 0 to 2147483647 with commas between "
                       f"them, not '{named}' \\(see xnorloom build --help\\)")
      for seed, named in [("1,,2", "1,,2"), ("-1", "-1"), ("2147483648", "2147483648"),
                          ("0," + 5000 * "9", "0,9999999999.*9999999999999")]),
    *(("--baud", baud, f"argument --baud: must be an integer in 9600 to 30000000, not '{baud}' "
                       f"\\(see xnorloom build --help\\)") for baud in ("0", "9599", "30000001",
                                                                       "fast")),
    ("--board", "breadboard", "board must be one of .*icebreaker, .*, not 'breadboard'")])
def test_build_wrong(fakes, wrong, net_file, option, text, message):
    wrong(message, "build", net_file, "--board", "icebreaker", f"{option}={text}")


@pytest.mark.parametrize("name", ["build.json", "my_net-icebreaker.bin", "my_net-icebreaker.pcf",
                                  "routing.log"])
def test_build_where_a_directory_is(fakes, net_file, tmp_path, name, fold_file):
    """The error comes before any program runs."""
    (tmp_path / "out" / name).mkdir(parents=True)
    with pytest.raises(XnorloomError, match=rf"^output directory \S+/out cannot be written: {name} "
                                            rf"in it is a directory, not a file$"):
        build.run(building(net_file, output=str(tmp_path / "out"), fold=fold_file),
                  Console(json=False))
    assert not fakes.with_name("CALLS").exists()


def test_build_ascii(fakes, net_file, tmp_path, fold_file):
    """Files are UTF-8 whatever the encoding of the machine."""
    done = subprocess.run(
        [sys.executable, "-m", "xnorloom", "build", net_file, "--board", "icebreaker", "-o", "out",
         "--fold", "fold.json"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    # A log has a line for each step.
    lines = done.stderr.splitlines()
    assert all(re.fullmatch(r" +0:\d\d  .+ \.\.\.", line) for line in lines)
    assert any("synthesising the network" in line for line in lines)
    assert "iCE40UP5K · 4 × 4 inputs" in (tmp_path / "out" / "report.html").read_text("utf-8")


def read_until(descriptor, words):
    """Output at a terminal up to ``words``, or all of it."""
    text = b""
    with contextlib.suppress(OSError):
        while words is None or words not in text:
            text += os.read(descriptor, 4096)
    return text.replace(b"\r\n", b"\n").decode()


@pytest.mark.parametrize("number, status, words", [
    pytest.param(signal.SIGINT, 130, "interrupted", id="ctrl-c"),
    pytest.param(signal.SIGTERM, 143, "terminated", id="sigterm")])
def test_build_ended(fakes, net_file, tmp_path, number, status, words, fold_file):
    """A signal ends the command and its program, in one line, and leaves no files."""
    command = [sys.executable, "-m", "xnorloom", "build", net_file, "--board", "icebreaker",
               "-o", str(tmp_path / "out"), "--fold", str(tmp_path / "fold.json")]
    fakes.write_text('{"sleep": 300}')
    terminal, other = os.openpty()
    # The test runner may ignore SIGINT, as programs in the background of a shell do.
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
    # The cache has the finished steps, and only them.
    assert not list((tmp_path / "cache" / "xnorloom" / "builds").glob("xnorloom-build-*"))
    # No faster clock is tried.
    fakes.write_text('{"fmax": {"0": 45.0}}')
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["yosys", "yosys", "nextpnr-ice40",
                                                   "nextpnr-ice40", "icepack"]
