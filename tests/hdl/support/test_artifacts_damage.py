"""Damaged entries of a cache, which are made again."""

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xnorloom.support import artifacts

FILES = {"product": b"first line\nsecond line\n", "log": b"words", "empty": b"",
         "tables/a b.hex": bytes(range(256))}
REFUSED = r"^Cannot write to the cache folder '\S+/entry': "


class Maker:
    """Makes an entry of :data:`FILES`, and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self, folder):
        self.times += 1
        for name, content in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def found(place):
    return {path.relative_to(place).as_posix(): path.read_bytes()
            for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def make():
    return Maker()


@pytest.fixture
def place(tmp_path, make):
    """An intact entry."""
    place = artifacts.entry(tmp_path / "entry", "product", make)
    assert artifacts.entry(place, "product", make) == place
    assert make.times == 1
    return place


def test_list(place):
    """Sizes of all files, and the digests that `sha256sum` prints."""
    assert json.loads((place / "manifest.json").read_bytes()) == {
        name: [len(content), hashlib.sha256(content).hexdigest()]
        for name, content in FILES.items()}


def cut(path):
    path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2])


def alter(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x20
    path.write_bytes(content)


def zero(path):
    path.write_bytes(bytes(len(path.read_bytes())))


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"\0")


def replace(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


DAMAGE = [(name, damage) for name in (*FILES, "manifest.json")
          for damage in (cut, alter, zero, lengthen, Path.unlink, replace, pipe)
          if name != "empty" or damage in (lengthen, Path.unlink, replace, pipe)]


@pytest.mark.parametrize("name, damage", DAMAGE, ids=lambda case: getattr(case, "__name__", case))
def test_damaged(name, damage, place, make):
    good = found(place)
    damage(place / name)
    for _ in range(2):
        assert artifacts.entry(place, "product", make) == place
        assert make.times == 2
        assert found(place) == good
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("text", [
    b"", b"{}", b"[]", b"null", b"\xff", b'{"product": ', b'{"product": null}', b'{"product": []}',
    b'{"product": 3}', b'{"product": [23]}', b'{"product": [23, null]}', b'{"pro\0duct": [0, ""]}',
    b'{"product": {"a": 1, "b": 2}}', b'{"log": [5, "x"]}', b'{"\\u0000": [0, ""], "product": 1}',
    b"[" * 100_000,
], ids=range(16))
def test_damaged_list(text, place, make):
    good = found(place)
    (place / "manifest.json").write_bytes(text)
    assert artifacts.entry(place, "product", make) == place
    assert make.times == 2
    assert found(place) == good


def test_list_without_the_product(place, make):
    """The list is that of another product."""
    with pytest.raises(OSError, match=REFUSED + r"'other' is missing$"):
        artifacts.entry(place, "other", make)
    assert found(place)["product"] == FILES["product"]


def test_other_files_are_ignored(place, make):
    (place / "wave.vcd").write_text("made by who runs here")
    (place / "tables" / "lock").touch()
    (place / "folder").mkdir()
    artifacts.entry(place, "product", make)
    assert make.times == 1
    assert (place / "wave.vcd").exists()


def test_not_made_again(place):
    """A damaged entry stays if making it again fails."""
    cut(place / "log")
    before = found(place)

    def fail(folder):
        (folder / "product").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.entry(place, "product", fail)
    assert found(place) == before
    assert list(place.parent.iterdir()) == [place]


def test_damaged_and_faster_build_wins(place, make):
    cut(place / "log")

    def slow(folder):
        artifacts.entry(place, "product", make)
        (folder / "product").write_text("mine")

    artifacts.entry(place, "product", slow)
    assert make.times == 2
    assert (place / "product").read_bytes() == FILES["product"]


@pytest.mark.parametrize("replaced", [False, True], ids=["moved", "replaced"])
def test_damaged_and_moved_by_a_build_without_locks(replaced, place, make, monkeypatch):
    """Another process moves the damaged entry just before this one would."""
    cut(place / "log")
    there = os.path.lexists
    elsewhere = []

    def lexists(path):
        found = there(path)
        if path == place and not elsewhere:
            elsewhere.append(place.rename(place.parents[1] / f"{place.parent.name}-elsewhere"))
            if replaced:
                place.mkdir()
                make(place)
                artifacts.write_list(place)
        return found

    monkeypatch.setattr(artifacts.os.path, "lexists", lexists)
    assert artifacts.entry(place, "product", make) == place
    assert len(elsewhere) == 1
    assert artifacts.intact(place, "product")
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_damaged_and_made_by_many_threads(locks, place, monkeypatch):
    if not locks:
        @contextlib.contextmanager
        def none(directory):
            raise OSError(errno.ENOLCK, "No locks available")
            yield

        monkeypatch.setattr(artifacts, "directory_lock", none)
    cut(place / "log")
    barrier = threading.Barrier(8)
    maker = Maker()

    def one(number):
        barrier.wait()
        return found(artifacts.entry(place, "product", maker))["log"]

    with ThreadPoolExecutor(8) as pool:
        logs = list(pool.map(one, range(8)))
    assert logs == [b"words"] * 8
    assert 1 <= maker.times <= 8
    assert list(place.parent.iterdir()) == [place]


PROCESS = """
import sys
from pathlib import Path
from xnorloom.support import artifacts

def make(folder):
    (folder / "log").write_text("words")
    (folder / "product").write_text("all")

sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
for turn in range(60):
    place = artifacts.entry(Path(sys.argv[1], str(turn)), "product", make)
    assert (place / "product").read_text() == "all"
sys.stdout.write("good\\n")
"""


def test_damaged_and_made_by_many_processes(tmp_path):
    for turn in range(60):
        (tmp_path / str(turn)).mkdir()
        (tmp_path / str(turn) / "product").write_text("al")
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT) for _ in range(3)]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 3
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in running] == ["good\n"] * 3
    assert {path.name for path in tmp_path.iterdir()} == {str(turn) for turn in range(60)}
    assert all(artifacts.intact(path, "product") for path in tmp_path.iterdir())


@pytest.fixture
def read_only(monkeypatch):
    """Refuses all writes of the cache; root may write everywhere."""
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere")

    for name in ("utime", "mkdir", "rename"):
        monkeypatch.setattr(artifacts.os, name, refuse)


def test_read_only(place, make, read_only):
    assert artifacts.entry(place, "product", make) == place
    assert make.times == 1
    assert found(place)["product"] == FILES["product"]


@pytest.mark.parametrize("name", ["product", "log", "manifest.json"])
def test_read_only_and_damaged(name, place, make, request):
    cut(place / name)
    before = found(place)
    request.getfixturevalue("read_only")
    with pytest.raises(OSError, match=REFUSED + r"Permission denied$"):
        artifacts.entry(place, "product", make)
    assert make.times == 1
    assert found(place) == before
