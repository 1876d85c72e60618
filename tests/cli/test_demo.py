# amaranth: UnusedElaboratable=no
"""``xnorloom demo``."""

import json
import re
import sys

import pytest

from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom_cli.main import main

SIMULATION_KEYS = {"frames", "correct", "accuracy", "mismatches", "cycles", "latency", "interval",
                   "engine"}


@pytest.mark.full
def test_demo(run, bundled, tmp_path):
    out = tmp_path / "out"
    text = run("demo", "--out", out)
    assert sorted(path.name for path in out.iterdir()) == [
        "bnn_tfc.v", "build.json", "digits.png", "manifest.json", "report.html", "schedule.json",
        "tfc-icebreaker.bin"]
    assert (out / "tfc-icebreaker.bin").stat().st_size > 100_000
    assert (out / "digits.png").read_bytes().startswith(b"\x89PNG")
    headings = re.findall(r"^(\d\. .*)\n=+$", text, re.MULTILINE)
    assert headings == ["1. A trained network", "2. A schedule",
                        "3. The gateware, simulated cycle by cycle", "4. Verilog", "5. A picture",
                        "6. A bitstream"]
    assert "agrees with the golden model on all 500 images" in text
    assert "What to type next" in text
    assert f"--fold {out / 'schedule.json'}" in text
    assert f"flash --board icebreaker {out / 'tfc-icebreaker.bin'}" in text
    # Tables and the lines of other parts are wider.
    told = text[text.index("What to type next"):].splitlines()
    assert all(len(line) <= 80 for line in told if str(out) not in line)


def test_demo_names_itself_as_it_was_called(capsys, bundled, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    # Otherwise Zig's compiler is left, which first builds a C++ library for minutes.
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("NEXTPNR_ICE40", "no-such-router")
    monkeypatch.setattr(sys, "argv", [".venv/bin/xnorloom", "demo"])
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    assert "\n  .venv/bin/xnorloom build tfc " in capsys.readouterr().out


def test_demo_without_tools(capsys, bundled, tmp_path, monkeypatch):
    """Without compiler, router and matplotlib the demo names them, and continues."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("NEXTPNR_ICE40", "no-such-router")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--out", str(tmp_path / "out"), "--json"]) == 0
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    times = Network(automatic(bundled).bind(bundled))
    assert [entry.keys() for entry in values["simulations"]] == [SIMULATION_KEYS]
    assert values["simulations"][0]["engine"] == "amaranth"
    assert values["simulations"][0]["mismatches"] == 0
    assert values["simulations"][0]["interval"] == times.interval
    assert values["frames_per_second"] == values["clock_hz"] / times.interval
    assert values["files"] == [str(tmp_path / "out" / name) for name in
                               ("bnn_tfc.v", "manifest.json", "schedule.json")]
    assert re.search(r"^The compiled simulation is left out: .*'no-such-compiler'$", captured.err,
                     re.MULTILINE)
    assert values["board"] is None
    assert re.search(r"^Left out: .*'?no-such-router", captured.err, re.MULTILINE)
    assert "Left out: matplotlib is not installed. Try: pip install '.[plot]'" \
        in captured.err
