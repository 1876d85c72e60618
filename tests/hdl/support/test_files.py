"""Atomic writes, and errors that name the requested file."""

import errno
import os
import re
import socket
import stat

import pytest

from xnorloom.support.files import (
    destination,
    make_directory,
    open_regular,
    read_regular,
    write_atomic,
)


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


def pipe(path):
    os.mkfifo(path)


def server(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def device(path):
    """A link, as only the administrator makes devices."""
    path.symlink_to(os.devnull)


def dangling(path):
    path.symlink_to("nothing")


def loop(path):
    path.symlink_to(path.name)


def link_to_a_pipe(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


MUST_BE = "it must be a regular file, but is "
NODES = {pipe: MUST_BE + "a pipe", server: MUST_BE + "a socket", device: MUST_BE + "a device",
         dangling: "it is a symbolic link to no file", loop: "it is a symbolic link to no file",
         link_to_a_pipe: MUST_BE + "a pipe", os.mkdir: "Is a directory"}


def nodes(folder):
    return {path.name: (os.lstat(path).st_ino, os.lstat(path).st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("make", NODES, ids=lambda make: make.__name__)
def test_what_is_no_regular_file_stays(tmp_path, make, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "f")
    before = nodes(tmp_path)
    for write in (lambda: write_atomic("f", "text"), lambda: destination("f")):
        with pytest.raises(OSError, match=re.escape(NODES[make])):
            write()
    with pytest.raises(OSError):
        open_regular("f")
    assert nodes(tmp_path) == before


def test_link_to_a_file_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("there")
    (tmp_path / "there" / "file").write_text("before")
    os.symlink("there/file", "near")
    os.symlink("near", "far")
    write_atomic("far", "after")
    assert (os.readlink("far"), os.readlink("near")) == ("near", "there/file")
    assert (tmp_path / "there" / "file").read_text() == "after"
    assert sorted(os.listdir()) == ["far", "near", "there"]
    assert os.listdir("there") == ["file"]


def test_read_regular(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert read_regular(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="it must have at most 4 bytes") as error:
        read_regular(tmp_path / "f", 4)
    assert error.value.filename == str(tmp_path / "f")


def test_read_a_file_without_a_size():
    """The size of files of the kernel is 0, whatever they hold."""
    assert read_regular("/proc/self/status", 1 << 20).startswith(b"Name:")
    with pytest.raises(OSError, match="it must have at most 4 bytes"):
        read_regular("/proc/self/status", 4)


def test_pipe_that_takes_the_place_of_a_file(tmp_path, monkeypatch):
    """The file that is opened is checked, not only the one that was there before."""
    (tmp_path / "f").touch()
    before = os.stat(tmp_path / "f")
    os.unlink(tmp_path / "f")
    os.mkfifo(tmp_path / "f")
    monkeypatch.setattr(os, "stat", lambda path: before)
    with pytest.raises(OSError, match="but is a pipe"):
        open_regular(tmp_path / "f")
