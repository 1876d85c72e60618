"""A short run of the soak test of the link, as ``make soak`` runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "soak" / "soak.py"


def soak(*arguments):
    done = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True,
                          text=True, timeout=900)
    seed, _, figures = done.stdout.partition("\n")
    return done.returncode, re.fullmatch(r"seed (\d+)", seed)[1], json.loads(figures), done.stderr


def test_soak():
    """Four times the rates of the hour, so that a short run has all kinds of faults."""
    status, seed, figures, said = soak("--seconds", "25", "--seed", "3", "--rate", "0.002")
    assert (status, seed) == (0, "3"), (figures, said)
    assert figures["seed"] == 3
    assert figures["wrong"] == figures["hung"] == 0
    assert figures["frames"] > 0 and figures["received"] > 0
    assert figures["faults_in"] + figures["faults_out"] > 0


def test_wrong_results_are_noticed(tmp_path):
    """A host that reports a wrong result ends the program with status 1."""
    for name in ("soak.py", "host.py"):
        (tmp_path / name).write_text(PROGRAM.with_name(name).read_text())
    host = (tmp_path / "host.py").read_text()
    changed = host.replace("classes, scores = board.results(frames)",
                           "classes, scores = board.results(frames)\n"
                           "            classes = classes + 1")
    assert changed != host
    (tmp_path / "host.py").write_text(changed)
    done = subprocess.run([sys.executable, str(tmp_path / "soak.py"), "--seconds", "10", "--seed",
                           "3"], capture_output=True, text=True, timeout=900)
    figures = json.loads(done.stdout.partition("\n")[2])
    assert done.returncode == 1 and figures["wrong"] == figures["frames"] > 0
