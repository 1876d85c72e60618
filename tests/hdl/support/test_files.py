"""Atomic writes, and errors that name the requested file."""

import errno
import os
import re
import stat

import pytest

from xnorloom.support.files import make_directory, write_atomic


@pytest.mark.parametrize("data", ["größe\n", b"\x00\xff"], ids=["text", "bytes"])
def test_write_atomic(tmp_path, data):
    path = tmp_path / "f"
    path.write_text("before")
    write_atomic(path, data)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert os.listdir(tmp_path) == ["f"]


def test_mode_is_that_of_open(tmp_path):
    write_atomic(tmp_path / "ours", "")
    (tmp_path / "others").write_text("")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_longest_name(tmp_path):
    name = "n" * os.pathconf(tmp_path, "PC_NAME_MAX")
    write_atomic(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


def missing(path):
    return path / "none" / "f", errno.ENOENT


def taken(path):
    (path / "f").mkdir()
    return path / "f", errno.EISDIR


def below_a_file(path):
    (path / "file").write_text("")
    return path / "file" / "f", errno.ENOTDIR


def too_long(path):
    return path / ("n" * (os.pathconf(path, "PC_NAME_MAX") + 1)), errno.ENAMETOOLONG


@pytest.mark.parametrize("make", [missing, taken, below_a_file, too_long])
def test_write_atomic_wrong(tmp_path, make):
    path, number = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    # The class too is the one that open() would raise.
    with pytest.raises(type(OSError(number, "")), match=re.escape(os.strerror(number))) as error:
        write_atomic(path, "text")
    assert (error.value.errno, error.value.filename) == (number, str(path))
    assert error.value.filename2 is None
    assert sorted(tmp_path.rglob("*")) == before


def test_interrupted(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "f", "text")
    assert os.listdir(tmp_path) == []


def test_make_directory(tmp_path):
    for _ in range(2):
        assert make_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert os.listdir(tmp_path / "a" / "b") == []


def test_make_directory_wrong(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_directory(tmp_path / "file" / "below")
