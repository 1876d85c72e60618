"""The lock of a directory between threads and processes."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest

from xnorloom.support.lock import directory_lock

# Reports that it holds the lock, and holds it until its input ends, or until it is killed.
PROGRAM = """
import sys
from xnorloom.support.lock import directory_lock
with directory_lock(sys.argv[1]):
    print("in", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def other(folder):
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "in\n"
        yield process


def test_threads(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(5):
            with directory_lock(tmp_path):
                inside.append(None)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 20 * [1]
    assert list(tmp_path.iterdir()) == []


def test_process_waited_for(tmp_path):
    entered = threading.Event()

    def enter():
        with directory_lock(tmp_path):
            entered.set()

    with other(tmp_path) as process:
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
        process.communicate()
        assert entered.wait(60)
        thread.join()
    assert list(tmp_path.iterdir()) == []


def test_process_killed(tmp_path):
    # The remaining lock file blocks no other process.
    with other(tmp_path) as process:
        process.kill()
        process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    with directory_lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_left_by_an_error(tmp_path):
    with pytest.raises(ValueError, match="^mine$"), directory_lock(tmp_path):
        raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []
