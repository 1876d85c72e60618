"""The user's cache directory, and the temporary directory that replaces it."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xnorloom.support import cache


@pytest.mark.parametrize("base", ["", os.path.join("some", "where"), None])
def test_folder_without_a_variable(base, monkeypatch):
    if base is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    assert cache.folder("x") == Path.home() / ".cache" / "x"


def test_temporary_cache_ends_with_the_process(tmp_path):
    script = """from xnorloom.support.cache import writable
print(writable("x/y"), writable("x/y"))"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    one, other = done.stdout.split()
    assert one == other
    assert Path(one).parents[2] == tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("platform", "place"), [
    ("macos.MacOS", ("Library", "Caches")), ("unix.Unix", (".cache",))])
def test_platforms(platform, place, tmp_path, monkeypatch):
    """Each platform has its own directory."""
    module, name = platform.split(".")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    directories = getattr(importlib.import_module(f"platformdirs.{module}"), name)()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda: directories.user_cache_path)
    assert cache.folder("x") == tmp_path.joinpath(*place, "x")


def test_no_home(monkeypatch, tmp_path):
    def unknown():
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", unknown)
    monkeypatch.setattr(cache, "_temporary", lambda: tmp_path)
    assert cache.folder("x") == tmp_path / "x"
