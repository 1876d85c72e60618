"""Temporary files and directories: removed on exit, and after a process that was killed."""

import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from xnorloom.support import scratch
from xnorloom.support.files import write_atomic
from xnorloom.support.scratch import scratch_directory, scratch_file, sweep
from xnorloom.support.staging import staged, staged_file


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_directory(tmp_path):
    with scratch_directory(tmp_path) as path:
        assert path.parent == tmp_path
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "deep" / "deeper").mkdir(parents=True)
        (path / "deep" / "file").touch()
        sweep(tmp_path)
        assert (path / "deep" / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_file(tmp_path):
    with scratch_file(tmp_path) as (file, path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        file.write(b"text")
        sweep(tmp_path)
        assert os.path.exists(path)
    assert list(tmp_path.iterdir()) == []
    with scratch_file(tmp_path) as (file, path):
        os.rename(path, tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_removed_after_an_error(tmp_path, error):
    for context in (scratch_directory, scratch_file):
        with pytest.raises(error):
            with context(tmp_path):
                raise error
    assert list(tmp_path.iterdir()) == []


PROGRAM = """
import sys, time
from pathlib import Path
from xnorloom.support.files import scratch_file
from xnorloom.support.scratch import scratch_directory
from xnorloom.support.staging import staged, staged_file

def ready(path):
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    time.sleep(1000)

folder = Path(sys.argv[1])
with staged(folder) as one, staged_file(str(folder / "a.vcd")) as two, scratch_file(folder):
    for path in (one / "a", Path(two)):
        path.write_text("half")
    ready(folder)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that is about to write into ``tmp_path``."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], text=True,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def use_staged(folder):
    with staged(folder):
        pass


def use_staged_file(folder):
    with staged_file(str(folder / "b.vcd")) as path:
        with open(path, "w"):
            pass


def use_write_atomic(folder):
    write_atomic(folder / "b.vcd", "")


@pytest.mark.parametrize("use", [use_staged, use_staged_file, use_write_atomic])
def test_killed(tmp_path, other, use):
    """The next run removes what a killed one left, and nothing of one that lives."""
    before = hidden(tmp_path)
    assert len(before) == 3
    use(tmp_path)
    assert hidden(tmp_path) == before
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert hidden(tmp_path) == before
    use(tmp_path)
    assert hidden(tmp_path) == []


def test_what_is_not_ours_stays(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (tmp_path / ".xnorloom-abcdefgh").symlink_to("elsewhere")
    os.mkfifo(tmp_path / ".xnorloom-pipe_123")
    names = [".xnorloom-notes", ".xnorloom-longer_name", ".xnorloom.lock", "xnorloom-abcdefgh",
             "a.xnorloom-abcdefgh"]
    for name in names:
        (tmp_path / name).touch()
    before = sorted(tmp_path.rglob("*"))
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / ".xnorloom-00000000").touch()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    sweep(tmp_path)
    assert (tmp_path / ".xnorloom-00000000").exists()
    monkeypatch.setattr(os, "getuid", lambda: uid)
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("locks", ["none", "refused"])
def test_without_locks(tmp_path, monkeypatch, locks):
    """Where nothing can be locked, only what is a day old is removed."""
    if locks == "none":
        monkeypatch.setattr(scratch, "fcntl", None)
    else:
        def refuse(handle, operation):
            raise OSError(37, "No locks available")

        monkeypatch.setattr(scratch.fcntl, "flock", refuse)
    for name, age in (("new_one1", 0.9), ("old_one1", 1.1)):
        for path in (tmp_path / f".xnorloom-{name}", tmp_path / f".xnorloom-{name[:-1]}2"):
            path.mkdir() if name.endswith("1") and path.name.endswith("1") else path.touch()
            os.utime(path, (time.time() - age * 24 * 3600,) * 2)
    with scratch_directory(tmp_path), scratch_file(tmp_path):
        pass
    assert hidden(tmp_path) == [".xnorloom-new_one1", ".xnorloom-new_one2"]


def test_many_at_once(tmp_path):
    """Those that sweep and those that make never get in each other's way."""
    def one(number):
        for _ in range(20):
            with scratch_directory(tmp_path) as path:
                (path / "file").write_text("text")
                sweep(tmp_path)
                assert (path / "file").read_text() == "text"
            write_atomic(tmp_path / f"{number}", "text")
            assert (tmp_path / f"{number}").read_text() == "text"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert hidden(tmp_path) == []


def test_swept_before_it_is_locked(tmp_path, monkeypatch):
    """Another process may sweep between the making and the locking."""
    real, swept = scratch._lock, []

    def late(handle, path):
        if len(swept) < 3:
            swept.append(path)
            sweep(tmp_path)
        return real(handle, path)

    monkeypatch.setattr(scratch, "_lock", late)
    with scratch_directory(tmp_path) as path:
        assert path.is_dir()
    assert len(swept) == 3
    swept.clear()
    with scratch_file(tmp_path) as (_, path):
        assert os.path.exists(path)
    assert len(swept) == 3
    assert list(tmp_path.iterdir()) == []
