"""Directories that no other user can write, for files that are executed later.

A compiled simulation is a program: whoever can write the directory it is in, or rename a directory
above it, can have a command of their own executed. A cache that others can write is refused.
"""

import os
import stat
from pathlib import Path

from ..errors import XnorloomError
from .text import printable

__all__ = ["UnsafeDirectoryError", "check_private", "make_private", "owned"]

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


class UnsafeDirectoryError(XnorloomError):
    """Directory of a cache that other users can write."""

    page = "formats.md#cache"


def make_private(path: Path, base: Path | None = None) -> Path:
    """Create directory ``path`` with its missing parents, all with mode 0700, and check it.

    Parameters are those of :func:`check_private`.

    Raises
    ------
    UnsafeDirectoryError
        See :func:`check_private`.
    OSError
        If it cannot be created.
    """
    missing = []
    for place in (path, *path.parents):
        if os.path.lexists(place):
            break
        missing.append(place)
    for place in reversed(missing):
        # Another process may be faster.
        place.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    check_private(path, base)
    return path


def check_private(path: Path, base: Path | None = None) -> None:
    """Check that no other user can write directory ``path``, or put another in its place.

    - From ``base`` (by default ``path`` itself) down to ``path``, each directory must belong to
      this user or the administrator, and neither its group nor others may write it.
    - Above, those with the sticky bit, such as ``/tmp``, may be writable: other users cannot
      rename in them what is ours. The administrator's may belong to anybody, as in a container.
    - A group that is the user's alone may write ``base`` and the directories above.

    On Windows, whose directories have no such modes, nothing is checked.

    Parameters
    ----------
    path : Path
        Directory.
    base : Path or None
        Directory above it that is known to be a cache.

    Raises
    ------
    UnsafeDirectoryError
        Naming the directory, what is wrong with it, and the cure.
    OSError
        If ``path`` does not exist.
    """
    if not hasattr(os, "getuid"):
        return
    # Whoever can replace a link, or a directory where it leads, can replace all below it.
    real, base = path.resolve(strict=True), (base or path).resolve()
    links = [place.parent.resolve() for place in (path, *path.absolute().parents)
             if place.is_symlink()]
    for place in (real, *real.parents, *links):
        inside = place == base or base in place.parents
        _check(place, os.stat(place), inside, inside and place != base)


def _check(place: Path, found: os.stat_result, inside: bool, below: bool) -> None:
    if not (owned(found) or not inside and os.getuid() == 0):
        raise UnsafeDirectoryError(
            f"cache directory {printable(place)} must belong to you (user {os.getuid()}), since "
            f"programs in a cache are executed, but belongs to user {_owner(found)}: remove it, or "
            f"set XDG_CACHE_HOME to a directory of yours")
    others = found.st_mode & _WRITABLE
    if not below and others == stat.S_IWGRP and _private_group(found.st_gid):
        return
    if others and (inside or not found.st_mode & stat.S_ISVTX):
        raise UnsafeDirectoryError(
            f"cache directory {printable(place)} must not be writable by others, since programs in "
            f"a cache are executed, but has mode {stat.S_IMODE(found.st_mode):04o}: remove it, or "
            f"run `chmod go-w` on it if you trust what is in it")


def _private_group(group: int) -> bool:
    """True for the group that Linux distributions make for each user, if no other user is in it."""
    import grp
    import pwd

    try:
        user, entry = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return (os.getuid() != 0 and entry.gr_name == user.pw_name and user.pw_gid == group
            and set(entry.gr_mem) <= {user.pw_name})


def owned(found: os.stat_result) -> bool:
    """True if a file belongs to this user or the administrator."""
    return not hasattr(os, "getuid") or _owner(found) in (os.getuid(), 0)


def _owner(found: os.stat_result) -> int:
    return found.st_uid
