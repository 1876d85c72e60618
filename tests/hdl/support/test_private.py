"""Caches of programs: refused if other users can write them, private if they are new."""

import os
import re
import stat

import pytest

from xnorloom.support import artifacts, cache, private
from xnorloom.support.private import UnsafeDirectoryError, check_private, make_private

OTHER = 54321


@pytest.fixture
def give_away(monkeypatch):
    """``give_away(path, others=None)``: from now on another user owns ``path``.

    All other files belong to the user ``others``.
    """
    def give(path, others=None):
        inode = os.stat(path).st_ino
        monkeypatch.setattr(private, "_owner", lambda found: (
            OTHER if found.st_ino == inode else found.st_uid if others is None else others))
    return give


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_new_directories_are_private(tmp_path):
    before = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b" / "c")
        make_private(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700] * 3


@pytest.mark.parametrize("name", ["base", "base/xnorloom", "base/xnorloom/compiled"])
@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777, 0o1777, 0o722])
def test_writable_by_others(tmp_path, name, bits):
    path = make_private(tmp_path / "base" / "xnorloom" / "compiled")
    (tmp_path / name).chmod(bits)
    with pytest.raises(UnsafeDirectoryError, match=(
            f"^cache directory {re.escape(str(tmp_path / name))} must not be writable by others, "
            f"since programs in a cache are executed, but has mode {bits:04o}: remove it, or run "
            f"`chmod go-w` on it if you trust what is in it$")):
        check_private(path, tmp_path / "base")
    (tmp_path / name).chmod(bits & 0o755)
    check_private(path, tmp_path / "base")


@pytest.mark.parametrize("bits, refused", [(0o755, False), (0o1777, False), (0o777, True),
                                           (0o1770, False), (0o770, True)])
def test_directories_above(tmp_path, bits, refused):
    """In a directory with the sticky bit no other user can rename what is ours."""
    path = make_private(tmp_path / "above" / "cache")
    (tmp_path / "above").chmod(bits)
    if refused:
        with pytest.raises(UnsafeDirectoryError, match="above must not be writable by others"):
            check_private(path)
    else:
        check_private(path)


@pytest.mark.parametrize("name", ["base", "base/xnorloom", "base/xnorloom/compiled"])
def test_of_another_user(tmp_path, give_away, name):
    path = make_private(tmp_path / "base" / "xnorloom" / "compiled")
    give_away(tmp_path / name)
    with pytest.raises(UnsafeDirectoryError, match=(
            rf"^cache directory {re.escape(str(tmp_path / name))} must belong to you "
            rf"\(user \d+\), since programs in a cache are executed, but belongs to user {OTHER}: "
            rf"remove it, or set XDG_CACHE_HOME to a directory of yours$")):
        check_private(path, tmp_path / "base")


@pytest.mark.parametrize("uid, refused", [(0, False), (1234, True)])
def test_directory_above_of_another_user(tmp_path, give_away, monkeypatch, uid, refused):
    """In a container, the home of the administrator may belong to a user outside."""
    path = make_private(tmp_path / "above" / "cache")
    give_away(tmp_path / "above", uid)
    monkeypatch.setattr(os, "getuid", lambda: uid)
    if refused:
        with pytest.raises(UnsafeDirectoryError, match="above must belong to you"):
            check_private(path)
    else:
        check_private(path)


def test_links(tmp_path):
    """The directory that is meant is checked, and those that hold the links to it."""
    path = make_private(tmp_path / "there" / "cache")
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "link").symlink_to(path)
    check_private(tmp_path / "open" / "link")
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UnsafeDirectoryError, match="open must not be writable"):
        check_private(tmp_path / "open" / "link")
    (tmp_path / "open").chmod(0o700)
    (tmp_path / "there").chmod(0o777)
    with pytest.raises(UnsafeDirectoryError, match="there must not be writable"):
        check_private(tmp_path / "open" / "link")


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        check_private(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")


@pytest.mark.parametrize("name", ["", "xnorloom", "xnorloom/compiled"])
def test_user_cache(tmp_path, monkeypatch, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = cache.writable("xnorloom/compiled")
    assert place == tmp_path / "cache" / "xnorloom" / "compiled"
    assert mode(tmp_path / "cache" / name) == 0o700
    (tmp_path / "cache" / name).chmod(0o770)
    with pytest.raises(UnsafeDirectoryError):
        cache.writable("xnorloom/compiled")


def test_program_in_a_cache_of_others_is_not_returned(tmp_path, give_away):
    place = tmp_path / "cache" / "entry"

    def make(folder):
        (folder / "program").touch()

    artifacts.entry(place, "program", make)
    assert mode(place.parent) == 0o700
    place.parent.chmod(0o777)
    with pytest.raises(UnsafeDirectoryError):
        artifacts.entry(place, "program", make)
    place.parent.chmod(0o755)
    artifacts.entry(place, "program", make)
    give_away(place.parent)
    with pytest.raises(UnsafeDirectoryError):
        artifacts.entry(place, "program", make)


@pytest.mark.parametrize("name", ["", "program"])
def test_entry_of_another_user_is_made_again(tmp_path, give_away, name):
    """Even where the cache itself was made private since."""
    place, made = tmp_path / "entry", []

    def make(folder):
        made.append(folder)
        (folder / "program").touch()

    artifacts.entry(place, "program", make)
    give_away(place / name)
    for _ in range(2):
        artifacts.entry(place, "program", make)
        assert len(made) == 2
    assert list(tmp_path.iterdir()) == [place]
