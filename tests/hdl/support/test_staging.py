"""Staged output directories and files, and obstacles in their place."""

import errno
import os

import pytest

from xnorloom.errors import XnorloomError
from xnorloom.support.staging import staged, staged_file


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
