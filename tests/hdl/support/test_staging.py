"""Staged output directories and files, and obstacles in their place."""

import errno
import os

import pytest

from xnorloom.errors import XnorloomError
from xnorloom.support.staging import check_destination, staged, staged_file


def no_space(number=errno.ENOSPC):
    # As a write to an open file fails: without its name.
    raise OSError(number, os.strerror(number))


def test_directory_in_place_of_a_file(tmp_path):
    (tmp_path / "out" / "b.txt").mkdir(parents=True)
    begun = []
    with pytest.raises(XnorloomError, match=r"^output directory \S+/out cannot be written: b\.txt "
                                            r"in it is a directory, not a file$"):
        with staged(tmp_path / "out", ["a.txt", "b.txt"]):
            begun.append(True)
    assert not begun
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.txt"]


def test_names_of_files_that_are_there(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with staged(tmp_path, ["a.txt", "b.txt"]) as folder:
        (folder / "a.txt").write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_no_space(tmp_path, number):
    with pytest.raises(XnorloomError, match=rf"^output directory {tmp_path / 'out'} cannot be "
                                            rf"written: {os.strerror(number)}$"):
        with staged(tmp_path / "out"):
            no_space(number)
    assert not list(tmp_path.iterdir())


def test_no_space_for_a_file(tmp_path):
    with pytest.raises(XnorloomError, match=rf"^file {tmp_path / 'a.vcd'} cannot be written: "
                                            rf"No space left on device$"):
        with staged_file(str(tmp_path / "a.vcd")):
            no_space()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"),
                                   FileNotFoundError(errno.ENOENT, "none", "elsewhere")])
def test_errors_of_other_things(tmp_path, error):
    """Errors that do not concern the files pass unchanged."""
    for context in (staged(tmp_path / "out"), staged_file(str(tmp_path / "a.vcd"))):
        with pytest.raises(type(error)) as found:
            with context:
                raise error
        assert found.value is error
    assert not list(tmp_path.iterdir())


def hidden(folder):
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("make, why", [
    (os.mkfifo, "it must be a regular file, but is a pipe"),
    (lambda path: path.symlink_to(os.devnull), "it must be a regular file, but is a device"),
    (lambda path: path.symlink_to("nothing"), "it is a symbolic link to no file"),
    (os.mkdir, "Is a directory")], ids=["pipe", "device", "dangling", "directory"])
def test_no_regular_file_in_place_of_a_file(tmp_path, make, why):
    path = tmp_path / "a.vcd"
    make(path)
    before = os.lstat(path)
    for call in (check_destination, lambda path: staged_file(str(path)).__enter__()):
        with pytest.raises(XnorloomError, match=rf"^file {path} cannot be written: {why}$"):
            call(path)
    begun = []
    for names in (["a.vcd"], []):
        with pytest.raises(XnorloomError, match=rf"^output directory {tmp_path} cannot be written: "
                                                rf"a\.vcd in it"):
            with staged(tmp_path, names) as folder:
                begun.append(names)
                (folder / "a.vcd").write_text("new")
                (folder / "b.vcd").write_text("new")
    assert begun == [[]]
    assert hidden(tmp_path) == ["a.vcd"]
    assert (os.lstat(path).st_ino, os.lstat(path).st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_text(""),
                                  lambda path: path.symlink_to(os.devnull),
                                  lambda path: path.symlink_to("nothing")],
                         ids=["pipe", "file", "device", "dangling"])
def test_no_directory_in_place_of_a_directory(tmp_path, make):
    make(tmp_path / "out")
    mode = os.lstat(tmp_path / "out").st_mode
    with pytest.raises(XnorloomError, match=rf"^output directory {tmp_path / 'out'} cannot be "
                                            rf"written: it is not a directory$"):
        with staged(tmp_path / "out"):
            raise AssertionError
    assert hidden(tmp_path) == ["out"]
    assert os.lstat(tmp_path / "out").st_mode == mode


def test_links_to_files_stay(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("old")
    (tmp_path / "out" / "a.txt").symlink_to("../there/a.txt")
    with staged(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("new")
    assert (tmp_path / "there" / "a.txt").read_text() == "new"
    with staged_file(str(tmp_path / "out" / "a.txt")) as path:
        with open(path, "w") as file:
            file.write("newer")
    assert (tmp_path / "there" / "a.txt").read_text() == "newer"
    assert os.readlink(tmp_path / "out" / "a.txt") == "../there/a.txt"
    assert hidden(tmp_path / "out") == hidden(tmp_path / "there") == ["a.txt"]


def test_link_to_a_directory(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    with staged(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("new")
    assert hidden(tmp_path / "there") == ["a.txt"]


def test_check_destination(tmp_path):
    check_destination(tmp_path / "new")
    (tmp_path / "old").write_text("old")
    check_destination(tmp_path / "old")
    assert hidden(tmp_path) == ["old"]
    for path, why in ((tmp_path / "none" / "new", "No such file or directory"),
                      (tmp_path / "old" / "new", "Not a directory")):
        with pytest.raises(XnorloomError, match=rf"^file {path} cannot be written: {why}$"):
            check_destination(path)


def test_hostile_names(tmp_path):
    os.mkfifo(tmp_path / "\x1b[31m\n")
    for call in (lambda: check_destination(tmp_path / "\x1b[31m\n"),
                 lambda: staged(tmp_path / "\x1b[31m\n").__enter__(),
                 lambda: staged(tmp_path, ["\x1b[31m\n"]).__enter__()):
        with pytest.raises(XnorloomError, match=r"\\x1b\[31m\\n") as error:
            call()
        assert str(error.value).isprintable()
