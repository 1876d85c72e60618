"""Entries of a cache: concurrent builds, obstacles, removal of unused entries."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xnorloom.support import artifacts, files


def test_faster_build_wins(tmp_path):
    place = tmp_path / "entry"

    def make(folder):
        (folder / "product").write_text("mine")
        place.mkdir()
        (place / "product").write_text("theirs")
        artifacts.write_list(place)

    assert artifacts.entry(place, "product", make) == place
    assert (place / "product").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [place]


def refused(place, reason):
    return f"^Cannot write to the cache folder '{re.escape(str(place))}': {reason}$"


def link(path):
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("obstacle", [Path.touch, os.mkfifo, link, os.mkdir],
                         ids=["file", "pipe", "link", "directory"])
def test_obstacle_in_place_of_an_entry(tmp_path, obstacle):
    """An entry that is no folder of ours is replaced."""
    place = tmp_path / "entry"
    obstacle(place)
    for _ in range(2):
        assert artifacts.entry(place, "product", lambda folder: (folder / "product").touch()
                               ) == place
        assert sorted(path.name for path in place.iterdir()) == ["manifest.json", "product"]
        assert list(tmp_path.iterdir()) == [place]


def test_not_made(tmp_path):
    place = tmp_path / "entry"
    with pytest.raises(OSError, match=refused(place, "'product' is missing")):
        artifacts.entry(place, "product", lambda folder: None)
    assert list(tmp_path.iterdir()) == []


def age(path, days):
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


def test_unused_entries_are_removed(tmp_path):
    def make(folder):
        (folder / "product").touch()

    names = {days: f"{days:032x}" for days in (1, 29, 31, 400)}
    others = ["notes", "xnorloom-build-keep this", f"{7:031x}"]
    for name in (*names.values(), *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "product").touch()
        artifacts.write_list(tmp_path / name)
        age(tmp_path / name, 40)
    for days, name in names.items():
        age(tmp_path / name, days)
        (tmp_path / f"{name}.log").touch()
        age(tmp_path / f"{name}.log", days)
    for name, days in (("xnorloom-build-12345678", 2), ("xnorloom-build-abcdefgh", 0.9)):
        (tmp_path / name).mkdir()
        age(tmp_path / name, days)
    # A request counts as a use, and removes nothing.
    artifacts.entry(tmp_path / names[400], "product", make)
    assert len(list(tmp_path.iterdir())) == 4 + 4 + 3 + 2
    artifacts.entry(tmp_path / "new", "product", make)
    assert {path.name for path in tmp_path.iterdir()} == {
        "new", *others, names[1], names[29], names[400], f"{names[1]}.log", f"{names[29]}.log",
        "xnorloom-build-abcdefgh",
    }


def test_entries_removed_by_many_at_once(tmp_path):
    def make(folder):
        (folder / "product").touch()

    for index in range(200):
        (tmp_path / f"{index:032x}").mkdir()
        (tmp_path / f"{index:032x}" / "product").touch()
        age(tmp_path / f"{index:032x}", 31)
    with ThreadPoolExecutor(8) as pool:
        places = list(
            pool.map(lambda n: artifacts.entry(tmp_path / f"new{n}", "product", make), range(8)))
    assert sorted(tmp_path.iterdir()) == sorted(places)


def test_folder_is_a_file(tmp_path):
    (tmp_path / "cache").touch()
    place = tmp_path / "cache" / "entry"
    with pytest.raises(OSError, match=refused(place, "File exists")):
        artifacts.entry(place, "product", lambda folder: None)


@pytest.mark.parametrize("code", sorted(files.UNWRITABLE))
def test_full(code, tmp_path):
    """A write to a full disk fails without a name, a copy with that of the source."""
    place = tmp_path / "entry"
    for names in ((), ("source.json",)):
        def fail(folder, names=names):
            raise OSError(code, os.strerror(code), *names)

        def nested(folder, fail=fail):
            artifacts.entry(place, "product", fail)

        for make in (fail, nested):
            with pytest.raises(OSError, match=refused(place, os.strerror(code))):
                artifacts.entry(tmp_path / "outer" if make is nested else place, "product", make)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_makers(tmp_path):
    def fail(folder):
        (folder / "missing").read_bytes()

    with pytest.raises(FileNotFoundError, match="missing"):
        artifacts.entry(tmp_path / "entry", "product", fail)
